//! Which span is current: for the metadata and the headers of an event.
//!
//! The caller does nothing. The span of `tracing` goes before the OpenTelemetry context, because with
//! `tracing-opentelemetry` the latter is usually not attached.

use std::fmt::Write as _;

use saga_types::{SagaEvent, keys};

/// The metadata key of a trace that is not sampled, two hex digits; left out when it is sampled, as nearly all are.
pub(crate) const TRACE_FLAGS: &str = "traceFlags";

/// The W3C flag of a trace that is kept by its tracing system.
const SAMPLED: u8 = 1;

/// A W3C trace context: which trace, and which span of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    flags: u8,
    state: Option<String>,
}

impl TraceContext {
    /// A trace context; `None` when either id is all zeros, which means "no trace".
    #[must_use]
    pub fn new(trace_id: [u8; 16], span_id: [u8; 8], flags: u8) -> Option<Self> {
        let is_valid = trace_id != [0; 16] && span_id != [0; 8];
        is_valid.then_some(Self {
            trace_id,
            span_id,
            flags,
            state: None,
        })
    }

    /// Reads the ids as hex digits of either case; `None` when they are not valid.
    #[must_use]
    pub fn from_hex(trace_id: &str, span_id: &str, sampled: bool) -> Option<Self> {
        let trace_id = number::<16>(&trace_id.to_ascii_lowercase())?;
        let span_id = number::<8>(&span_id.to_ascii_lowercase())?;
        Self::new(trace_id, span_id, u8::from(sampled))
    }

    /// Whether the tracing system keeps the trace; a link to one that it does not keep leads nowhere.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The same with a trace state, as in the header `tracestate`; an empty one is left out.
    #[must_use]
    pub fn with_state(mut self, state: impl Into<String>) -> Self {
        self.state = Some(state.into()).filter(|state| !state.is_empty());
        self
    }

    /// The trace's id, 32 lower-case hex digits.
    #[must_use]
    pub fn trace_id_hex(&self) -> String {
        hex(&self.trace_id)
    }

    /// The span's id, 16 lower-case hex digits.
    #[must_use]
    pub fn span_id_hex(&self) -> String {
        hex(&self.span_id)
    }

    pub(crate) fn flags_hex(&self) -> String {
        hex(&[self.flags])
    }

    /// The value of the header `traceparent`.
    #[must_use]
    pub fn traceparent(&self) -> String {
        format!(
            "00-{}-{}-{:02x}",
            self.trace_id_hex(),
            self.span_id_hex(),
            self.flags
        )
    }

    /// The value of the header `tracestate`, if there is any.
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// Reads the headers `traceparent` and `tracestate`; `None` when the first one is not valid, as W3C asks. A state
    /// that is not valid is left out.
    #[must_use]
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let version = number::<1>(parts.next()?)?;
        let trace_id = number::<16>(parts.next()?)?;
        let span_id = number::<8>(parts.next()?)?;
        let [flags] = number::<1>(parts.next()?)?;
        // Later versions may add parts; version 0 has four, and ff is none.
        if version == [0xff] || (version == [0] && parts.next().is_some()) {
            return None;
        }
        let state = tracestate.filter(|state| is_state(state)).unwrap_or_default();
        Some(Self::new(trace_id, span_id, flags)?.with_state(state))
    }

    /// The context that an event's metadata names; `None` without one.
    #[must_use]
    pub fn of_event(event: &SagaEvent) -> Option<Self> {
        let metadata = event.metadata.as_ref()?;
        let trace_id = number::<16>(metadata.trace_id()?)?;
        let span_id = number::<8>(metadata.to_object().get(keys::SPAN_ID)?.as_str()?)?;
        let flags = metadata
            .to_object()
            .get(TRACE_FLAGS)
            .and_then(|flags| number::<1>(flags.as_str()?));
        let [flags] = flags.unwrap_or([SAMPLED]);
        Self::new(trace_id, span_id, flags)
    }

    /// The context of the current span; `None` without one, and always without one of the features `opentelemetry`
    /// and `tracing-opentelemetry`.
    #[must_use]
    pub fn current() -> Option<Self> {
        current::trace()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Lower-case hex digits, as many as the number has.
fn number<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    let is_hex = text
        .bytes()
        .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if !is_hex || text.len() != 2 * BYTES {
        return None;
    }
    let mut number = [0; BYTES];
    for (index, byte) in number.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(number)
}

/// What W3C lets pass at least, and what every transport takes.
fn is_state(state: &str) -> bool {
    state.len() <= 512 && state.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

#[cfg(not(feature = "opentelemetry"))]
mod current {
    pub(super) fn trace() -> Option<super::TraceContext> {
        None
    }
}

#[cfg(feature = "opentelemetry")]
mod current {
    use opentelemetry::{Context, trace::TraceContextExt as _};

    use super::TraceContext;
    use crate::thread_locals;

    pub(super) fn trace() -> Option<TraceContext> {
        thread_locals::read(|| tracing_span().or_else(|| Context::map_current(of))).flatten()
    }

    #[cfg(feature = "tracing-opentelemetry")]
    fn tracing_span() -> Option<TraceContext> {
        use tracing_opentelemetry::OpenTelemetrySpanExt as _;
        let span = tracing::Span::current();
        if span.is_none() { None } else { of(&span.context()) }
    }

    #[cfg(not(feature = "tracing-opentelemetry"))]
    fn tracing_span() -> Option<TraceContext> {
        None
    }

    fn of(context: &Context) -> Option<TraceContext> {
        let span = context.span();
        let span = span.span_context();
        let flags = span.trace_flags().to_u8();
        let trace = TraceContext::new(span.trace_id().to_bytes(), span.span_id().to_bytes(), flags)?;
        Some(trace.with_state(span.trace_state().header()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_that_of_the_w3c() {
        let trace = TraceContext::new([0xab; 16], [0x01; 8], 1).unwrap();
        let expected = "00-abababababababababababababababab-0101010101010101-01";
        assert_eq!(trace.traceparent(), expected);
        assert_eq!(trace.with_state("").tracestate(), None);
    }

    #[test]
    fn what_is_written_is_read() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let trace = TraceContext::parse(text, Some("vendor=value")).unwrap();
        assert_eq!(
            (trace.traceparent().as_str(), trace.tracestate()),
            (text, Some("vendor=value"))
        );
        assert_eq!(
            TraceContext::parse(text, Some("no\ncontrol"))
                .unwrap()
                .tracestate(),
            None
        );
        let later = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more";
        assert!(TraceContext::parse(later, None).is_some());
    }

    #[test]
    fn what_is_no_trace_context_is_left_out() {
        for bad in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319ü-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceContext::parse(bad, None), None, "{bad}");
        }
    }

    #[test]
    fn all_zeros_are_no_trace() {
        assert_eq!(TraceContext::new([0; 16], [1; 8], 1), None);
        assert_eq!(TraceContext::new([1; 16], [0; 8], 1), None);
    }
}
