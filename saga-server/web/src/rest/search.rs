//! `GET /api/v1/search`: sagas and dead letters by an id or a value.

use axum::Json;

use crate::{
    find::{self, Findings},
    http::{ApiError, query_string::Params},
    scoped::Reader,
};

/// Find anything by a text
///
/// An id of a saga, order, trace, event or dead letter, a value of metadata, or the address of a page. What is exactly so goes
/// before what begins so, and that before other spellings. Dead letters are found by operators.
#[utoipa::path(
    get, path = "/api/v1/search", operation_id = "search", tag = "sagas",
    params(
        ("q" = String, Query, min_length = 1, max_length = 200, pattern = r"^[^\x00]+$", description = "The text"),
    ),
    responses((status = 200, description = "What was found, and where it was looked for", body = Findings))
)]
pub(super) async fn anything(reader: Reader, mut params: Params) -> Result<Json<Findings>, ApiError> {
    let text = params.parsed("q", text);
    if text.is_none() {
        params.require("q");
    }
    params.finish()?;
    Ok(Json(find::find(&reader, &text.unwrap_or_default()).await?))
}

fn text(text: &str) -> Result<String, String> {
    let chars = text.chars().count();
    match chars <= find::MAX_CHARS {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "has {chars} characters, at most {} are allowed",
            find::MAX_CHARS
        )),
    }
}
