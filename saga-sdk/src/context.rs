//! A saga on its way to the next service, in headers of HTTP or Kafka.
//!
//! What comes from outside is used only after it was checked, and is an error rather than a panic.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use saga_types::{NameError, OrderId, SagaId, SagaType, topic};
use thiserror::Error;

use crate::{SagaContext, TraceContext};

/// The names of the headers that take a saga to the next service. Values are percent-encoded UTF-8.
pub mod headers {
    /// The saga.
    pub const SAGA_ID: &str = "saga-id";
    /// The kind of saga.
    pub const SAGA_TYPE: &str = "saga-type";
    /// The business key.
    pub const ORDER_ID: &str = "saga-order-id";
    /// The saga that began this one, if any.
    pub const PARENT_SAGA_ID: &str = "saga-parent-id";
    /// Those that every saga has.
    pub const ALL: [&str; 3] = [SAGA_ID, SAGA_TYPE, ORDER_ID];
}

/// Why headers do not name a saga.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ContextError {
    /// A header is missing.
    #[error("the header {header} is missing")]
    Missing {
        /// Its name.
        header: &'static str,
    },
    /// A header comes twice, with different values.
    #[error("the header {header} comes twice with different values")]
    Ambiguous {
        /// Its name.
        header: &'static str,
    },
    /// A header is not UTF-8.
    #[error("the header {header} is not UTF-8")]
    NotText {
        /// Its name.
        header: &'static str,
    },
    /// A header's value is no such name.
    #[error("the header {header} {problem}")]
    Invalid {
        /// Its name.
        header: &'static str,
        /// What is wrong with the value.
        #[source]
        problem: NameError,
    },
    /// The saga is of another type than the one that is resumed; only from [`SagaOf::resume`](crate::SagaOf::resume).
    #[error("the saga is of type {found}, not {expected}")]
    OtherType {
        /// The type that was asked for.
        expected: SagaType,
        /// The type that the headers name.
        found: SagaType,
    },
}

/// What may stand in a header as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

pub(crate) fn inject(
    saga: &SagaContext,
    parent: Option<&SagaId>,
    trace: Option<&TraceContext>,
) -> Vec<(&'static str, String)> {
    let encoded = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    let mut pairs = vec![
        (headers::SAGA_ID, encoded(saga.saga_id.as_str())),
        (headers::SAGA_TYPE, encoded(saga.saga_type.as_str())),
        (headers::ORDER_ID, encoded(saga.order_id.as_str())),
    ];
    pairs.extend(parent.map(|parent| (headers::PARENT_SAGA_ID, encoded(parent.as_str()))));
    if let Some(trace) = trace {
        pairs.push((topic::headers::TRACEPARENT, trace.traceparent()));
        pairs.extend(
            trace
                .tracestate()
                .map(|state| (topic::headers::TRACESTATE, state.to_owned())),
        );
    }
    pairs
}

/// A saga as its headers name it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Extracted {
    pub(crate) saga: SagaContext,
    pub(crate) parent: Option<SagaId>,
    pub(crate) trace: Option<TraceContext>,
}

/// The headers that are read; all others are ignored.
#[derive(Default)]
struct Found {
    saga: [Option<Vec<u8>>; headers::ALL.len()],
    parent: Option<Vec<u8>>,
    traceparent: Option<Vec<u8>>,
    tracestate: Option<Vec<u8>>,
}

pub(crate) fn extract<N: AsRef<str>, V: AsRef<[u8]>>(
    pairs: impl IntoIterator<Item = (N, V)>,
) -> Result<Extracted, ContextError> {
    let mut found = Found::default();
    for (name, value) in pairs {
        found.add(name.as_ref(), value.as_ref())?;
    }
    let saga = SagaContext {
        saga_id: checked(&found, 0, SagaId::new)?,
        saga_type: checked(&found, 1, SagaType::new)?,
        order_id: checked(&found, 2, OrderId::new)?,
    };
    Ok(Extracted {
        saga,
        parent: found.parent(),
        trace: found.trace(),
    })
}

impl Found {
    fn add(&mut self, name: &str, value: &[u8]) -> Result<(), ContextError> {
        if let Some(index) = headers::ALL
            .iter()
            .position(|header| name.eq_ignore_ascii_case(header))
        {
            let before = self.saga[index].replace(value.to_vec());
            if before.is_some_and(|before| before != value) {
                return Err(ContextError::Ambiguous {
                    header: headers::ALL[index],
                });
            }
        } else if name.eq_ignore_ascii_case(headers::PARENT_SAGA_ID) {
            self.parent = Some(value.to_vec());
        } else if name.eq_ignore_ascii_case(topic::headers::TRACEPARENT) {
            self.traceparent = Some(value.to_vec());
        } else if name.eq_ignore_ascii_case(topic::headers::TRACESTATE) {
            self.tracestate = Some(value.to_vec());
        }
        Ok(())
    }

