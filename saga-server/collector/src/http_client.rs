//! Calls to others over HTTP and HTTPS.
//!
//! Rule of thumb: no client is made elsewhere. One that is made before the cryptography is chosen panics, and so does one
//! that looks for certificates on a system that has none, as in a small container.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{Certificate, Client, ClientBuilder, Url, redirect};
use thiserror::Error;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 10;

/// Whose word is taken for the other side's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust<'a> {
    /// None: for addresses that begin with `http:`.
    None,
    /// That of the certificates of the system.
    System,
    /// That of the certificates in a file (PEM), and of no others.
    File(&'a Path),
}

impl<'a> Trust<'a> {
    /// What an address needs: the file if there is one, else the system, and for `http:` none.
    #[must_use]
    pub fn for_url(url: &str, ca_file: Option<&'a Path>) -> Self {
        let is_plain = url.trim_start().to_ascii_lowercase().starts_with("http:");
        match ca_file {
            _ if is_plain => Self::None,
            Some(file) => Self::File(file),
            None => Self::System,
        }
    }
}

/// Why there is no client.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file holds no certificate.
    #[error("{}: must hold certificates in PEM form", path.display())]
    NoCertificates {
        /// The file.
        path: PathBuf,
    },
    /// Most likely the system has no certificates.
    #[error("no client for HTTPS can be made ({0}); install ca-certificates, or name a file of certificates")]
    Tls(String),
}

/// Chooses the cryptography of this process's TLS; the first choice stays. Every client does it by itself.
pub fn choose_cryptography() {
    // An error means that it was chosen before.
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// A client that calls those who can prove who they are.
///
/// # Errors
///
/// [`ClientError`] when there are no certificates to prove it by.
pub fn client(trust: Trust<'_>) -> Result<Client, ClientError> {
    build(trusting(trust)?)
}

/// A client that takes the answer of the address that it calls, and never goes where that answer leads.
///
/// # Errors
///
/// [`ClientError`] as [`client`].
pub fn client_without_redirects(trust: Trust<'_>) -> Result<Client, ClientError> {
    build(trusting(trust)?.redirect(redirect::Policy::none()))
}

fn trusting(trust: Trust<'_>) -> Result<ClientBuilder, ClientError> {
    Ok(match trust {
        Trust::None => builder().tls_certs_only([]),
        Trust::System => builder(),
        Trust::File(path) => builder().tls_certs_only(certificates(path)?),
    })
}

fn build(builder: ClientBuilder) -> Result<Client, ClientError> {
    builder
        .build()
        .map_err(|error| ClientError::Tls(in_words(&error)))
}

/// A client for plain HTTP.
#[must_use]
pub fn plain_client() -> Client {
    // Only certificates could be amiss, and there are none.
    client(Trust::None).unwrap_or_default()
}

fn builder() -> ClientBuilder {
    choose_cryptography();
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(redirect::Policy::custom(follow))
}

/// As many redirects as usual, but none from `https:` to `http:`, where the answer could be changed on its way.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    if is_downgrade(attempt.previous(), attempt.url()) {
        return attempt.error("a redirect from https to http is not followed");
    }
    match attempt.previous().len() {
        0..=MAX_REDIRECTS => attempt.follow(),
        _ => attempt.error("too many redirects"),
    }
}

fn is_downgrade(previous: &[Url], next: &Url) -> bool {
    previous.iter().any(|url| url.scheme() == "https") && next.scheme() != "https"
}

/// What went wrong, down to its cause, without the address, which may hold a password.
pub fn failure(error: reqwest::Error) -> String {
    in_words(&error.without_url())
}

/// A client's error says where it failed, and only its causes say why.
fn in_words(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let mut words = error.to_string();
    for cause in causes {
        let cause = cause.to_string();
        // Some errors repeat their cause's words.
        if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, ClientError> {
    let path = || path.to_owned();
    let pem = std::fs::read(path()).map_err(|error| ClientError::Unreadable { path: path(), error })?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(ClientError::NoCertificates { path: path() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encrypted_stays_encrypted() {
        let [plain, encrypted] =
            ["http://issuer.example/", "https://issuer.example/"].map(|url| url.parse().ok());
        let (Some(plain), Some(encrypted)): (Option<Url>, Option<Url>) = (plain, encrypted) else {
            panic!("both are addresses");
        };
        assert!(is_downgrade(std::slice::from_ref(&encrypted), &plain));
        assert!(is_downgrade(&[plain.clone(), encrypted.clone()], &plain));
        assert!(!is_downgrade(std::slice::from_ref(&encrypted), &encrypted));
        assert!(!is_downgrade(std::slice::from_ref(&plain), &plain));
        assert!(!is_downgrade(std::slice::from_ref(&plain), &encrypted));
    }
}
