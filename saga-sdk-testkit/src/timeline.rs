//! Events as a person reads them.

use std::fmt::Write as _;

use saga_types::{SagaEvent, keys};

/// Keys that the SDK adds to every event, which would only be in the way.
const ADDED: [&str; 2] = [keys::PRODUCER_SERVICE, keys::PRODUCER_TIMESTAMP];

/// One line for each event: number, time since the first, step, status, service, metadata.
pub(crate) fn timeline(events: &[&SagaEvent]) -> String {
    let Some(first) = events.first() else {
        return "  (nothing)\n".to_owned();
    };
    let names: Vec<String> = events
        .iter()
        .map(|event| format!("{} {}", event.step, event.status))
        .collect();
    let width = names.iter().map(String::len).max().unwrap_or_default();
    let mut text = String::new();
    for (index, (event, name)) in events.iter().zip(&names).enumerate() {
        let offset = event.recorded_at.millis_since(first.recorded_at);
        let service = event
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.producer_service())
            .unwrap_or("-");
        let _ = write!(
            text,
            "  {:>3}  {:>8}  {name:width$}  {service}",
            index + 1,
            format!("{offset:+} ms")
        );
        let metadata = metadata(event);
        let _ = if metadata.is_empty() {
            writeln!(text)
        } else {
            writeln!(text, "  {metadata}")
        };
    }
    text
}

fn metadata(event: &SagaEvent) -> String {
    let entries = event
        .metadata
        .as_ref()
        .map(saga_types::Metadata::to_object)
        .unwrap_or_default();
    let shown = entries.iter().filter(|(key, _)| !ADDED.contains(&key.as_str()));
    shown
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>()
        .join(", ")
}
