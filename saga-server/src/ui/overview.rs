//! `/`: what needs somebody first, then how things went.

use askama::Template;
use axum::{Extension, extract::State};
use saga_types::{SagaStatus, Timestamp};

use super::{
    page::{Badge, Frame, Page, Section},
    row::Row,
    words::number,
};
use crate::{
    auth::Caller,
    rest::{ApiError, AppState, Params},
    store::SagaQuery,
};

/// How many sagas that need somebody are shown.
const SHOWN: u32 = 10;

#[derive(Template)]
#[template(path = "overview.html")]
pub(super) struct OverviewTemplate {
    frame: Frame,
    stuck: Vec<Row>,
    stuck_count: String,
    owing_count: String,
    is_calm: bool,
    is_empty: bool,
    counts: Vec<Count>,
}

struct Count {
    badge: Badge,
    count: String,
    path: String,
}

pub(super) async fn page(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    params: Params,
) -> Result<Page<OverviewTemplate>, ApiError> {
    params.finish()?;
    let now = Timestamp::now();
    let freshness = state.freshness();
    // Lag must never look like sagas that are stuck.
    let judged_at = freshness.judged_at(now);
    let attention = state.ask("attention", state.store.attention(judged_at)).await?;
    let late = SagaQuery {
        stuck: Some((true, judged_at)),
        ..SagaQuery::newest(SHOWN)
    };
    let late = state.ask("search", state.store.search(&late)).await?;
    let counts = state
        .ask("count_by_status", state.store.count_by_status())
        .await?;
    Ok(Page(OverviewTemplate {
        frame: Frame::new(Section::Overview, "Overview", &caller, Some(&freshness)).with_live(String::new()),
        stuck: late
            .sagas
            .into_iter()
            .map(|saga| Row::new(state.redaction.saga(saga), now))
            .collect(),
        stuck_count: number(attention.stuck),
        owing_count: number(attention.owing),
        is_calm: attention.stuck == 0 && attention.owing == 0,
        is_empty: counts.iter().all(|(_, count)| *count == 0),
        counts: counts.map(count).into(),
    }))
}

fn count((status, count): (SagaStatus, u64)) -> Count {
    Count {
        badge: status.into(),
        count: number(count),
        path: format!("/sagas?status={status}"),
    }
}
