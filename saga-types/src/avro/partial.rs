//! What can be read of bytes that are not an event: the fields up to the fault, each with its place.

use super::{
    DecodeError, Frame, MAX_EVENT_BYTES, SchemaVersion,
    decode::{Field, Reader},
    decode_single_object,
};

/// Fields of a value that is not an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialEvent {
    /// The fields that could be read, in their order on the wire; one that was read may still break a rule.
    pub fields: Vec<PartialField>,
    /// Where the bytes no longer follow the schema; none when all of them do, and a field breaks a rule.
    pub broken_at: Option<usize>,
    /// The field with the fault, where it is known.
    pub field: Option<&'static str>,
    /// The fault.
    pub error: DecodeError,
    /// Whether the bytes do not say a schema that is known, so that the latest version was assumed.
    pub is_schema_assumed: bool,
}

/// A field that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialField {
    /// Its name in the schema.
    pub name: &'static str,
    /// Where it begins, in bytes from the beginning of the value.
    pub offset: usize,
    /// What it holds; none for a field that is null.
    pub value: Option<String>,
}

impl PartialEvent {
    /// Reads what can be read of a value. None when it is an event by a published version, is empty or too large, or is framed
    /// in another way.
    ///
    /// ```
    /// use saga_types::{avro::{self, PartialEvent}, steps, SagaEvent, SagaStatus, SagaType, Timestamp};
    ///
    /// let event = SagaEvent::new(
    ///     "evt-1".parse()?, "saga-1".parse()?, "order-1".parse()?,
    ///     SagaType::ORDER_CREATION, steps::ORDER_CREATED, SagaStatus::Started, Timestamp::now(),
    /// );
    /// let bytes = avro::encode(&event, avro::SchemaVersion::V2, avro::Framing::SingleObject)?;
    /// assert!(PartialEvent::read(&bytes).is_none());
    /// let cut = PartialEvent::read(&bytes[..bytes.len() - 10]).unwrap();
    /// assert_eq!(cut.value("sagaId"), Some("saga-1"));
    /// assert_eq!(cut.field, Some("orderId"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn read(value: &[u8]) -> Option<Self> {
        let (body, version) = match Frame::parse(value).ok()? {
            Frame::SingleObject { fingerprint, body } => (body, SchemaVersion::by_fingerprint(fingerprint)),
            Frame::Confluent { body, .. } => (body, None),
        };
        let frame = value.len() - body.len();
        let mut partial = Self::of_body(body, version.unwrap_or(SchemaVersion::V2), frame);
        partial.is_schema_assumed = version.is_none();
        if partial.broken_at.is_none() {
            // Every field was read, so a rule is broken, or only the schema is not known.
            partial.error = decode_single_object(value).err()?;
            partial.field = partial.error.field();
        }
        Some(partial)
    }

    /// Whether every field could be read, by the schema that the value names.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.broken_at.is_none() && !self.is_schema_assumed
    }

    fn of_body(body: &[u8], version: SchemaVersion, frame: usize) -> Self {
        debug_assert!(body.len() <= MAX_EVENT_BYTES);
        let mut reader = Reader { rest: body };
        let mut partial = Self {
            fields: Vec::new(),
            broken_at: None,
            field: None,
            error: DecodeError::Empty,
            is_schema_assumed: false,
        };
        for field in Field::of(version) {
            let offset = frame + body.len() - reader.rest.len();
            match reader.any(*field, version) {
                Ok(value) => partial.fields.push(PartialField {
                    name: field.name(),
                    offset,
                    value,
                }),
                Err(error) => {
                    partial.broken_at = Some(offset);
                    partial.field = Some(field.name());
                    partial.error = error;
                    return partial;
                }
            }
        }
        if !reader.rest.is_empty() {
            partial.broken_at = Some(frame + body.len() - reader.rest.len());
            partial.error = DecodeError::TrailingBytes {
                bytes: reader.rest.len(),
            };
        }
        partial
    }

    /// What a field holds, if it was read and is not null.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|field| field.name == name);
        found.and_then(|field| field.value.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        SagaEvent, SagaStatus, SagaType, Timestamp,
        avro::{Framing, encode},
        steps,
    };

    fn event() -> SagaEvent {
        SagaEvent::new(
            "evt-1".parse().unwrap(),
            "saga-1".parse().unwrap(),
            "order-1".parse().unwrap(),
            SagaType::ORDER_CREATION,
            steps::ORDER_CREATED,
            SagaStatus::Started,
            Timestamp::from_millis(1_760_000_000_000).unwrap(),
        )
    }

    fn bytes() -> Vec<u8> {
        encode(&event(), SchemaVersion::V2, Framing::SingleObject).unwrap()
    }

    fn position(bytes: &[u8], text: &str) -> usize {
        let text = text.as_bytes();
        bytes.windows(text.len()).position(|part| part == text).unwrap()
    }

    #[test]
    fn nothing_is_partial_about_an_event() {
        assert_eq!(PartialEvent::read(&bytes()), None);
        assert_eq!(PartialEvent::read(&[]), None);
        assert_eq!(PartialEvent::read(b"{\"sagaId\":\"saga-1\"}"), None);
    }

    #[test]
    fn bytes_that_are_cut_anywhere_give_what_is_before_the_cut() {
        let bytes = bytes();
        let mut read = 0;
        for length in 10..bytes.len() {
            let partial = PartialEvent::read(&bytes[..length]).unwrap();
            assert!(partial.fields.len() >= read, "{length}");
            read = partial.fields.len();
            assert!(partial.broken_at.unwrap() <= length);
            assert_eq!(partial.error.kind(), "TRUNCATED");
            assert_eq!(partial.error.field(), partial.field);
        }
        assert_eq!(read, 9);
    }

    #[test]
    fn a_field_that_breaks_a_rule_is_read_with_all_others() {
        // Longer than a step may be.
        let mut long = bytes();
        let place = position(&long, "ORDER_CREATED");
        let step = "X".repeat(106);
        long.splice(place - 1..place + 13, [212, 1].into_iter().chain(step.bytes()));
        let partial = PartialEvent::read(&long).unwrap();
        assert_eq!((partial.broken_at, partial.field), (None, Some("step")));
        assert_eq!(partial.error.kind(), "INVALID_NAME");
        assert_eq!(partial.value("step"), Some(step.as_str()));
        assert_eq!(partial.value("orderId"), Some("order-1"));
        let step = partial.fields.iter().find(|field| field.name == "step").unwrap();
        assert_eq!(step.offset, place - 1);
    }

    #[test]
    fn a_fault_in_the_middle_hides_what_follows() {
        let mut broken = bytes();
        let place = position(&broken, "order-1");
        broken[place] = 0xff;
        let partial = PartialEvent::read(&broken).unwrap();
        assert_eq!(
            (partial.broken_at, partial.field),
            (Some(place - 1), Some("orderId"))
        );
        assert_eq!(partial.error, DecodeError::NotUtf8 { field: "orderId" });
        assert_eq!(partial.value("sagaId"), Some("saga-1"));
        assert_eq!(partial.value("status"), Some("STARTED"));
        assert_eq!(partial.value("orderId"), None);
    }

    #[test]
    fn bytes_that_are_left_and_schemas_that_are_not_known_are_said() {
        let mut longer = bytes();
        longer.extend([1, 2, 3]);
        let partial = PartialEvent::read(&longer).unwrap();
        assert_eq!(partial.error, DecodeError::TrailingBytes { bytes: 3 });
        assert_eq!(
            (partial.broken_at, partial.fields.len()),
            (Some(longer.len() - 3), 10)
        );
        let mut foreign = bytes();
        foreign[2] ^= 1;
        let partial = PartialEvent::read(&foreign).unwrap();
        assert!(partial.is_schema_assumed && partial.broken_at.is_none());
        assert_eq!(partial.error.kind(), "UNKNOWN_FINGERPRINT");
        assert_eq!(partial.value("sagaId"), Some("saga-1"));
        let body = &bytes()[10..];
        let confluent: Vec<u8> = [0, 0, 0, 0, 7].into_iter().chain(body.iter().copied()).collect();
        let partial = PartialEvent::read(&confluent).unwrap();
        assert_eq!(partial.error, DecodeError::NoRegistry(7));
        assert_eq!(partial.value("orderId"), Some("order-1"));
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let bytes = bytes();
        for place in 0..bytes.len() {
            for value in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                let mut other = bytes.clone();
                other[place] = value;
                let partial = PartialEvent::read(&other);
                assert!(partial.is_none_or(|partial| partial.fields.len() <= 10));
            }
        }
    }
}
