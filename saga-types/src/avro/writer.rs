//! The schema that a body was written with.

use super::schema::SchemaVersion;
#[cfg(feature = "resolution")]
use super::{ResolvedSchema, SchemaError};

/// The schema that a body was written with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum WriterSchema {
    /// One of the published versions.
    Version(SchemaVersion),
    /// Another schema that resolves to ours.
    #[cfg(feature = "resolution")]
    Other(Box<ResolvedSchema>),
}

impl From<SchemaVersion> for WriterSchema {
    fn from(version: SchemaVersion) -> Self {
        Self::Version(version)
    }
}

#[cfg(feature = "resolution")]
impl WriterSchema {
    /// Takes a schema from a registry. A published version is recognised by its canonical form.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] when it is not a schema or does not resolve to the event's.
    pub fn parse(json: &str) -> Result<Self, SchemaError> {
        let schema = ResolvedSchema::parse(json)?;
        // Before anything else goes through it.
        schema.check_bounds()?;
        if let Some(version) = schema.published_version() {
            return Ok(Self::Version(version));
        }
        schema.check_compatibility()?;
        Ok(Self::Other(Box::new(schema)))
    }
    /// How much memory it takes, about.
    #[must_use]
    pub fn parsed_bytes(&self) -> usize {
        match self {
            Self::Version(_) => 0,
            Self::Other(schema) => schema.parsed_bytes,
        }
    }
}
