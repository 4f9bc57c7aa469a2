//! The search box: takes a saga's, order's or trace's id, or the address of a saga's page, and goes straight to the saga if it is
//! one. A saga of which nothing but dead letters is known leads to these.

use axum::{
    Extension,
    response::{IntoResponse, Redirect, Response},
};
use percent_encoding::percent_decode_str;
use saga_types::SagaId;

pub(super) use crate::http::address::encoded;
use crate::{
    auth::{Caller, Role},
    http::{ApiError, query_string::Params},
    rest::find_letters,
    scoped::{NoSaga, Reader},
};
use saga_store::SagaQuery;

pub(super) async fn go(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Result<Response, ApiError> {
    let text = id_of(params.trimmed("q"));
    params.finish()?;
    if text.is_empty() {
        return Ok(Redirect::to("/sagas").into_response());
    }
    let to = find(&reader, &caller, &text).await?;
    Ok(Redirect::to(&to).into_response())
}

/// The page that shows what was searched for; the list of its orders when nothing was found.
async fn find(reader: &Reader, caller: &Caller, text: &str) -> Result<String, ApiError> {
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
    if caller.role >= Role::Operator && SagaId::new(text).is_ok() {
        let filter = vec![("sagaId".to_owned(), text.to_owned())];
        if !find_letters(reader, Params::from(filter))
            .await?
            .content
            .is_empty()
        {
            return Ok(format!("/dead-letters?sagaId={}", encoded(text)));
        }
    }
    Ok(format!("/sagas?orderId={}", encoded(text)))
}

/// The saga's id out of the address of its page, as it is copied from a chat; any other text as it is.
fn id_of(text: String) -> String {
    let is_address = text.starts_with("http://") || text.starts_with("https://");
    let of_page = text.split_once("/sagas/").filter(|_| is_address);
    let id = of_page.and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    let id = id.and_then(|id| percent_decode_str(id).decode_utf8().ok());
    match id.filter(|id| !id.is_empty()) {
        Some(id) => id.into_owned(),
        None => text,
    }
}

/// The path of a saga's page.
pub(super) fn saga_path(saga_id: &str) -> String {
    format!("/sagas/{}", encoded(saga_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_page_names_its_saga() {
        for (text, id) in [
            (
                "https://tracker.example/sagas/saga%201?rows=services#event-3",
                "saga 1",
            ),
            ("http://localhost:8086/sagas/saga-1/events.json", "saga-1"),
            ("https://tracker.example/sagas/", "https://tracker.example/sagas/"),
            ("https://tracker.example/flow", "https://tracker.example/flow"),
            ("/sagas/saga-1", "/sagas/saga-1"),
            ("ORD-1", "ORD-1"),
        ] {
            assert_eq!(id_of(text.to_owned()), id);
        }
    }
}
