//! Flows of several types in a period and in the one that it is compared with, and how long sagas waited for a step in both.

use std::{cmp::Reverse, collections::BTreeMap};

use saga_store::{Flow, FlowsQuery, Sample, Scope, StepRow, StoreError};
use saga_types::SagaType;

use super::{
    change::{Change, Compared},
    humanize::{length, number, precise_count},
    period::Period,
};
use crate::{http::ApiError, scoped::Reader};

/// Flows by type: in a period, and in the one that it is compared with.
pub(super) struct Flows {
    now: BTreeMap<SagaType, Flow>,
    before: Option<BTreeMap<SagaType, Flow>>,
}

impl Flows {
    /// Of about so many sagas of each period; with a service, of what it recorded.
    pub(super) async fn of(
        reader: &Reader,
        types: &[SagaType],
        service: Option<&str>,
        period: &Period,
        most: u32,
    ) -> Result<Self, ApiError> {
        let query = |period: &Period| FlowsQuery {
            scope: Scope::All,
            types: types.to_vec(),
            service: service.map(str::to_owned),
            span: period.span(),
            most,
        };
        let now = query(period);
        let before = period.before().map(|before| query(&before));
        let now = reader.flows(&now);
        let before = async {
            match &before {
                Some(before) => Ok(Some(reader.flows(before).await?)),
                None => Ok::<_, StoreError>(None),
            }
        };
        let (now, before) = tokio::try_join!(now, before)?;
        Ok(Self { now, before })
    }

    /// The flow of a type, and the one before; there is nothing to compare with a period in which nothing started.
    pub(super) fn get(&self, saga_type: &SagaType) -> Option<(&Flow, Option<&Flow>)> {
        let before = self.before.as_ref().and_then(|before| before.get(saga_type));
        Some((self.now.get(saga_type)?, before))
    }
}

/// Of so many types at most, the most frequent first.
pub(super) fn most_frequent<'a>(
    by_type: impl Iterator<Item = (&'a SagaType, u64)>,
    most: usize,
) -> Vec<SagaType> {
    let mut types: Vec<_> = by_type.collect();
    types.sort_by_key(|(_, sagas)| Reverse(*sagas));
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

/// How many sagas of all have what so many of the sample have.
pub(super) fn estimated(sagas: u64, sample: &Sample) -> String {
    let of = number(sample.part(sagas).of);
    match sample.is_all() {
        true => of,
        false => format!("about {of}"),
    }
}
