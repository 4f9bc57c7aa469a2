//! One saga or order, answered from the archive.
//!
//! The indexes of days name the few batches that may have it, bloom filters and statistics the row groups.
//!
//! Rule of thumb: what cannot be read is an error and never "there is none".

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use saga_store::{Position, StepPage, StoredStep, erased_at};
use saga_types::{Metadata, SagaEvent, Timestamp, definition::Definitions, fold, fold::SagaState};
use tokio::sync::Semaphore;

use super::{
    Archive, ArchiveError,
    days::{Candidates, Days},
    files::{Files, Table},
    index::Sought,
    parquet_read::Footer,
    tables::{self, ORDER_ID, OTHER_ORDER_IDS, RECORDED_AT, SAGA_ID, SagaRow},
};

/// The longest time for an answer, the wait for a place included.
const WITHIN: Duration = Duration::from_secs(10);

/// How many answers are read at once.
const AT_ONCE: usize = 8;

/// How many batches that may have sagas of an order are read at once.
const BATCHES_AT_ONCE: usize = 4;

/// A saga of the archive.
#[derive(Debug, Clone, PartialEq)]
pub struct ArchivedSaga {
    /// Its final state.
    pub state: SagaState,
    /// The folder of its batch.
    pub folder: String,
}

/// Looks sagas up. Cheap to clone.
#[derive(Clone)]
pub struct Lookup(Arc<Shared>);

struct Shared {
    archive: Archive,
    days: Days,
    files: Files,
    places: Semaphore,
}

impl Lookup {
    /// In an archive.
    #[must_use]
    pub fn new(archive: Archive) -> Self {
        Self(Arc::new(Shared {
            files: Files::new(archive.clone()),
            days: Days::new(archive.clone()),
            archive,
            places: Semaphore::new(AT_ONCE),
        }))
    }

    /// The saga of an id, if the archive has it: in the batch of this folder, if that is known, or in whichever has it.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`] when the archive does not answer in time, or a file of it is missing or damaged.
    pub async fn saga(
        &self,
        saga_id: &str,
        folder: Option<&str>,
    ) -> Result<Option<ArchivedSaga>, ArchiveError> {
        self.in_time(self.0.saga(saga_id, folder)).await
    }

    /// So many sagas of an order at most that are wanted, those that started last first, and whether there are no others. Sagas
    /// that are not wanted count for nothing.
    ///
    /// # Errors
    ///
    /// As for [`Self::saga`].
    pub async fn of_order(
        &self,
        order_id: &str,
        most: usize,
        is_wanted: impl Fn(&SagaState) -> bool + Send,
    ) -> Result<(Vec<ArchivedSaga>, bool), ArchiveError> {
        self.in_time(self.0.of_order(order_id, most, is_wanted)).await
    }

    /// Whether the archive answers, as it is asked for a saga that it does not have.
    ///
    /// # Errors
    ///
    /// As for [`Self::saga`].
    pub async fn answers(&self) -> Result<(), ArchiveError> {
        self.in_time(async { self.0.days.candidates(Sought::Saga("")).await.map(drop) })
            .await
    }

    /// A page of the steps of a saga.
    ///
    /// # Errors
    ///
    /// As for [`Self::saga`].
    pub async fn steps(
        &self,
        saga: &ArchivedSaga,
        after: Option<&Position>,
        limit: u32,
    ) -> Result<StepPage, ArchiveError> {
        let (limit, after) = (limit as usize, after.cloned());
        let from = after.as_ref().map(|after| after.recorded_at);
        let wanted = move |event: &SagaEvent| {
            let place = (event.recorded_at, event.event_id.as_str());
            let after = after.as_ref();
            after.is_none_or(|after| place > (after.recorded_at, after.event_id.as_str()))
        };
        let reading = self.0.steps(saga, from, wanted, limit.saturating_add(1));
        let mut steps = self.in_time(reading).await?;
        let has_more = steps.len() > limit;
        steps.truncate(limit);
        Ok(StepPage { steps, has_more })
    }

