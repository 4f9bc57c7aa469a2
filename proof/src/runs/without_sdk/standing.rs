//! Where the sagas stand, as REST answers.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use saga_types::fold::SagaState;
use serde::Deserialize;

use crate::http;

/// How many sagas a page has.
const PAGE: usize = 100;

/// The states of all sagas, by their ids.
pub(super) type States = HashMap<String, SagaState>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    content: Vec<SagaState>,
    next_cursor: Option<String>,
}

/// Asks for all sagas.
pub(super) async fn ask(url: &str) -> Result<States> {
    let client = http::client();
    let mut states = States::new();
    let mut cursor = String::new();
    loop {
        let path = format!("{url}/api/v1/sagas?size={PAGE}{cursor}");
        let answer = client.get(&path).send().await?.error_for_status()?;
        let page: Page = answer.json().await.with_context(|| path.clone())?;
        states.extend(
            page.content
                .into_iter()
                .map(|state| (state.saga_id.to_string(), state)),
        );
        match page.next_cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(states),
        }
    }
}

/// What must be the same by whichever way the events came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) status: &'static str,
    pub(super) failed_step: Option<String>,
    pub(super) failure_reason: Option<String>,
    pub(super) outstanding: Vec<String>,
    /// The steps, and who owns them.
    pub(super) awaiting: Vec<(String, Option<String>)>,
}

impl Standing {
    pub(super) fn of(state: &SagaState) -> Self {
        Self {
            status: state.current_status.as_str(),
            failed_step: state.failed_step.as_ref().map(ToString::to_string),
            failure_reason: state.failure_reason.clone(),
            outstanding: state
                .outstanding_compensations
                .iter()
                .map(ToString::to_string)
                .collect(),
            awaiting: state
                .awaiting
                .iter()
                .map(|awaiting| (awaiting.step.to_string(), awaiting.service.clone()))
                .collect(),
        }
    }
}
