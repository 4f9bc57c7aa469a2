//! Rows of `saga_instance`.

use saga_types::fold::{Awaiting, SagaState};
use serde::Serialize;

use crate::{
    Late, StoreError,
    columns::{Moment, Texts},
    fold_batch::{StoredFold, UpdatedSaga},
    fold_text::read_fold,
    rollup::RollupKey,
    rows::read_type,
    table::{Keyed, Table, table},
};

table! {
    /// A saga as it is written: its fold, and what searches ask for. Serialized with the names of REST.
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct InstanceRow<'a> of saga_instance (saga_id) {
        #[serde(skip)]
        saga_id: &'a str,
        saga_type: &'a str,
        order_id: &'a str,
        current_status: &'a str,
        last_step: &'a str,
        last_trace_id: Option<&'a str>,
        started_at: Moment,
        updated_at: Moment,
        ended_at: Option<Moment>,
        ended_by_override: bool,
        duration_ms: Option<i64>,
        failed_step: Option<&'a str>,
        failure_reason: Option<&'a str>,
        failure_group: Option<String>,
        #[serde(rename = "outstandingCompensations")]
        outstanding: Texts,
        anomalies: Texts,
        parent_saga_id: Option<&'a str>,
        /// The first of `awaited_steps`, by which late sagas are counted.
        #[serde(skip)]
        awaited_step: Option<&'a str>,
        #[serde(skip)]
        awaited_service: Option<&'a str>,
        awaited_steps: Texts,
        awaited_services: Texts,
        awaited_deadline: Option<Moment>,
        /// The deadline is no limit: it was marked, and the saga has not gone on since.
        #[serde(skip)]
        deadline_by_usual: bool,
        owed_since: Option<Moment>,
        #[serde(rename = "stepCount")]
        event_count: i64,
        #[serde(skip)]
        version: i64,
        #[serde(skip)]
        fold: &'a str,
    }
}

table! {
    /// What is read of a saga that is changed or removed.
    struct FoldRow<'a> of saga_instance (saga_id) {
        saga_id: &'a str,
        order_id: &'a str,
        version: i64,
        fold: &'a str,
        saga_type: &'a str,
        current_status: &'a str,
        started_at: Moment,
        ended_at: Option<Moment>,
        ended_by_override: bool,
    }
}

/// A saga's fold, of which its state is made.
#[derive(sqlx::FromRow)]
pub(crate) struct StateRow {
    pub(crate) saga_id: String,
    pub(crate) fold: String,
    /// Since when it is marked as waiting longer than usual.
    pub(crate) unusual_since: Option<Moment>,
}

impl StateRow {
    /// Of `saga_instance AS saga`.
    pub(crate) const COLUMNS: &'static str = "saga.saga_id, saga.fold, \
        CASE WHEN saga.deadline_by_usual THEN saga.awaited_deadline END AS unusual_since";
}

impl Keyed for StateRow {
    const NAME: &'static str = InstanceRow::NAME;
    const KEY: &'static [&'static str] = InstanceRow::KEY;
}

impl<'a> InstanceRow<'a> {
    pub(crate) fn of(saga: &'a UpdatedSaga) -> Self {
        let state = &saga.state;
        let awaited = state.most_urgent();
        Self {
            saga_id: state.saga_id.as_str(),
            saga_type: state.saga_type.as_str(),
            order_id: state.order_id.as_str(),
            current_status: state.current_status.as_str(),
            last_step: state.last_step.as_str(),
            last_trace_id: state.last_trace_id.as_deref(),
            started_at: Moment(state.started_at),
            updated_at: Moment(state.updated_at),
            ended_at: state.ended_at.map(Moment),
            ended_by_override: saga.ended_by_override(),
            duration_ms: state.duration_ms,
            failed_step: state.failed_step.as_ref().map(|step| step.as_str()),
            failure_reason: state.failure_reason.as_deref(),
            failure_group: state.failure_group(),
            outstanding: Texts::of(state.outstanding_compensations.iter().map(|step| step.as_str())),
            anomalies: Texts::of(state.anomalies.iter().map(|anomaly| anomaly.as_str())),
            parent_saga_id: state.parent_saga_id.as_ref().map(|parent| parent.as_str()),
            awaited_step: awaited.map(|awaited| awaited.step.as_str()),
            awaited_service: awaited.and_then(|awaited| awaited.service.as_deref()),
            awaited_steps: Texts::of(urgent_first(state).map(|awaited| awaited.step.as_str())),
            awaited_services: Texts(services(state)),
            awaited_deadline: Late::Stuck.due_by_events(state).map(Moment),
            deadline_by_usual: false,
            owed_since: saga.owed_since().map(Moment),
            event_count: state.step_count.cast_signed(),
            version: saga.version,
            fold: &saga.fold,
        }
    }

    /// As its events say, without a mark.
    pub(crate) fn unmarked(mut self) -> Self {
        if self.deadline_by_usual {
            self.awaited_deadline = None;
            self.deadline_by_usual = false;
        }
        self
    }

    /// How it is counted.
    pub(crate) fn counted(&self) -> Result<RollupKey, StoreError> {
        let ended_at = self.ended_at.filter(|_| !self.ended_by_override);
        rollup_key(
            self,
            self.saga_type,
            self.current_status,
            self.started_at,
            ended_at,
        )
    }
}

impl FoldRow<'_> {
    /// How it is counted.
    pub(crate) fn counted(&self) -> Result<RollupKey, StoreError> {
        let ended_at = self.ended_at.filter(|_| !self.ended_by_override);
        rollup_key(
            self,
            self.saga_type,
            self.current_status,
            self.started_at,
            ended_at,
        )
    }
}

impl TryFrom<FoldRow<'_>> for StoredFold {
    type Error = StoreError;

    fn try_from(row: FoldRow<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            counted: row.counted()?,
            saga_id: row.saga_id.to_owned(),
            order_id: row.order_id.to_owned(),
            version: row.version,
            fold: read_fold(row.fold),
        })
    }
}

/// What is awaited, the most urgent first.
fn urgent_first(state: &SagaState) -> impl Iterator<Item = &Awaiting> {
    let first = state.most_urgent();
    let others = state.awaiting.iter();
    let is_first = move |awaiting: &Awaiting| first.is_some_and(|first| std::ptr::eq(first, awaiting));
    first
        .into_iter()
        .chain(others.filter(move |awaiting| !is_first(awaiting)))
}

/// Who owes what is awaited, each once.
fn services(state: &SagaState) -> Vec<String> {
    let mut services: Vec<String> = Vec::new();
    for service in urgent_first(state).filter_map(|awaiting| awaiting.service.as_ref()) {
        if !services.contains(service) {
            services.push(service.clone());
        }
    }
    services
}

fn rollup_key(
    row: &impl Table,
    saga_type: &str,
    status: &str,
    started_at: Moment,
    ended_at: Option<Moment>,
) -> Result<RollupKey, StoreError> {
    Ok(RollupKey {
        started_at: started_at.0,
        saga_type: read_type(row, saga_type)?,
        status: status
            .parse()
            .map_err(|error| row.corrupt("current_status", error))?,
        ended_at: ended_at.map(|moment| moment.0),
    })
}