    /// The saga as the events recorded up to a moment (inclusive) give it.
    ///
    /// # Errors
    ///
    /// As for [`Self::saga`].
    pub async fn as_of(
        &self,
        saga: &ArchivedSaga,
        moment: Timestamp,
        definitions: &Definitions,
    ) -> Result<Option<SagaState>, ArchiveError> {
        let wanted = move |event: &SagaEvent| event.recorded_at <= moment;
        let reading = self.0.events(saga, None, wanted, usize::MAX);
        let events = self.in_time(reading).await?;
        let events: Vec<SagaEvent> = events.into_iter().map(|(_, event)| event).collect();
        Ok(fold::fold(&events, definitions))
    }

    async fn in_time<T>(
        &self,
        asking: impl Future<Output = Result<T, ArchiveError>>,
    ) -> Result<T, ArchiveError> {
        let answering = async {
            // The semaphore is never closed, so this cannot fail.
            let _place = self.0.places.acquire().await;
            asking.await
        };
        let answer = tokio::time::timeout(WITHIN, answering).await;
        answer.unwrap_or(Err(ArchiveError::Slow(WITHIN)))
    }
}

impl Shared {
    async fn saga(&self, saga_id: &str, folder: Option<&str>) -> Result<Option<ArchivedSaga>, ArchiveError> {
        let folders = match folder {
            Some(folder) => vec![folder.to_owned()],
            None => self.days.candidates(Sought::Saga(saga_id)).await?.folders,
        };
        let mut found = BTreeMap::new();
        for in_folder in folders {
            let holds = |footer: &Footer, group| footer.may_hold(group, SAGA_ID, saga_id);
            let Some(opened) = self.files.open(&in_folder, Table::Sagas, holds).await? else {
                if folder.is_some() && self.archive.is_empty().await? {
                    let reason = "the archive has nothing at all: is this its folder or bucket?";
                    return Err(ArchiveError::file(in_folder, reason));
                }
                continue;
            };
            let path = opened.kept.path.clone();
            let id = saga_id.to_owned();
            let rows = opened.decode(move |opened| {
                opened.sagas(|opened, group| {
                    let ids = opened.texts(group, SAGA_ID)?;
                    Ok(ids
                        .iter()
                        .map(|other| other.as_deref() == Some(id.as_str()))
                        .collect())
                })
            });
            let rows = rows.await?;
            if rows.is_empty() && folder.is_some() {
                let reason = format!("saga {saga_id:?} should be in it, and is not");
                return Err(ArchiveError::file(path, reason));
            }
            longest(&mut found, rows, &in_folder);
        }
        Ok(found.into_values().next())
    }

    async fn of_order(
        &self,
        order_id: &str,
        most: usize,
        is_wanted: impl Fn(&SagaState) -> bool + Send,
    ) -> Result<(Vec<ArchivedSaga>, bool), ArchiveError> {
        let Candidates { folders, is_whole } = self.days.candidates(Sought::Order(order_id)).await?;
        let read = |folder: String| async move {
            let rows = self.of_order_in(&folder, order_id).await?;
            Ok::<_, ArchiveError>((rows, folder))
        };
        let folders = stream::iter(folders);
        let mut reading = folders.map(read).buffered(BATCHES_AT_ONCE);
        let mut found = BTreeMap::new();
        // One more says that there are others.
        while found.len() <= most
            && let Some((mut rows, folder)) = reading.try_next().await?
        {
            rows.retain(|row| is_wanted(&row.state));
            longest(&mut found, rows, &folder);
        }
        let is_all = found.len() <= most && is_whole;
        let mut found: Vec<ArchivedSaga> = found.into_values().collect();
        found.sort_by_key(|saga| std::cmp::Reverse(saga.state.started_at));
        found.truncate(most);
        Ok((found, is_all))
    }

    async fn of_order_in(&self, folder: &str, order_id: &str) -> Result<Vec<SagaRow>, ArchiveError> {
        let holds = |footer: &Footer, group| {
            Ok(footer.may_hold(group, ORDER_ID, order_id)? || footer.has_any(group, OTHER_ORDER_IDS))
        };
        let Some(opened) = self.files.open(folder, Table::Sagas, holds).await? else {
            return Ok(Vec::new());
        };
        let order_id = order_id.to_owned();
        let rows = opened.decode(move |opened| {
            let rows = opened.sagas(|opened, group| {
                let own = opened.texts(group, ORDER_ID)?;
                let others = opened.texts(group, OTHER_ORDER_IDS)?;
                let is_wanted = |(own, others): (&Option<String>, &Option<String>)| {
                    // Which others they are is looked at when the row is read.
                    own.as_deref() == Some(order_id.as_str()) || others.is_some()
                };
                Ok(own.iter().zip(&others).map(is_wanted).collect())
            })?;
            let is_of_order = |saga: &SagaRow| saga.orders().any(|order| order == order_id);
            Ok(rows.into_iter().filter(is_of_order).collect())
        });
        rows.await
    }

