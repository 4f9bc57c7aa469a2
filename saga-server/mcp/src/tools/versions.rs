//! `compare_versions`: whether a new version of a service is worse than the one before.

use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Question;
use crate::{
    ask::{Ask, Call, Tracker},
    recorded::{LINK, first, pick},
    reply::Reply,
};

/// How many versions are listed.
const MOST: usize = 20;

/// Of how many types failures and transitions are shown, and how many of each, the most frequent.
const TYPES: usize = 5;
const ROWS: usize = 15;

/// The arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct CompareVersions {
    /// The service.
    service: String,
    /// Its version before. Without it and the candidate, the versions that are known of the service are listed.
    baseline: Option<String>,
    /// The version that is evaluated.
    candidate: Option<String>,
    /// Only sagas of this type.
    saga_type: Option<String>,
    /// Only sagas that started then or later (RFC 3339, or a date); since the candidate was first seen if not given.
    from_date: Option<String>,
    /// Only sagas that started then or earlier; until now if not given.
    to_date: Option<String>,
    /// Up to which difference of failure rates the candidate is not worse; 0.02, two points, if not given.
    margin: Option<f64>,
}

impl Question for CompareVersions {
    const NAME: &'static str = "compare_versions";
    const TITLE: &'static str = "Compare two versions of a service";
    const DESCRIPTION: &'static str = "Compares the sagas of two versions of a service: outcomes, failures, transitions, durations, and a verdict \
        (WORSE, NOT_WORSE, NOT_YET_KNOWN) that may be asked again and again. With the service alone: its versions, with when each was \
        first and last seen.";

    async fn answer<A: Ask>(self, tracker: &Tracker<'_, A>) -> Result<Reply, String> {
        match (&self.baseline, &self.candidate) {
            (Some(baseline), Some(candidate)) => self.compared(tracker, baseline, candidate).await,
            (None, None) => self.listed(tracker).await,
            _ => Err("the arguments baseline and candidate belong together: give both, or none to list the versions".to_owned()),
        }
    }
}

impl CompareVersions {
    async fn compared<A: Ask>(
        &self,
        tracker: &Tracker<'_, A>,
        baseline: &str,
        candidate: &str,
    ) -> Result<Reply, String> {
        let call = Call::to("/api/v1/compare")
            .with("service", &self.service)
            .with("baseline", baseline)
            .with("candidate", candidate)
            .maybe("sagaType", self.saga_type.as_deref())
            .maybe("fromDate", self.from_date.as_deref())
            .maybe("toDate", self.to_date.as_deref())
            .maybe("margin", self.margin);
        let found = tracker.get(&call).await?;
        let mut shown = found.as_object().cloned().unwrap_or_default();
        let freshness = shown.remove("freshness").unwrap_or_default();
        shown.insert("types".to_owned(), types(&found).into());
        shown.insert(LINK.to_owned(), self.page(tracker).into());
        Ok(Reply::of(Value::Object(shown)).fresh(&freshness))
    }

    async fn listed<A: Ask>(&self, tracker: &Tracker<'_, A>) -> Result<Reply, String> {
        let found = tracker
            .get(&Call::to("/api/v1/versions").with("service", &self.service))
            .await?;
        let versions = &found["services"][0]["versions"];
        let shown = first(versions, MOST, |version| {
            Value::Object(pick(version, &["version", "firstSeen", "lastSeen"]))
        });
        Ok(
            Reply::of(json!({"service": self.service, "versions": shown, LINK: self.page(tracker)}))
                .note("Give baseline and candidate to compare two of these versions."),
        )
    }

    fn page<A: Ask>(&self, tracker: &Tracker<'_, A>) -> String {
        tracker.page(Call::to("/services").part(&self.service).as_str())
    }
}

/// The types with the most sagas, each with what most of its sagas did.
fn types(found: &Value) -> Vec<Value> {
    first(&found["types"], TYPES, |of_type| {
        let mut shown = pick(of_type, &["sagaType", "baseline", "candidate"]);
        for list in ["failures", "transitions"] {
            shown.insert(list.to_owned(), first(&of_type[list], ROWS, Value::clone).into());
        }
        Value::Object(shown)
    })
}
