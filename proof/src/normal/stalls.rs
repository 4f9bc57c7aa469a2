//! Sagas that stall are found without a limit; slow nights are not taken for them, and are reported as a standstill.

use std::collections::BTreeSet;

use anyhow::Result;
use saga_store::{Late, Scope};

use super::population::{self, HOUR, Kind, MINUTE, Made, Week};
use crate::report::{Report, Table};

/// For how long sagas are watched, and how many start in that time.
const WATCHED: i64 = 10 * HOUR;
const SAGAS: u32 = 10_000;

/// Between two looks.
const BETWEEN: i64 = 5 * MINUTE;

/// A stall of the last hours may not be known yet.
const KNOWN_AFTER: i64 = 3 * HOUR;

/// How many of 1,000 stall.
const STALLS: u32 = 10;

struct Found {
    /// Sagas that were ever marked, and how many of them had stalled.
    marked: usize,
    rightly: usize,
    /// Stalls that should be known, and how many of them were marked.
    stalled: usize,
    known: usize,
    /// At how many looks anything was at a standstill.
    standstills: u32,
}

/// What happens in the middle of the time, and what is known of the sagas.
pub(super) struct Night {
    name: &'static str,
    /// Everything takes so many times as long.
    times: f64,
    pub(super) is_defined: bool,
}

pub(super) const NIGHTS: [Night; 3] = [
    Night {
        name: "as ever",
        times: 1.0,
        is_defined: true,
    },
    Night {
        name: "8 times slower",
        times: 8.0,
        is_defined: true,
    },
    Night {
        name: "as ever, without a definition",
        times: 1.0,
        is_defined: false,
    },
];

pub(super) async fn run(week: &Week, night: &Night, doing: impl Fn(String)) -> Result<Report> {
    let mut report = Report::new("stalls");
    let mut table = Table::new(
        "Stalled sagas without a limit, 10 of 1,000",
        &[
            "seed and night",
            "marked",
            "rightly",
            "precision",
            "stalled",
            "known",
            "recall",
            "looks at a standstill",
        ],
    );
    let (seed, name) = (week.seed, night.name);
    let found = watch(week, night, doing).await?;
    let (precision, recall) = (
        share(found.rightly, found.marked),
        share(found.known, found.stalled),
    );
    table.row(
        &format!("{seed}, {name}"),
        [
            found.marked.into(),
            found.rightly.into(),
            precision.into(),
            found.stalled.into(),
            found.known.into(),
            recall.into(),
            found.standstills.into(),
        ],
    );
    report.table(table);
    report.promise(
        &format!("of marked sagas at least 95 % have stalled (seed {seed}, {name})"),
        precision >= 0.95,
        format!("{} of {}", found.rightly, found.marked),
    );
    report.promise(
        &format!("a standstill is reported when all are slower, and only then (seed {seed}, {name})"),
        (found.standstills > 0) == (night.times > 1.0),
        format!("at {} of {} looks", found.standstills, WATCHED / BETWEEN),
    );
    // A slow night may hide stalls: limits grow with it.
    if night.times <= 1.0 {
        report.promise(
            &format!("of stalled sagas at least 90 % are marked (seed {seed}, {name})"),
            recall >= 0.9,
            format!("{} of {}", found.known, found.stalled),
        );
    }
    Ok(report)
}

/// Everything slows down in the middle of the time.
async fn watch(week: &Week, night: &Night, doing: impl Fn(String)) -> Result<Found> {
    let kind = Kind {
        stalls: STALLS,
        slower: Some((week.after(WATCHED / 2)?, night.times)),
    };
    let sagas = population::sagas(&mut week.rng(), "now", week.now, WATCHED, SAGAS, kind)?;
    let mut clockwork = week.then(&sagas).await?;
    let (mut marked, mut standstills) = (BTreeSet::new(), 0);
    for look in 1..=WATCHED / BETWEEN {
        doing(format!(
            "stalls, seed {}, {}: look {look} of {}",
            week.seed,
            night.name,
            WATCHED / BETWEEN
        ));
        let moment = week.after(look * BETWEEN)?;
        clockwork.until(moment).await?;
        let found = clockwork.store.mark_unusual(moment).await?;
        standstills += u32::from(!found.standstills.is_empty());
        let late = clockwork
            .store
            .late_sagas(Late::Stuck, moment, 1_000, &Scope::All, None)
            .await?;
        marked.extend(late.sagas.into_iter().map(|saga| saga.saga_id.to_string()));
    }
    let known_before = week.after(WATCHED - KNOWN_AFTER)?;
    let has_stalled = |saga: &&Made| {
        saga.stalled_at
            .is_some_and(|stalled_at| stalled_at <= known_before)
    };
    let stalled: Vec<&Made> = sagas.iter().filter(has_stalled).collect();
    Ok(Found {
        rightly: sagas
            .iter()
            .filter(|saga| saga.stalled_at.is_some() && marked.contains(&saga.saga_id))
            .count(),
        known: stalled
            .iter()
            .filter(|saga| marked.contains(&saga.saga_id))
            .count(),
        marked: marked.len(),
        standstills,
        stalled: stalled.len(),
    })
}

#[expect(clippy::cast_precision_loss, reason = "some thousand sagas")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}
