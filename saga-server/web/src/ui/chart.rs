//! Charts: counts along the slots of a period, drawn as SVG.
//!
//! Rule of thumb: plotters decides where things stand; what they look like is said by classes in the style sheet, so that
//! both colour schemes work and nothing is styled within the page. Each colour it knows here is the place of a class.

use std::{convert::Infallible, ops::Range};

use plotters::{
    coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter},
    prelude::{ChartBuilder, IntoDrawingArea, IntoFont, RGBColor, Rectangle, TextStyle},
    style::Color,
};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    text_anchor::{HPos, VPos},
};
use svg::{
    Document,
    node::element::{Line, Polygon, Polyline, Rectangle as SvgRectangle, Text, Title},
};

const CLASSES: [&str; 7] = [
    "axis",
    "tick",
    "bar failed",
    "bar compensated",
    "bar in-progress",
    "bar completed",
    "nothing",
];
const AXIS: RGBColor = ink(0);
const TICK: RGBColor = ink(1);

/// What a part of a bar stands for, from the bottom up: what went wrong stands on the ground, where it can be compared.
pub(super) const LAYERS: [&str; 4] = ["Failed", "Compensated", "In flight", "Completed"];

const fn ink(class: u8) -> RGBColor {
    RGBColor(class, 0, 0)
}

/// One slot.
pub(super) struct Bar {
    /// In the order of [`LAYERS`].
    pub(super) layers: [f64; LAYERS.len()],
    /// Shown on hover.
    pub(super) title: String,
    /// Below the axis.
    pub(super) tick: Option<String>,
}

const WIDTH: u32 = 960;
const HEIGHT: u32 = 220;

/// Bars along time. `None` when there is nothing to see, or it cannot be drawn.
pub(super) fn bars(bars: &[Bar], label: &str) -> Option<String> {
    let highest = bars.iter().map(|bar| bar.layers.iter().sum()).fold(0.0, f64::max);
    if highest <= 0.0 {
        return None;
    }
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    if let Err(error) = draw_bars(&mut canvas, bars, highest * 1.05) {
        tracing::error!(%error, "a chart could not be drawn");
        return None;
    }
    Some(canvas.finish(label))
}

fn draw_bars(
    canvas: &mut Canvas,
    bars: &[Bar],
    highest: f64,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let slots = Slots {
        ticks: (0_u32..)
            .zip(bars)
            .filter_map(|(place, bar)| Some((f64::from(place), bar.tick.clone()?)))
            .collect(),
        end: f64::from(u32::try_from(bars.len())?),
    };
    // Between very many bars a gap would be all there is to see.
    let gap = if bars.len() > 60 { 0.0 } else { 0.1 };
    let mut hover = Vec::new();
    {
        let area = (&mut *canvas).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin_top(8)
            .margin_right(4)
            .x_label_area_size(24)
            .y_label_area_size(44)
            .build_cartesian_2d(slots, 0.0..highest)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .y_labels(4)
            .y_max_light_lines(0)
            .axis_style(AXIS)
            .bold_line_style(AXIS)
            .label_style(TextStyle::from(("sans-serif", 11).into_font()).color(&TICK))
            .y_label_formatter(&|height: &f64| short_number(*height))
            .draw()?;
        for (place, bar) in (0_u32..).zip(bars) {
            let (from, to) = (f64::from(place) + gap, f64::from(place) + 1.0 - gap);
            let mut ground = 0.0;
            for (layer, height) in (2_u8..).zip(bar.layers).filter(|(_, height)| *height > 0.0) {
                let part = Rectangle::new([(from, ground), (to, ground + height)], ink(layer).filled());
                chart.draw_series([part])?;
                ground += height;
            }
            let left_top = chart.backend_coord(&(f64::from(place), highest));
            let right_bottom = chart.backend_coord(&(f64::from(place) + 1.0, 0.0));
            hover.push((left_top, right_bottom, bar.title.as_str()));
        }
        area.present()?;
    }
    for (left_top, right_bottom, title) in hover {
        canvas.hover(left_top, right_bottom, title);
    }
    Ok(())
}

/// The axis of time: a unit for each slot, some of which have names.
struct Slots {
    ticks: Vec<(f64, String)>,
    end: f64,
}

impl Ranged for Slots {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation, reason = "a drawing is not that wide")]
    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        from + (f64::from(to - from) * value / self.end).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|(place, _)| *place).collect()
    }

    fn range(&self) -> Range<f64> {
        0.0..self.end
    }
}

impl ValueFormatter<f64> for Slots {
    fn format(value: &f64) -> String {
        value.to_string()
    }

    fn format_ext(&self, value: &f64) -> String {
        let tick = self.ticks.iter().find(|(place, _)| place == value);
        tick.map(|(_, name)| name.clone()).unwrap_or_default()
    }
}

fn short_number(number: f64) -> String {
    match number {
        ..1_000.0 => format!("{}", (number * 100.0).round() / 100.0),
        ..1_000_000.0 => format!("{} k", (number / 100.0).round() / 10.0),
        _ => format!("{} M", (number / 100_000.0).round() / 10.0),
    }
}

