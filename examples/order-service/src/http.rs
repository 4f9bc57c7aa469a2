//! `POST /orders`, `GET /orders/{orderId}`, `POST /orders/{orderId}/cancel`.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use shop::http::{ApiError, to_the_end};

use crate::{NewOrder, Order, Orders};

pub(crate) fn router(orders: Orders) -> Router {
    Router::new()
        .route("/orders", post(place))
        .route("/orders/{order_id}", get(find))
        .route("/orders/{order_id}/cancel", post(cancel))
        .with_state(orders)
}

async fn place(
    State(orders): State<Orders>,
    Json(new): Json<NewOrder>,
) -> Result<(StatusCode, Json<Order>), ApiError> {
    if new.quantity < 1 || new.amount < 0 {
        return Err(ApiError::BadRequest(
            "quantity must be positive, and amount not negative".to_owned(),
        ));
    }
    let order = to_the_end(async move { Ok(orders.place(new).await?) }).await?;
    Ok((StatusCode::CREATED, Json(order)))
}

async fn find(State(orders): State<Orders>, Path(order_id): Path<String>) -> Result<Json<Order>, ApiError> {
    orders.find(&order_id).await?.map(Json).ok_or(ApiError::NotFound)
}

async fn cancel(State(orders): State<Orders>, Path(order_id): Path<String>) -> Result<Json<Order>, ApiError> {
    let order = to_the_end(async move { Ok(orders.cancel(&order_id).await?) }).await?;
    order.map(Json).ok_or(ApiError::NotFound)
}
