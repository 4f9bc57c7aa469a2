//! What REST answers, against the fold of what was acknowledged.

use anyhow::{Context as _, Result};
use saga_types::{definition::Definitions, fold, fold::SagaState};

use crate::{accounting::Accounting, events::Plan, http};

/// About how many sagas are asked for.
const SAGAS: usize = 500;

#[derive(Default)]
pub(super) struct Found {
    pub(super) asked: usize,
    pub(super) wrong: Vec<String>,
}

pub(super) async fn audit(url: &str, plan: &Plan, accounting: &Accounting) -> Result<Found> {
    let (client, definitions) = (http::client(), Definitions::built_in());
    let mut found = Found::default();
    for saga in (0..plan.sagas()).step_by(plan.sagas().div_ceil(SAGAS).max(1)) {
        let events = plan.saga(saga)?;
        let acknowledged = plan.numbers(saga).zip(&events);
        let acknowledged = acknowledged.filter(|(number, _)| accounting.events.has(*number));
        let Some(expected) = fold::fold(acknowledged.map(|(_, event)| event), &definitions) else {
            continue;
        };
        let path = format!("{url}/api/v1/sagas/{}", expected.saga_id);
        let answer = client.get(&path).send().await.with_context(|| path.clone())?;
        let text = answer.text().await?;
        let answered = serde_json::from_str::<SagaState>(&text);
        if answered.ok().as_ref() != Some(&expected) {
            found.wrong.push(format!("{text} instead of {expected:?}"));
        }
        found.asked += 1;
    }
    Ok(found)
}
