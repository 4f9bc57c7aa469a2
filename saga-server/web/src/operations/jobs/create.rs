//! Jobs created once for each request, stopped, and taken back.

use saga_store::{Creation, Job, JobAction, NewJob, RequestKeys, Reversion};
use saga_types::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    order::{JobOrder, RevertOrder, hash_text},
    preview::is_as_previewed,
    selection::{SagaFilter, select},
};
use crate::{auth::Caller, http::ApiError, operations::Permit, scoped::Reader};

const KEY_REUSED: &str = "the preview token or Idempotency-Key was used before for something else";

/// Creates a job, unless the same request came before; and says whether it is new.
pub(crate) async fn create(
    reader: &Reader,
    caller: &Caller,
    order: &JobOrder,
    key: Option<String>,
    saga_filter: SagaFilter,
) -> Result<(Job, bool), ApiError> {
    let keys = RequestKeys {
        actor: caller.name.clone(),
        token: order.token.clone(),
        key,
    };
    let request = order.hash();
    // What is selected has changed by the job itself, so that it is looked for first.
    if let Some(known) = reader.job_of_request(&keys).await? {
        return match known.request == request {
            true => Ok((known, false)),
            false => Err(ApiError::conflict(KEY_REUSED)),
        };
    }
    let items = select(reader, order, saga_filter).await?.items;
    if !order.even_if_changed && !is_as_previewed(order, &items) {
        return Err(ApiError::conflict(
            "what is selected has changed since the preview; preview it again, or send evenIfChanged",
        ));
    }
    if items.is_empty() {
        return Err(ApiError::conflict("nothing is selected"));
    }
    let job = NewJob {
        action: order.action,
        target: order.status.map(|status| status.as_str().to_owned()),
        actor: caller.actor(),
        scope: caller.scope.clone(),
        note: order.note.clone(),
        care: order.care(caller, reader.judged().late_before),
        selection: order.selection(),
        keys,
        request,
        at: Timestamp::now(),
        items,
    };
    match reader.create_job(&Permit::new(), &job).await? {
        Creation::Created(job) => {
            tracing::info!(
                job = job.id,
                actor = caller.name,
                action = job.action.as_str(),
                items = job.items,
                "a job was created"
            );
            Ok((job, true))
        }
        Creation::Known(job) => Ok((job, false)),
        Creation::KeyReused => Err(ApiError::conflict(KEY_REUSED)),
    }
}

/// Creates the job that takes another one back; and says whether it is new.
pub(crate) async fn revert(
    reader: &Reader,
    caller: &Caller,
    id: i64,
    order: &RevertOrder,
    key: Option<String>,
) -> Result<(Job, bool), ApiError> {
    let asked = json!(["revert", id, order.note]).to_string();
    let job = NewJob {
        // That of the other job decides.
        action: JobAction::Correct,
        target: None,
        actor: caller.actor(),
        scope: caller.scope.clone(),
        note: order.note.clone(),
        care: None,
        selection: json!({ "jobId": id }).to_string(),
        keys: RequestKeys {
            actor: caller.name.clone(),
            token: None,
            key,
        },
        request: hash_text(&Sha256::digest(asked.as_bytes())),
        at: Timestamp::now(),
        items: Vec::new(),
    };
    let conflict = |message: String| Err(ApiError::conflict(message));
    match reader.revert_job(&Permit::new(), id, &job).await? {
        Reversion::Created(job) => {
            tracing::info!(
                job = job.id,
                reverts = id,
                actor = caller.name,
                "a job is reverted"
            );
            Ok((job, true))
        }
        Reversion::Known(job) => Ok((job, false)),
        Reversion::KeyReused => conflict(KEY_REUSED.to_owned()),
        Reversion::NotFound => Err(no_job(id)),
        Reversion::NotEnded => conflict(format!("job {id} has not ended; stop it first")),
        Reversion::Irreversible => conflict(format!(
            "job {id} cannot be taken back: events that are stored stay, and acknowledgements are withdrawn one by one"
        )),
        Reversion::Reverting(other) => conflict(format!("job {other} is reverting job {id}")),
        Reversion::NothingLeft => conflict(format!("job {id} changed nothing that was not reverted since")),
    }
}

/// Ends a job, at once or after the items in hand. One that has ended stays as it is.
pub(crate) async fn stop(reader: &Reader, caller: &Caller, id: i64) -> Result<Job, ApiError> {
    let stopped = reader.stop_job(&Permit::new(), id, &caller.actor()).await?;
    stopped.ok_or_else(|| no_job(id))
}

/// Also where the caller may not see it.
pub(crate) fn no_job(id: i64) -> ApiError {
    ApiError::not_found(format!("there is no job {id}"))
}
