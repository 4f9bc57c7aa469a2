//! From moments to places on the line of time, in thousandths of its width.

use saga_types::Timestamp;

use crate::ui::{humanize::length, ticks::ROUND_MS};

/// The width of every drawing; the style sheet decides how wide that is on the screen.
pub(in crate::ui::saga) const WIDTH: i64 = 1_000;

/// A gap between two events this many times as long as the usual one can be folded.
const UNUSUAL: i64 = 12;

/// And it must be at least so long, in milliseconds.
const LEAST_FOLDED_MS: i64 = 1_000;

/// How wide a folded gap is, unless there are very many.
const FOLD_WIDTH: i64 = 70;

/// What all folded gaps together may take.
const MOST_FOLDED: i64 = WIDTH / 2;

/// About how many moments of the axis have a name.
const NAMED: i64 = 5;

/// A named place.
pub(in crate::ui::saga) struct Tick {
    pub(in crate::ui::saga) x: i64,
    /// The time that has elapsed.
    pub(in crate::ui::saga) name: String,
    /// The moment.
    pub(in crate::ui::saga) exact: String,
}

impl Tick {
    /// In percent, as axes are drawn.
    pub(in crate::ui::saga) fn percent(&self) -> String {
        percent(self.x)
    }
}

/// A gap that is drawn shorter than it was.
pub(in crate::ui::saga) struct Fold {
    pub(in crate::ui::saga) x: i64,
    pub(in crate::ui::saga) name: String,
}

impl Fold {
    pub(in crate::ui::saga) fn percent(&self) -> String {
        percent(self.x)
    }
}

fn percent(x: i64) -> String {
    format!("{}.{}", x * 100 / WIDTH, x * 100 % WIDTH * 10 / WIDTH)
}

/// A line of time: between two of its knots it is to scale.
pub(in crate::ui::saga) struct Scale {
    begin: Timestamp,
    /// Milliseconds since the beginning, and where they are.
    knots: Vec<(i64, i64)>,
    folds: Vec<Fold>,
}

impl Scale {
    /// To scale from one end to the other.
    pub(in crate::ui::saga) fn linear(begin: Timestamp, end: Timestamp) -> Self {
        Self {
            begin,
            knots: vec![(0, 0), (end.millis_since(begin).max(1), WIDTH)],
            folds: Vec::new(),
        }
    }

    /// With long gaps between these moments folded; none when there are none.
    pub(in crate::ui::saga) fn folded(moments: impl Iterator<Item = Timestamp>) -> Option<Self> {
        let mut moments: Vec<Timestamp> = moments.collect();
        moments.sort_unstable();
        moments.dedup();
        let begin = *moments.first()?;
        let gaps: Vec<i64> = moments
            .windows(2)
            .map(|pair| pair[1].millis_since(pair[0]))
            .collect();
        let limit = unusual(&gaps)?;
        let folded = i64::try_from(gaps.iter().filter(|gap| **gap >= limit).count()).ok()?;
        let fold_width = FOLD_WIDTH.min(MOST_FOLDED / folded).max(1);
        let scaled_ms = gaps.iter().filter(|gap| **gap < limit).sum::<i64>().max(1);
        let scaled_width = WIDTH - folded * fold_width;
        let (mut at, mut width_before, mut scaled_before) = (0, 0, 0);
        let mut scale = Self {
            begin,
            knots: vec![(0, 0)],
            folds: Vec::new(),
        };
        for gap in gaps {
            let before = width_before + share(scaled_before, scaled_ms, scaled_width);
            if gap >= limit {
                scale.folds.push(Fold {
                    x: before + fold_width / 2,
                    name: length(gap),
                });
                width_before += fold_width;
            } else {
                scaled_before += gap;
            }
            at += gap;
            scale
                .knots
                .push((at, width_before + share(scaled_before, scaled_ms, scaled_width)));
        }
        Some(scale)
    }

    /// Where a moment is; what is outside is at an end.
    pub(in crate::ui::saga) fn x(&self, at: Timestamp) -> i64 {
        let millis = at.millis_since(self.begin);
        let next = self.knots.partition_point(|(known, _)| *known < millis);
        let Some((to_ms, to)) = self.knots.get(next) else {
            return WIDTH;
        };
        let Some((from_ms, from)) = next.checked_sub(1).and_then(|before| self.knots.get(before)) else {
            return 0;
        };
        from + share(millis - from_ms, (to_ms - from_ms).max(1), to - from)
    }

