//! The saga that a saga is a part of, and its own parts: for REST and the page alike.
//!
//! Rule of thumb: services name parents freely, so that a parent may be missing, or the way up lead in a circle; it is
//! walked so far and no farther.

use saga_store::{SagaQuery, StoredSaga, Total};
use saga_types::{SagaId, SagaStatus, SagaType, Timestamp, fold::SagaState};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    http::ApiError,
    scoped::{NoSaga, Reader},
};

/// How many sagas above one are shown.
const MOST_ABOVE: usize = 10;

/// How many of its parts are shown, the newest.
const MOST_BELOW: u32 = 20;

/// What a saga is a part of, and its parts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Family {
    /// The sagas above it: its parent, the parent of that, and so on.
    pub(crate) ancestors: Vec<Relative>,
    /// Why the list ends.
    pub(crate) ancestors_end: AncestorsEnd,
    /// The saga by which the list ends: the missing one, or the one that is met again; else null.
    pub(crate) ancestors_end_at: Option<SagaId>,
    /// Its parts, the newest first; at most 20.
    pub(crate) children: Vec<Relative>,
    /// How many parts it has.
    pub(crate) children_total: u64,
    /// Whether there are no more than `childrenTotal`.
    pub(crate) children_total_is_exact: bool,
    /// How many of them are FAILED.
    pub(crate) children_failed: u64,
    /// How many of them are COMPENSATED: they failed, and are fully compensated.
    pub(crate) children_compensated: u64,
    /// The parts as a page shows them.
    #[serde(skip)]
    pub(crate) children_sagas: Vec<StoredSaga>,
    /// The sagas above it as a page shows them.
    #[serde(skip)]
    pub(crate) ancestors_sagas: Vec<StoredSaga>,
}

/// Why the list of ancestors ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum AncestorsEnd {
    /// The last one, or the saga itself, is a part of none.
    Root,
    /// The next one is neither in the database nor in the archive: its events have not come, or it was removed.
    Missing,
    /// The next one is not in the database, and the archive, which may have it, gave no answer.
    NoAnswer,
    /// The next one is in the list already, or is the saga itself.
    Loop,
    /// There are more.
    More,
}

/// Another saga, in short.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Relative {
    pub(crate) saga_id: SagaId,
    pub(crate) saga_type: SagaType,
    pub(crate) order_id: String,
    pub(crate) current_status: SagaStatus,
    pub(crate) started_at: Timestamp,
}

impl Relative {
    fn of(saga: &SagaState) -> Self {
        Self {
            saga_id: saga.saga_id.clone(),
            saga_type: saga.saga_type.clone(),
            order_id: saga.order_id.to_string(),
            current_status: saga.current_status,
            started_at: saga.started_at,
        }
    }
}

impl Family {
    /// Whether the saga is a part of none and has no parts.
    pub(crate) fn is_empty(&self) -> bool {
        self.children.is_empty() && self.ancestors.is_empty() && self.ancestors_end == AncestorsEnd::Root
    }

    /// Asks for everything.
    pub(crate) async fn of(reader: &Reader, saga: &SagaState) -> Result<Self, ApiError> {
        let (ancestors, ancestors_end, ancestors_end_at) = ancestors(reader, saga).await?;
        let children = children(reader, saga, None, MOST_BELOW).await?;
        let (mut failed, mut compensated) = (0, 0);
        if !children.sagas.is_empty() {
            failed = count(reader, saga, SagaStatus::Failed).await?.count;
            compensated = count(reader, saga, SagaStatus::Compensated).await?.count;
        }
        Ok(Self {
            ancestors: ancestors.iter().map(|saga| Relative::of(saga)).collect(),
            ancestors_sagas: ancestors,
            ancestors_end,
            ancestors_end_at,
            children: children.sagas.iter().map(|saga| Relative::of(saga)).collect(),
            children_total: children.total.count,
            children_total_is_exact: children.total.is_exact,
            children_failed: failed,
            children_compensated: compensated,
            children_sagas: children.sagas,
        })
    }
}

async fn ancestors(
    reader: &Reader,
    saga: &SagaState,
) -> Result<(Vec<StoredSaga>, AncestorsEnd, Option<SagaId>), ApiError> {
    let mut ancestors: Vec<StoredSaga> = Vec::new();
    let mut next = saga.parent_saga_id.clone();
    while let Some(parent) = next {
        if parent == saga.saga_id || ancestors.iter().any(|known| known.saga_id == parent) {
            return Ok((ancestors, AncestorsEnd::Loop, Some(parent)));
        }
        if ancestors.len() == MOST_ABOVE {
            return Ok((ancestors, AncestorsEnd::More, Some(parent)));
        }
        let found = match reader.look_up(&parent).await {
            Ok(found) => found.saga,
            Err(NoSaga::Store(error)) => return Err(error.into()),
            Err(NoSaga::Archive(..)) => return Ok((ancestors, AncestorsEnd::NoAnswer, Some(parent))),
            Err(_) => return Ok((ancestors, AncestorsEnd::Missing, Some(parent))),
        };
        next = found.parent_saga_id.clone();
        ancestors.push(found);
    }
    Ok((ancestors, AncestorsEnd::Root, None))
}

async fn children(
    reader: &Reader,
    saga: &SagaState,
    status: Option<SagaStatus>,
    size: u32,
) -> Result<saga_store::Page, ApiError> {
    let query = SagaQuery {
        parent_saga_id: Some(saga.saga_id.to_string()),
        status,
        ..SagaQuery::newest(size)
    };
    Ok(reader.search(&query).await?)
}

async fn count(reader: &Reader, saga: &SagaState, status: SagaStatus) -> Result<Total, ApiError> {
    Ok(children(reader, saga, Some(status), 1).await?.total)
}
