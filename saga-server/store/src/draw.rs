//! Sagas drawn from those that a search finds, with what their steps say: for comparing groups of them.
//!
//! Rule of thumb: each saga that the search finds has the same chance to be drawn, however it ended and whenever it started. What
//! is read is bounded by the sagas, by the steps of each, and by the metadata of a step.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use saga_types::{SagaStatus, Step, Timestamp, keys};
use serde_json::Value;

use super::{Corrupt, SagaQuery, Scope, StatisticsQuery, StoreError, columns::Moment, rollup};

/// Sagas that were drawn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drawn {
    /// The sagas, in no order.
    pub sagas: Vec<DrawnSaga>,
    /// How many the search finds.
    pub of: u64,
    /// Whether so many were counted, or else estimated from the draw.
    pub of_is_exact: bool,
}

/// A saga that was drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct DrawnSaga {
    /// Its status.
    pub status: SagaStatus,
    /// How long it took, once it has ended.
    pub duration_ms: Option<i64>,
    /// What its steps have in their metadata: keys with texts, numbers and booleans, each value once. The service of a step and
    /// the version of the service are [`DrawnSaga::SERVICE`] and [`DrawnSaga::VERSION`].
    pub values: BTreeSet<(String, String)>,
}

impl DrawnSaga {
    /// The key of the services that recorded steps.
    pub const SERVICE: &str = keys::PRODUCER_SERVICE;

    /// The key of their versions, each behind the name of its service.
    pub const VERSION: &str = keys::SERVICE_VERSION;

    /// Of each saga only the first steps are read.
    pub(super) const STEPS: i64 = 50;

    /// The most values of a saga.
    const VALUES: usize = 200;

    /// Longer values, in characters, are texts that no group of sagas shares.
    const VALUE_CHARS: usize = 100;

    /// How many sagas' steps are read at once.
    pub(super) const CHUNK: usize = 100;
}

/// What is not compared: it differs from step to step, or says what the outcome says.
const LEFT_OUT: [&str; 7] = [
    keys::TRACE_ID,
    keys::SPAN_ID,
    keys::PRODUCER_TIMESTAMP,
    keys::DURATION_MS,
    keys::FAILURE_REASON,
    keys::PRODUCER_SERVICE,
    keys::SERVICE_VERSION,
];

/// The part of a store that draws sagas.
#[async_trait]
pub trait DrawStore {
    /// Draws about so many of the sagas that a search finds, whatever its order, start and size; all of them when they are fewer.
    async fn draw(&self, query: &SagaQuery, most: u32) -> Result<Drawn, StoreError>;

    /// Draws about so many sagas as [`DrawStore::draw`] does, and leaves out those that another search finds.
    async fn draw_rest(&self, query: &SagaQuery, without: &SagaQuery, most: u32)
    -> Result<Drawn, StoreError>;

    /// The events of sagas that are drawn in the same manner, each saga's in their order, the first [`DrawnEvent::OF_A_SAGA`].
    async fn draw_events(&self, query: &SagaQuery, most: u32) -> Result<Vec<Vec<DrawnEvent>>, StoreError>;
}

/// An event of a saga that was drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnEvent {
    /// The step.
    pub step: Step,
    /// How it ended.
    pub status: SagaStatus,
    /// The service that recorded it.
    pub service: Option<String>,
    /// When it happened.
    pub recorded_at: Timestamp,
}

impl DrawnEvent {
    /// How many events of a saga are read.
    pub const OF_A_SAGA: i64 = 200;
}

/// Each saga has a number below this; those below a limit are drawn.
pub(super) const DRAWS: i64 = 65_536;

/// The limit below which the numbers of somewhat more than `most` sagas of so many are.
pub(super) fn limit(most: u32, of: u64) -> i64 {
    let wanted = u64::from(most).saturating_mul(3) / 2;
    let limit = wanted.saturating_mul(DRAWS.unsigned_abs()).div_ceil(of.max(1));
    i64::try_from(limit).unwrap_or(DRAWS).clamp(1, DRAWS)
}

/// A limit that gives enough, where too few were found below another one.
pub(super) fn wider(limit: i64, found: usize, most: u32) -> Option<i64> {
    let is_enough = found as u64 * 2 >= u64::from(most);
    if is_enough || limit >= DRAWS {
        return None;
    }
    let found = i64::try_from(found).unwrap_or(i64::MAX).max(1);
    let wanted = i64::from(most).saturating_mul(3) / 2;
    Some(
        limit
            .saturating_mul(wanted)
            .div_euclid(found)
            .clamp(limit + 1, DRAWS),
    )
}

/// How many of so many sagas remain, when so many of those that were read do; and whether that was counted.
pub(super) fn remaining(of: u64, read: usize, rest: usize) -> (u64, bool) {
    let (read, rest) = (read as u64, rest as u64);
    match read {
        0 => (of, of == 0),
        _ if read >= of => (rest, true),
        _ => {
            let share = u128::from(of) * u128::from(rest) / u128::from(read);
            (u64::try_from(share).unwrap_or(of), false)
        }
    }
}

/// How many sagas there are at most, as the roll-ups count them.
pub(super) fn rough(query: &SagaQuery) -> StatisticsQuery {
    StatisticsQuery {
        scope: query.scope.clone(),
        saga_type: query.saga_type.clone(),
        from: query.started_from,
        to: query.started_to,
        ..StatisticsQuery::default()
    }
}

/// How many of them are in a status that the search asks for.
pub(super) fn of_statuses(query: &SagaQuery, by_status: &BTreeMap<SagaStatus, u64>) -> u64 {
    let is_asked = |status: SagaStatus| {
        query.status.is_none_or(|wanted| status == wanted)
            && query.statuses().is_none_or(|statuses| statuses.contains(&status))
    };
    let counts = by_status.iter().filter(|(status, _)| is_asked(**status));
    counts.map(|(_, count)| count).sum()
}

