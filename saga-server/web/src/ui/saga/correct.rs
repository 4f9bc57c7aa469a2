//! `POST /sagas/{sagaId}`: an operator sets the status by hand, as `PATCH /internal/v1/sagas/{sagaId}/status` does.

use axum::{
    Extension,
    response::{IntoResponse, Redirect, Response},
};

use crate::{
    auth::Caller,
    http::{ApiError, params::PathSagaId},
    operations::Correction,
    scoped::Reader,
    ui::{form::Form, links::saga_path},
};

/// Then shows the saga as it is.
pub(in crate::ui) async fn post(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    PathSagaId(saga_id): PathSagaId,
    Form(fields): Form,
) -> Result<Response, ApiError> {
    let correction = Correction::of_form(fields)?;
    correction.carry_out(&reader, &saga_id, &caller).await?;
    Ok(Redirect::to(&saga_path(saga_id.as_str())).into_response())
}
