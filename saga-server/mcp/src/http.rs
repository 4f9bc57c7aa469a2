//! The tools over HTTP: streamable HTTP without sessions, one JSON answer for each message.
//!
//! Rule of thumb: who may call, and by which name, was checked before; bodies are bounded here.

use std::sync::Arc;

use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
};

use crate::{ask::Ask, server::SagaTools};

/// Answers requests; to be put behind whatever checks callers, hosts and origins.
pub type Service<A> = StreamableHttpService<SagaTools<A>, NeverSessionManager>;

/// The tools over this interface, for bodies of at most so many bytes.
pub fn service<A: Ask>(ask: A, max_body_bytes: usize) -> Service<A> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_sse_keep_alive(None)
        .with_max_request_body_bytes(max_body_bytes)
        // The one list of names would be that of the collector, which the guard before this has.
        .disable_allowed_hosts();
    let tools = SagaTools::new(ask);
    StreamableHttpService::new(move || Ok(tools.clone()), Arc::default(), config)
}
