//! Which dead letters are meant: by the parameters of a list, the fields of a form, or the filter of a body.

use saga_types::{SagaId, Timestamp};

use crate::http::{
    date_range::DateRange,
    query_string::{LettersCursor, Params},
};
use saga_store::{LetterFilter, LetterPlace, LetterState, Scope};

/// Takes what says which letters are meant. Those that were dismissed are meant only where their state is named.
pub(crate) fn letter_filter(params: &mut Params) -> LetterFilter {
    let period = DateRange::take(params);
    let state = params.parsed("state", letter_state);
    LetterFilter {
        scope: Scope::All,
        named: None,
        reason: params.text("reason"),
        state,
        without_dismissed: state.is_none(),
        acknowledged: params
            .parsed("acknowledged", yes_or_no)
            .map(|yes| (yes, Timestamp::now())),
        saga_id: params.parsed("sagaId", saga_id),
        origin_topic: params.text("originTopic"),
        from: period.from,
        to: period.to,
    }
}

fn letter_state(text: &str) -> Result<LetterState, String> {
    let found = LetterState::ALL.into_iter().find(|state| state.as_str() == text);
    let names = LetterState::ALL.map(LetterState::as_str).join(", ");
    found.ok_or_else(|| format!("must be one of {names}"))
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "must be true or false".to_owned())
}

fn saga_id(text: &str) -> Result<String, String> {
    SagaId::new(text)
        .map(String::from)
        .map_err(|error| error.to_string())
}

impl From<LetterPlace> for LettersCursor {
    fn from(LetterPlace { dead_since, id }: LetterPlace) -> Self {
        Self { dead_since, id }
    }
}

impl From<LettersCursor> for LetterPlace {
    fn from(LettersCursor { dead_since, id }: LettersCursor) -> Self {
        Self { dead_since, id }
    }
}
