//! What is usual for what a saga waits for, when it will probably have ended, and by what it is stuck.

use saga_types::{Step, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use saga_store::{Late, StoredSaga, UsualWait};

/// What other sagas of the type say of one that goes on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Expected {
    /// For each entry of awaiting, in the same order.
    waits: Vec<ExpectedWait>,
    /// When it will probably have ended; null when too few sagas ended lately, or when it waits longer than is known of.
    end: Option<ExpectedEnd>,
    /// Null while it is not stuck.
    stuck: Option<Stuck>,
}

/// What is usual for an entry of awaiting.
#[derive(Debug, Serialize, ToSchema)]
struct ExpectedWait {
    step: Step,
    /// The step that was done last of those right before it.
    after: Option<Step>,
    /// Null on fewer than 200 observations.
    usual: Option<Usual>,
}

/// How long sagas that completed in the last seven days waited for the step, in milliseconds.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Usual {
    observations: u64,
    p50_ms: i64,
    p95_ms: i64,
    p999_ms: i64,
    /// A saga that has no limit and waits longer is stuck, unless others of the same time are slower than usual, too.
    never_ms: Option<i64>,
}

/// When a saga will probably have ended, whatever its outcome.
#[derive(Debug, Serialize, ToSchema)]
struct ExpectedEnd {
    /// As likely before as after; null when that is over.
    p50: Option<Timestamp>,
    /// In 90 of 100 cases before.
    p90: Timestamp,
}

/// By what a saga is stuck, and since when.
#[derive(Debug, Serialize, ToSchema)]
struct Stuck {
    by: StuckBy,
    since: Timestamp,
}

/// By what a saga is stuck.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum StuckBy {
    /// It is past a limit of its definition.
    Limit,
    /// It has no limit, and waits longer than others ever did.
    Usual,
}

impl Expected {
    /// As of the moment up to which everything is stored; none of a saga that awaits no step of its path.
    pub(super) fn of(usual: &saga_store::Usual, saga: &StoredSaga, judged_at: Timestamp) -> Option<Self> {
        if saga.current_status.is_terminal() {
            return None;
        }
        let waits = saga.open_waits().map(|wait| ExpectedWait {
            step: wait.awaiting.step.clone(),
            after: wait.after.cloned(),
            usual: usual.wait(&saga.saga_type, wait).map(Usual::from),
        });
        let by = match saga.unusual_since {
            Some(_) => StuckBy::Usual,
            None => StuckBy::Limit,
        };
        let since = Late::Stuck.due(saga).filter(|since| *since < judged_at);
        Some(Self {
            waits: waits.collect(),
            end: usual.end(saga, judged_at).map(|end| ExpectedEnd {
                p50: end.p50,
                p90: end.p90,
            }),
            stuck: since.map(|since| Stuck { by, since }),
        })
    }
}

impl From<&UsualWait> for Usual {
    fn from(wait: &UsualWait) -> Self {
        Self {
            observations: wait.observations,
            p50_ms: wait.p50_ms,
            p95_ms: wait.p95_ms,
            p999_ms: wait.p999_ms,
            never_ms: wait.never_ms(),
        }
    }
}
