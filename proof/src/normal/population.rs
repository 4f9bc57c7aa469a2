//! Sagas with random waits, and a store that learns from them.

use std::sync::Arc;

use anyhow::Result;
use fastrand::Rng;
use saga_store::{Store, StoreOptions};
use saga_types::{
    SagaEvent, SagaStatus, SagaType, Step, Timestamp,
    definition::{Definitions, SagaDefinition},
};

pub(super) const SECOND: i64 = 1_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const WEEK: i64 = 7 * 24 * HOUR;

/// No limit anywhere.
const DEFINITION: &str = "sagaType: CREDIT
startsWith: [APPLIED]
forward:
  - { step: APPLIED, service: portal }
  - { step: SCORED, service: scoring }
  - { step: DOCUMENTED, service: documents }
  - { step: APPROVED, service: office }
  - { step: PAID_OUT, service: bank }
completesWith: [PAID_OUT]
failsWith: [REJECTED]
";

/// Of each step behind the first: the median wait, and how widely the logarithms of waits are spread.
const WAITS: [(&str, i64, f64); 4] = [
    ("SCORED", 5 * SECOND, 0.4),
    ("DOCUMENTED", 60 * SECOND, 0.9),
    ("APPROVED", 40 * SECOND, 0.7),
    ("PAID_OUT", 20 * SECOND, 1.0),
];

/// One saga as it was made.
pub(super) struct Made {
    pub(super) saga_id: String,
    pub(super) events: Vec<SagaEvent>,
    /// When it ended; none when it stalled.
    pub(super) ended_at: Option<Timestamp>,
    /// Since when nothing more comes.
    pub(super) stalled_at: Option<Timestamp>,
}

/// How sagas are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// How many of 1,000 stall.
    pub(super) stalls: u32,
    /// From this moment on every wait takes so many times as long.
    pub(super) slower: Option<(Timestamp, f64)>,
}

pub(super) const NORMAL: Kind = Kind {
    stalls: 0,
    slower: None,
};

/// As many sagas as asked for that start within a period, fewer of them at night.
pub(super) fn sagas(
    rng: &mut Rng,
    name: &str,
    from: Timestamp,
    length_ms: i64,
    count: u32,
    kind: Kind,
) -> Result<Vec<Made>> {
    let mut made = Vec::new();
    while made.len() < count as usize {
        let after = rng.i64(0..length_ms);
        let is_night = (after / HOUR) % 24 < 8;
        if is_night && rng.u32(0..10) > 0 && length_ms > 24 * HOUR {
            continue;
        }
        let started = Timestamp::from_millis(from.as_millis() + after)?;
        made.push(saga(rng, format!("{name}-{}", made.len()), started, kind)?);
    }
    Ok(made)
}

fn saga(rng: &mut Rng, saga_id: String, started: Timestamp, kind: Kind) -> Result<Made> {
    let stalls_behind = (rng.u32(0..1_000) < kind.stalls).then(|| rng.usize(0..WAITS.len()));
    let fails_at = (rng.u32(0..100) < 4).then(|| rng.usize(0..WAITS.len()));
    let mut events = vec![event(&saga_id, "APPLIED", SagaStatus::Started, started)?];
    let mut at = started;
    for (place, (step, median_ms, spread)) in WAITS.into_iter().enumerate() {
        if stalls_behind == Some(place) {
            return Ok(Made {
                saga_id,
                events,
                ended_at: None,
                stalled_at: Some(at),
            });
        }
        at = Timestamp::from_millis(at.as_millis() + wait_ms(rng, median_ms, spread, at, kind))?;
        let (step, status) = match (fails_at == Some(place), place + 1 == WAITS.len()) {
            (true, _) => ("REJECTED", SagaStatus::Failed),
            (_, true) => (step, SagaStatus::Completed),
            _ => (step, SagaStatus::InProgress),
        };
        events.push(event(&saga_id, step, status, at)?);
        if fails_at == Some(place) {
            break;
        }
    }
    Ok(Made {
        saga_id,
        events,
        ended_at: Some(at),
        stalled_at: None,
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "waits of some hours at the most"
)]
fn wait_ms(rng: &mut Rng, median_ms: i64, spread: f64, at: Timestamp, kind: Kind) -> i64 {
    // Two uniform numbers make a normal one (Box and Muller).
    let normal = (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (std::f64::consts::TAU * rng.f64()).cos();
    let slower = kind
        .slower
        .filter(|(since, _)| at >= *since)
        .map_or(1.0, |(_, times)| times);
    (median_ms as f64 * (spread * normal).exp() * slower) as i64
}

fn event(saga_id: &str, step: &str, status: SagaStatus, at: Timestamp) -> Result<SagaEvent> {
    Ok(SagaEvent::new(
        format!("{saga_id}-{step}").parse()?,
        saga_id.parse()?,
        format!("order-of-{saga_id}").parse()?,
        SagaType::new("CREDIT")?,
        Step::new(step)?,
        status,
        at,
    ))
}

/// A store of its own that goes through time.
pub(super) struct Clockwork {
    pub(super) store: Arc<dyn Store>,
    /// Those that are not stored yet, the last first.
    coming: Vec<SagaEvent>,
    _folder: tempfile::TempDir,
}

impl Clockwork {
    /// Begins with these sagas, of which nothing is stored yet.
    pub(super) async fn of(sagas: &[Made]) -> Result<Self> {
        let mut definitions = Definitions::built_in();
        definitions.insert(SagaDefinition::from_yaml(DEFINITION)?);
        Self::defined_by(definitions, sagas).await
    }

    /// The same where no definition says what the sagas do.
    pub(super) async fn undefined(sagas: &[Made]) -> Result<Self> {
        Self::defined_by(Definitions::built_in(), sagas).await
    }

    async fn defined_by(definitions: Definitions, sagas: &[Made]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let options = StoreOptions {
            definitions: Arc::new(definitions),
            max_connections: 4,
        };
        let url = format!("sqlite://{}", folder.path().join("sagas.db").display());
        let store = saga_store::connect(&url, options).await?;
        store.migrate().await?;
        let mut coming: Vec<SagaEvent> = sagas.iter().flat_map(|saga| saga.events.clone()).collect();
        coming.sort_by_key(|event| std::cmp::Reverse(event.recorded_at));
        Ok(Self {
            store,
            coming,
            _folder: folder,
        })
    }

    /// Stores everything up to a moment.
    pub(super) async fn until(&mut self, moment: Timestamp) -> Result<()> {
        let from = self.coming.partition_point(|event| event.recorded_at > moment);
        let mut due = self.coming.split_off(from);
        due.reverse();
        for batch in due.chunks(2_000) {
            self.store.append(batch.to_vec().into()).await?;
        }
        Ok(())
    }
}
