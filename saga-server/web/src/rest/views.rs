//! `GET /api/v1/views` and `/internal/v1/views`: lists of sagas that a team gave a name.

use axum::{Json, extract::Path, http::StatusCode};
use saga_store::SavedView;
use saga_types::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::check_filters;
use crate::{
    http::{ApiError, address::encoded, body::Body, guard::CalledBy, query_string::Params},
    operations::{NewName, NewView, ViewChanging},
    scoped::Reader,
};

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Views {
    /// By name; at most 100.
    pub(crate) views: Vec<ViewEntry>,
}

/// A list of sagas with a name.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SavedView)]
pub(crate) struct ViewEntry {
    pub(crate) name: String,
    /// The parameters of /api/v1/sagas.
    pub(crate) query: String,
    /// The page that leads to the list.
    pub(crate) page: String,
    /// When it was saved or renamed last.
    changed_at: Timestamp,
    /// By whom.
    pub(crate) changed_by: String,
}

/// What became of a view.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangedView {
    name: String,
    /// The page that leads to the list.
    page: String,
}

/// Lists of sagas that have a name
#[utoipa::path(
    get, path = "/api/v1/views", operation_id = "views", tag = "sagas",
    responses((status = 200, description = "The views", body = Views))
)]
pub(super) async fn list(reader: Reader, params: Params) -> Result<Json<Views>, ApiError> {
    params.finish()?;
    find(&reader).await.map(Json)
}

/// The views that the caller may see.
pub(crate) async fn find(reader: &Reader) -> Result<Views, ApiError> {
    let views = reader.views().await?.into_iter();
    Ok(Views {
        views: views.map(ViewEntry::from).collect(),
    })
}

/// Give a list of sagas a name
#[utoipa::path(
    post, path = "/internal/v1/views", operation_id = "saveView", tag = "operation",
    request_body = NewView,
    responses(
        (status = 200, description = "It is saved", body = ChangedView),
        (status = 409, description = "Another view has the name, or there are 100"),
    )
)]
pub(super) async fn save(
    reader: Reader,
    CalledBy(caller): CalledBy,
    params: Params,
    body: Body,
) -> Result<Json<ChangedView>, ApiError> {
    params.finish()?;
    let changing = ViewChanging::save(body, &reader, check_filters)?;
    let name = changing.carry_out(&reader, &caller).await?;
    Ok(Json(ChangedView::of(name)))
}

/// Give a view another name
#[utoipa::path(
    patch, path = "/internal/v1/views/{name}", operation_id = "renameView", tag = "operation",
    params(("name" = String, Path, description = "The view", pattern = r"^[^\x00-\x1f\x7f-\x9f/]+$")),
    request_body = NewName,
    responses(
        (status = 200, description = "It has the name", body = ChangedView),
        (status = 404, description = "There is no such view"),
        (status = 409, description = "Another view has the name"),
    )
)]
pub(super) async fn rename(
    reader: Reader,
    CalledBy(caller): CalledBy,
    Path(name): Path<String>,
    params: Params,
    body: Body,
) -> Result<Json<ChangedView>, ApiError> {
    params.finish()?;
    let changing = ViewChanging::rename(name, body)?;
    let name = changing.carry_out(&reader, &caller).await?;
    Ok(Json(ChangedView::of(name)))
}

/// Remove a view
#[utoipa::path(
    delete, path = "/internal/v1/views/{name}", operation_id = "removeView", tag = "operation",
    params(("name" = String, Path, description = "The view", pattern = r"^[^\x00-\x1f\x7f-\x9f/]+$")),
    responses(
        (status = 204, description = "It is removed"),
        (status = 404, description = "There is no such view"),
    )
)]
pub(super) async fn remove(
    reader: Reader,
    CalledBy(caller): CalledBy,
    Path(name): Path<String>,
    params: Params,
) -> Result<StatusCode, ApiError> {
    params.finish()?;
    ViewChanging::remove(name).carry_out(&reader, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The path of the page of a view.
pub(crate) fn view_path(name: &str) -> String {
    format!("/views/{}", encoded(name))
}

impl From<SavedView> for ViewEntry {
    fn from(view: SavedView) -> Self {
        Self {
            page: view_path(&view.name),
            name: view.name,
            query: view.query,
            changed_at: view.changed_at,
            changed_by: view.changed_by,
        }
    }
}

impl ChangedView {
    fn of(name: String) -> Self {
        Self {
            page: view_path(&name),
            name,
        }
    }
}
