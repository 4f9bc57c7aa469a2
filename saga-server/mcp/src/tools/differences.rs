//! `differences`: in what two groups of sagas differ.

use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use serde_json::Value;

use super::{Question, limit};
use crate::{
    ask::{Ask, Call, Tracker},
    recorded::{LINK, count, first, pick},
    reply::Reply,
};

const MOST: u32 = 20;

/// How many keys that name sagas are listed.
const IDENTIFIERS: usize = 10;

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Differences {
    /// The first group: filters in one line, as of find_sagas; without a time, of the last seven days. Example:
    /// `status:failed type:ORDER_CREATION`.
    a: String,
    /// The second group, likewise; all sagas if not given. Example: `status:completed type:ORDER_CREATION`.
    b: Option<String>,
    /// Leave the sagas of the first group out of the second one, to compare it with all others.
    #[serde(default)]
    rest: bool,
    /// How many values are shown: 1 to 20, 10 if not given.
    #[schemars(range(min = 1, max = 20))]
    limit: Option<u32>,
}

impl Question for Differences {
    const NAME: &'static str = "differences";
    const TITLE: &'static str = "In what two groups of sagas differ";
    const DESCRIPTION: &'static str = "Compares two groups of sagas, such as failed and completed ones: outcomes, failure rates, durations, \
        and which values of metadata, services and versions one group has more often than the other, the greatest difference first, with \
        the probability that it is by chance.";

    async fn answer<A: Ask>(self, tracker: &Tracker<'_, A>) -> Result<Reply, String> {
        let entries = limit(self.limit, 10, MOST)?;
        let found = tracker.get(&self.call("/api/v1/differences")).await?;
        let page = tracker.page(self.call("/differences").as_str());
        let all = count(&found["values"]);
        Ok(Reply::fitting(entries, |entries| {
            let fields = [
                "summary",
                "a",
                "b",
                "failureRatePValue",
                "durationPValue",
                "different",
                "compared",
            ];
            let mut shown = pick(&found, &fields);
            let value = |value: &Value| {
                Value::Object(pick(
                    value,
                    &["key", "value", "a", "b", "shareA", "shareB", "pValue"],
                ))
            };
            let values = first(&found["values"], entries as usize, value);
            let missing = all.saturating_sub(values.len());
            shown.insert("values".to_owned(), values.into());
            let identifiers = first(&found["identifiers"], IDENTIFIERS, Value::clone);
            shown.insert("identifiers".to_owned(), identifiers.into());
            shown.insert(LINK.to_owned(), page.clone().into());
            Reply::of(Value::Object(shown))
                .note_if(missing > 0, || {
                    format!("{missing} smaller differences are left out; the page has all.")
                })
                .fresh(&found["freshness"])
        }))
    }
}

impl Differences {
    fn call(&self, path: &str) -> Call {
        Call::to(path)
            .with("a.q", &self.a)
            .maybe("b.q", self.b.as_deref())
            .maybe("rest", self.rest.then_some(true))
    }
}
