//! Replay: a letter is decoded again with the current schemas, rules and mappings, and its event is stored as ingest does it.
//!
//! Events are stored, letters marked and the log of operations written by one transaction.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use saga_types::{SagaId, SagaStatus, Timestamp};

use super::{
    DeadLetters, ReplayError, ReplayReport, ReplayStatus, Replayed,
    isolation::{Isolation, OthersFail, Ready, events},
};
use crate::{failure::write_once, ingest::rejection::Rejection, metrics::count_stored};
use saga_store::{
    Actor, AppendError, Appended, Conclude, Conclusion, JobStep, LetterQuery, LetterState, Named, SagaChange,
    StoredLetter,
};

/// How often a page may fail of which each event passes alone.
const UNEXPLAINED: u32 = 2;

impl From<OthersFail> for ReplayError {
    fn from(OthersFail(reason): OthersFail) -> Self {
        Self::Unanswered(reason)
    }
}

/// Which letters are replayed, and how.
#[derive(Debug, Clone)]
pub struct ReplayOrder {
    /// The letters. Those of a page are stored in one transaction.
    pub letters: LetterQuery,
    /// Whether the pages after the first are replayed as well.
    pub all_pages: bool,
    /// Who asks for it.
    pub by: Actor,
    /// Only say what would become of them.
    pub dry_run: bool,
}

/// Names of letters that were not found so far.
struct Unfound {
    ids: BTreeSet<i64>,
    event_ids: BTreeSet<String>,
}

impl Unfound {
    fn new(named: Option<&Named>) -> Self {
        let named = named.cloned().unwrap_or_default();
        Self {
            ids: named.ids.into_iter().collect(),
            event_ids: named.event_ids.into_iter().collect(),
        }
    }

    fn remove(&mut self, found: &[StoredLetter]) {
        for stored in found {
            self.ids.remove(&stored.id);
            if let Some(event_id) = &stored.letter.event_id {
                self.event_ids.remove(event_id);
            }
        }
    }

    fn results(self) -> impl Iterator<Item = Replayed> {
        let events = self.event_ids.into_iter();
        events
            .map(|id| Replayed::not_found(Some(id), None))
            .chain(self.ids.into_iter().map(|id| Replayed::not_found(None, Some(id))))
    }
}

impl DeadLetters {
    /// Replays the letters of an order, and says what became of each; REST, pages and the command line all call this. A
    /// dry run says what would become of each, and changes nothing.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] when the first page of letters could not be tried. Of a later one the report says it, beside what became of
    /// the pages before.
    pub async fn replay(&self, order: ReplayOrder) -> Result<ReplayReport, ReplayError> {
        let mut query = order.letters.clone();
        let mut unfound = Unfound::new(query.filter.named.as_ref());
        let mut results = Vec::new();
        let ended_by = loop {
            let is_first = query.after == order.letters.after;
            match self.next_page(&mut query, &order, &mut unfound).await {
                Ok(page) => results.extend(page),
                Err(error) if is_first => return Err(error),
                Err(error) => break Some(error),
            }
            if query.after.is_none() || !order.all_pages {
                results.extend(unfound.results());
                break None;
            }
        };
        Ok(ReplayReport::new(results, order.dry_run, query.after, ended_by))
    }

    /// Replays a page, and says where the next one begins.
    async fn next_page(
        &self,
        query: &mut LetterQuery,
        order: &ReplayOrder,
        unfound: &mut Unfound,
    ) -> Result<Vec<Replayed>, ReplayError> {
        let page = self.store.letters(query).await?;
        // Those that are left over would count as not found.
        if page.next.is_some() && query.filter.named.is_some() && !order.all_pages {
            return Err(ReplayError::TooMany(query.size));
        }
        unfound.remove(&page.letters);
        let replayed = self
            .replay_page(page.letters, &order.by, None, order.dry_run)
            .await?;
        query.after = page.next;
        Ok(replayed)
    }