    /// A parent that is not valid is left out: the saga itself is known without it.
    fn parent(&self) -> Option<SagaId> {
        let text = str::from_utf8(self.parent.as_deref()?).ok()?;
        SagaId::new(percent_decode_str(text).decode_utf8().ok()?).ok()
    }

    fn trace(&self) -> Option<TraceContext> {
        let text = |value: &'_ Option<Vec<u8>>| String::from_utf8(value.clone()?).ok();
        TraceContext::parse(&text(&self.traceparent)?, text(&self.tracestate).as_deref())
    }
}

fn checked<T>(
    found: &Found,
    index: usize,
    check: fn(String) -> Result<T, NameError>,
) -> Result<T, ContextError> {
    let header = headers::ALL[index];
    let value = found.saga[index]
        .as_deref()
        .ok_or(ContextError::Missing { header })?;
    let not_text = |_| ContextError::NotText { header };
    let text = str::from_utf8(value).map_err(not_text)?;
    let text = percent_decode_str(text).decode_utf8().map_err(not_text)?;
    check(text.into_owned()).map_err(|problem| ContextError::Invalid { header, problem })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn saga() -> SagaContext {
        SagaContext {
            saga_type: SagaType::ORDER_CREATION,
            saga_id: "사가 1/%".parse().unwrap(),
            order_id: "order-1".parse().unwrap(),
        }
    }

    fn parent() -> SagaId {
        "상위 1".parse().unwrap()
    }

    fn plain() -> Extracted {
        Extracted {
            saga: saga(),
            parent: None,
            trace: None,
        }
    }

    const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_is_injected_is_extracted_whatever_the_ids_are() {
        let trace = TraceContext::parse(TRACEPARENT, Some("vendor=value"));
        let pairs = inject(&saga(), Some(&parent()), trace.as_ref());
        assert!(
            pairs
                .iter()
                .all(|(_, value)| value.bytes().all(|byte| (0x21..0x7f).contains(&byte)))
        );
        let expected = Extracted {
            parent: Some(parent()),
            trace,
            ..plain()
        };
        assert_eq!(extract(pairs), Ok(expected));
    }

    #[test]
    fn names_are_compared_without_regard_to_case() {
        let pairs = inject(&saga(), None, None)
            .into_iter()
            .map(|(name, value)| (name.to_uppercase(), value));
        assert_eq!(extract(&pairs.collect::<HashMap<_, _>>()), Ok(plain()));
    }

    #[test]
    fn wrong_or_hostile_headers_are_errors() {
        let base = || inject(&saga(), None, None);
        let with = |value: &[u8]| {
            let mut pairs: Vec<_> = base()
                .into_iter()
                .map(|(name, value)| (name, value.into_bytes()))
                .collect();
            pairs[0].1 = value.to_vec();
            extract(pairs).unwrap_err().to_string()
        };
        assert_eq!(with(b""), "the header saga-id is empty");
        assert_eq!(with(b"\xff"), "the header saga-id is not UTF-8");
        assert_eq!(with(b"%ff"), "the header saga-id is not UTF-8");
        assert_eq!(
            with(b"a%0Ab"),
            "the header saga-id holds the control character U+000A"
        );
        assert_eq!(
            with(&[b'x'; 1_000_000]),
            "the header saga-id has 1000000 characters, at most 100 are allowed"
        );
        let twice = base().into_iter().chain([("Saga-Id", "other".to_owned())]);
        assert_eq!(
            extract(twice).unwrap_err(),
            ContextError::Ambiguous { header: "saga-id" }
        );
        assert_eq!(
            extract(base().split_off(1)).unwrap_err(),
            ContextError::Missing { header: "saga-id" }
        );
    }

    #[test]
    fn a_trace_or_parent_that_is_not_valid_is_left_out() {
        let pairs = inject(&saga(), None, None).into_iter().chain([
            ("traceparent", "nonsense".to_owned()),
            ("saga-parent-id", "%0A".to_owned()),
        ]);
        assert_eq!(extract(pairs), Ok(plain()));
    }
}