/// A line without axes, for a look in passing; the numbers stand beside it.
pub(super) fn sparkline(counts: &[f64], class: &str) -> String {
    const WIDTH: f64 = 120.0;
    const HEIGHT: f64 = 26.0;
    let highest = counts.iter().copied().fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let step = WIDTH / f64::from(u32::try_from(counts.len().saturating_sub(1).max(1)).unwrap_or(1));
    let points: Vec<String> = (0_u32..)
        .zip(counts)
        .map(|(place, count)| {
            let (x, y) = (
                f64::from(place) * step,
                HEIGHT - 2.0 - count / highest * (HEIGHT - 4.0),
            );
            format!("{x:.1},{y:.1}")
        })
        .collect();
    let line = points.join(" ");
    Document::new()
        .set("viewBox", (0, 0, WIDTH, HEIGHT))
        .set("class", format!("spark {class}"))
        .set("aria-hidden", "true")
        .set("focusable", "false")
        .set("preserveAspectRatio", "none")
        .add(
            Polygon::new()
                .set("class", "under")
                .set("points", format!("0,{HEIGHT} {line} {WIDTH},{HEIGHT}")),
        )
        .add(Polyline::new().set("class", "line").set("points", line))
        .to_string()
}

/// What plotters draws on.
struct Canvas {
    width: u32,
    height: u32,
    drawing: Document,
}

impl Canvas {
    fn new(width: u32, height: u32) -> Self {
        let drawing = Document::new()
            .set("viewBox", (0, 0, width, height))
            .set("class", "chart")
            .set("role", "img");
        Self {
            width,
            height,
            drawing,
        }
    }

    fn finish(self, label: &str) -> String {
        self.drawing.set("aria-label", label).to_string()
    }

    fn add(&mut self, node: impl Into<Box<dyn svg::Node>>) {
        svg::Node::append(&mut self.drawing, node);
    }

    fn hover(&mut self, left_top: BackendCoord, right_bottom: BackendCoord, title: &str) {
        let area = rectangle("hover", left_top, right_bottom).add(Title::new(title));
        self.add(area);
    }
}

fn rectangle(class: &str, left_top: BackendCoord, right_bottom: BackendCoord) -> SvgRectangle {
    SvgRectangle::new()
        .set("class", class)
        .set("x", left_top.0)
        .set("y", left_top.1)
        .set("width", (right_bottom.0 - left_top.0).max(1))
        .set("height", (right_bottom.1 - left_top.1).max(0))
}

fn class(color: BackendColor) -> &'static str {
    CLASSES
        .get(usize::from(color.rgb.0))
        .copied()
        .unwrap_or("nothing")
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for &mut Canvas {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    /// Nothing here is made of pixels.
    fn draw_pixel(&mut self, _: BackendCoord, _: BackendColor) -> Drawn {
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        let line = Line::new()
            .set("class", class(style.color()))
            .set("x1", from.0)
            .set("y1", from.1)
            .set("x2", to.0)
            .set("y2", to.1);
        self.add(line);
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        let points: Vec<String> = path.into_iter().map(|(x, y)| format!("{x},{y}")).collect();
        let line = Polyline::new()
            .set("class", class(style.color()))
            .set("points", points.join(" "));
        self.add(line);
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        left_top: BackendCoord,
        right_bottom: BackendCoord,
        style: &S,
        _: bool,
    ) -> Drawn {
        self.add(rectangle(class(style.color()), left_top, right_bottom));
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Drawn {
        let anchor = match style.anchor().h_pos {
            HPos::Left => "start",
            HPos::Center => "middle",
            HPos::Right => "end",
        };
        let down = match style.anchor().v_pos {
            VPos::Top => 11,
            VPos::Center => 4,
            VPos::Bottom => 0,
        };
        let text = Text::new(text)
            .set("class", class(style.color()))
            .set("text-anchor", anchor)
            .set("x", at.0)
            .set("y", at.1 + down);
        self.add(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(layers: [f64; 4]) -> Bar {
        Bar {
            layers,
            title: "a <title>".to_owned(),
            tick: Some("14:50".to_owned()),
        }
    }

    #[test]
    fn a_chart_is_styled_by_classes_alone() {
        let drawing = bars(&[bar([1.0, 0.0, 0.0, 4.0]), bar([0.0; 4])], "Sagas").unwrap();
        for part in [
            "bar failed",
            "bar completed",
            "14:50",
            "a &lt;title&gt;",
            "aria-label=\"Sagas\"",
        ] {
            assert!(drawing.contains(part), "{part} in {drawing}");
        }
        assert!(!drawing.contains("bar compensated"), "{drawing}");
        for styled in ["style=", "fill=", "stroke=", "<style"] {
            assert!(!drawing.contains(styled), "{styled} in {drawing}");
        }
    }

    #[test]
    fn nothing_makes_no_chart() {
        assert_eq!(bars(&[bar([0.0; 4])], "Sagas"), None);
        assert_eq!(bars(&[], "Sagas"), None);
    }
}
