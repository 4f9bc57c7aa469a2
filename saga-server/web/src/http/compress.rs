//! Answers are sent compressed to those who accept it. What is streamed goes out as it is, so that nothing waits in a
//! compressor: events of the stream, exports.

use axum::{body::HttpBody, http::Response};
use tower_http::{
    CompressionLevel,
    compression::{CompressionLayer, Predicate},
};

/// Below this a compressed answer is hardly smaller.
const LEAST_BYTES: u64 = 1_024;

/// An answer whose length is known is whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whole;

impl Predicate for Whole {
    fn should_compress<B: HttpBody>(&self, response: &Response<B>) -> bool {
        let length = response.body().size_hint().exact();
        length.is_some_and(|length| length >= LEAST_BYTES)
    }
}

pub(crate) fn layer() -> CompressionLayer<Whole> {
    CompressionLayer::new()
        .quality(CompressionLevel::Precise(4))
        .compress_when(Whole)
}
