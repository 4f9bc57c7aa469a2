//! Bodies and frames that are none: each has its own error.

use saga_types::avro::{self, DecodeError, SchemaVersion};

use super::event;

/// The body of [`event`], field by field, so that a test can spoil one.
fn body_with(change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    let text = |text: &[u8]| [&[u8::try_from(text.len() * 2).unwrap()], text].concat();
    let mut fields = vec![
        text(b"evt-1"),
        vec![2],
        text(b"saga-1"),
        vec![0],
        text(b"ORDER_CREATED"),
        vec![0],
        text(b"order-1"),
        vec![0],
        vec![2],
        vec![0],
    ];
    change(&mut fields);
    fields.concat()
}

#[test]
fn every_kind_of_bad_body_has_its_own_error() {
    let decode = |body: Vec<u8>| avro::decode(&body, &SchemaVersion::V2.into());
    assert_eq!(decode(body_with(|_| ())), Ok(event()));
    let kind = |body| decode(body).unwrap_err().kind();
    let long_text = |chars: usize| {
        let length = chars * 2;
        let mut text = vec![
            u8::try_from(length & 0x7f).unwrap() | 0x80,
            u8::try_from(length >> 7).unwrap(),
        ];
        text.extend(std::iter::repeat_n(b'A', chars));
        text
    };
    let metadata = |json: &str| {
        let mut field = vec![2, u8::try_from(json.len() * 2).unwrap()];
        field.extend_from_slice(json.as_bytes());
        field
    };
    for (what, expected, body) in [
        (
            "empty event id",
            "INVALID_NAME",
            body_with(|fields| fields[0] = vec![0]),
        ),
        (
            "saga id of 101 characters",
            "INVALID_NAME",
            body_with(|fields| fields[2] = long_text(101)),
        ),
        (
            "empty order id",
            "INVALID_NAME",
            body_with(|fields| fields[6] = vec![0]),
        ),
        (
            "NUL in a step",
            "INVALID_NAME",
            body_with(|fields| fields[4] = vec![4, b'A', 0]),
        ),
        (
            "not UTF-8",
            "NOT_UTF8",
            body_with(|fields| fields[2] = vec![2, 0xff]),
        ),
        (
            "negative length",
            "MALFORMED",
            body_with(|fields| fields[2] = vec![1]),
        ),
        ("branch 2", "MALFORMED", body_with(|fields| fields[7] = vec![4])),
        (
            "saga type 5",
            "UNKNOWN_SYMBOL",
            body_with(|fields| fields[3] = vec![10]),
        ),
        (
            "status 5",
            "UNKNOWN_SYMBOL",
            body_with(|fields| fields[5] = vec![10]),
        ),
        (
            "custom without a name",
            "MISSING_SAGA_TYPE_NAME",
            body_with(|fields| fields[3] = vec![8]),
        ),
        (
            "year 292277026",
            "INVALID_TIMESTAMP",
            body_with(|fields| fields[8] = [vec![0xfe], vec![0xff; 8], vec![1]].concat()),
        ),
        (
            "a number of 70 bits",
            "MALFORMED",
            body_with(|fields| fields[8] = vec![0xff; 10]),
        ),
        (
            "claimed length of 4 GiB",
            "TRUNCATED",
            body_with(|fields| fields[9] = vec![2, 0x80, 0x80, 0x80, 0x80, 0x20]),
        ),
        (
            "metadata an array",
            "INVALID_METADATA",
            body_with(|fields| fields[7] = metadata("[]")),
        ),
        (
            "metadata with NUL",
            "INVALID_METADATA",
            body_with(|fields| fields[7] = metadata(r#"{"a":"\u0000"}"#)),
        ),
        (
            "metadata with 1e999",
            "INVALID_METADATA",
            body_with(|fields| fields[7] = metadata(r#"{"a":1e999}"#)),
        ),
        (
            "a type's name beyond the end",
            "TRUNCATED",
            body_with(|fields| fields[9] = vec![2, 20, b'A']),
        ),
        (
            "nothing where a type's name may be",
            "TRUNCATED",
            body_with(|fields| fields[9] = vec![]),
        ),
        (
            "trailing bytes",
            "TRAILING_BYTES",
            body_with(|fields| fields[9] = vec![0, 0]),
        ),
    ] {
        assert_eq!(kind(body), expected, "{what}");
    }
}

#[test]
fn frames_that_are_none_are_named() {
    assert_eq!(avro::decode_single_object(b""), Err(DecodeError::Empty));
    assert_eq!(
        avro::decode_single_object(b"{\"a\"").unwrap_err().kind(),
        "UNKNOWN_FRAMING"
    );
    assert_eq!(
        avro::decode_single_object(&[0, 0, 0, 0, 7, 1]),
        Err(DecodeError::NoRegistry(7))
    );
    assert_eq!(
        avro::decode_single_object(&[0xc3, 1, 1, 2, 3, 4, 5, 6, 7, 8]),
        Err(DecodeError::UnknownFingerprint(0x0807_0605_0403_0201))
    );
    let large = vec![0; avro::MAX_EVENT_BYTES + 1];
    assert_eq!(
        avro::decode_single_object(&large),
        Err(DecodeError::TooLarge { bytes: large.len() })
    );
}
