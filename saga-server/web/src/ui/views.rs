//! `/views`: saved views. A view leads to its list; operators save, rename and remove views.

use askama::Template;
use axum::{
    Extension,
    extract::Path,
    response::{IntoResponse, Redirect, Response},
};

use super::{
    form::Form,
    page::{Frame, Page, Section},
};
use crate::{
    auth::{Caller, Role},
    http::{ApiError, query_string::Params},
    operations::ViewChanging,
    rest::{ViewEntry, check_filters, find_views, view_path},
    scoped::Reader,
};

#[derive(Template)]
#[template(path = "views.html")]
pub(super) struct ViewsTemplate {
    frame: Frame,
    views: Vec<ViewEntry>,
    may_change: bool,
}

pub(super) async fn page(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    params: Params,
) -> Result<Page<ViewsTemplate>, ApiError> {
    params.finish()?;
    Ok(Page(ViewsTemplate {
        frame: Frame::new(Section::Sagas, "Saved views", &caller, Some(&reader.freshness())),
        views: find_views(&reader).await?.views,
        may_change: caller.role >= Role::Operator,
    }))
}

/// The list of a view, at the address that says what is in it.
pub(super) async fn go(
    reader: Reader,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    params.finish()?;
    let views = find_views(&reader).await?.views;
    let view = views.into_iter().find(|view| view.name == name);
    let view = view.ok_or_else(|| ApiError::not_found(format!("there is no view {name:?}")))?;
    Ok(Redirect::to(&list_path(&view.query)).into_response())
}

fn list_path(query: &str) -> String {
    match query {
        "" => "/sagas".to_owned(),
        query => format!("/sagas?{query}"),
    }
}

pub(super) async fn save(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    Form(fields): Form,
) -> Result<Response, ApiError> {
    let changing = ViewChanging::save_by_form(fields, &reader, check_filters)?;
    let name = changing.carry_out(&reader, &caller).await?;
    Ok(Redirect::to(&view_path(&name)).into_response())
}

pub(super) async fn rename(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    Form(fields): Form,
) -> Result<Response, ApiError> {
    let changing = ViewChanging::rename_by_form(name, fields)?;
    changing.carry_out(&reader, &caller).await?;
    Ok(Redirect::to("/views").into_response())
}

pub(super) async fn remove(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    Form(fields): Form,
) -> Result<Response, ApiError> {
    fields.finish()?;
    ViewChanging::remove(name).carry_out(&reader, &caller).await?;
    Ok(Redirect::to("/views").into_response())
}
