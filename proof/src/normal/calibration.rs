//! When a saga will have ended: how often that comes true.

use std::collections::HashMap;

use anyhow::Result;
use saga_store::SagaQuery;
use saga_types::Timestamp;

use super::population::{self, HOUR, MINUTE, NORMAL, Week};
use crate::report::{Report, Table};

/// How long sagas are asked when they will have ended, and how many start in that time.
const ASKED: i64 = 12 * HOUR;
const SAGAS: u32 = 12_000;

/// Between two times of asking.
const BETWEEN: i64 = 5 * MINUTE;

#[derive(Default)]
struct Counted {
    asked: u32,
    p50_asked: u32,
    p50: u32,
    p90: u32,
}

pub(super) async fn run(week: &Week, doing: impl Fn(String)) -> Result<Report> {
    let mut report = Report::new("calibration");
    let mut table = Table::new(
        "Of sagas that are said to end by a moment, so many of 100 do",
        &["seed", "asked", "said 50 %", "said 90 %"],
    );
    let counted = ask(week, doing).await?;
    let (seed, p50, p90) = (
        week.seed,
        percent(counted.p50, counted.p50_asked),
        percent(counted.p90, counted.asked),
    );
    table.row(&seed.to_string(), [counted.asked.into(), p50.into(), p90.into()]);
    report.table(table);
    report.promise(
        &format!("of those said to end with 90 %, 88 to 92 % do (seed {seed})"),
        (88.0..=92.0).contains(&p90),
        format!("{p90:.1} % of {}", counted.asked),
    );
    Ok(report)
}

async fn ask(week: &Week, doing: impl Fn(String)) -> Result<Counted> {
    let sagas = population::sagas(&mut week.rng(), "now", week.now, ASKED, SAGAS, NORMAL)?;
    let ends: HashMap<&str, Option<Timestamp>> = week
        .going_on
        .iter()
        .chain(&sagas)
        .map(|saga| (saga.saga_id.as_str(), saga.ended_at))
        .collect();
    let mut clockwork = week.then(&sagas).await?;
    let mut counted = Counted::default();
    for asked in 1..=ASKED / BETWEEN {
        doing(format!(
            "calibration, seed {}: asked {asked} of {} times",
            week.seed,
            ASKED / BETWEEN
        ));
        let moment = week.after(asked * BETWEEN)?;
        clockwork.until(moment).await?;
        let usual = clockwork.store.usual().get();
        let query = SagaQuery {
            ended: Some(false),
            ..SagaQuery::newest(100)
        };
        for saga in clockwork.store.search(&query).await?.sagas {
            let Some(end) = usual.end(&saga, moment) else {
                continue;
            };
            let ended_at = ends.get(saga.saga_id.as_str()).copied().flatten();
            let by = |said: Timestamp| u32::from(ended_at.is_some_and(|ended_at| ended_at <= said));
            counted.asked += 1;
            counted.p90 += by(end.p90);
            if let Some(p50) = end.p50 {
                counted.p50_asked += 1;
                counted.p50 += by(p50);
            }
        }
    }
    Ok(counted)
}

fn percent(part: u32, whole: u32) -> f64 {
    100.0 * f64::from(part) / f64::from(whole.max(1))
}
