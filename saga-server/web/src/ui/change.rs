//! A figure beside that of another period, and whether it differs by more than chance.

use super::humanize;

/// A figure beside that of the period before.
pub(super) struct Compared {
    pub(super) now: String,
    /// Absent when there was none.
    pub(super) before: Option<String>,
    pub(super) change: Change,
}

/// Whether a figure differs by more than chance and noise explain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Higher,
    Lower,
    Unclear,
}

impl Change {
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Higher => "▲",
            Self::Lower => "▼",
            Self::Unclear => "",
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Higher => "higher than before",
            Self::Lower => "lower than before",
            Self::Unclear => "",
        }
    }

    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Higher => "bad",
            Self::Lower => "good",
            Self::Unclear => "quiet",
        }
    }

    /// Of two shares: by more than three standard errors of their difference, so that of the many that a page shows hardly
    /// one is marked by chance.
    pub(super) fn of_shares((part, whole): (u64, u64), (part_before, whole_before): (u64, u64)) -> Self {
        let count = humanize::precise_count;
        Self::of_estimates(
            (count(part), count(whole)),
            (count(part_before), count(whole_before)),
        )
    }

    /// The same of counts that were estimated from a sample.
    pub(super) fn of_estimates((part, whole): (f64, f64), (part_before, whole_before): (f64, f64)) -> Self {
        if whole < 0.5 || whole_before < 0.5 {
            return Self::Unclear;
        }
        let pooled = ((part + part_before) / (whole + whole_before)).clamp(0.0, 1.0);
        let error = (pooled * (1.0 - pooled) * (1.0 / whole + 1.0 / whole_before)).sqrt();
        Self::beyond(part / whole - part_before / whole_before, 3.0 * error)
    }

    /// Of two percentiles: by half, on at least [`Change::ENOUGH`] durations each. Percentiles are accurate to 5 %.
    pub(super) fn of_durations((now, durations): (f64, u64), (before, durations_before): (f64, u64)) -> Self {
        match durations.min(durations_before) {
            ..Self::ENOUGH => Self::Unclear,
            _ if now > before => Self::beyond(now, before * 1.5),
            _ => Self::beyond(-before, now * 1.5),
        }
    }

    const ENOUGH: u64 = 100;

    fn beyond(difference: f64, limit: f64) -> Self {
        match difference.abs() > limit {
            true if difference > 0.0 => Self::Higher,
            true => Self::Lower,
            false => Self::Unclear,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_has_changed_when_chance_does_not_explain_it() {
        assert_eq!(Change::of_shares((84, 1_000), (40, 1_000)), Change::Higher);
        assert_eq!(Change::of_shares((40, 1_000), (84, 1_000)), Change::Lower);
        assert_eq!(Change::of_shares((5, 60), (2, 50)), Change::Unclear);
        assert_eq!(Change::of_shares((5, 60), (0, 0)), Change::Unclear);
        assert_eq!(Change::of_shares((0, 60), (0, 60)), Change::Unclear);
    }

    #[test]
    fn a_percentile_has_changed_when_it_is_half_as_much_again() {
        assert_eq!(Change::of_durations((4.2, 500), (0.9, 500)), Change::Higher);
        assert_eq!(Change::of_durations((0.9, 500), (4.2, 500)), Change::Lower);
        assert_eq!(Change::of_durations((1.2, 500), (1.0, 500)), Change::Unclear);
        assert_eq!(Change::of_durations((4.2, 500), (0.9, 99)), Change::Unclear);
    }
}
