//! `GET /internal/v1/dlt`: dead letters, newest first; `/internal/v1/dlt/{id}`: one; and `/internal/v1/dlt/groups`: how many there are of
//! each reason.

use axum::{Json, extract::Path};
use saga_types::{OrderId, SagaId, Timestamp, fold::failure_fingerprint};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    acknowledgements::{self, AcknowledgementView},
    http::{
        ApiError,
        date_range::{LengthOfTime, Moment},
        params::up_to,
        query_string::{LettersCursor, Params},
    },
    operations::letter_list_filter,
    scoped::Reader,
};
use saga_collector::{dead_letters::LetterView, redaction::Redaction};
use saga_store::{
