//! The HTTP client that asks servers.

/// A client. Nothing here is encrypted, but where the workspace is built as a whole the library can do TLS, and then it
/// needs to know with which cryptography before it makes any client.
pub(crate) fn client() -> reqwest::Client {
    // Fails only when it is set already.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::new()
}
