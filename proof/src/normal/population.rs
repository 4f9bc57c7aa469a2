//! Sagas with random waits, and a store that learns from them.

use std::sync::Arc;

use anyhow::Result;
use fastrand::Rng;
use saga_store::{Store, StoreOptions};
use saga_types::{
    SagaEvent, SagaStatus, SagaType, Step, Timestamp,
    definition::{Definitions, SagaDefinition},
};
use tempfile::TempDir;

const SECOND: i64 = 1_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
const WEEK: i64 = 7 * 24 * HOUR;

/// When populations begin, in milliseconds since 1970.
pub(super) const BEGIN: i64 = 1_760_000_000_000;

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

/// How many events are stored at once.
const BATCH: usize = 10_000;

/// A week of sagas, stored and learnt from once: what comes then is another thing in each copy of it.
pub(super) struct Week {
    pub(super) seed: u64,
    /// When it ends.
    pub(super) now: Timestamp,
    /// Those that have not ended by then.
    pub(super) going_on: Vec<Made>,
    /// As it is behind the sagas of the week.
    rng: Rng,
    definitions: Definitions,
    learnt: Clockwork,
}

impl Week {
    pub(super) async fn of(seed: u64, count: u32, is_defined: bool) -> Result<Self> {
        let mut rng = Rng::with_seed(seed);
        let begin = Timestamp::from_millis(BEGIN)?;
        let now = Timestamp::from_millis(BEGIN + WEEK)?;
        let mut definitions = Definitions::built_in();
        if is_defined {
            definitions.insert(SagaDefinition::from_yaml(DEFINITION)?);
        }
        let mut sagas = sagas(&mut rng, "week", begin, WEEK, count, NORMAL)?;
        let mut learnt = Clockwork::at(tempfile::tempdir()?, definitions.clone(), &sagas).await?;
        learnt.until(now).await?;
        learnt.store.learn_usual(now).await?;
        sagas.retain(|saga| saga.ended_at.is_none_or(|ended_at| ended_at > now));
        Ok(Self {
            seed,
            now,
            going_on: sagas,
            rng,
            definitions,
            learnt,
        })
    }

    pub(super) fn rng(&self) -> Rng {
        self.rng.clone()
    }

    /// So long after the week.
    pub(super) fn after(&self, millis: i64) -> Result<Timestamp> {
        Ok(Timestamp::from_millis(self.now.as_millis() + millis)?)
    }

    /// A copy, in which these sagas come then.
    pub(super) async fn then(&self, sagas: &[Made]) -> Result<Clockwork> {
        let folder = tempfile::tempdir()?;
        // Nothing is written meanwhile, so that file and log belong together.
        for name in [FILE.to_owned(), format!("{FILE}-wal")] {
            let from = self.learnt.folder.path().join(&name);
            if from.exists() {
                std::fs::copy(from, folder.path().join(&name))?;
            }
        }
        let mut copy = Clockwork::at(folder, self.definitions.clone(), sagas).await?;
        copy.coming.extend_from_slice(&self.learnt.coming);
        copy.sort();
        copy.store.load_usual().await?;
        Ok(copy)
    }
}

/// The database in its folder.
const FILE: &str = "sagas.db";

/// A store of its own that goes through time.
pub(super) struct Clockwork {
    pub(super) store: Arc<dyn Store>,
    /// Those that are not stored yet, the last first.
    coming: Vec<SagaEvent>,
    folder: TempDir,
}

impl Clockwork {
    /// Begins with sagas of the built-in definitions, of which nothing is stored yet.
    pub(super) async fn of(sagas: &[Made]) -> Result<Self> {
        Self::at(tempfile::tempdir()?, Definitions::built_in(), sagas).await
    }

    async fn at(folder: TempDir, definitions: Definitions, sagas: &[Made]) -> Result<Self> {
        let options = StoreOptions {
            definitions: Arc::new(definitions),
            max_connections: 4,
        };
        let url = format!("sqlite://{}", folder.path().join(FILE).display());
        let store = saga_store::connect(&url, options).await?;
        store.migrate().await?;
        let mut clockwork = Self {
            store,
            coming: sagas.iter().flat_map(|saga| saga.events.clone()).collect(),
            folder,
        };
        clockwork.sort();
        Ok(clockwork)
    }

    fn sort(&mut self) {
        self.coming
            .sort_by_key(|event| std::cmp::Reverse(event.recorded_at));
    }

    /// Stores everything up to a moment.
    pub(super) async fn until(&mut self, moment: Timestamp) -> Result<()> {
        let from = self.coming.partition_point(|event| event.recorded_at > moment);
        let mut due = self.coming.split_off(from);
        due.reverse();
        for batch in due.chunks(BATCH) {
            self.store.append(batch.to_vec().into()).await?;
        }
        Ok(())
    }
}
