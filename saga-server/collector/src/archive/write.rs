//! One batch into the archive: written, read back, compared with the database.

use std::collections::{BTreeMap, BTreeSet};

use saga_types::{SagaEvent, Timestamp};

use super::{
    Archive, ArchiveError, ArchivedFile, Manifest, comparison,
    index::Entry,
    manifest::LAYOUT,
    names::day_of_folder,
    tables::{self, STEPS_OF_A_GROUP, SagaRow, StepsTable},
};
use saga_store::{ArchivePlan, Store};

const SAGAS: &str = "sagas.parquet";
const STEPS: &str = "steps.parquet";

/// The orders that events of sagas name.
type Orders = BTreeMap<String, BTreeSet<String>>;

/// Writes the sagas of a plan, or what is left of them, into the folder that its batch names, and makes sure that they can be
/// read. What an earlier attempt left is deleted. `None` when no saga is left.
pub(crate) async fn write(
    archive: &Archive,
    store: &dyn Store,
    plan: &ArchivePlan,
) -> Result<Option<Manifest>, ArchiveError> {
    let batch_folder = plan.batch.as_str();
    archive.delete_all(batch_folder).await?;
    if let Some(folder) = first_layout(batch_folder) {
        archive.delete_all(&folder).await?;
    }
    let states = store.states(&plan.saga_ids).await?;
    let (Some(from), Some(to)) = (
        states.iter().map(|state| state.started_at).min(),
        states.iter().map(|state| state.updated_at).max(),
    ) else {
        return Ok(None);
    };
    let is_of_day = |moment| batch_folder.starts_with(&format!("{}/", day_of(moment)));
    if let Some(other) = states.iter().find(|state| !is_of_day(state.updated_at)) {
        return Err(ArchiveError::Differs {
            file: batch_folder.to_owned(),
            what: format!("saga {} changed on another day", other.saga_id),
        });
    }
    let folder = format!("{batch_folder}/{}", plan.attempt);
    let (steps, orders) = put_steps(archive, store, &folder, plan).await?;
    let rows = SagaRow::all(states, orders).map_err(|error| ArchiveError::file(SAGAS, error))?;
    let manifest = Manifest {
        layout: LAYOUT,
        sagas: put_sagas(archive, &folder, &rows).await?,
        steps,
        folder,
        created_at: Timestamp::now(),
        from,
        to,
        erased: None,
    };
    compare_sagas(archive, &manifest, &rows).await?;
    compare_steps(archive, store, &manifest, plan).await?;
    let json = serde_json::to_vec_pretty(&manifest)
        .map_err(|error| ArchiveError::file(Manifest::FILE_NAME, error))?;
    archive
        .put(&format!("{}/{}", manifest.folder, Manifest::FILE_NAME), json)
        .await?;
    comparison::add(archive, batch_folder, Entry::of(&manifest, &rows)?).await?;
    Ok(Some(manifest))
}

/// How many events are read at once.
fn page() -> u32 {
    u32::try_from(STEPS_OF_A_GROUP).unwrap_or(u32::MAX)
}

/// Takes back what was written by an attempt that another one has overtaken, which may have written the index at the same time.
pub(crate) async fn withdraw(archive: &Archive, folder: &str) -> Result<(), ArchiveError> {
    archive.delete_all(folder).await?;
    comparison::of_day(archive, day_of_folder(folder)).await
}

/// The folder of a day (UTC). It is that of a saga's last event, so that no clock of a collector decides on it.
pub(crate) fn day_of(moment: Timestamp) -> String {
    let day: String = moment.to_string().chars().take(10).collect();
    format!("day={day}")
}

/// The folder of a batch that an older version began: it names no day.
fn first_layout(batch: &str) -> Option<String> {
    let (seconds, _) = uuid::Uuid::parse_str(batch).ok()?.get_timestamp()?.to_unix();
    let millis = i64::try_from(seconds).ok()?.checked_mul(1_000)?;
    let day = day_of(Timestamp::from_millis(millis).ok()?);
    Some(format!("{}/{batch}", day.trim_start_matches("day=")))
}

