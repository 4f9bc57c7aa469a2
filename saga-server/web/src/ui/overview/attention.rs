//! What needs somebody: who, since when, and how late.

use saga_types::fold::SagaState;

use crate::{
    auth::{Caller, Role},
    http::ApiError,
    state::AppState,
    ui::{
        humanize::{Clock, Moment, number, short},
        row::{Owed, overdue, owed},
        search::{encoded, saga_path},
    },
};
use saga_store::{Late, LateSagas, Total};

/// How many sagas of each kind are shown.
const SHOWN: u32 = 5;

pub(super) struct Attention {
    pub(super) stuck: Vec<Stuck>,
    pub(super) stuck_count: String,
    pub(super) more_stuck: bool,
    pub(super) owing: Vec<Owing>,
    pub(super) owing_count: String,
    pub(super) more_owing: bool,
    pub(super) letters: Option<String>,
    /// Whether the caller may look at dead letters.
    pub(super) may_see_letters: bool,
}

/// A saga that is named.
pub(super) struct Named {
    pub(super) saga_id: String,
    pub(super) short_id: String,
    pub(super) path: String,
    pub(super) order_id: String,
    pub(super) short_order: String,
    pub(super) order_path: String,
    pub(super) saga_type: String,
}

/// A saga past its limit.
pub(super) struct Stuck {
    pub(super) saga: Named,
    pub(super) late: String,
    pub(super) step: String,
    pub(super) owner: String,
    pub(super) since: Option<Moment>,
}

/// A saga that still has something to be undone.
pub(super) struct Owing {
    pub(super) saga: Named,
    pub(super) effects: Vec<Owed>,
    pub(super) is_overdue: bool,
}

impl Attention {
    /// Asks what needs somebody at this moment.
    pub(super) async fn asked(state: &AppState, caller: &Caller, clock: Clock) -> Result<Self, ApiError> {
        let store = &state.store;
        let stuck = state.ask("stuck", store.late_sagas(Late::Stuck, clock.judged_at, SHOWN));
        // Those that are not overdue yet are owed too.
        let owing = state.ask(
            "owing",
            store.late_sagas(Late::Owing, saga_types::Timestamp::MAX, SHOWN),
        );
        let letters = state.ask("letters_waiting", store.letters_waiting());
        let (stuck, owing, letters) = tokio::try_join!(stuck, owing, letters)?;
        let overdue_after = state.watch.compensation_overdue_after;
        let due = saga_collector::maintenance::due(Late::Owing, clock.judged_at, overdue_after);
        Ok(Self {
            stuck_count: counted(stuck.total),
            more_stuck: has_more(&stuck),
            owing_count: counted(owing.total),
            more_owing: has_more(&owing),
            stuck: stuck
                .sagas
                .into_iter()
                .map(|saga| Stuck::of(&saga, clock))
                .collect(),
            owing: owing
                .sagas
                .into_iter()
                .map(|saga| Owing {
                    effects: owed(&saga, clock),
                    is_overdue: Late::Owing.late_ms(&saga, due).is_some(),
                    saga: Named::of(&saga),
                })
                .collect(),
            letters: (letters > 0).then(|| number(letters)),
            may_see_letters: caller.role >= Role::Operator,
        })
    }

    pub(super) fn is_calm(&self) -> bool {
        self.stuck.is_empty() && self.owing.is_empty() && self.letters.is_none()
    }
}

fn counted(total: Total) -> String {
    let more = if total.is_exact { "" } else { "more than " };
    format!("{more}{}", number(total.count))
}

fn has_more(late: &LateSagas) -> bool {
    late.total.count > late.sagas.len() as u64
}

impl Named {
    fn of(saga: &SagaState) -> Self {
        Self {
            saga_id: saga.saga_id.to_string(),
            short_id: short(&saga.saga_id),
            path: saga_path(&saga.saga_id),
            order_id: saga.order_id.to_string(),
            short_order: short(&saga.order_id),
            order_path: format!("/sagas?orderId={}", encoded(&saga.order_id)),
            saga_type: saga.saga_type.to_string(),
        }
    }
}

impl Stuck {
    fn of(saga: &SagaState, clock: Clock) -> Self {
        let awaited = saga.most_urgent();
        Self {
            late: overdue(saga, clock).unwrap_or_else(|| "0 s".to_owned()),
            step: awaited.map_or_else(|| saga.last_step.to_string(), |awaited| awaited.step.to_string()),
            owner: awaited.map_or("", |awaited| awaited.owner()).to_owned(),
            since: awaited.map(|awaited| Moment::new(awaited.since, clock.now)),
            saga: Named::of(saga),
        }
    }
}
