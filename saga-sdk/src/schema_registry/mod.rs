//! The id under which a schema registry knows the events' schema.
//!
//! Requests run in the background, and no failure of the registry reaches the service.

#[cfg(feature = "schema-registry")]
mod client;
mod error;
#[cfg(feature = "schema-registry")]
mod refusal;

#[cfg(feature = "schema-registry")]
pub(crate) use client::SchemaRegistry;
pub(crate) use error::RegistryError;

#[cfg(not(feature = "schema-registry"))]
use crate::{ConnectError, SagaConfig};

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

    pub(crate) async fn schema_id(&self) -> Result<u32, RegistryError> {
        match *self {}
    }
}
