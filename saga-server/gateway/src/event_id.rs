//! Ids of events that have none of their own: functions of what they come from, so that sending it again makes the same event.
//!
//! The fold orders a saga's events of the same millisecond by their ids. So what the origin says of their order (a part of the
//! millisecond, an offset, an id that grows) stands before the hash.

use saga_types::{EventId, NameError};
use sha2::{Digest, Sha256};

/// How much of the hash an id holds, in bytes.
const HASH_BYTES: usize = 16;

/// The id that is a function of these parts, behind a prefix that says which way the event came.
///
/// # Errors
///
/// [`NameError`] when the prefix cannot begin an id.
pub(crate) fn hashed(prefix: &str, parts: &[&[u8]]) -> Result<EventId, NameError> {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let digits: String = hash.finalize()[..HASH_BYTES]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    EventId::new(format!("{prefix}{digits}"))
}

/// The longest id of an origin that begins an event's id.
const MAX_OWN_CHARS: usize = 40;

/// How many digits the largest number of 64 bits has.
const DIGITS: usize = 20;

/// The id that an origin gave, as it begins an event's id: numbers, UUIDs of version 7 and the like keep their order.
pub(crate) fn in_order(own: &str) -> String {
    if is_number(own) {
        format!("{}-", padded(own))
    } else if own.len() <= MAX_OWN_CHARS && own.bytes().all(|byte| byte.is_ascii_graphic()) {
        format!("{own}-")
    } else {
        String::new()
    }
}

/// A number with as many digits as one may have; any other text as it is.
pub(crate) fn padded(own: &str) -> String {
    match is_number(own) {
        true => format!("{own:0>DIGITS$}"),
        false => own.to_owned(),
    }
}

fn is_number(own: &str) -> bool {
    own.len() <= DIGITS && own.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_part_ends_is_part_of_the_id() {
        let id = |parts: &[&[u8]]| hashed("x-", parts).unwrap();
        assert_eq!(id(&[b"ab", b"c"]), id(&[b"ab", b"c"]));
        assert_ne!(id(&[b"ab", b"c"]), id(&[b"a", b"bc"]));
        assert_ne!(id(&[b"ab"]), id(&[b"ab", b""]));
    }
    #[test]
    fn ids_that_grow_keep_their_order() {
        let id = |own: &str| hashed(&format!("x-{}", in_order(own)), &[own.as_bytes()]).unwrap();
        let numbers = ["7", "9", "10", "18446744073709551615"];
        assert!(numbers.map(id).is_sorted());
        assert!(["019ac1e2-7b3c-7a01", "019ac1e2-7b3c-7a02"].map(id).is_sorted());
        assert_ne!(id("7"), id("007"));
        for other in ["", "a b", "\u{e9}", &"x".repeat(200)] {
            assert!(id(other).as_str().len() <= saga_types::MAX_NAME_CHARS);
        }
    }
}
