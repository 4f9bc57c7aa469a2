//! `GET /payments/{orderId}`, `POST /payments/{orderId}/settle`.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{get, post},
};
use shop::http::{ApiError, to_the_end};

use crate::{Payment, Payments, Status};

pub(crate) fn router(payments: Payments) -> Router {
    Router::new()
        .route("/payments/{order_id}", get(find))
        .route("/payments/{order_id}/settle", post(settle))
        .with_state(payments)
}

async fn find(
    State(payments): State<Payments>,
    Path(order_id): Path<String>,
) -> Result<Json<Payment>, ApiError> {
    payments
        .find(&order_id)
        .await?
        .map(Json)
        .ok_or(ApiError::NotFound)
}

async fn settle(
    State(payments): State<Payments>,
    Path(order_id): Path<String>,
) -> Result<Json<Payment>, ApiError> {
    let settled = to_the_end(async move { Ok(payments.settle(&order_id).await?) }).await?;
    let payment = settled.ok_or(ApiError::NotFound)?;
    if payment.status == Status::Completed {
        Ok(Json(payment))
    } else {
        Err(ApiError::Conflict("the money is not awaited".to_owned()))
    }
}
