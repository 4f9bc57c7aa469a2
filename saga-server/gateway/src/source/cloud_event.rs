//! A CloudEvent by the Kafka protocol binding: attributes in headers that begin with `ce_`, or around the data.

use super::SourceRecord;
use crate::cloud_events::{self, Opened};

/// What begins the names of headers with attributes.
const PREFIX: &str = "ce_";

pub(super) fn open(text: &str, record: &SourceRecord<'_>) -> Result<Opened, String> {
    let content_type = record.header("content-type").unwrap_or_default().trim_start();
    let is_structured = content_type
        .get(.."application/cloudevents".len())
        .is_some_and(|start| start.eq_ignore_ascii_case("application/cloudevents"));
    if is_structured || record.header("ce_specversion").is_none() {
        return cloud_events::structured(text);
    }
    let attributes = record
        .headers
        .iter()
        .filter_map(|(name, value)| {
            let name = str::from_utf8(name).ok()?.to_ascii_lowercase();
            let value = str::from_utf8((*value)?).ok()?;
            Some((name.strip_prefix(PREFIX)?.to_owned(), value.to_owned()))
        })
        .collect();
    cloud_events::of_attributes(PREFIX, attributes, text)
}