/// Whether the search asks for nothing that the roll-ups do not know.
pub(super) fn is_counted(query: &SagaQuery) -> bool {
    let others = SagaQuery {
        scope: Scope::All,
        saga_type: None,
        status: None,
        ended: None,
        failed: None,
        started_from: None,
        started_to: None,
        ..query.clone()
    };
    !others.has_filters()
}

/// A saga as an adapter reads it.
#[derive(sqlx::FromRow)]
pub(super) struct DrawnRow {
    pub(super) saga_id: String,
    saga_type: String,
    current_status: String,
    duration_ms: Option<i64>,
}

/// What a step says.
#[derive(sqlx::FromRow)]
pub(super) struct DrawnStep {
    saga_id: String,
    producer_service: Option<String>,
    metadata: Option<String>,
}

/// An event as an adapter reads it.
#[derive(sqlx::FromRow)]
pub(super) struct EventRow {
    saga_id: String,
    step: String,
    status: String,
    producer_service: Option<String>,
    recorded_at: Moment,
}

impl EventRow {
    fn event(&self) -> Result<DrawnEvent, StoreError> {
        let row = || format!("{} {}", self.saga_id, self.recorded_at.0);
        let step = Step::from_wire(self.step.as_str());
        let status = self.status.parse();
        Ok(DrawnEvent {
            step: step.map_err(|error| Corrupt::new("saga_steps", "step", row(), error))?,
            status: status.map_err(|error| Corrupt::new("saga_steps", "status", row(), error))?,
            service: self.producer_service.clone(),
            recorded_at: self.recorded_at.0,
        })
    }
}

/// Events that come saga by saga.
pub(super) fn by_saga(rows: Vec<EventRow>) -> Result<Vec<Vec<DrawnEvent>>, StoreError> {
    let sagas = rows.chunk_by(|one, other| one.saga_id == other.saga_id);
    sagas
        .map(|rows| rows.iter().map(EventRow::event).collect())
        .collect()
}

/// Some sagas with their steps.
pub(super) fn united(rows: &[DrawnRow], steps: Vec<DrawnStep>) -> Result<Vec<DrawnSaga>, StoreError> {
    let mut values: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for step in steps {
        let of_saga = values.entry(step.saga_id).or_default();
        add(of_saga, step.producer_service, step.metadata.as_deref());
    }
    let sagas = rows.iter().map(|row| {
        Ok(DrawnSaga {
            status: rollup::read_status(&row.saga_type, &row.current_status)?,
            duration_ms: row.duration_ms,
            values: values.remove(&row.saga_id).unwrap_or_default(),
        })
    });
    sagas.collect()
}

fn add(values: &mut BTreeSet<(String, String)>, service: Option<String>, metadata: Option<&str>) {
    let mut insert = |key: &str, value: String| {
        let is_short = value.chars().nth(DrawnSaga::VALUE_CHARS).is_none();
        if is_short && values.len() < DrawnSaga::VALUES {
            values.insert((key.to_owned(), value));
        }
    };
    // What cannot be read is an error where the step itself is read.
    let metadata: BTreeMap<String, Value> = metadata
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    if let Some(service) = service {
        if let Some(Value::String(version)) = metadata.get(keys::SERVICE_VERSION) {
            insert(DrawnSaga::VERSION, format!("{service} {version}"));
        }
        insert(DrawnSaga::SERVICE, service);
    }
    for (key, value) in metadata {
        if LEFT_OUT.contains(&key.as_str()) {
            continue;
        }
        match value {
            Value::String(text) => insert(&key, text),
            Value::Number(number) => insert(&key, number.to_string()),
            Value::Bool(value) => insert(&key, value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_gives_enough_of_any_number() {
        assert_eq!(limit(1_000, 0), DRAWS);
        assert_eq!(limit(1_000, 1_500), DRAWS);
        assert_eq!(limit(1_000, 98_304_000), 1);
        assert_eq!(limit(1_000, 15_000), 6_554);
        assert_eq!(wider(6_554, 500, 1_000), None);
        assert_eq!(wider(6_554, 100, 1_000), Some(DRAWS));
        assert_eq!(wider(100, 100, 1_000), Some(1_500));
        assert_eq!(wider(DRAWS, 0, 1_000), None);
    }

    #[test]
    fn what_remains_is_counted_of_all_and_estimated_of_some() {
        assert_eq!(remaining(10, 10, 4), (4, true));
        assert_eq!(remaining(0, 0, 0), (0, true));
        assert_eq!(remaining(1_000_000, 2_000, 500), (250_000, false));
    }

    #[test]
    fn what_a_step_says_is_short_and_of_few_values() {
        let mut values = BTreeSet::new();
        let metadata = r#"{"serviceVersion":"2.8.0","traceId":"t","customerId":"C-17","express":true,"items":[1],"itemCount":3}"#;
        add(&mut values, Some("payment-service".to_owned()), Some(metadata));
        add(&mut values, None, Some("no JSON"));
        let expected = [
            ("customerId", "C-17"),
            ("express", "true"),
            ("itemCount", "3"),
            ("producerService", "payment-service"),
            ("serviceVersion", "payment-service 2.8.0"),
        ];
        let found: Vec<(&str, &str)> = values
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(found, expected);
        for number in 0..1_000 {
            add(&mut values, None, Some(&format!(r#"{{"key-{number}":1}}"#)));
        }
        assert_eq!(values.len(), DrawnSaga::VALUES);
    }
}
