//! A set of the numbers that a producer gives its events.

use base64::{Engine, engine::general_purpose::STANDARD};
use roaring::RoaringTreemap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Numbers of events. Neighbours take a bit each, and long ranges next to nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sequences(pub(super) RoaringTreemap);

impl Sequences {
    /// The largest number that is believed. At a million events a second it takes eleven days to get there.
    pub const MAX: u64 = 1_000_000_000_000;

    /// Adds a number.
    pub fn insert(&mut self, sequence: u64) {
        self.0.insert(sequence);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes they take in the database.
    pub(super) fn bytes(&self) -> usize {
        self.0.serialized_size()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut set = self.0.clone();
        set.optimize();
        let mut bytes = Vec::with_capacity(set.serialized_size());
        // Writing to a Vec cannot fail.
        let _ = set.serialize_into(&mut bytes);
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, std::io::Error> {
        RoaringTreemap::deserialize_from(bytes).map(Self)
    }
}

impl FromIterator<u64> for Sequences {
    fn from_iter<I: IntoIterator<Item = u64>>(sequences: I) -> Self {
        Self(sequences.into_iter().collect())
    }
}

impl Serialize for Sequences {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        STANDARD.encode(self.to_bytes()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Sequences {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(de::Error::custom)?;
        Self::from_bytes(&bytes).map_err(de::Error::custom)
    }
}