async fn put_sagas(archive: &Archive, folder: &str, rows: &[SagaRow]) -> Result<ArchivedFile, ArchiveError> {
    let (bytes, rows) = tables::sagas_table(rows).map_err(|error| ArchiveError::file(SAGAS, error))?;
    put(archive, folder, SAGAS, bytes, rows).await
}

async fn put_steps(
    archive: &Archive,
    store: &dyn Store,
    folder: &str,
    plan: &ArchivePlan,
) -> Result<(ArchivedFile, Orders), ArchiveError> {
    let cannot = |error| ArchiveError::file(STEPS, error);
    let mut table = StepsTable::new().map_err(cannot)?;
    let mut orders = Orders::new();
    let mut events = store.events(&plan.saga_ids, None, page()).await?;
    while let Some(last) = events.last() {
        table.add(&events).map_err(cannot)?;
        for event in &events {
            let of_saga = orders.entry(event.saga_id.as_str().to_owned()).or_default();
            of_saga.insert(event.order_id.as_str().to_owned());
        }
        events = store.events(&plan.saga_ids, Some(last), page()).await?;
    }
    let (bytes, rows) = table.finish().map_err(cannot)?;
    Ok((put(archive, folder, STEPS, bytes, rows).await?, orders))
}

async fn put(
    archive: &Archive,
    folder: &str,
    name: &str,
    bytes: Vec<u8>,
    rows: u64,
) -> Result<ArchivedFile, ArchiveError> {
    let file = ArchivedFile::of(name, rows, &bytes);
    archive.put(&format!("{folder}/{name}"), bytes).await?;
    Ok(file)
}

async fn compare_sagas(archive: &Archive, manifest: &Manifest, rows: &[SagaRow]) -> Result<(), ArchiveError> {
    let path = manifest.path(&manifest.sagas);
    let differs = |what: String| ArchiveError::Differs {
        file: path.clone(),
        what,
    };
    let bytes = archive.get(&path).await?;
    manifest.sagas.compare(&bytes).map_err(differs)?;
    let mut read = tables::read_sagas(bytes).map_err(|error| differs(error.to_string()))?;
    for row in rows {
        match read.next() {
            Some(Ok(read)) if read.json == row.json && read.other_orders == row.other_orders => {}
            _ => return Err(differs(format!("saga {}", row.state.saga_id))),
        }
    }
    match read.next() {
        None => Ok(()),
        Some(_) => Err(differs("more rows than sagas".to_owned())),
    }
}

/// Against the database once more, not against what was in memory: it is the database that forgets next.
async fn compare_steps(
    archive: &Archive,
    store: &dyn Store,
    manifest: &Manifest,
    plan: &ArchivePlan,
) -> Result<(), ArchiveError> {
    let path = manifest.path(&manifest.steps);
    let differs = |what: String| ArchiveError::Differs {
        file: path.clone(),
        what,
    };
    let bytes = archive.get(&path).await?;
    manifest.steps.compare(&bytes).map_err(differs)?;
    let mut read = tables::read_steps(bytes).map_err(|error| differs(error.to_string()))?;
    let mut last: Option<SagaEvent> = None;
    loop {
        let events = store.events(&plan.saga_ids, last.as_ref(), page()).await?;
        for event in &events {
            match read.next() {
                Some(Ok(row)) if row == *event => {}
                _ => {
                    return Err(differs(format!(
                        "event {} of saga {}",
                        event.event_id, event.saga_id
                    )));
                }
            }
        }
        last = match events.into_iter().next_back() {
            Some(event) => Some(event),
            None => break,
        };
    }
    match read.next() {
        None => Ok(()),
        Some(_) => Err(differs("more rows than events".to_owned())),
    }
}
