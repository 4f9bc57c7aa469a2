//! The row of one event.

use saga_store::json::Json;
use saga_types::keys;

use super::event::{Event, Mark, shown};
use crate::{
    scoped::Reader,
    ui::{
        humanize::length,
        links::encoded,
        page::Badge,
        saga::{address::Address, waterfall::service},
        tree::Tree,
    },
};

/// What the SDK adds to every event; not what a reader looks for first.
const ADDED: [&str; 4] = [
    keys::PRODUCER_SERVICE,
    keys::PRODUCER_TIMESTAMP,
    keys::TRACE_ID,
    keys::SPAN_ID,
];

/// How much of the metadata is in the row.
const PREVIEW_CHARS: usize = 48;

/// What the row shows.
pub(in crate::ui::saga) struct EventRow {
    pub(in crate::ui::saga) anchor: String,
    pub(in crate::ui::saga) permalink: String,
    pub(in crate::ui::saga) at: String,
    /// When it differs from the event before.
    pub(in crate::ui::saga) date: Option<String>,
    pub(in crate::ui::saga) time: String,
    /// From the event before.
    pub(in crate::ui::saga) after: Option<String>,
    pub(in crate::ui::saga) step: String,
    pub(in crate::ui::saga) badge: Badge,
    pub(in crate::ui::saga) service: String,
    pub(in crate::ui::saga) event_id: String,
    pub(in crate::ui::saga) trace: Option<(String, Option<String>)>,
    pub(in crate::ui::saga) metadata: Tree,
    /// The beginning of the metadata.
    pub(in crate::ui::saga) preview: String,
    /// It is the root of the failure.
    pub(in crate::ui::saga) is_root_cause: bool,
    pub(in crate::ui::saga) marks: Vec<Mark>,
}

impl EventRow {
    pub(super) fn of(event: &Event, reader: &Reader, address: &Address) -> Self {
        let step = event.step;
        let at = step.recorded_at.to_string();
        let (date, time) = date_and_time(&at);
        let is_of_that_day = event
            .before
            .is_some_and(|before| date_and_time(&before.recorded_at.to_string()).0 == date);
        Self {
            anchor: format!("event-{}", step.event_id),
            permalink: address.to_event(step.event_id.as_str()),
            date: (!is_of_that_day).then_some(date),
            time,
            after: event
                .before
                .map(|before| length(step.recorded_at.millis_since(before.recorded_at))),
            step: step.step.to_string(),
            badge: step.status.into(),
            service: service(step).to_owned(),
            event_id: step.event_id.to_string(),
            trace: step
                .trace_id
                .as_ref()
                .map(|id| (id.clone(), reader.pages.trace_url(&encoded(id)))),
            preview: preview(&shown(step, &reader.redaction).unwrap_or_default()),
            is_root_cause: event.is_root_cause,
            marks: event.marks.clone(),
            metadata: shown(step, &reader.redaction)
                .and_then(|text| Tree::of(&text))
                .unwrap_or_else(Tree::empty),
            at,
        }
    }
}

pub(super) fn date_and_time(at: &str) -> (String, String) {
    let (date, time) = at.split_once('T').unwrap_or(("", at));
    (date.to_owned(), time.trim_end_matches('Z').to_owned())
}

/// The first entries in a line, those of the service first.
fn preview(metadata: &str) -> String {
    let Ok(Json::Object(metadata)) = Json::at(metadata, 0) else {
        return "details".to_owned();
    };
    let own = metadata
        .iter()
        .filter(|(name, _)| !ADDED.contains(&name.as_str()));
    let entries = own.map(|(name, value)| match Json::at(value, 1) {
        Ok(Json::Text(text)) => format!("{name} {text}"),
        Ok(Json::Plain(plain)) => format!("{name} {plain}"),
        _ => format!("{name} …"),
    });
    let line = entries.collect::<Vec<_>>().join(" · ");
    if line.is_empty() {
        return "details".to_owned();
    }
    let beginning: String = line.chars().take(PREVIEW_CHARS).collect();
    if beginning.len() < line.len() {
        format!("{}…", beginning.trim_end())
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_preview_begins_with_what_the_service_sent() {
        let preview = |metadata: Value| preview(&metadata.to_string());
        assert_eq!(super::preview(r#"{"a": 1.10}"#), "a 1.10");
        assert_eq!(
            preview(json!({"producerService": "order", "orderAmount": 128, "place": {"x": 1}})),
            "orderAmount 128 · place …"
        );
        assert_eq!(preview(json!({"traceId": "4bf9"})), "details");
        assert_eq!(
            preview(json!({"note": "주".repeat(90)})),
            format!("note {}…", "주".repeat(43))
        );
    }
}
