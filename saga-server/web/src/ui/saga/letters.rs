//! Events of a saga that could not be stored: without them it may look as if it waited for what has long happened.

use saga_store::{LetterFilter, LetterState};
use saga_types::SagaId;

use crate::{
    auth::{Caller, Role},
    http::ApiError,
    scoped::Reader,
    ui::{humanize::number, links::encoded},
};

/// The dead letters of a saga that were not replayed.
pub(super) struct Letters {
    /// How many, in words.
    pub(super) words: String,
    pub(super) path: String,
}

impl Letters {
    /// None for those who may not look at dead letters.
    pub(super) async fn of(
        reader: &Reader,
        caller: &Caller,
        saga_id: &SagaId,
    ) -> Result<Option<Self>, ApiError> {
        if caller.role < Role::Operator {
            return Ok(None);
        }
        let filter = LetterFilter {
            saga_id: Some(saga_id.to_string()),
            state: Some(LetterState::Waiting),
            ..LetterFilter::default()
        };
        let found = reader.letter_groups(&filter).await?;
        let least = if found.is_exact { "" } else { "at least " };
        let waiting: u64 = found.groups.iter().map(|group| group.waiting).sum();
        let words = match waiting {
            0 => return Ok(None),
            1 => "1 event".to_owned(),
            count => format!("{least}{} events", number(count)),
        };
        Ok(Some(Self {
            words,
            path: format!("/dead-letters?sagaId={}&state=WAITING", encoded(saga_id.as_str())),
        }))
    }
}
