//! Requests the schema's id from a registry with Confluent's REST API.

use std::{path::Path, sync::Arc, time::Duration};

use reqwest::{Response, StatusCode, Url, header::CONTENT_TYPE, redirect::Policy};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use rustls_platform_verifier::Verifier;
use saga_types::avro::SchemaVersion;
use serde::Deserialize;

use super::{
    error::RegistryError,
    refusal::{self, RegistryRefusal},
};
use crate::{ConnectError, SagaConfig, Secret, log_throttle::LogThrottle};

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A registry's response is shorter.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// A registry, and the request to it.
pub(crate) struct SchemaRegistry {
    http: reqwest::Client,
    /// Names the subject.
    endpoint: Url,
    subject: String,
    auto_register: bool,
    username: Option<String>,
    password: Option<Secret>,
    failures: LogThrottle,
}

#[derive(Deserialize)]
struct SchemaIdBody {
    id: u32,
}

impl SchemaRegistry {
    /// The registry of a configuration, if there is one.
    pub(crate) fn from_config(config: &SagaConfig) -> Result<Option<Self>, ConnectError> {
        let settings = &config.schema_registry;
        let Some(url) = settings.url.as_deref().filter(|url| !url.trim().is_empty()) else {
            return Ok(None);
        };
        let subject = format!("{}-value", config.topic);
        let url = address(url)?;
        Ok(Some(Self {
            http: http_client(&url, config.security.ca_location.as_deref())?,
            endpoint: endpoint(url, &subject, settings.auto_register),
            subject,
            auto_register: settings.auto_register,
            username: settings.username.clone(),
            password: settings.password.clone(),
            failures: LogThrottle::default(),
        }))
    }

    /// Sends one request.
    pub(crate) async fn schema_id(&self) -> Result<u32, RegistryError> {
        let subject = self.subject.as_str();
        match self.request().await {
            Ok(schema_id) => {
                tracing::info!(
                    schema_id,
                    subject,
                    "schema registry returned the id of the saga events' schema"
                );
                Ok(schema_id)
            }
            Err(refusal) => {
                if let Some(occurrences) = self.failures.count() {
                    tracing::warn!(
                        occurrences,
                        subject,
                        "{refusal}; until then saga events are buffered"
                    );
                }
                Err(refusal.error())
            }
        }
    }

    async fn request(&self) -> Result<u32, RegistryRefusal> {
        let mut request = self
            .http
            .post(self.endpoint.clone())
            .header(CONTENT_TYPE, "application/vnd.schemaregistry.v1+json")
            .body(serde_json::json!({ "schema": SchemaVersion::V2.json() }).to_string());
        if let Some(username) = &self.username {
            request = request.basic_auth(username, self.password.as_ref().map(Secret::expose));
        }
        let response = request.send().await.map_err(refusal::no_response)?;
        let status = response.status();
        let body = body_of(response).await?;
        if status != StatusCode::OK {
            return Err(RegistryRefusal::refusal(
                status,
                &body,
                &self.subject,
                self.auto_register,
            ));
        }
        let body = serde_json::from_slice::<SchemaIdBody>(&body)
            .map_err(|_| RegistryRefusal::not_a_registry(&body))?;
        Ok(body.id)
    }
}

fn address(url: &str) -> Result<Url, ConnectError> {
    let wrong = |problem| ConnectError::invalid("schemaRegistry.url", problem);
    let url = Url::parse(url.trim())
        .map_err(|error| wrong(format!("is no address such as http://HOST:PORT: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
        return Err(wrong("must begin with http:// or https://".to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "must not hold a user: use schemaRegistry.username and schemaRegistry.password".to_owned(),
        ));
    }
    Ok(url)
}

/// `POST /subjects/S` looks a schema up, `POST /subjects/S/versions` registers it unless it is there.
fn endpoint(mut url: Url, subject: &str, auto_register: bool) -> Url {
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["subjects", subject]);
        if auto_register {
            path.push("versions");
        }
    }
    url
}

fn http_client(url: &Url, ca_location: Option<&str>) -> Result<reqwest::Client, ConnectError> {
    let unusable = |error: &dyn std::fmt::Display| {
        ConnectError::invalid(
            "schemaRegistry.url",
            format!("there can be no client for it: {error}"),
        )
    };
    let roots = match (url.scheme(), ca_location) {
        ("https", Some(place)) => certificates(place)?,
        _ => Vec::new(),
    };
    let tls = tls(url, roots).map_err(|error| unusable(&error))?;
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        // Credentials are for this address, and a schema's id from another one is worth nothing.
        .redirect(Policy::none())
        .timeout(TIMEOUT)
        .build()
        .map_err(|error| unusable(&error))
}

/// Only OpenSSL reads a folder; the registry's certificate must then be known to the system.
fn certificates(place: &str) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    if Path::new(place).is_dir() {
        return Ok(Vec::new());
    }
    let read = CertificateDer::pem_file_iter(place).and_then(Iterator::collect);
    read.map_err(|error| ConnectError::invalid("security.caLocation", format!("{place}: {error}")))
}

/// Made here, since reqwest would use what the process has installed, and panic if it has nothing. The system's
/// certificates are needed for TLS only, and a small image may have none.
fn tls(url: &Url, roots: Vec<CertificateDer<'static>>) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    if url.scheme() != "https" {
        let builder = builder.with_root_certificates(RootCertStore::empty());
        return Ok(builder.with_no_client_auth());
    }
    let verifier = Verifier::new_with_extra_roots(roots, provider)?;
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    Ok(builder.with_no_client_auth())
}

async fn body_of(mut response: Response) -> Result<Vec<u8>, RegistryRefusal> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(refusal::no_response)? {
        if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
            return Err(RegistryRefusal::not_a_registry(&body));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> SagaConfig {
        let mut config = SagaConfig::default().topic("sagas");
        config.schema_registry.url = Some(url.to_owned());
        config
    }

    #[test]
    fn the_endpoint_keeps_the_path_of_the_address() {
        for url in [
            "http://registry:8081/apis/ccompat/v7",
            "http://registry:8081/apis/ccompat/v7/",
        ] {
            let url = address(url).unwrap();
            assert_eq!(
                endpoint(url.clone(), "sagas-value", false).as_str(),
                "http://registry:8081/apis/ccompat/v7/subjects/sagas-value"
            );
            assert_eq!(
                endpoint(url, "sagas-value", true).as_str(),
                "http://registry:8081/apis/ccompat/v7/subjects/sagas-value/versions"
            );
        }
    }

    #[test]
    fn an_address_that_cannot_be_one_is_refused_with_its_key() {
        for url in [
            "registry:8081",
            "kafka",
            "ftp://registry",
            "http://user:hunter2@registry",
        ] {
            assert!(!format!("{:?}", config(url)).contains("hunter2"));
            let error = SchemaRegistry::from_config(&config(url))
                .err()
                .unwrap()
                .to_string();
            assert!(error.starts_with("platform.saga.schemaRegistry.url: "), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn without_an_address_there_is_no_registry() {
        for config in [SagaConfig::default(), config(" ")] {
            assert!(SchemaRegistry::from_config(&config).unwrap().is_none());
        }
    }
}