    /// Replays letters of a job, in one transaction that also writes the results of their items.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] when they could not be tried. They and their events are then as they were.
    pub(crate) async fn replay_items(
        &self,
        letters: Vec<StoredLetter>,
        by: &Actor,
        step: StepOf,
    ) -> Result<Vec<Replayed>, ReplayError> {
        self.replay_page(letters, by, Some(step), false).await
    }

    /// All in one transaction.
    async fn replay_page(
        &self,
        letters: Vec<StoredLetter>,
        by: &Actor,
        step: Option<StepOf>,
        dry_run: bool,
    ) -> Result<Vec<Replayed>, ReplayError> {
        let (mut results, ready) = self.decode(&letters).await?;
        let page = Page { letters, by, step };
        let (ready, appended) = self.store_all(&page, ready, &mut results, dry_run).await?;
        conclude(&ready, &appended, &mut results);
        self.add_statuses(&appended, &mut results).await;
        if !dry_run {
            let new = appended.new.iter().map(|index| &ready[*index].event);
            count_stored(&self.metrics, new, &appended.changes);
            self.metrics
                .dead_letters
                .replayed
                .inc_by(appended.new.len() as u64);
        }
        Ok(results)
    }

    /// Reads the letters that wait. What cannot be read has its result already.
    async fn decode(&self, letters: &[StoredLetter]) -> Result<(Vec<Replayed>, Vec<Ready>), ReplayError> {
        let (events, away) = self.reader.lock().await.read(letters).await;
        if let Some(reason) = away {
            return Err(ReplayError::RegistryAway(reason));
        }
        let mut results = Vec::with_capacity(letters.len());
        let mut ready = Vec::new();
        for (place, (stored, event)) in letters.iter().zip(events).enumerate() {
            let mut result = match stored.state {
                LetterState::Dismissed => {
                    let message = "it was dismissed; restore it before it is replayed";
                    Replayed::of(stored, ReplayStatus::Dismissed, Some(message.to_owned()))
                }
                _ => Replayed::of(stored, ReplayStatus::AlreadyReplayed, None),
            };
            if stored.state == LetterState::Waiting {
                match event {
                    Ok(event) => {
                        result.event_id = Some(event.event_id.as_str().to_owned());
                        result.saga_id = Some(event.saga_id.as_str().to_owned());
                        result.saga_type = Some(event.saga_type.as_str().to_owned());
                        ready.push(Ready { place, event });
                    }
                    Err(rejection) => result.fail(rejection),
                }
            }
            results.push(result);
        }
        Ok((results, ready))
    }

    /// Stores all that the database takes, in one transaction. What it does not take fails.
    async fn store_all(
        &self,
        page: &Page<'_>,
        mut ready: Vec<Ready>,
        results: &mut [Replayed],
        dry_run: bool,
    ) -> Result<(Vec<Ready>, Appended), ReplayError> {
        let isolation = Isolation::begin(&*self.store);
        let mut unexplained = 0;
        loop {
            let stored = write_once(isolation.in_time(self.store(page, &ready, results, dry_run)));
            let reason = match stored.await? {
                Ok(appended) => return Ok((ready, appended)),
                Err(reason) => reason,
            };
            let isolated = isolation.of(ready, &reason).await?;
            unexplained += u32::from(isolated.rejected.is_empty());
            // A connection may end once by chance, although each event passes.
            if unexplained > UNEXPLAINED {
                return Err(ReplayError::Unanswered(reason));
            }
            for (place, rejection) in isolated.rejected {
                results[place].fail(rejection);
            }
            ready = isolated.taken;
        }
    }

    /// Stores the events, marks all letters of the page and writes the log, or does none of it.
    async fn store(
        &self,
        page: &Page<'_>,
        ready: &[Ready],
        results: &[Replayed],
        dry_run: bool,
    ) -> Result<Appended, AppendError> {
        match dry_run {
            true => self.store.append_dry_run(events(ready)).await,
            false => {
                let conclude = page.conclude(ready.to_vec(), results.to_vec());
                self.store.append_by(events(ready), conclude).await
            }
        }
    }

