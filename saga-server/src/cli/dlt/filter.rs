//! Which dead letters are meant: the flags, as a filter of the database and as parameters of REST.

use clap::{Args, ValueEnum};
use saga_store::{LetterFilter, LetterState, Scope, searched_words};
use saga_types::Timestamp;
use serde_json::{Map, Value};

use crate::cli::tracker::Parameter;

/// Words that are searched for.
#[derive(Debug, Clone)]
struct Searched(Vec<String>);

fn searched(text: &str) -> Result<Searched, String> {
    searched_words(text).map(Searched)
}

#[derive(Debug, Args)]
pub(super) struct FilterArgs {
    /// Only letters of this reason, such as INVALID_NAME
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,

    /// Only letters in this state
    #[arg(long, value_name = "STATE")]
    state: Option<StateArg>,

    /// Only letters of this saga
    #[arg(long, value_name = "ID")]
    saga_id: Option<String>,

    /// Only letters about this order, by the event or by what can be read of its bytes
    #[arg(long, value_name = "ID")]
    order_id: Option<String>,

    /// Only letters with all these words in their message or ids, each the beginning of one
    #[arg(long, value_name = "WORDS", value_parser = searched)]
    search: Option<Searched>,

    /// Only letters whose record was on this topic
    #[arg(long, value_name = "TOPIC")]
    origin_topic: Option<String>,

    /// Only letters written at this time (RFC 3339) or later
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,

    /// Only letters written at this time (RFC 3339) or earlier
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StateArg {
    Waiting,
    Replayed,
    Dismissed,
}

impl StateArg {
    const fn state(self) -> LetterState {
        match self {
            Self::Waiting => LetterState::Waiting,
            Self::Replayed => LetterState::Replayed,
            Self::Dismissed => LetterState::Dismissed,
        }
    }
}

impl FilterArgs {
    /// For the database.
    pub(super) fn into_filter(self) -> LetterFilter {
        LetterFilter {
            acknowledged: None,
            scope: Scope::All,
            named: None,
            reason: self.reason,
            without_dismissed: self.state.is_none(),
            state: self.state.map(StateArg::state),
            saga_id: self.saga_id,
            order_id: self.order_id,
            without_partial_orders: false,
            cause: None,
            words: self.search.map(|Searched(words)| words).unwrap_or_default(),
            origin_topic: self.origin_topic,
            from: self.from,
            to: self.to,
        }
    }

    /// As parameters of a list.
    pub(super) fn parameters(&self) -> Vec<Parameter> {
        let given = [
            ("reason", self.reason.clone()),
            ("state", self.state.map(|state| state.state().as_str().to_owned())),
            ("sagaId", self.saga_id.clone()),
            ("orderId", self.order_id.clone()),
            ("q", self.search.as_ref().map(|searched| searched.0.join(" "))),
            ("originTopic", self.origin_topic.clone()),
            ("fromDate", self.from.map(|time| time.to_string())),
            ("toDate", self.to.map(|time| time.to_string())),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
        given.collect()
    }

    /// As the filter of a body.
    pub(super) fn object(&self) -> Value {
        let fields = self.parameters().into_iter();
        let fields = fields.map(|(name, value)| (name.to_owned(), Value::from(value)));
        fields.collect::<Map<_, _>>().into()
    }
}
