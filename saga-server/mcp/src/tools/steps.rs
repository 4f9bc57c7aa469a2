//! The steps of an explained saga: a page of them, short enough.

use serde_json::Value;

use crate::{
    ask::{Ask, Call, Tracker},
    recorded::{as_text, pick},
};

/// The most steps of an answer.
pub(super) const MOST: u32 = 50;

/// Which steps are shown.
pub(super) struct Steps {
    pub(super) limit: u32,
    pub(super) cursor: Option<String>,
    pub(super) with_metadata: bool,
    /// Only those up to the last one that the saga counts, since it is shown as of an earlier time.
    pub(super) are_cut: bool,
}

/// Steps as they are shown, and what to know of them.
pub(super) struct Page {
    pub(super) shown: Vec<Value>,
    pub(super) note: Option<String>,
}

impl Steps {
    /// Those of a saga.
    pub(super) async fn page<A: Ask>(&self, tracker: &Tracker<'_, A>, saga: &Value) -> Result<Page, String> {
        let id = saga["sagaId"].as_str().unwrap_or_default();
        let call = Call::to("/api/v1/sagas")
            .id(id)
            .part("steps")
            .with("limit", self.limit)
            .maybe("cursor", self.cursor.as_deref());
        let found = tracker.get(&call).await?;
        let steps = found["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
        // Times are text of one form, so that their order is that of the texts.
        let last = saga["updatedAt"].as_str().filter(|_| self.are_cut);
        let counts =
            |step: &&Value| last.is_none_or(|last| step["recordedAt"].as_str().is_some_and(|at| at <= last));
        let shown: Vec<Value> = steps
            .iter()
            .take_while(counts)
            .map(|step| self.shown(step))
            .collect();
        let cursor = found["nextCursor"]
            .as_str()
            .filter(|_| shown.len() == steps.len());
        let all = saga["stepCount"].as_u64().unwrap_or_default();
        let note = cursor.map(|cursor| {
            let shown = shown.len();
            format!("{shown} of {all} steps are shown. Go on with the same arguments and cursor {cursor}")
        });
        Ok(Page { shown, note })
    }

    fn shown(&self, step: &Value) -> Value {
        let mut shown = pick(step, &["step", "status", "producerService", "recordedAt"]);
        if self.with_metadata && !step["metadata"].is_null() {
            shown.insert("metadata".to_owned(), as_text(&step["metadata"]));
        }
        Value::Object(shown)
    }
}
