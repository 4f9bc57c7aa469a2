//! One way to look for a text, in all places.

use saga_store::{FindPlace, FindQuery, Found, LetterFilter, LetterQuery, Named, Scope};
use saga_types::{SagaId, fold::SagaState};

use super::findings::{Findings, FoundView, LetterFound, Match, Place, Searched};
use crate::{
    auth::Role,
    http::ApiError,
    scoped::{NoSaga, Reader},
};

/// How many sagas and dead letters of each place are found.
const MOST: u32 = 20;

/// One way to look.
pub(super) struct Stage<'a> {
    pub(super) reader: &'a Reader,
    pub(super) how: Match,
    pub(super) spellings: Vec<String>,
    pub(super) keys: &'a [String],
    pub(super) searched: Vec<Searched>,
    /// The archive gave no answer. It is not waited for once more: an answer has the time for one.
    pub(super) is_archive_away: bool,
}

impl Stage<'_> {
    pub(super) async fn sagas(&mut self, findings: &mut Findings) -> Result<(), ApiError> {
        let places = [
            (Place::SagaId, FindPlace::SagaId, true),
            (Place::OrderId, FindPlace::OrderId, true),
            (Place::TraceId, FindPlace::TraceId, false),
            (Place::EventId, FindPlace::EventId, true),
            (Place::Metadata, FindPlace::Metadata(self.keys.to_vec()), false),
        ];
        for (place, at, has_beginnings) in places {
            if self.how == Match::Prefix && !has_beginnings {
                continue;
            }
            let query = FindQuery {
                // The reader sets that of the caller.
                scope: Scope::All,
                place: at,
                texts: self.spellings.clone(),
                is_beginning: self.how != Match::Exact && has_beginnings,
                size: MOST,
            };
            let Found { sagas, is_all } = self.reader.find(&query).await?;
            self.note(place, sagas.len(), is_all);
            for saga in sagas {
                if !findings.sagas.iter().any(|other| other.saga_id == saga.saga_id) {
                    findings.sagas.push(FoundView::new(saga, place));
                }
            }
            if place == Place::SagaId && self.how == Match::Exact {
                self.removed(findings).await?;
            }
            if place == Place::OrderId && self.how == Match::Exact {
                self.archived_of_order(findings).await;
            }
        }
        Ok(())
    }

    /// A saga that left the database: its page says when, and where it is.
    async fn removed(&mut self, findings: &mut Findings) -> Result<(), ApiError> {
        let Ok(saga_id) = SagaId::new(&findings.text) else {
            return Ok(());
        };
        if !findings.sagas.is_empty() {
            return Ok(());
        }
        match self.reader.look_up(&saga_id).await {
            Ok(shown) => match shown.archived {
                Some(archived) => {
                    self.note(Place::ArchivedSagaId, 1, true);
                    add_archived(findings, archived.state(), Place::ArchivedSagaId);
                }
                // It came just now.
                None => self.note(Place::RemovedSagaId, 0, true),
            },
            Err(NoSaga::Unknown(..) | NoSaga::Archived(..)) => self.note(Place::RemovedSagaId, 0, true),
            Err(NoSaga::Removed(..)) => self.note(Place::RemovedSagaId, 1, true),
            Err(NoSaga::Archive(..)) => {
                self.is_archive_away = true;
                self.note(Place::ArchivedSagaId, 0, false);
            }
            Err(error @ NoSaga::Store(_)) => return Err(error.into()),
        }
        Ok(())
    }

    /// The sagas of an order that left the database.
    async fn archived_of_order(&mut self, findings: &mut Findings) {
        if self.is_archive_away {
            self.note(Place::ArchivedOrderId, 0, false);
            return;
        }
        let order_id = findings.text.clone();
        let asking = self.reader.archived_of_order(&order_id, MOST as usize, |_| true);
        let (sagas, is_all) = match asking.await {
            Ok(None) => return,
            Ok(Some(found)) => found,
            Err(_) => (Vec::new(), false),
        };
        self.note(Place::ArchivedOrderId, sagas.len(), is_all);
        for saga in &sagas {
            add_archived(findings, saga, Place::ArchivedOrderId);
        }
    }

    pub(super) async fn letters(&mut self, findings: &mut Findings) -> Result<(), ApiError> {
        if self.reader.caller().role < Role::Operator || self.how == Match::Prefix {
            return Ok(());
        }
        let id: Option<i64> = findings.text.parse().ok().filter(|_| self.how == Match::Exact);
        let named = |named| LetterFilter {
            named: Some(named),
            ..LetterFilter::default()
        };
        if let Some(id) = id {
            let filter = named(Named {
                ids: vec![id],
                event_ids: Vec::new(),
            });
            self.add(findings, Place::DeadLetterId, filter).await?;
        }
        let filter = named(Named {
            ids: Vec::new(),
            event_ids: self.spellings.clone(),
        });
        self.add(findings, Place::DeadLetterEventId, filter).await?;
        for saga_id in self.spellings.clone() {
            let filter = LetterFilter {
                saga_id: Some(saga_id),
                ..LetterFilter::default()
            };
            self.add(findings, Place::DeadLetterSagaId, filter).await?;
        }
        Ok(())
    }

    async fn add(
        &mut self,
        findings: &mut Findings,
        place: Place,
        filter: LetterFilter,
    ) -> Result<(), ApiError> {
        let query = LetterQuery {
            filter,
            after: None,
            size: MOST,
        };
        let page = self.reader.letters(&query).await?;
        self.note(place, page.letters.len(), page.next.is_none());
        for letter in page.letters {
            if !findings.dead_letters.iter().any(|other| other.id == letter.id) {
                findings.dead_letters.push(LetterFound::new(letter, place));
            }
        }
        Ok(())
    }

    fn note(&mut self, place: Place, found: usize, found_is_exact: bool) {
        let found = found as u64;
        match self.searched.iter_mut().find(|searched| searched.place == place) {
            Some(searched) => {
                searched.found += found;
                searched.found_is_exact &= found_is_exact;
            }
            None => self.searched.push(Searched {
                place,
                found,
                found_is_exact,
            }),
        }
    }
}

fn add_archived(findings: &mut Findings, saga: &SagaState, place: Place) {
    let is_known = |other: &FoundView| other.saga_id == saga.saga_id.as_str();
    if !findings.sagas.iter().any(is_known) {
        let found = FoundView::archived(saga, place, &findings.text);
        findings.sagas.push(found);
        findings.archived.push(saga.clone());
    }
}
