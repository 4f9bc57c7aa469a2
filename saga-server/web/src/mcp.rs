//! `/mcp`: questions of language models, answered by the REST interface of this collector.
//!
//! Rule of thumb: each question passes the same guard as a call from outside, with the caller's own token, so that a tool never shows
//! what REST would not.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, header, request::Parts},
    routing::{MethodRouter, post_service},
};
use saga_mcp::{Answered, Ask, http::service};
use tower_service::Service;

use crate::{
    config::PagesConfig,
    http::{body, guard::Peer},
};

/// Where it is.
pub(crate) const PATH: &str = "/mcp";

/// The longest answer of the REST interface that is read, in bytes.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;

/// The tools over this REST interface, which checks its callers itself.
pub(crate) fn route<S: Clone + Send + Sync + 'static>(
    rest: Router,
    pages: Arc<PagesConfig>,
) -> MethodRouter<S> {
    post_service(service(InProcess { rest, pages }, body::LIMIT))
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
