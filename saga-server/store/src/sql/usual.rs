//! What is usual: learnt from stored folds, kept (`usual_rows`), and used to find sagas that are stuck without a limit
//! (`suspects`).

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use saga_types::{SagaType, Timestamp, fold::Waits};

use super::{
    Adapter, error, standstills, statistics, suspects, usual_rows,
    waits::{LEARNT_FROM, waits_of},
};
use crate::{
    CurrentUsual, Marked, Span, Standstill, StatisticsQuery, StoreError, Usual, UsualStore, Width,
    deadline::in_time,
    rollup::CountsByType,
    usual::{Observed, merged},
};

/// Sagas may have started so long before they ended.
const LONGEST: Duration = Duration::from_hours(30 * 24);

/// About so many sagas of a type are looked at.
const SAGAS: u32 = 10_000;

#[async_trait]
impl UsualStore for Adapter {
    fn usual(&self) -> &CurrentUsual {
        &self.usual
    }

    async fn learn_usual(&self, moment: Timestamp) -> Result<(), StoreError> {
        let since = moment.saturating_sub(LEARNT_FROM);
        let mut usual = Usual::default();
        for (saga_type, longest) in types(self, moment).await? {
            let span = Span::between(since.saturating_sub(longest), moment, Width::Day);
            let mut observed = Observed::default();
            let is_defined = self.definitions.get().get(&saga_type).is_some();
            let ended = |waits: &Waits| {
                waits
                    .ended_at
                    .is_some_and(|ended_at| since <= ended_at && ended_at <= moment)
            };
            waits_of(self, &saga_type, &span, SAGAS, |waits| {
                if ended(&waits) {
                    observed.add(&waits);
                } else if !is_defined && since <= waits.started_at {
                    observed.stands(&waits, moment);
                }
            })
            .await?;
            usual.types.insert(saga_type, observed.finish());
        }
        usual_rows::keep(self, &usual, moment).await?;
        self.usual.replace(usual);
        Ok(())
    }

    async fn load_usual(&self) -> Result<(), StoreError> {
        self.usual.replace(usual_rows::read(&self.readers).await?);
        Ok(())
    }

    async fn mark_unusual(&self, moment: Timestamp) -> Result<Marked, StoreError> {
        in_time(async {
            let marked = mark_all(self, moment).await?;
            standstills::keep(self, &marked.standstills).await?;
            Ok(marked)
        })
        .await
    }

    async fn standstills(&self) -> Result<Vec<Standstill>, StoreError> {
        in_time(standstills::read(&self.readers)).await
    }
}

async fn mark_all(store: &Adapter, moment: Timestamp) -> Result<Marked, StoreError> {
    if store.usual.get().types.is_empty() {
        // A collector that started just now has learnt nothing yet, and must not report that there is no standstill.
        store.load_usual().await?;
    }
    let usual = store.usual.get();
    let mut marked = Marked::default();
    let mut unfinished = BTreeMap::new();
    for (saga_type, usual) in &usual.types {
        let mut round = store.rounds.take(saga_type);
        marked.sagas += suspects::mark_all(store, (saga_type, usual), moment, &mut round).await?;
        let standstills = round.tally.standstills(saga_type);
        if round.place.is_none() {
            marked.standstills.extend(standstills);
        } else {
            unfinished.insert(saga_type, standstills.collect());
            store.rounds.put(saga_type, round);
        }
    }
    if !unfinished.is_empty() {
        let before = standstills::read(&store.readers).await?;
        marked.standstills.extend(merged(before, &unfinished));
    }
    Ok(marked)
}

/// The types of which sagas started lately, each with how long 99 of 100 take.
async fn types(store: &Adapter, moment: Timestamp) -> Result<Vec<(SagaType, Duration)>, StoreError> {
    let query = StatisticsQuery {
        from: Some(moment.saturating_sub(LEARNT_FROM).saturating_sub(LONGEST)),
        to: Some(moment),
        ..StatisticsQuery::default()
    };
    let mut connection = store.readers.acquire().await.map_err(error::store)?;
    let mut counts = CountsByType::default();
    for row in statistics::counted(&mut connection, &query).await? {
        counts.add(row)?;
    }
    let longest =
        |seconds: [f64; 3]| Duration::try_from_secs_f64(seconds[2]).map_or(LONGEST, |p99| p99.min(LONGEST));
    let types = counts.finish()?.into_iter().map(|(saga_type, statistics)| {
        let longest = statistics.percentile_seconds.map_or(Duration::ZERO, longest);
        (saga_type, longest)
    });
    Ok(types.collect())
}
