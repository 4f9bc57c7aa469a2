//! Steps out of OpenTelemetry: requests of OTLP over HTTP, the steps among their spans and log records, and what exporters are
//! answered.
//!
//! | part | what |
//! | --- | --- |
//! | `encoding` | protobuf or JSON: how a request comes, and its answer goes |
//! | `protobuf`, `json` | the messages within a message, one after the other, before any of them is decoded |
//! | `request` | the spans or log records of a request, one after the other |
//! | `value` | attributes, as JSON |
//! | `item` | a span or a log record: its document, its ids and times |
//! | `named` | the event of attributes that are called `saga.*` |
//! | `step` | the event that a mapping or such attributes make, completed by what every span says |
//! | `export` | all steps of a request, counted and written to the topic |
//! | `answer` | what the exporter is answered |
//!
//! Rule of thumb: exporters send all that they have, so what names no saga is no mistake. And a span is decoded when it is looked
//! at, so that a short body never takes much memory.

pub mod answer;
mod encoding;
mod export;
mod item;
mod json;
mod named;
mod protobuf;
mod request;
mod step;
mod value;

pub use encoding::Encoding;
pub use export::{Export, Exported, ReceivedExport};
pub use item::Item;
pub use request::read;

/// What a request exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
}

impl Signal {
    /// The source whose mapping is used, such as `traces`.
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
        }
    }

    /// What one of them is called.
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Traces => "span",
            Self::Logs => "log record",
        }
    }
}
