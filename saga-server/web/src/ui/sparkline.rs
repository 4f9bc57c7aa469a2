//! A line in a row or a tile.

use askama::Template;

use super::plot::tenths;

/// A line without axes, for a look in passing; the numbers are beside it.
#[derive(Template)]
#[template(path = "sparkline.html")]
pub(super) struct Sparkline {
    class: &'static str,
    points: Vec<(f64, f64)>,
}

impl Sparkline {
    pub(super) fn new(counts: &[f64], class: &'static str) -> Self {
        const WIDTH: f64 = 120.0;
        const HEIGHT: f64 = 26.0;
        let highest = counts.iter().copied().fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let step = WIDTH / f64::from(u32::try_from(counts.len().saturating_sub(1).max(1)).unwrap_or(1));
        let point = |(place, count): (u32, &f64)| {
            let y = HEIGHT - 2.0 - count / highest * (HEIGHT - 4.0);
            (tenths(f64::from(place) * step), tenths(y))
        };
        Self {
            class,
            points: (0_u32..).zip(counts).map(point).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_spans_its_box() {
        let line = Sparkline::new(&[0.0, 4.0, 2.0], "failed");
        assert_eq!(line.points, [(0.0, 24.0), (60.0, 2.0), (120.0, 13.0)]);
    }
}
