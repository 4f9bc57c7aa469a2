//! What every request passes: limits before the handler, headers and the form of errors after it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use percent_encoding::percent_decode_str;
use tracing::Instrument;

use super::{
    ApiError,
    access::{self, Requirement},
    otlp_status,
    query_string::is_well_encoded,
};
use saga_collector::{
    metrics::{EndpointLabels, Metrics},
    telemetry::spans,
};

/// How long an answer may take.
const TIME_LIMIT: Duration = Duration::from_secs(15);

/// The same where it may wait for another system, for which there is a limit of its own that is shorter.
const WAITING_TIME_LIMIT: Duration = Duration::from_secs(60);

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

/// Outermost: a span, how long the answer took, the headers of data, and errors as JSON.
pub(crate) async fn observe_request(metrics: State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    // What orchestrators and Prometheus ask every few seconds makes no traces.
    if access::needed(&request) == Requirement::Open {
        return answer(metrics, request, next).await;
    }
    let labels = labels(&request);
    let span = spans::request(&labels.method, &labels.endpoint, request.headers());
    let response = answer(metrics, request, next).instrument(span.clone()).await;
    spans::answered(&span, response.status());
    response
}

async fn answer(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let path = request.uri().path().to_owned();
    let labels = labels(&request);
    let encoding = otlp_status::encoding(request.headers());
    let mut response = next.run(request).await;
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        let answer = match access::is_otlp(&path) {
            true => otlp_status::answer(&error, encoding),
            false => error.answer(&path),
        };
        response = with_allow(&response, answer);
    }
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    metrics
        .requests
        .api_latency
        .get_or_create(&labels)
        .observe(began.elapsed().as_secs_f64());
    response
}

/// Innermost before the guard: what a request may contain, and how long its answer may take.
pub(crate) async fn limit(request: Request, next: Next) -> Response {
    match check(request.uri()) {
        Ok(()) => within_limits(request, next).await,
        Err(error) => error.into_response(),
    }
}

/// The answer when no route has the path.
pub(crate) async fn no_such_route() -> ApiError {
    ApiError::not_found("there is nothing at this path")
}

/// The answer when the route has other methods.
pub(crate) async fn method_not_allowed(method: Method) -> ApiError {
    ApiError::method_not_allowed(method.as_str())
}

/// In a task of its own: a panic ends there, and a caller that goes away does not cut a transaction in half.
async fn within_limits(request: Request, next: Next) -> Response {
    let limit = match access::may_wait(request.method(), request.uri().path()) {
        true => WAITING_TIME_LIMIT,
        false => TIME_LIMIT,
    };
    let mut answer = tokio::spawn(next.run(request).in_current_span());
    match tokio::time::timeout(limit, &mut answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            tracing::error!(%error, "a request ended in a panic");
            ApiError::internal().into_response()
        }
        Err(_) => {
            answer.abort();
            let limit = limit.as_secs();
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

/// The answer in place of another one. A 405 must name the allowed methods, which the routes put beside the error.
pub(crate) fn with_allow(before: &Response, mut answer: Response) -> Response {
    if let Some(allow) = before.headers().get(header::ALLOW) {
        answer.headers_mut().insert(header::ALLOW, allow.clone());
    }
    answer
}

#[cfg(test)]
mod tests {
    use axum::{Router, middleware, routing::get};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    #[tokio::test]
    async fn a_panic_of_a_handler_is_an_internal_error_without_its_message() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let handler = || async {
            if true {
                panic!("hidden, and part of the test");
            }
        };
        let app = Router::new()
            .route("/", get(handler))
            .layer(middleware::from_fn(limit));
        tokio::spawn(async { axum::serve(listener, app).await });
        for _ in 0..2 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
            stream.write_all(request).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
            assert!(!answer.contains("hidden"), "{answer}");
        }
    }
}
