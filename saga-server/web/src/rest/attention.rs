//! `GET /api/v1/attention`: what somebody should look at now.

use std::collections::BTreeMap;

use axum::Json;
use saga_types::{SagaId, Timestamp, fold::SagaState};
use serde::Serialize;
use utoipa::ToSchema;

use super::{expected::Expected, sagas};
use crate::{
    acknowledgements::{AcknowledgementView, of_sagas},
    http::{
        ApiError,
        params::{up_to, yes_or_no},
        query_string::Params,
    },
    late_groups::{ActionGroup, late_groups},
    scoped::Reader,
    standstills::{StandstillView, standstills},
};
use saga_collector::{freshness::Freshness, list_entry::list_entry, maintenance};
use saga_store::{Late, LateSagas};

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attention {
    /// Sagas past a limit of their definition, or, without one, waiting longer than others ever did.
    stuck: LateList,
    /// Failed sagas with pending compensations, overdue or not yet.
    owing: LateList,
    /// What no saga is stuck by, since others make no progress either, or progress as slowly: an outage, or all of them are slower. The one with the
    /// most sagas first.
    standstills: Vec<StandstillView>,
    /// How long a compensation may be owed until it is overdue.
    compensation_overdue_after_seconds: u64,
    /// As of which moment it is judged what is late.
    judged_at: Timestamp,
    freshness: Freshness,
}

/// Sagas that are late, those that are latest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LateList {
    total: u64,
    /// Whether there are no more than `total`.
    total_is_exact: bool,
    /// The same sagas by cause, owner and type, the largest group first.
    groups: Vec<ActionGroup>,
    sagas: Vec<LateSaga>,
}

/// A saga that is late with what it awaits.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LateSaga {
    #[serde(flatten)]
    state: SagaState,
    /// For how long it has been late, in milliseconds; 0 while its compensation is not overdue.
    late_ms: i64,
    /// What is usual for what it waits for, and by what it is stuck; null when it has failed.
    expected: Option<Expected>,
    /// Who takes care of it; null when nobody does.
    acknowledgement: Option<AcknowledgementView>,
}

/// What somebody should look at now
///
/// Sagas that are late, those that are latest first.
#[utoipa::path(
    get, path = "/api/v1/attention", operation_id = "attention", tag = "sagas",
    params(
        ("size" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many sagas of each kind; 20 if not given"),
        ("acknowledged" = Option<bool>, Query, description = "Only sagas of which somebody takes care and which did not become worse since, or only the others"),
    ),
    responses((status = 200, description = "What is late", body = Attention))
)]
pub(super) async fn needed(reader: Reader, mut params: Params) -> Result<Json<Attention>, ApiError> {
    let size = params
        .parsed("size", up_to(sagas::MAX_SIZE))
        .unwrap_or(sagas::DEFAULT_SIZE);
    let acknowledged = params.parsed("acknowledged", yes_or_no);
    params.finish()?;
    let freshness = reader.freshness();
    let judged_at = freshness.judged_at(Timestamp::now());
    let stuck = reader
        .late_sagas(Late::Stuck, judged_at, size, acknowledged)
        .await?;
    // Those that are not overdue yet are owed too.
    let owing = reader
        .late_sagas(Late::Owing, Timestamp::MAX, size, acknowledged)
        .await?;
    let stuck_groups = late_groups(&reader, Late::Stuck, judged_at, acknowledged).await?;
    let owing_groups = late_groups(&reader, Late::Owing, judged_at, acknowledged).await?;
    let all = stuck.sagas.iter().chain(&owing.sagas);
    let acknowledgements = of_sagas(&reader, all).await?;
    let overdue_after = reader.watch.compensation_overdue_after;
    Ok(Json(Attention {
        stuck: list(
            &reader,
            Late::Stuck,
            stuck,
            stuck_groups,
            judged_at,
            &acknowledgements,
        ),
        owing: list(
            &reader,
            Late::Owing,
            owing,
            owing_groups,
            maintenance::due(Late::Owing, judged_at, overdue_after),
            &acknowledgements,
        ),
        standstills: standstills(&reader).await?,
        compensation_overdue_after_seconds: overdue_after.as_secs(),
        judged_at,
        freshness,
    }))
}

/// What was due before the moment is late.
fn list(
    reader: &Reader,
    late: Late,
    found: LateSagas,
    groups: Vec<ActionGroup>,
    moment: Timestamp,
    acknowledgements: &BTreeMap<SagaId, AcknowledgementView>,
) -> LateList {
    let sagas = found.sagas.into_iter().map(|saga| LateSaga {
        late_ms: late.late_ms(&saga, moment).unwrap_or(0),
        expected: Expected::of(&reader.usual(), &saga, moment),
        acknowledgement: acknowledgements.get(&saga.saga_id).cloned(),
        state: list_entry(reader.redaction.saga(saga.state)),
    });
    LateList {
        groups,
        sagas: sagas.collect(),
        total: found.total.count,
        total_is_exact: found.total.is_exact,
    }
}
