//! `GET /api/v1/sagas/{sagaId}`: one saga, now or as of a moment.

use axum::Json;
use saga_types::{SagaId, Timestamp, fold::SagaState};
use serde::Serialize;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use super::expected::Expected;
use crate::{
    acknowledgements::{AcknowledgementView, of_saga},
    family::Family,
    http::{
        ApiError,
        date_range::Moment,
        params::PathSagaId,
        query_string::{Params, to_end},
    },
    scoped::{InArchive, NoSaga, Reader, Shown},
};
use saga_collector::freshness::Freshness;

/// A saga of very many events takes a processor and much memory to fold, so only this many are folded at a time; others
/// wait in line.
static FOLDS: Semaphore = Semaphore::const_new(2);

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Saga {
    #[serde(flatten)]
    state: SagaState,
    /// Where it is when it has left the database; null while it is there.
    archived: Option<InArchive>,
    /// When a person's data was erased from the metadata of its events last; null when never.
    metadata_erased_at: Option<Timestamp>,
    /// What it is a part of, and its parts, as they are now; null when it is no part and has none, and with `asOf`.
    family: Option<Family>,
    /// What is usual for what it waits for, and when it will probably have ended; null when it has ended or is archived, and with
    /// `asOf`.
    expected: Option<Expected>,
    /// Who takes care of it; null when nobody does, and with `asOf`.
    acknowledgement: Option<AcknowledgementView>,
    freshness: Freshness,
}

/// One saga, now or as of a moment
///
/// Also one that left the database for the archive.
#[utoipa::path(
    get, path = "/api/v1/sagas/{sagaId}", operation_id = "saga", tag = "sagas",
    params(
        PathSagaId,
        ("asOf" = Option<Moment>, Query, description = "Count only events recorded up to here; a date is taken to its end"),
    ),
    responses(
        (status = 200, description = "The saga", body = Saga),
        (status = 404, description = "There is no such saga, there was none at that moment, or it left the database and is in no archive"),
        (status = 503, description = "It is not in the database, and the archive does not answer"),
    )
)]
pub(super) async fn detail(
    reader: Reader,
    PathSagaId(saga_id): PathSagaId,
    mut params: Params,
) -> Result<Json<Saga>, ApiError> {
    let as_of = params.parsed("asOf", to_end);
    params.finish()?;
    // Asked first: what comes in between makes the answer fresher than it says.
    let freshness = reader.freshness();
    let judged_at = freshness.judged_at(Timestamp::now());
    let (found, family, expected) = match as_of {
        None => {
            let found = reader.look_up(&saga_id).await?;
            let family = Family::of(&reader, &found.saga).await?;
            let expected = match found.archived {
                None => Expected::of(&reader.usual(), &found.saga, judged_at),
                Some(_) => None,
            };
            (found, Some(family).filter(|family| !family.is_empty()), expected)
        }
        Some(moment) => (saga_as_of(&reader, &saga_id, moment).await?, None, None),
    };
    let acknowledgement = match as_of {
        None => of_saga(&reader, &saga_id).await?,
        Some(_) => None,
    };
    let erased = reader.erased_at(&found).await?;
    Ok(Json(Saga {
        state: reader.redaction.saga(found.saga.state),
        archived: found.archived,
        metadata_erased_at: erased,
        family,
        expected,
        acknowledgement,
        freshness,
    }))
}

async fn saga_as_of(reader: &Reader, saga_id: &SagaId, moment: Timestamp) -> Result<Shown, ApiError> {
    let freshness = reader.freshness();
    let asking = async {
        // The semaphore is never closed, so this cannot fail.
        let _place = FOLDS.acquire().await;
        reader.look_up_as_of(saga_id, moment).await
    };
    let message = || format!("there is no event of saga {:?} up to {moment}", saga_id.as_str());
    match asking.await {
        Ok((Some(state), archived)) => Ok(Shown {
            saga: state.into(),
            archived,
        }),
        Ok((None, _)) => Err(ApiError::not_found_yet(message(), &freshness)),
        Err(NoSaga::Unknown(_, freshness)) => Err(ApiError::not_found_yet(message(), &freshness)),
        Err(other) => Err(other.into()),
    }
}
