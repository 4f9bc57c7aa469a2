//! What stands around every request: limits before, headers and the form of errors after.

use std::time::{Duration, Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use percent_encoding::percent_decode_str;
use tracing::Instrument;

use super::{ApiError, AppState, guard, query_string::is_well_encoded};
use crate::{auth::Caller, metrics::EndpointLabels, telemetry::spans, ui};

/// How long an answer may take.
const TIME_LIMIT: Duration = Duration::from_secs(15);

/// The longest query, in bytes. Every sensible combination of filters is far shorter.
const QUERY_LIMIT: usize = 8 * 1024;

/// For answers that are data and never a page.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
];

/// Goes around every handler, those for unknown routes and methods included.
pub(super) async fn around(state: State<AppState>, request: Request, next: Next) -> Response {
    // Orchestrators and Prometheus ask all the time, and nobody asks for traces of that.
    if guard::role_for(request.uri().path()).is_none() {
        return answer(state, request, next).await;
    }
    let labels = labels(&request);
    let span = spans::request(&labels.method, &labels.endpoint, request.headers());
    let response = answer(state, request, next).instrument(span.clone()).await;
    spans::answered(&span, response.status());
    response
}

async fn answer(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let path = request.uri().path().to_owned();
    let labels = labels(&request);
    let asked = ui::Asked::of(&request);
    let mut response = match check(request.uri()) {
        Ok(()) => within_limits(request, next).await,
        Err(error) => error.into_response(),
    };
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        let headers = std::mem::take(response.headers_mut());
        let caller = response.extensions_mut().remove::<Caller>();
        response = match &asked {
            Some(asked) => ui::error_page(&error, asked, caller),
            None => error.answer(&path),
        };
        keep_allow(&headers, response.headers_mut());
    }
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    state
        .metrics
        .api_latency
        .get_or_create(&labels)
        .observe(began.elapsed().as_secs_f64());
    response
}

/// The answer when no route has the path.
pub(super) async fn no_such_route() -> ApiError {
    ApiError::not_found("there is nothing at this path")
}

/// The answer when the route has other methods.
pub(super) async fn method_not_allowed(method: Method) -> ApiError {
    ApiError::method_not_allowed(method.as_str())
}

/// In a task of its own: a panic ends there, and a caller that goes away does not cut a transaction in half.
async fn within_limits(request: Request, next: Next) -> Response {
    let mut answer = tokio::spawn(next.run(request).in_current_span());
    match tokio::time::timeout(TIME_LIMIT, &mut answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            tracing::error!(%error, "a request ended in a panic");
            ApiError::internal().into_response()
        }
        Err(_) => {
            answer.abort();
            let limit = TIME_LIMIT.as_secs();
            ApiError::unavailable(format!("the answer took longer than {limit} s")).into_response()
        }
    }
}

fn check(uri: &Uri) -> Result<(), ApiError> {
    let is_text = is_well_encoded(uri.path()) && percent_decode_str(uri.path()).decode_utf8().is_ok();
    if !is_text {
        return Err(ApiError::bad_request(
            "the path must be UTF-8 with every % followed by two hex digits",
        ));
    }
    let query_bytes = uri.query().map_or(0, str::len);
    if query_bytes > QUERY_LIMIT {
        let message = format!("the query has {query_bytes} bytes, at most {QUERY_LIMIT} are allowed");
        return Err(ApiError::bad_request(message));
    }
    Ok(())
}

/// Paths and methods that callers make up must not become labels of their own.
fn labels(request: &Request) -> EndpointLabels {
    const METHODS: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    let endpoint = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unknown", MatchedPath::as_str);
    let method = METHODS.iter().find(|method| *method == request.method());
    EndpointLabels {
        endpoint: endpoint.to_owned(),
        method: method.map_or("OTHER", Method::as_str).to_owned(),
    }
}

/// A 405 must say which methods there are; the routes have put it beside the error.
fn keep_allow(from: &HeaderMap, to: &mut HeaderMap) {
    if let Some(allow) = from.get(header::ALLOW) {
        to.insert(header::ALLOW, allow.clone());
    }
}
