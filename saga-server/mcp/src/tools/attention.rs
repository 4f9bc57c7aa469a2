//! `needs_attention`: what is late, what is owed, and what fails.

use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Question, limit, saga::short};
use crate::{
    ask::{Ask, Call, Tracker},
    recorded::{LINK, count, first, pick},
    reply::Reply,
};

const MOST: u32 = 10;

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct NeedsAttention {
    /// How many entries of each list are shown: 1 to 10, 5 if not given.
    #[schemars(range(min = 1, max = 10))]
    limit: Option<u32>,
    /// Only what fails of sagas of this type.
    saga_type: Option<String>,
}

impl Question for NeedsAttention {
    const NAME: &'static str = "needs_attention";
    const TITLE: &'static str = "What needs attention";
    const DESCRIPTION: &'static str = "Says what needs attention now: sagas that are stuck, standstills in which all wait \
        longer than ever, failed sagas whose compensation is owed, both \
        in groups by step and owner, the most overdue first, and what fails in the last 24 hours by cause with its trend (NEW, RISING, \
        REGRESSED, FALLING, STEADY). Dead letters are not in it.";

    async fn answer<A: Ask>(self, tracker: &Tracker<'_, A>) -> Result<Reply, String> {
        let entries = limit(self.limit, 5, MOST)?;
        let late = tracker
            .get(&Call::to("/api/v1/attention").with("size", entries))
            .await?;
        let failures = Call::to("/api/v1/failure-groups").maybe("sagaType", self.saga_type.as_deref());
        let failures = tracker.get(&failures).await?;
        Ok(Reply::fitting(entries, |entries| {
            let entries = entries as usize;
            Reply::of(json!({
                "stuck": late_list(tracker, &late["stuck"], entries),
                "standstills": first(&late["standstills"], entries, |standstill| {
                    let fields = [
                        "step", "owner", "sagaType", "contact", "sagas", "since", "usualP50Ms", "othersP50Ms",
                    ];
                    linked(tracker, standstill, &fields)
                }),
                "compensationOwed": late_list(tracker, &late["owing"], entries),
                "failures": failing(&failures, entries),
                LINK: tracker.page("/"),
            }))
            .note(format!("At most {entries} entries of each list are shown; find_sagas with q `overdue` or `owing` lists all."))
            .fresh(&late["freshness"])
        }))
    }
}

fn late_list<A: Ask>(tracker: &Tracker<'_, A>, list: &Value, entries: usize) -> Value {
    let group = |group: &Value| {
        let fields = [
            "step", "owner", "sagaType", "contact", "sagas", "since", "overdue",
        ];
        linked(tracker, group, &fields)
    };
    json!({
        "total": list["total"],
        "totalIsExact": list["totalIsExact"],
        "groupsInAll": count(&list["groups"]),
        "groups": first(&list["groups"], entries, group),
        "sagas": first(&list["sagas"], entries, |saga| short(tracker, saga)),
    })
}

/// Fields of a group, with the page that lists its sagas.
fn linked<A: Ask>(tracker: &Tracker<'_, A>, group: &Value, fields: &[&str]) -> Value {
    let mut shown = pick(group, fields);
    let page = group["page"].as_str().unwrap_or_default();
    shown.insert(LINK.to_owned(), tracker.page(page).into());
    Value::Object(shown)
}

fn failing(failures: &Value, entries: usize) -> Value {
    let fields = [
        "failureGroup",
        "failedStep",
        "reason",
        "now",
        "before",
        "trend",
        "firstSeen",
        "lastSeen",
    ];
    let group = |group: &Value| Value::Object(pick(group, &fields));
    let mut shown = pick(failures, &["from", "to", "started", "failed", "failedBefore"]);
    shown.insert("groupsInAll".to_owned(), count(&failures["groups"]).into());
    shown.insert(
        "groups".to_owned(),
        first(&failures["groups"], entries, group).into(),
    );
    Value::Object(shown)
}
