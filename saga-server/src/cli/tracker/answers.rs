//! What is read of the answers.
//!
//! Rule of thumb: what people are shown, as text: a newer tracker may have statuses and fields that are not known here.

use serde::Deserialize;
use serde_json::value::RawValue;

/// A saga, alone or in a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Saga {
    pub(in crate::cli) saga_id: String,
    pub(in crate::cli) saga_type: String,
    pub(in crate::cli) order_id: String,
    pub(in crate::cli) parent_saga_id: Option<String>,
    pub(in crate::cli) current_status: String,
    pub(in crate::cli) last_step: String,
    pub(in crate::cli) last_trace_id: Option<String>,
    pub(in crate::cli) started_at: String,
    pub(in crate::cli) updated_at: String,
    pub(in crate::cli) ended_at: Option<String>,
    pub(in crate::cli) duration_ms: Option<i64>,
    pub(in crate::cli) failed_step: Option<String>,
    pub(in crate::cli) failure_reason: Option<String>,
    #[serde(default)]
    pub(in crate::cli) outstanding_compensations: Vec<String>,
    #[serde(default)]
    pub(in crate::cli) awaiting: Vec<Awaited>,
    #[serde(default)]
    pub(in crate::cli) services: Vec<String>,
    #[serde(default)]
    pub(in crate::cli) anomalies: Vec<String>,
    pub(in crate::cli) summary: String,
    pub(in crate::cli) freshness: Option<Freshness>,
}

/// A step that is awaited.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Awaited {
    pub(in crate::cli) step: String,
    pub(in crate::cli) service: Option<String>,
    pub(in crate::cli) since: String,
    pub(in crate::cli) deadline: Option<String>,
}

/// Whether the tracker has read everything that was recorded.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::cli) struct Freshness {
    pub(in crate::cli) up_to_date: bool,
    pub(in crate::cli) summary: String,
}

/// A page of a list, its sagas as they were sent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct SagasPage {
    pub(in crate::cli) content: Vec<Box<RawValue>>,
    pub(in crate::cli) page: PageInfo,
    pub(in crate::cli) next_cursor: Option<String>,
}

/// How many there are.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct PageInfo {
    pub(in crate::cli) total_elements: u64,
    pub(in crate::cli) total_is_exact: bool,
}

/// A page of the steps of a saga, as they were sent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct StepsPage {
    pub(in crate::cli) steps: Vec<Box<RawValue>>,
    pub(in crate::cli) next_cursor: Option<String>,
}

/// A step.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Step {
    pub(in crate::cli) event_id: String,
    pub(in crate::cli) step: String,
    pub(in crate::cli) status: String,
    pub(in crate::cli) producer_service: Option<String>,
    pub(in crate::cli) trace_id: Option<String>,
    pub(in crate::cli) metadata: Option<Box<RawValue>>,
    pub(in crate::cli) recorded_at: String,
}
