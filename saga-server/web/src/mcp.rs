//! `/mcp`: questions of language models, answered by the REST interface of this collector.
//!
//! Rule of thumb: each question passes the same guard as a call from outside, with the caller's own token, so that a tool never shows
//! what REST would not.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header, request::Parts},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::{MethodRouter, post_service},
};
use saga_mcp::{Answered, Ask, http::service};
use tower_service::Service;

use crate::{
    config::PagesConfig,
    http::{ApiError, body, guard::Peer},
};

/// Where it is.
pub(crate) const PATH: &str = "/mcp";

/// The longest answer of the REST interface that is read, in bytes.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;

/// The longest reason of the library that is repeated, in characters: it may repeat what came.
const REASON_CHARS: usize = 300;

/// The tools over this REST interface, which checks its callers itself.
pub(crate) fn route<S: Clone + Send + Sync + 'static>(
    rest: Router,
    pages: Arc<PagesConfig>,
) -> MethodRouter<S> {
    post_service(service(InProcess { rest, pages }, body::LIMIT))
        .route_layer(map_response(with_form_of_errors))
}

/// What the library refuses before it has read a message it answers with plain text, where all else is JSON.
async fn with_form_of_errors(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.headers().contains_key(header::CONTENT_TYPE) {
        return response;
    }
    let reason = to_bytes(response.into_body(), body::LIMIT)
        .await
        .unwrap_or_default();
    let reason: String = String::from_utf8_lossy(&reason)
        .chars()
        .take(REASON_CHARS)
        .collect();
    let error = match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::payload_too_large(format!("the body has more than {} bytes", body::LIMIT))
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ApiError::unsupported_media_type(reason),
        StatusCode::NOT_ACCEPTABLE => ApiError::not_acceptable(reason),
        StatusCode::NOT_FOUND => ApiError::not_found(reason),
        StatusCode::FORBIDDEN => ApiError::forbidden(reason),
        _ if status.is_client_error() => ApiError::bad_request(reason),
        _ => {
            tracing::error!(reason, "a question of a language model could not be answered");
            ApiError::internal()
        }
    };
    error.into_response()
}

#[derive(Clone)]
struct InProcess {
    rest: Router,
    pages: Arc<PagesConfig>,
}

impl Ask for InProcess {
    async fn get(&self, call: &str, sender: Option<&Parts>) -> Result<Answered, String> {
        let request = request(call, sender).map_err(|_| "the arguments are too long".to_owned())?;
        let Ok(response) = self.rest.clone().call(request).await;
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), LONGEST_ANSWER).await;
        let bytes = bytes.map_err(|_| "the tracker's answer broke off".to_owned())?;
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(Answered { status, body })
    }

    fn pages(&self) -> Option<&str> {
        self.pages.external_url.as_deref()
    }
}

/// The call with what says who is calling: the token, the name that they called, and where from.
fn request(call: &str, sender: Option<&Parts>) -> Result<Request<Body>, axum::http::Error> {
    let mut request = Request::get(call).body(Body::empty())?;
    let Some(sender) = sender else {
        return Ok(request);
    };
    for name in [header::AUTHORIZATION, header::HOST] {
        // All of them: of two tokens none counts.
        for value in sender.headers.get_all(&name) {
            request.headers_mut().append(name.clone(), value.clone());
        }
    }
    if let Some(peer) = sender.extensions.get::<Peer>() {
        request.extensions_mut().insert(*peer);
    }
    Ok(request)
}
