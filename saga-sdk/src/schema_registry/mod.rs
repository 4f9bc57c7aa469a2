//! The id under which a schema registry knows the events' schema.
//!
//! Rule of thumb: the registry is asked in the background, and nothing that it does or says reaches the service.

#[cfg(feature = "schema-registry")]
mod client;
#[cfg(feature = "schema-registry")]
mod says;

#[cfg(feature = "schema-registry")]
pub(crate) use client::SchemaRegistry;

#[cfg(not(feature = "schema-registry"))]
use crate::{ConnectError, SagaConfig};

/// Why there is no id. What it was has been said already.
#[cfg_attr(
    not(feature = "schema-registry"),
    expect(dead_code, reason = "nobody asks a registry")
)]
pub(crate) enum Trouble {
    /// The registry does not answer, or has trouble of its own: soon it may be back.
    Away,
    /// It says no, and will until somebody changes something.
    Refused,
}

/// Without its feature there is none.
#[cfg(not(feature = "schema-registry"))]
pub(crate) enum SchemaRegistry {}

#[cfg(not(feature = "schema-registry"))]
impl SchemaRegistry {
    pub(crate) fn from_config(config: &SagaConfig) -> Result<Option<Self>, ConnectError> {
        match config.schema_registry.url {
            Some(_) => Err(ConnectError::NotBuilt {
                what: "the client of a schema registry (platform.saga.schemaRegistry.url)".to_owned(),
                feature: "schema-registry",
            }),
            None => Ok(None),
        }
    }

    pub(crate) async fn schema_id(&self) -> Result<u32, Trouble> {
        match *self {}
    }
}