    async fn steps(
        &self,
        saga: &ArchivedSaga,
        from: Option<Timestamp>,
        wanted: impl Fn(&SagaEvent) -> bool + Send + 'static,
        most: usize,
    ) -> Result<Vec<StoredStep>, ArchiveError> {
        let events = self.events(saga, from, wanted, most).await?;
        Ok(events
            .into_iter()
            .map(|(place, event)| stored(place, event))
            .collect())
    }

    /// Events of a saga with their places in the file, in order; none before a moment, and no more than so many.
    async fn events(
        &self,
        saga: &ArchivedSaga,
        from: Option<Timestamp>,
        wanted: impl Fn(&SagaEvent) -> bool + Send + 'static,
        most: usize,
    ) -> Result<Vec<(i64, SagaEvent)>, ArchiveError> {
        let saga_id = saga.state.saga_id.clone();
        let holds = |footer: &Footer, group| {
            let last = footer.greatest(group, RECORDED_AT);
            let is_before = from.is_some_and(|from| last.is_some_and(|last| last < from.as_millis()));
            Ok(!is_before && footer.may_hold(group, SAGA_ID, saga_id.as_str())?)
        };
        let opened = self.files.open(&saga.folder, Table::Steps, holds).await?;
        let mut opened = opened
            .ok_or_else(|| ArchiveError::file(&saga.folder, "the batch was removed from the archive"))?;
        // All but the first and the last are full of this saga's events.
        opened
            .groups
            .truncate((most / tables::STEPS_OF_A_GROUP).saturating_add(3));
        let id = saga_id.clone();
        let events = opened.decode(move |opened| {
            let mut events = Vec::new();
            for group in opened.groups.iter().copied() {
                let ids = opened.texts(group, SAGA_ID)?;
                let is_of_saga = |other: &Option<String>| other.as_deref() == Some(id.as_str());
                let Some(first) = ids.iter().position(is_of_saga) else {
                    continue;
                };
                let count = ids[first..].iter().take_while(|other| is_of_saga(other)).count();
                let rows = opened
                    .kept
                    .footer
                    .rows(&opened.pieces, group, &(first..first + count))?;
                let before = opened.kept.footer.rows_before(group);
                for (place, row) in (before..).skip(first + 1).zip(rows) {
                    let event = tables::event(row)?;
                    if wanted(&event) {
                        events.push((place, event));
                    }
                    if events.len() >= most {
                        return Ok(events);
                    }
                }
            }
            Ok(events)
        });
        events.await
    }
}

/// Of a saga that is in several batches, the row with the most events counts.
fn longest(found: &mut BTreeMap<String, ArchivedSaga>, rows: Vec<SagaRow>, folder: &str) {
    for row in rows {
        let saga_id = row.state.saga_id.as_str().to_owned();
        let is_longer = found
            .get(&saga_id)
            .is_none_or(|known| known.state.step_count < row.state.step_count);
        if is_longer {
            let saga = ArchivedSaga {
                state: row.state,
                folder: folder.to_owned(),
            };
            found.insert(saga_id, saga);
        }
    }
}

/// When it was stored is not archived; it was not long after it was recorded.
fn stored(id: i64, event: SagaEvent) -> StoredStep {
    let metadata = event.metadata.as_ref();
    StoredStep {
        id,
        producer_service: metadata.and_then(Metadata::producer_service).map(str::to_owned),
        trace_id: metadata.and_then(Metadata::trace_id).map(str::to_owned),
        erased_at: metadata.and_then(erased_at),
        event_id: event.event_id,
        step: event.step,
        status: event.status,
        metadata: event.metadata,
        saga_type: event.saga_type,
        order_id: event.order_id,
        recorded_at: event.recorded_at,
        stored_at: event.recorded_at,
    }
}