    /// Says of each result how its saga stood and stands, as far as the database says it: what was done is done.
    async fn add_statuses(&self, appended: &Appended, results: &mut [Replayed]) {
        let mut statuses: BTreeMap<String, (Option<SagaStatus>, Option<SagaStatus>)> = appended
            .changes
            .iter()
            .map(|change| {
                let statuses = (change.previous_status, Some(change.state.current_status));
                (change.state.saga_id.as_str().to_owned(), statuses)
            })
            .collect();
        let unchanged: BTreeSet<SagaId> = results
            .iter()
            .filter_map(|result| result.saga_id.as_deref())
            .filter(|saga_id| !statuses.contains_key(*saga_id))
            .filter_map(|saga_id| SagaId::new(saga_id).ok())
            .collect();
        match self.store.sagas(&unchanged).await {
            Ok(sagas) => statuses.extend(sagas.into_iter().map(|saga| {
                let status = Some(saga.current_status);
                (saga.state.saga_id.into(), (status, status))
            })),
            Err(error) => tracing::warn!(%error, "statuses of sagas of replayed dead letters not read"),
        }
        for result in results {
            let known = result.saga_id.as_ref().and_then(|saga_id| statuses.get(saga_id));
            (result.before, result.after) = known.copied().unwrap_or_default();
        }
    }
}

/// Letters that are replayed together, and who asked for it.
struct Page<'a> {
    letters: Vec<StoredLetter>,
    by: &'a Actor,
    step: Option<StepOf>,
}

/// The results of a job's items, by what became of their letters.
pub(crate) type StepOf = Arc<dyn Fn(&[Replayed]) -> JobStep + Send + Sync>;

impl Page<'_> {
    /// What is written down of the letters that waited, once it is known what became of their events.
    fn conclude(&self, ready: Vec<Ready>, results: Vec<Replayed>) -> Conclude {
        let waited: Vec<bool> = self
            .letters
            .iter()
            .map(|stored| stored.state == LetterState::Waiting)
            .collect();
        let (by, step) = (self.by.clone(), self.step.clone());
        Arc::new(move |appended| {
            let mut results = results.clone();
            conclude(&ready, appended, &mut results);
            add_changes(appended, &mut results);
            let at = Timestamp::now();
            let tried = results.iter().zip(&waited).filter(|(_, waited)| **waited);
            let tried = tried.filter_map(|(result, _)| Some((result.dead_letter_id?, result)));
            let (attempts, operations) = tried
                .map(|(id, result)| (result.attempt(id, at, &by), result.operation(id, at, &by)))
                .unzip();
            Conclusion {
                attempts,
                operations,
                job: step.as_ref().map(|step| step(&results)),
                ..Conclusion::default()
            }
        })
    }
}

/// Says of each result how its saga stood and stands, where that changed.
fn add_changes(appended: &Appended, results: &mut [Replayed]) {
    let changes: BTreeMap<&str, &SagaChange> = appended
        .changes
        .iter()
        .map(|change| (change.state.saga_id.as_str(), change))
        .collect();
    for result in results {
        let change = result.saga_id.as_deref().and_then(|saga_id| changes.get(saga_id));
        if let Some(change) = change {
            // The type of the saga, where the event names another one.
            result.saga_type = Some(change.state.saga_type.as_str().to_owned());
            result.before = change.previous_status;
            result.after = Some(change.state.current_status);
        }
    }
}

fn conclude(ready: &[Ready], appended: &Appended, results: &mut [Replayed]) {
    for ready in ready {
        results[ready.place].status = ReplayStatus::AlreadyStored;
    }
    for index in &appended.new {
        results[ready[*index].place].status = ReplayStatus::Replayed;
    }
    for index in &appended.conflicts {
        let Ready { place, event } = &ready[*index];
        results[*place].fail(Rejection::conflict(event));
    }
    for index in &appended.removed {
        let Ready { place, event } = &ready[*index];
        results[*place].fail(Rejection::removed(event));
    }
}
