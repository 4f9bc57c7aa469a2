//! Sagas by the version of a service that took part in them.
//!
//! Rule of thumb: sagas are read in the order of their start, from the beginning of the period, and of a bounded number; so who
//! looks again later sees the same sagas first.

use async_trait::async_trait;
use saga_types::{SagaStatus, SagaType, Timestamp};

use super::{Corrupt, Flow, Scope, StatisticsQuery, StoreError, columns::Moment, rollup};

/// Which versions are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionsQuery {
    /// In sagas of the types that the reader may see.
    pub scope: Scope,
    /// Of this service.
    pub service: String,
    /// The version that was there before.
    pub baseline: String,
    /// The version that is evaluated.
    pub candidate: String,
    /// In sagas of this type only.
    pub saga_type: Option<SagaType>,
    /// In sagas that started at this moment or later.
    pub from: Timestamp,
    /// In sagas that started at this moment or earlier.
    pub to: Timestamp,
    /// So many sagas of the period are looked at, whichever services recorded them.
    pub most: u32,
}

impl VersionsQuery {
    /// Of so many sagas a comparison that is asked for looks at.
    pub const LOOKED_AT: u32 = 20_000;

    pub(super) fn statistics(&self) -> StatisticsQuery {
        StatisticsQuery {
            scope: self.scope.clone(),
            saga_type: self.saga_type.clone(),
            from: Some(self.from),
            to: Some(self.to),
            ..StatisticsQuery::default()
        }
    }
}

/// Sagas in which one of the versions took part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionSagas {
    /// In the order of their start.
    pub sagas: Vec<VersionSaga>,
    /// How many had steps of several versions of the service, and are not among them.
    pub mixed: u64,
    /// Whether all sagas of the period were looked at; when not, the first [`VersionsQuery::most`] were.
    pub is_whole: bool,
}

/// A saga in which one of the versions took part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionSaga {
    /// Its id.
    pub saga_id: String,
    /// Its type.
    pub saga_type: SagaType,
    /// When it started.
    pub started_at: Timestamp,
    /// Whether the candidate took part, or else the baseline.
    pub is_candidate: bool,
    /// Its status.
    pub status: SagaStatus,
    /// How long it took, once it has ended.
    pub duration_ms: Option<i64>,
    /// The group of its failure, see [`saga_types::fold::SagaState::failure_group`].
    pub failure_group: Option<String>,
}

/// The part of a store that knows which version took part in which saga.
#[async_trait]
pub trait VersionStore {
    /// The sagas of two versions.
    async fn version_sagas(&self, query: &VersionsQuery) -> Result<VersionSagas, StoreError>;

    /// The flow of sagas of a type, which the caller may see, in the order of their start: all of them are read, unless they have
    /// too many different steps.
    async fn flow_of(&self, saga_type: &SagaType, saga_ids: &[String]) -> Result<Flow, StoreError>;
}

/// A saga as an adapter reads it, with the least and the greatest version of the service in it.
#[derive(sqlx::FromRow)]
pub(super) struct VersionRow {
    saga_id: String,
    saga_type: String,
    started_at: Moment,
    current_status: String,
    duration_ms: Option<i64>,
    failure_group: Option<String>,
    least: Option<String>,
    greatest: Option<String>,
}

/// Sorts what was read of a period with so many sagas.
pub(super) fn sorted(
    query: &VersionsQuery,
    rows: Vec<VersionRow>,
    total: u64,
) -> Result<VersionSagas, StoreError> {
    let mut found = VersionSagas {
        is_whole: total <= u64::from(query.most),
        ..VersionSagas::default()
    };
    for row in rows {
        if row.least != row.greatest {
            found.mixed += 1;
            continue;
        }
        let is_candidate = row.least.as_deref() == Some(&query.candidate);
        let status = rollup::read_status(&row.saga_type, &row.current_status)?;
        let saga_type = SagaType::try_from(row.saga_type)
            .map_err(|error| Corrupt::new("saga_instance", "saga_type", row.saga_id.as_str(), error))?;
        found.sagas.push(VersionSaga {
            started_at: row.started_at.0,
            is_candidate,
            status,
            duration_ms: row.duration_ms,
            failure_group: row.failure_group,
            saga_id: row.saga_id,
            saga_type,
        });
    }
    Ok(found)
}
