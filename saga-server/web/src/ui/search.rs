//! The search box: takes a saga's, order's or trace's id, and goes straight to the saga if it is one.

use axum::response::{IntoResponse, Redirect, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use saga_types::SagaId;

use crate::{
    http::{ApiError, query_string::Params},
    scoped::{NoSaga, Reader},
};
use saga_store::SagaQuery;

pub(super) async fn go(reader: Reader, mut params: Params) -> Result<Response, ApiError> {
    let text = params.trimmed("q");
    params.finish()?;
    if text.is_empty() {
        return Ok(Redirect::to("/sagas").into_response());
    }
    let to = find(&reader, &text).await?;
    Ok(Redirect::to(&to).into_response())
}

/// The page that shows what was searched for; the list of its orders when nothing was found.
async fn find(reader: &Reader, text: &str) -> Result<String, ApiError> {
    if let Ok(saga_id) = SagaId::new(text) {
        match reader.saga(&saga_id).await {
            // The page of a saga that was removed says when, and where it is.
            Ok(_) | Err(NoSaga::Removed(..)) => return Ok(saga_path(&saga_id)),
            Err(NoSaga::Unknown(..)) => {}
            Err(error @ NoSaga::Store(_)) => return Err(error.into()),
        }
    }
    let by_trace = SagaQuery {
        trace_id: Some(text.to_owned()),
        ..SagaQuery::newest(2)
    };
    let by_order = SagaQuery {
        order_id: Some(text.to_owned()),
        ..SagaQuery::newest(2)
    };
    for (parameter, query) in [("orderId", by_order), ("traceId", by_trace)] {
        let found = reader.search(&query).await?;
        match found.sagas.as_slice() {
            [] => {}
            [only] => return Ok(saga_path(&only.saga_id)),
            _ => return Ok(format!("/sagas?{parameter}={}", encoded(text))),
        }
    }
    Ok(format!("/sagas?orderId={}", encoded(text)))
}

/// The path of a saga's page.
pub(super) fn saga_path(saga_id: &str) -> String {
    format!("/sagas/{}", encoded(saga_id))
}

/// What needs no encoding anywhere in an address stays as it is, so that ids can be read there.
const RESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// For a path or a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, &RESERVED).to_string()
}
