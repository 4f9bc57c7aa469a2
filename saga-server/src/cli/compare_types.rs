//! What `compare` prints of each type: outcomes, failures and transitions of both versions in the same minutes.

use serde::Deserialize;

use super::{
    sagas::duration,
    table::{Cell, table},
};

/// How many failures and transitions are printed, the most frequent; `--json` has all.
const ROWS: usize = 20;

/// The sagas of one type.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TypeComparison {
    saga_type: String,
    baseline: Outcomes,
    candidate: Outcomes,
    failures: Vec<Failure>,
    transitions: Vec<Transition>,
}

#[derive(Debug, Deserialize)]
struct Outcomes {
    sagas: u64,
    completed: u64,
    failed: u64,
    compensated: u64,
}

#[derive(Debug, Deserialize)]
struct Failure {
    step: Option<String>,
    reason: Option<String>,
    baseline: Part,
    candidate: Part,
}

#[derive(Debug, Deserialize)]
struct Transition {
    from: Option<String>,
    to: String,
    baseline: Part,
    candidate: Part,
}

/// So many sagas, and how long they took.
#[derive(Debug, Deserialize)]
struct Part {
    sagas: u64,
    share: f64,
    times: Option<Times>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Times {
    p50_ms: i64,
    p95_ms: i64,
}

impl TypeComparison {
    /// A table with a column for each version.
    pub(super) fn table(&self, baseline: &str, candidate: &str) -> String {
        let sagas = self.baseline.sagas.to_string();
        let mut rows = vec![row("sagas", &sagas, &self.candidate.sagas.to_string())];
        let (before, after) = (&self.baseline, &self.candidate);
        for (name, before, after) in [
            ("completed", before.completed, after.completed),
            ("failed", before.failed, after.failed),
            ("of these compensated", before.compensated, after.compensated),
        ] {
            rows.push(row(name, &before.to_string(), &after.to_string()));
        }
        for failure in self.failures.iter().take(ROWS) {
            let step = failure.step.as_deref().unwrap_or("unknown step");
            let reason = failure.reason.as_deref().unwrap_or("no reason given");
            let name = format!("failed at {step}: {reason}");
            rows.push(row(&name, &failure.baseline.text(), &failure.candidate.text()));
        }
        for made in self.transitions.iter().take(ROWS) {
            let name = format!("{} -> {}", made.from.as_deref().unwrap_or("start"), made.to);
            rows.push(row(&name, &made.baseline.text(), &made.candidate.text()));
        }
        table(&[&self.saga_type, baseline, candidate], &rows, false)
    }
}

impl Part {
    fn text(&self) -> String {
        let share = format!("{} ({:.1} %)", self.sagas, self.share * 100.0);
        match &self.times {
            Some(times) => format!(
                "{share}, p50 {}, p95 {}",
                duration(times.p50_ms),
                duration(times.p95_ms)
            ),
            None => share,
        }
    }
}

fn row(name: &str, baseline: &str, candidate: &str) -> Vec<Cell> {
    [name, baseline, candidate].map(Cell::text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_columns() {
        let answer = r#"{"sagaType": "ORDER_CREATION",
            "baseline": {"sagas": 600, "completed": 588, "failed": 12, "compensated": 10},
            "candidate": {"sagas": 599, "completed": 480, "failed": 119, "compensated": 0},
            "failures": [{"step": "PAYMENT_FAILED", "reason": null,
                "baseline": {"sagas": 12, "share": 0.02}, "candidate": {"sagas": 119, "share": 0.1987}}],
            "transitions": [{"from": null, "to": "ORDER_CREATED",
                "baseline": {"sagas": 600, "share": 1.0, "times": null},
                "candidate": {"sagas": 599, "share": 1.0, "times": {"p50Ms": 50, "p95Ms": 1500, "p99Ms": 2000}}}]}"#;
        let compared: TypeComparison = serde_json::from_str(answer).unwrap();
        assert_eq!(
            compared.table("2.7.0", "2.8.0"),
            "ORDER_CREATION                             2.7.0          2.8.0\n\
             sagas                                      600            599\n\
             completed                                  588            480\n\
             failed                                     12             119\n\
             of these compensated                       10             0\n\
             failed at PAYMENT_FAILED: no reason given  12 (2.0 %)     119 (19.9 %)\n\
             start -> ORDER_CREATED                     600 (100.0 %)  599 (100.0 %), p50 50ms, p95 1s 500ms\n"
        );
    }
}
