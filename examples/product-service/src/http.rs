//! `GET /stock/{sku}`, `GET /reservations/{orderId}`.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::get,
};
use serde::Serialize;
use shop::http::ApiError;

use crate::{Reservation, Stock};

pub(crate) fn router(stock: Stock) -> Router {
    Router::new()
        .route("/stock/{sku}", get(article))
        .route("/reservations/{order_id}", get(reservation))
        .with_state(stock)
}

#[derive(Serialize)]
struct Article {
    sku: String,
    available: i64,
}

async fn article(State(stock): State<Stock>, Path(sku): Path<String>) -> Result<Json<Article>, ApiError> {
    let available = stock.available(&sku).await?.ok_or(ApiError::NotFound)?;
    Ok(Json(Article { sku, available }))
}

async fn reservation(
    State(stock): State<Stock>,
    Path(order_id): Path<String>,
) -> Result<Json<Reservation>, ApiError> {
    stock
        .reservation(&order_id)
        .await?
        .map(Json)
        .ok_or(ApiError::NotFound)
}
