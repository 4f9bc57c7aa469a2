//! `find_sagas`: sagas by the tokens of the filter bar.

use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use serde_json::json;

use super::{Question, limit, saga::short};
use crate::{
    ask::{Ask, Call, Tracker},
    recorded::{LINK, count, first},
    reply::Reply,
};

const MOST: u32 = 20;

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FindSagas {
    /// Filters in one line, separated by spaces; all of them hold. Examples: `failed type:ORDER_CREATION newer:24h`,
    /// `order:4711`, `customerId:C-17 reason:"card declined"`, `overdue owner:payment-service`, `in-progress older:1h`,
    /// `step:PAYMENT_FAILED started:2026-11-01..2026-11-05`, `duration:>5m`, `owes:STOCK_RESERVED`. Without it all sagas.
    q: Option<String>,
    /// How many sagas are shown: 1 to 20, 10 if not given.
    #[schemars(range(min = 1, max = 20))]
    limit: Option<u32>,
    /// The order: `startedAt`, `updatedAt`, `due` or `duration`, then `,asc` or `,desc`; `startedAt,desc` if not given.
    sort: Option<String>,
    /// The cursor of the answer before, to go on.
    cursor: Option<String>,
}

impl Question for FindSagas {
    const NAME: &'static str = "find_sagas";
    const TITLE: &'static str = "Find sagas";
    const DESCRIPTION: &'static str = "Finds sagas by filters, and says how many there are. Of each: status, a sentence of what \
        happened, what is awaited and of which service, why it failed, and a link to its page.";

    async fn answer<A: Ask>(self, tracker: &Tracker<'_, A>) -> Result<Reply, String> {
        let mut size = limit(self.limit, 10, MOST)?;
        loop {
            let reply = self.reply(tracker, size).await?;
            match reply.fewer(size) {
                Some(fewer) => size = fewer,
                None => return Ok(reply),
            }
        }
    }
}

impl FindSagas {
    async fn reply<A: Ask>(&self, tracker: &Tracker<'_, A>, size: u32) -> Result<Reply, String> {
        let call = Call::to("/api/v1/sagas")
            .with("size", size)
            .maybe("q", self.q.as_deref())
            .maybe("sort", self.sort.as_deref())
            .maybe("cursor", self.cursor.as_deref());
        let found = tracker.get(&call).await?;
        let sagas = first(&found["content"], MOST as usize, |saga| short(tracker, saga));
        let total = found["page"]["totalElements"].as_u64().unwrap_or_default();
        let about = match found["page"]["totalIsExact"] == false {
            true => "at least ",
            false => "",
        };
        let list = Call::to("/sagas").maybe("q", self.q.as_deref());
        let reply = Reply::of(json!({"sagas": sagas, LINK: tracker.page(list.as_str())}))
            .note(format!("{} of {about}{total} sagas.", count(&found["content"])))
            .fresh(&found["freshness"]);
        let archived = count(&found["archived"]["content"]);
        let reply = reply.note_if(archived > 0, || {
            format!("{archived} more of this order are in the archive; find them by the order id.")
        });
        let next = found["nextCursor"].as_str();
        Ok(reply.note_if(next.is_some(), || {
            format!(
                "There are more: add filters, or go on with the same arguments and cursor {}",
                next.unwrap_or_default()
            )
        }))
    }
}
