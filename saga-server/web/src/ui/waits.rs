//! Flows of a type in a period and in the one that it is compared with, and how long sagas waited for a step in both.

use std::{cmp::Reverse, collections::BTreeMap};

use futures_util::TryFutureExt;
use saga_store::{Flow, FlowQuery, Scope, Statistics, StepRow};
use saga_types::SagaType;

use super::{
    change::{Change, Compared},
    humanize::{length, precise_count},
    period::Period,
};
use crate::{http::ApiError, scoped::Reader};

/// Of about so many sagas.
pub(super) fn query(saga_type: &SagaType, period: &Period, most: u32) -> FlowQuery {
    FlowQuery {
        scope: Scope::All,
        saga_type: saga_type.clone(),
        span: period.span(),
        service_version: None,
        most,
        of: None,
    }
}

/// The flow of about so many sagas of each period.
pub(super) async fn flows(
    reader: &Reader,
    saga_type: &SagaType,
    period: &Period,
    most: u32,
) -> Result<(Flow, Option<Flow>), ApiError> {
    let now = query(saga_type, period, most);
    let before = period.before();
    let before = before.map(|before| query(saga_type, &before, most));
    let flow = reader.flow(&now).map_err(ApiError::from);
    let before = async {
        match &before {
            Some(before) => Ok(Some(reader.flow(before).await?)),
            None => Ok::<_, ApiError>(None),
        }
    };
    let (flow, before) = tokio::try_join!(flow, before)?;
    // There is nothing to compare with a period in which nothing started.
    Ok((flow, before.filter(|before| before.sample.sagas > 0)))
}

/// Of so many types at most, the most frequent first.
pub(super) fn most_frequent(by_type: &BTreeMap<SagaType, Statistics>, most: usize) -> Vec<SagaType> {
    let mut types: Vec<_> = by_type.iter().collect();
    types.sort_by_key(|(_, statistics)| Reverse(statistics.total));
    let types = types.into_iter().take(most);
    types.map(|(saga_type, _)| saga_type.clone()).collect()
}

/// The wait that 95 of 100 sagas did not exceed.
pub(super) fn p95(row: &StepRow, before: Option<&StepRow>) -> Compared {
    let now = row.wait.map(|wait| wait.p95_ms);
    let earlier = before.and_then(|before| Some((before.wait?.p95_ms, before.sagas)));
    let precise = |ms: i64| precise_count(ms.max(0).cast_unsigned());
    let change = now.zip(earlier).map(|(now, (before, sagas))| {
        Change::of_durations((precise(now), row.sagas), (precise(before), sagas))
    });
    Compared {
        now: now.map_or_else(|| "–".to_owned(), length),
        before: earlier.map(|(before, _)| length(before)),
        change: change.unwrap_or(Change::Unclear),
    }
}
