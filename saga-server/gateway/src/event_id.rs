//! Ids of events that have none of their own: functions of what they come from, so that sending it again makes the same event.

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
}
