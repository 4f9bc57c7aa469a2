//! Sagas of an order that left the database for the archive, beside those of the list.

use std::time::Duration;

use saga_store::SagaQuery;
use saga_types::fold::SagaState;
use serde::Serialize;
use utoipa::ToSchema;

use crate::scoped::Reader;
use saga_collector::list_entry::list_entry;

/// How many sagas are answered at most.
const MOST: usize = 20;

/// How long a list waits for the archive.
const WITHIN: Duration = Duration::from_secs(2);

/// Sagas of the order that are in the archive.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ArchivedOfOrder {
    /// Those that started last first; at most 20.
    pub(crate) content: Vec<SagaState>,
    /// Whether there are no more. Not so when the archive did not answer within two seconds, or a filter asks for what the archive
    /// is not searched by: steps, services, metadata, or what is awaited.
    pub(crate) found_is_exact: bool,
}

/// Of the order that a list is of; none when it is of no order, or there is no archive.
pub(super) async fn of_list(reader: &Reader, query: &SagaQuery) -> Option<ArchivedOfOrder> {
    let order_id = query.order_id.as_deref().filter(|_| reader.has_archive())?;
    if !query.asks_states_alone() {
        return Some(ArchivedOfOrder::default());
    }
    let asking = reader.archived_of_order(order_id, MOST, |saga| query.lets_through(saga));
    let Ok(Ok(Some((sagas, found_is_exact)))) = tokio::time::timeout(WITHIN, asking).await else {
        return Some(ArchivedOfOrder::default());
    };
    let shown = |saga| list_entry(reader.redaction.saga(saga));
    Some(ArchivedOfOrder {
        content: sagas.into_iter().map(shown).collect(),
        found_is_exact,
    })
}
