//! The two published versions of the schema.

/// A published version of the record's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchemaVersion {
    /// Fields 1 to 9, two saga types.
    V1,
    /// All ten fields, any saga type.
    V2,
}

impl SchemaVersion {
    /// Both versions.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// The schema as JSON, as it is registered.
    #[must_use]
    pub const fn json(self) -> &'static str {
        match self {
            Self::V1 => include_str!("../../schemas/saga-tracker-v1.avsc"),
            Self::V2 => include_str!("../../schemas/saga-tracker-v2.avsc"),
        }
    }

    /// The CRC-64-AVRO fingerprint of the schema's canonical form.
    #[must_use]
    pub const fn fingerprint(self) -> u64 {
        match self {
            Self::V1 => 0xbac6_2c6f_8c3b_80fe,
            Self::V2 => 0x7fa8_ad5c_47af_51ab,
        }
    }

    /// The version that has a fingerprint.
    #[must_use]
    pub fn by_fingerprint(fingerprint: u64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|version| version.fingerprint() == fingerprint)
    }

    /// How many symbols of [`SagaType::KNOWN`](crate::SagaType::KNOWN) the version has.
    pub(super) const fn known_saga_types(self) -> usize {
        match self {
            Self::V1 => 2,
            Self::V2 => 4,
        }
    }
}
