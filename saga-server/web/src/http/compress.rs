//! Answers are sent compressed to those who take them so. What is streamed goes out as it is, so that nothing waits in a
//! compressor: events of the stream, exports.

use std::io::{self, Write};

use axum::{
    body::{Body, Bytes, HttpBody, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use flate2::{Compression, write::GzEncoder};

use super::ApiError;

/// Below this a compressed answer is hardly smaller.
const LEAST_BYTES: u64 = 1_024;

/// Nothing that is longer is made at once.
const MOST_BYTES: u64 = 16 << 20;

pub(crate) async fn compress(request: Request, next: Next) -> Response {
    let is_wanted = accepts_gzip(request.headers());
    let mut response = next.run(request).await;
    let length = response.body().size_hint().exact();
    let is_long = length.is_some_and(|length| (LEAST_BYTES..=MOST_BYTES).contains(&length));
    if !is_long || !is_text(response.headers()) {
        return response;
    }
    let vary = HeaderValue::from_static("accept-encoding");
    response.headers_mut().append(header::VARY, vary);
    if !is_wanted {
        return response;
    }
    let (mut head, body) = response.into_parts();
    match compressed(body).await {
        Ok(bytes) => {
            let gzip = HeaderValue::from_static("gzip");
            head.headers.insert(header::CONTENT_ENCODING, gzip);
            head.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(head, Body::from(bytes))
        }
        Err(error) => {
            tracing::error!(%error, "an answer could not be compressed");
            ApiError::internal().into_response()
        }
    }
}

async fn compressed(body: Body) -> io::Result<Bytes> {
    let limit = usize::try_from(MOST_BYTES).unwrap_or(usize::MAX);
    let bytes = to_bytes(body, limit).await.map_err(io::Error::other)?;
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::new(4));
    encoder.write_all(&bytes)?;
    encoder.finish().map(Bytes::from)
}

/// Whether `gzip` is among the encodings, and not with a weight of 0.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut encodings = lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','));
    encodings.any(|encoding| {
        let (name, weight) = encoding.split_once(';').unwrap_or((encoding, "q=1"));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        name.trim().eq_ignore_ascii_case("gzip") && weight.parse().is_ok_and(|weight: f32| weight > 0.0)
    })
}

fn is_text(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let is_plain = !headers.contains_key(header::CONTENT_ENCODING);
    is_plain
        && [
            "text/",
            "application/json",
            "application/openmetrics-text",
            "image/svg",
        ]
        .iter()
        .any(|kind| content_type.starts_with(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        let accepts = |list: &'static str| {
            let header = (header::ACCEPT_ENCODING, HeaderValue::from_static(list));
            accepts_gzip(&HeaderMap::from_iter([header]))
        };
        for list in ["gzip", "deflate, GZIP;q=0.5", "br, gzip ;q=1.0"] {
            assert!(accepts(list), "{list}");
        }
        for list in ["", "br", "gzip;q=0", "identity, gzip; q=0.0", "x-gzip2"] {
            assert!(!accepts(list), "{list}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
