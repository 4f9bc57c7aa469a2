//! The tools on standard input and output, for a client that starts them as a process of its own.

use rmcp::{ServiceExt, transport::io::stdio};

use crate::{ask::Ask, server::SagaTools};

/// Answers until standard input ends; why it could not, in words.
///
/// # Errors
///
/// When the client does not speak the protocol, or goes away in the middle of it.
pub async fn serve<A: Ask>(ask: A) -> Result<(), String> {
    let running = SagaTools::new(ask).serve(stdio()).await;
    let running = running.map_err(|error| format!("the client does not speak the protocol: {error}"))?;
    let ended = running.waiting().await;
    ended
        .map(drop)
        .map_err(|error| format!("the conversation broke off: {error}"))
}
