//! What changed against the period that this one is compared with: failures, durations and waits that differ by more than
//! chance explains, what got worse first.

use super::{failures::Failures, slowest::SlowStep, types::TypeRow};
use crate::ui::change::{Change, Compared};

/// How many changes are shown.
const SHOWN: usize = 10;

/// A figure that changed.
pub(super) struct Changed {
    pub(super) change: Change,
    /// What it is of: a step, or a type.
    pub(super) of: String,
    /// Which figure.
    pub(super) figure: String,
    pub(super) reason: Option<String>,
    pub(super) now: String,
    pub(super) before: String,
    pub(super) path: String,
    /// Of failures, in what their sagas differ from others.
    pub(super) differs: Option<String>,
}

/// Everything that changed, and how many more.
pub(super) fn changes(failures: &Failures, types: &[TypeRow], steps: &[SlowStep]) -> (Vec<Changed>, usize) {
    let mut all = Vec::new();
    for row in &failures.rows {
        let changed = Changed::of(&row.sagas, &row.step, "failures", &row.path);
        all.extend(changed.map(|changed| Changed {
            reason: row.reason.clone(),
            differs: Some(row.differs.clone()),
            ..changed
        }));
    }
    for row in types {
        all.extend(Changed::of(
            &row.failed_share,
            &row.name,
            "failed",
            &row.failed_path,
        ));
        for (name, duration) in &row.durations {
            all.extend(Changed::of(
                duration,
                &row.name,
                &format!("duration {name}"),
                &row.flow_path,
            ));
        }
    }
    for step in steps {
        all.extend(Changed::of(&step.p95, &step.step, "wait p95", &step.path));
    }
    // What got better comes last; otherwise in the order in which the page has them.
    all.sort_by_key(|changed| changed.change != Change::Higher);
    let more = all.len().saturating_sub(SHOWN);
    all.truncate(SHOWN);
    (all, more)
}

impl Changed {
    fn of(figure: &Compared, of: &str, name: &str, path: &str) -> Option<Self> {
        let before = figure.before.clone()?;
        (figure.change != Change::Unclear).then(|| Self {
            change: figure.change,
            of: of.to_owned(),
            figure: name.to_owned(),
            reason: None,
            now: figure.now.clone(),
            before,
            path: path.to_owned(),
            differs: None,
        })
    }
}
