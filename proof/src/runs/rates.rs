//! What was measured several times, and ratios of it.

use serde_json::Value;

use crate::report::Table;

/// Measurements of one subject, one for each round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rates(Vec<f64>);

impl Rates {
    pub(crate) fn push(&mut self, rate: f64) {
        self.0.push(rate);
    }

    /// One more, if there is one.
    pub(crate) fn extend(&mut self, rate: Option<f64>) {
        self.0.extend(rate);
    }

    pub(crate) fn last(&self) -> f64 {
        self.0.last().copied().unwrap_or_default()
    }

    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => 0.0,
            length if length % 2 == 1 => sorted[length / 2],
            length => f64::midpoint(sorted[length / 2 - 1], sorted[length / 2]),
        }
    }

    /// Round by round, since what disturbs one of the two mostly disturbs the other.
    pub(crate) fn ratio_to(&self, other: &Self) -> Self {
        Self(
            self.0
                .iter()
                .zip(&other.0)
                .map(|(one, other)| one / other)
                .collect(),
        )
    }

    fn least(&self) -> f64 {
        self.0.iter().copied().reduce(f64::min).unwrap_or_default()
    }

    fn most(&self) -> f64 {
        self.0.iter().copied().fold(0.0, f64::max)
    }
}

/// A table of rates.
pub(crate) fn table(title: &str, unit: &str, rows: &[(&str, &Rates)]) -> Table {
    let mut table = Table::new(title, &["what", &format!("{unit}, median"), "least", "most"]);
    for (name, rates) in rows {
        table.row(name, [rates.median(), rates.least(), rates.most()].map(rounded));
    }
    table
}

/// A table of what was reached and what was to be reached.
pub(crate) struct Targets(Table);

impl Targets {
    pub(crate) fn new(title: &str) -> Self {
        Self(Table::new(title, &["what", "measured", "target", "met"]))
    }

    pub(crate) fn at_least(&mut self, what: &str, measured: f64, target: f64) {
        self.row(what, measured, format!("at least {target}"), measured >= target);
    }

    pub(crate) fn at_most(&mut self, what: &str, measured: f64, target: f64) {
        self.row(what, measured, format!("at most {target}"), measured <= target);
    }

    fn row(&mut self, what: &str, measured: f64, target: String, is_met: bool) {
        let met = if is_met { "yes" } else { "no" };
        self.0.row(what, [measured.into(), target.into(), met.into()]);
    }

    pub(crate) fn finish(self) -> Table {
        self.0
    }
}

/// Large numbers are shown without what stands after the point.
pub(crate) fn rounded(value: f64) -> Value {
    if value >= 100.0 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive number, far below 2^53"
        )]
        Value::from(value.round() as u64)
    } else {
        Value::from(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((Rates(vec![3.0, 100.0, 1.0]).median() - 3.0).abs() < 1e-9);
        assert!((Rates(vec![3.0, 1.0]).median() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let ratios = Rates(vec![2.0, 30.0]).ratio_to(&Rates(vec![4.0, 10.0]));
        assert_eq!(ratios.0, [0.5, 3.0]);
    }
}
