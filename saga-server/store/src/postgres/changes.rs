//! Changes, announced with NOTIFY.
//!
//! It is sent beside the transactions that store, never in them: there it would make their commits wait for each other, and a
//! full queue of notifications would fail them.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use saga_types::SagaId;
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::mpsc;

use super::{PostgresStore, error, read};
use crate::{Announcement, ChangeStore, ChangedSagas, Changes, StoreError, StoredSaga, deadline::in_time};

const CHANNEL: &str = "saga_changed";

/// The longest payload in bytes that PostgreSQL takes is 7999.
const PAYLOAD_BYTES: usize = 7_800;

/// How often a notification is sent to check that it arrives.
const CHECK_INTERVAL: Duration = Duration::from_secs(20);

/// After so long without a notification of its own the connection counts as broken.
const CHECK_TIMEOUT: Duration = Duration::from_secs(70);

const ANNOUNCE: &str = "SELECT pg_notify($1, payload) FROM UNNEST($2::text[]) AS payload";

const NOT_RECEIVED: &str =
    "its notifications do not arrive; a pooler in between must leave each connection its session";

/// One notification.
#[derive(Serialize, Deserialize)]
struct Payload {
    from: String,
    /// None when there are too many.
    sagas: Option<BTreeSet<SagaId>>,
}

#[async_trait]
impl ChangeStore for PostgresStore {
    fn changed(&self) -> &ChangedSagas {
        &self.changed
    }

    async fn announce(&self, announcement: &Announcement) -> Result<(), StoreError> {
        in_time(async {
            sqlx::query(ANNOUNCE)
                .bind(CHANNEL)
                .bind(payloads(announcement).map_err(error::store)?)
                .execute(&self.readers)
                .await
                .map_err(error::store)?;
            Ok(())
        })
        .await
    }

    async fn listen(&self, received: mpsc::Sender<Announcement>) -> Result<(), StoreError> {
        // Not one of the readers' connections: it would be taken permanently.
        let options = self.readers.connect_options();
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .connect_lazy_with((*options).clone());
        let mut listener = PgListener::connect_with(&pool).await.map_err(error::store)?;
        listener.listen(CHANNEL).await.map_err(error::store)?;
        // A pooler that hands sessions to others, or a lost connection, reports no error.
        let check = Announcement {
            from: uuid::Uuid::now_v7().to_string(),
            changes: Changes::none(),
        };
        let (mut ticks, mut last_received) = (tokio::time::interval(CHECK_INTERVAL), Instant::now());
        loop {
            let announcement = tokio::select! {
                notification = listener.try_recv() => match notification.map_err(error::store)? {
                    Some(notification) => read_payload(notification.payload()),
                    // The connection was lost and made again.
                    None => missed(),
                },
                _ = ticks.tick() => {
                    if last_received.elapsed() > CHECK_TIMEOUT {
                        return Err(StoreError::Unavailable(NOT_RECEIVED.into()));
                    }
                    self.announce(&check).await?;
                    continue;
                }
                () = received.closed() => return Ok(()),
            };
            if announcement.from == check.from {
                last_received = Instant::now();
            } else if received.send(announcement).await.is_err() {
                return Ok(());
            }
        }
    }

    async fn sagas(&self, saga_ids: &BTreeSet<SagaId>) -> Result<Vec<StoredSaga>, StoreError> {
        let saga_ids: Vec<&str> = saga_ids.iter().map(|saga_id| saga_id.as_str()).collect();
        read::sagas(&self.readers, &self.definitions.get(), &saga_ids).await
    }
}

/// As few as the sagas fit into.
fn payloads(announcement: &Announcement) -> Result<Vec<String>, sqlx::Error> {
    let payload = |sagas| {
        let from = announcement.from.clone();
        let payload = serde_json::to_string(&Payload { from, sagas });
        payload.map_err(|error| sqlx::Error::Encode(error.into()))
    };
    let Changes::Sagas(sagas) = &announcement.changes else {
        return Ok(vec![payload(None)?]);
    };
    let empty_bytes = payload(Some(BTreeSet::new()))?.len();
    let (mut payloads, mut part, mut bytes) = (Vec::new(), BTreeSet::new(), empty_bytes);
    for saga in sagas {
        // Quotes, and a comma; any character may be escaped.
        let saga_bytes = serde_json::json!(saga).to_string().len() + 1;
        if bytes + saga_bytes > PAYLOAD_BYTES {
            payloads.push(payload(Some(std::mem::take(&mut part)))?);
            bytes = empty_bytes;
        }
        bytes += saga_bytes;
        part.insert(saga.clone());
    }
    payloads.push(payload(Some(part))?);
    Ok(payloads)
}

/// A payload of another form, as a newer version may send, means that some sagas changed.
fn read_payload(text: &str) -> Announcement {
    match serde_json::from_str(text) {
        Ok(Payload { from, sagas }) => Announcement {
            from,
            changes: sagas.map_or(Changes::Many, Changes::Sagas),
        },
        Err(_) => missed(),
    }
}

fn missed() -> Announcement {
    Announcement {
        from: String::new(),
        changes: Changes::Many,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_never_longer_than_postgresql_takes() {
        let sagas: BTreeSet<SagaId> = (0..Changes::MOST)
            .map(|number| format!("{number}{}", "주\"".repeat(45)).parse().unwrap())
            .collect();
        let announcement = Announcement {
            from: "collector-1".to_owned(),
            changes: Changes::Sagas(sagas),
        };
        let payloads = payloads(&announcement).unwrap();
        let mut received = Changes::none();
        for payload in &payloads {
            assert!(payload.len() < 8_000);
            received.add(read_payload(payload).changes);
        }
        assert_eq!(received, announcement.changes);
    }

    #[test]
    fn what_cannot_be_read_is_taken_for_much() {
        assert_eq!(read_payload("{}").changes, Changes::Many);
    }
}
