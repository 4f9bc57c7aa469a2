//! Archives in a folder, filled from a SQLite database.

mod damage;
mod first_layout;
mod interrupted;
mod looking_up;

use std::{path::PathBuf, sync::Arc, time::Duration};

use saga_store::{Store, StoreOptions};
use saga_types::{Metadata, SagaEvent, SagaStatus, Timestamp, definition::Definitions, fold, steps};
use tokio_util::sync::CancellationToken;

use super::{Archive, ArchiveUrl, Indexed, Lookup, index};
use crate::{
    maintenance::{
        RetentionPeriods,
        retention::{Retention, RetentionError, Summary},
    },
    test_events,
};

const DAY_MS: i64 = 86_400_000;

/// 2023-11-14T00:00:00Z.
const BEGIN: i64 = 1_699_920_000_000;

struct Harness {
    folder: tempfile::TempDir,
    store: Arc<dyn Store>,
    archive: Archive,
}

pub(crate) async fn open(path: &std::path::Path) -> Arc<dyn Store> {
    let options = StoreOptions {
        definitions: Arc::new(Definitions::built_in()),
        max_connections: 4,
    };
    let url = format!("sqlite:{}", path.display());
    let store = saga_store::connect(&url, options).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// An order without stock, whose last event is so many milliseconds after the beginning.
fn failed(saga_id: &str, millis: i64) -> Vec<SagaEvent> {
    let event = |number: i64, step, status| {
        test_events::event(
            saga_id,
            &format!("{saga_id}-{number}"),
            step,
            status,
            Timestamp::from_millis(BEGIN + millis - 2 + number).unwrap(),
        )
        .with_metadata(Metadata::parse(r#"{"producerService":"order","traceId":"t"}"#).unwrap())
    };
    vec![
        event(1, steps::ORDER_CREATED, SagaStatus::Started),
        event(2, steps::STOCK_RESERVATION_FAILED, SagaStatus::Failed),
    ]
}

impl Harness {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder.path().join("sagas.db")).await;
        let archive = Archive::open(&ArchiveUrl::Folder(folder.path().join("archive"))).unwrap();
        Self {
            folder,
            store,
            archive,
        }
    }

    /// With so many sagas on each of three days.
    async fn of_three_days(sagas: i64) -> Self {
        let harness = Self::new().await;
        for saga in 0..sagas * 3 {
            let millis = saga % 3 * DAY_MS + 1_000 + saga;
            harness.append(failed(&id(saga), millis)).await;
        }
        harness
    }

    async fn append(&self, events: Vec<SagaEvent>) {
        self.store.append(events.into()).await.unwrap();
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("archive")
    }

    /// The index of the day so many days after the beginning.
    fn index_of_day(&self, days: i64) -> PathBuf {
        let day = Timestamp::from_millis(BEGIN + days * DAY_MS).unwrap().to_string();
        self.path().join(format!("index/day={}.json", &day[..10]))
    }

    fn retention(&self) -> Retention {
        let periods = RetentionPeriods {
            ended: Some(Duration::from_secs(3_600)),
            ..RetentionPeriods::default()
        };
        Retention::new(self.store.clone(), Some(self.archive.clone()), periods).batch(4)
    }

    async fn try_to_archive(&self) -> Result<Summary, RetentionError> {
        self.retention().run(&CancellationToken::new()).await
    }

    async fn archive_all(&self) {
        self.try_to_archive().await.unwrap();
        assert_eq!(self.left().await, 0);
    }

    /// How many sagas are in the database.
    async fn left(&self) -> u64 {
        let counts = self.store.count_by_status().await.unwrap();
        counts.iter().map(|(_, count)| count).sum()
    }

    /// Each saga is in the archive once, and is found by its id and its order.
    async fn assert_all_found(&self, sagas: i64) {
        let manifests = self.archive.manifests().await.unwrap();
        let rows: u64 = manifests.iter().map(|manifest| manifest.sagas.rows).sum();
        let steps: u64 = manifests.iter().map(|manifest| manifest.steps.rows).sum();
        assert_eq!((rows, steps), (sagas.unsigned_abs(), sagas.unsigned_abs() * 2));
        let lookup = Lookup::new(self.archive.clone());
        for saga in 0..sagas {
            let millis = saga % 3 * DAY_MS + 1_000 + saga;
            let events = failed(&id(saga), millis);
            let state = fold::fold(&events, &Definitions::built_in()).unwrap();
            let found = lookup.saga(&id(saga), None).await.unwrap().unwrap();
            assert_eq!(found.state, state);
            let steps = lookup.steps(&found, None, 10).await.unwrap();
            let ids: Vec<&str> = steps.steps.iter().map(|step| step.event_id.as_str()).collect();
            assert_eq!(ids, [events[0].event_id.as_str(), events[1].event_id.as_str()]);
            let (of_order, is_all) = lookup
                .of_order(&format!("ORD-{}", id(saga)), 20, |_| true)
                .await
                .unwrap();
            assert_eq!((of_order, is_all), (vec![found], true));
        }
        let again = index(&self.archive).await.unwrap();
        assert_eq!((again.added, again.dropped, again.unreadable.len()), (0, 0, 0));
    }
}

fn id(saga: i64) -> String {
    format!("saga-{saga:04}")
}
