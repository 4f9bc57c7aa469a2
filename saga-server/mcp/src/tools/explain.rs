//! `explain_saga`: one saga, by its id or the id of its order.

use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Question, limit,
    saga::{described, page, short},
    steps::{MOST, Steps},
};
use crate::{
    ask::{Ask, Call, Tracker},
    recorded::{LINK, count, first, pick},
    reply::Reply,
};

/// How many sagas of an order are listed.
const SAGAS: u32 = 10;

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ExplainSaga {
    /// The id of a saga, or of an order; the id of a trace or event finds the saga that has it.
    id: String,
    /// Explain the saga as it was at this time (RFC 3339, or a date), by what was recorded up to then.
    as_of: Option<String>,
    /// Show what services put into the metadata of each step; then fewer steps fit into an answer.
    #[serde(default)]
    metadata: bool,
    /// How many steps are shown: 1 to 50, 50 if not given.
    #[schemars(range(min = 1, max = 50))]
    limit: Option<u32>,
    /// The cursor of the answer before, for further steps.
    cursor: Option<String>,
}

impl Question for ExplainSaga {
    const NAME: &'static str = "explain_saga";
    const TITLE: &'static str = "Explain a saga or an order";
    const DESCRIPTION: &'static str = "Explains what happened to one saga or order: a sentence, the status, the steps that were done in \
        order and when, what is awaited of which service since when and until when, how long that usually takes and when \
        the saga will probably have ended, and what still has to be compensated. With a link to its page.";

    async fn answer<A: Ask>(self, tracker: &Tracker<'_, A>) -> Result<Reply, String> {
        let steps = Steps {
            limit: limit(self.limit, MOST, MOST)?,
            cursor: self.cursor.clone(),
            with_metadata: self.metadata,
            are_cut: self.as_of.is_some(),
        };
        if let Some(found) = tracker.find(&self.call(&self.id)).await? {
            return explained(tracker, &found, steps).await;
        }
        let of_order = Call::to("/api/v1/sagas")
            .with("orderId", &self.id)
            .with("size", SAGAS);
        let of_order = tracker.get(&of_order).await?;
        match count(&of_order["content"]) {
            0 => self.elsewhere(tracker).await,
            1 => {
                let id = of_order["content"][0]["sagaId"].as_str().unwrap_or_default();
                let found = tracker.get(&self.call(id)).await?;
                explained(tracker, &found, steps).await
            }
            _ => Ok(listed(tracker, &of_order)),
        }
    }
}

impl ExplainSaga {
    fn call(&self, id: &str) -> Call {
        Call::to("/api/v1/sagas")
            .id(id)
            .maybe("asOf", self.as_of.as_deref())
    }

    /// By other ids; without any, the tracker's own words of why there is no such saga, since it may be in the archive.
    async fn elsewhere<A: Ask>(&self, tracker: &Tracker<'_, A>) -> Result<Reply, String> {
        let found = tracker
            .get(&Call::to("/api/v1/search").with("q", &self.id))
            .await?;
        let mut sagas = found["sagas"].as_array().into_iter().flatten().peekable();
        let is_none = sagas.peek().is_none();
        if is_none || sagas.any(|saga| saga["sagaId"] == *self.id) {
            return tracker.get(&self.call(&self.id)).await.map(Reply::of);
        }
        let entry = |saga: &Value| {
            let mut shown = pick(
                saga,
                &[
                    "sagaId",
                    "sagaType",
                    "currentStatus",
                    "startedAt",
                    "place",
                    "matched",
                ],
            );
            shown.insert(LINK.to_owned(), page(tracker, saga).into());
            Value::Object(shown)
        };
        let sagas = first(&found["sagas"], SAGAS as usize, entry);
        Ok(Reply::of(json!({ "sagas": sagas })).note(
            "No saga and no order has this id; these sagas have it elsewhere. Explain one by its sagaId.",
        ))
    }
}

fn listed<A: Ask>(tracker: &Tracker<'_, A>, of_order: &Value) -> Reply {
    let total = of_order["page"]["totalElements"].as_u64().unwrap_or_default();
    Reply::fitting(SAGAS, |entries| {
        let sagas = first(&of_order["content"], entries as usize, |saga| {
            short(tracker, saga)
        });
        let shown = sagas.len();
        Reply::of(json!({ "sagas": sagas }))
            .note(format!(
                "{shown} of {total} sagas of this order. Explain one by its sagaId."
            ))
            .fresh(&of_order["freshness"])
    })
}

async fn explained<A: Ask>(
    tracker: &Tracker<'_, A>,
    saga: &Value,
    mut steps: Steps,
) -> Result<Reply, String> {
    let shown = described(tracker, saga);
    loop {
        let mut shown = shown.clone();
        let page = steps.page(tracker, saga).await?;
        let entries = u32::try_from(page.shown.len()).unwrap_or(MOST);
        shown.insert("steps".to_owned(), page.shown.into());
        let mut reply = Reply::of(Value::Object(shown)).fresh(&saga["freshness"]);
        if let Some(note) = page.note {
            reply = reply.note(note);
        }
        match reply.fewer(entries) {
            Some(fewer) => steps.limit = fewer,
            None => return Ok(reply),
        }
    }
}
