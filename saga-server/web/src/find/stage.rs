//! One way to look for a text, in all places.

use saga_store::{FindPlace, FindQuery, Found, LetterFilter, LetterQuery, Named, Scope};
use saga_types::SagaId;

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
                // The reader's own.
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
        }
        Ok(())
    }

    /// The page of a saga that was removed says when, and where it is.
    async fn removed(&mut self, findings: &Findings) -> Result<(), ApiError> {
        let Ok(saga_id) = SagaId::new(&findings.text) else {
            return Ok(());
        };
        if findings.sagas.is_empty() {
            let is_removed = match self.reader.saga(&saga_id).await {
                Ok(_) | Err(NoSaga::Unknown(..)) => false,
                Err(NoSaga::Removed(..)) => true,
                Err(error @ NoSaga::Store(_)) => return Err(error.into()),
            };
            self.note(Place::RemovedSagaId, usize::from(is_removed), true);
        }
        Ok(())
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