    pub(in crate::ui::saga) fn into_folds(self) -> Vec<Fold> {
        self.folds
    }

    /// The whole, in words.
    pub(in crate::ui::saga) fn whole(&self) -> String {
        length(self.whole_ms())
    }

    fn whole_ms(&self) -> i64 {
        self.knots.last().map_or(0, |(millis, _)| *millis)
    }

    /// Named moments at round distances from the beginning; none within the end's own name, or where gaps are folded.
    pub(in crate::ui::saga) fn ticks(&self) -> Vec<Tick> {
        const END_NAME: i64 = WIDTH / 7;
        let whole = self.whole_ms();
        let last = ROUND_MS[ROUND_MS.len() - 1];
        let step = ROUND_MS
            .into_iter()
            .find(|step| whole / step <= NAMED)
            .unwrap_or_else(|| last * (whole / last / NAMED + 1));
        let named = (0..)
            .map(|place| place * step)
            .take_while(|millis| *millis == 0 || self.folds.is_empty() && *millis <= whole);
        named
            .filter_map(|millis| {
                let at = Timestamp::from_millis(self.begin.as_millis() + millis).ok()?;
                let x = self.x(at);
                (x < WIDTH - END_NAME).then(|| Tick {
                    x,
                    name: if millis == 0 {
                        "0".to_owned()
                    } else {
                        length(millis)
                    },
                    exact: at.to_string(),
                })
            })
            .collect()
    }
}

/// A part of a width; in 128 bits, as three weeks in milliseconds times a width are many.
fn share(part: i64, whole: i64, width: i64) -> i64 {
    i64::try_from(i128::from(part) * i128::from(width) / i128::from(whole)).unwrap_or(width)
}

/// From here on a gap can be folded: many times the middle one. None when no gap is so long.
fn unusual(gaps: &[i64]) -> Option<i64> {
    let mut sorted = gaps.to_vec();
    sorted.sort_unstable();
    let middle = *sorted.get(sorted.len() / 2)?;
    let limit = middle.saturating_mul(UNUSUAL).max(LEAST_FOLDED_MS);
    (gaps.len() > 2 && *sorted.last()? >= limit).then_some(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_760_000_000_000 + millis).unwrap()
    }

    #[test]
    fn a_linear_axis_is_to_scale_and_named_at_round_times() {
        let scale = Scale::linear(at(0), at(104_000));
        assert_eq!(
            [0, 52_000, 104_000, 200_000].map(|millis| scale.x(at(millis))),
            [0, 500, 1_000, 1_000]
        );
        assert_eq!(scale.x(at(-1)), 0);
        let names: Vec<_> = scale.ticks().into_iter().map(|tick| tick.name).collect();
        assert_eq!(names, ["0", "20 s", "40 s", "1 min", "1 min 20 s"]);
        assert_eq!(scale.whole(), "1 min 44 s");
    }

    #[test]
    fn axes_of_any_length_have_few_names() {
        for whole in [1, 3, 999, 61_000, 3_600_000, 86_400_000 * 21, 86_400_000 * 4_000] {
            let count = Scale::linear(at(0), at(whole)).ticks().len();
            assert!((1..=6).contains(&count), "{whole}: {count}");
        }
    }

    #[test]
    fn folded_gaps_leave_room_for_what_is_between_them() {
        const DAY: i64 = 86_400_000;
        let moments = [0, 1_000, 2_000, 9 * DAY, 9 * DAY + 1_000, 16 * DAY];
        let scale = Scale::folded(moments.into_iter().map(at)).unwrap();
        let names: Vec<_> = scale.folds.iter().map(|fold| fold.name.as_str()).collect();
        assert_eq!(names, ["8 d 23 h", "6 d 23 h"]);
        assert_eq!(scale.x(at(16 * DAY)), WIDTH);
        assert!(scale.x(at(1_000)) > 200, "{}", scale.x(at(1_000)));
        assert_eq!(scale.x(at(9 * DAY)) - scale.x(at(2_000)), FOLD_WIDTH);
        assert!(Scale::folded([0, 400, 900, 1_500].into_iter().map(at)).is_none());
    }
}
