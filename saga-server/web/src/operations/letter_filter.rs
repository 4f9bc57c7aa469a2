//! Which dead letters are meant: by the parameters of a list, the fields of a form, or the filter of a body.

use saga_types::{OrderId, Timestamp};

use crate::http::{
    date_range::{DateRange, RelativeRange},
    params::{one_of, saga_id, yes_or_no},
    query_string::{LettersCursor, Params},
};
use saga_store::{LetterFilter, LetterPlace, LetterState, Scope, searched_words};

/// Takes what says which letters are meant. Those that were dismissed are meant only where their state is named.
pub(crate) fn letter_filter(params: &mut Params) -> LetterFilter {
    let period = DateRange::take(params);
    filter_of(params, period)
}

/// The same of a list, whose period may be relative to now.
pub(crate) fn letter_list_filter(params: &mut Params, now: Timestamp) -> LetterFilter {
    let period = RelativeRange::take(params).or_dates(params, now);
    filter_of(params, period)
}

fn filter_of(params: &mut Params, period: DateRange) -> LetterFilter {
    let state = params.parsed("state", one_of(LetterState::ALL, LetterState::as_str));
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
        order_id: params.parsed("orderId", order_id),
        without_partial_orders: false,
        cause: params.text("cause"),
        words: params.parsed("q", searched_words).unwrap_or_default(),
        origin_topic: params.text("originTopic"),
        from: period.from,
        to: period.to,
    }
}

fn order_id(text: &str) -> Result<String, String> {
    OrderId::new(text)
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
