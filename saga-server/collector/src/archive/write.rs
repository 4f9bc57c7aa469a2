//! One batch into the archive: written, read back, compared with the database.

use saga_types::{SagaEvent, Timestamp, fold::SagaState};

use super::{
    Archive, ArchiveError, ArchivedFile, Manifest,
    tables::{self, StepsTable},
};
use saga_store::{ArchivePlan, Store};

const SAGAS: &str = "sagas.parquet";
const STEPS: &str = "steps.parquet";

/// How many events are read at once.
const PAGE: u32 = 2_000;

/// Writes the sagas of a plan, or what is left of them, and makes sure that they can be read. What an earlier attempt
/// left is deleted. `None` when no saga is left.
pub(crate) async fn write(
    archive: &Archive,
    store: &dyn Store,
    plan: &ArchivePlan,
) -> Result<Option<Manifest>, ArchiveError> {
    // The folder's name begins with the day on which the batch was begun, whichever attempt finishes it.
    let batch_folder = format!("{}/{}", day_of(&plan.batch), plan.batch);
    archive.delete_all(&batch_folder).await?;
    let states = store.states(&plan.saga_ids).await?;
    let (Some(from), Some(to)) = (
        states.iter().map(|state| state.started_at).min(),
        states.iter().map(|state| state.updated_at).max(),
    ) else {
        return Ok(None);
    };
    let folder = format!("{batch_folder}/{}", plan.attempt);
    let manifest = Manifest {
        sagas: put_sagas(archive, &folder, &states).await?,
        steps: put_steps(archive, store, &folder, plan).await?,
        folder,
        created_at: Timestamp::now(),
        from,
        to,
        erased: None,
    };
    compare_sagas(archive, &manifest, &states).await?;
    compare_steps(archive, store, &manifest, plan).await?;
    let json = serde_json::to_vec_pretty(&manifest)
        .map_err(|error| ArchiveError::file(Manifest::FILE_NAME, error))?;
    archive
        .put(&format!("{}/{}", manifest.folder, Manifest::FILE_NAME), json)
        .await?;
    Ok(Some(manifest))
}

/// The day that a batch's id, a UUIDv7, was made.
fn day_of(batch: &str) -> String {
    let moment = uuid::Uuid::parse_str(batch)
        .ok()
        .and_then(|id| id.get_timestamp())
        .map_or(0, |moment| moment.to_unix().0);
    let day = i64::try_from(moment)
        .ok()
        .and_then(|seconds| Timestamp::from_millis(seconds.saturating_mul(1_000)).ok());
    day.map_or_else(String::new, |day| day.to_string().chars().take(10).collect())
}

async fn put_sagas(
    archive: &Archive,
    folder: &str,
    states: &[SagaState],
) -> Result<ArchivedFile, ArchiveError> {
    let (bytes, rows) = tables::sagas_table(states).map_err(|error| ArchiveError::file(SAGAS, error))?;
    put(archive, folder, SAGAS, bytes, rows).await
}

async fn put_steps(
    archive: &Archive,
    store: &dyn Store,
    folder: &str,
    plan: &ArchivePlan,
) -> Result<ArchivedFile, ArchiveError> {
    let cannot = |error| ArchiveError::file(STEPS, error);
    let mut table = StepsTable::new().map_err(cannot)?;
    let mut events = store.events(&plan.saga_ids, None, PAGE).await?;
    while let Some(last) = events.last() {
        table.add(&events).map_err(cannot)?;
        events = store.events(&plan.saga_ids, Some(last), PAGE).await?;
    }
    let (bytes, rows) = table.finish().map_err(cannot)?;
    put(archive, folder, STEPS, bytes, rows).await
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

async fn compare_sagas(
    archive: &Archive,
    manifest: &Manifest,
    states: &[SagaState],
) -> Result<(), ArchiveError> {
    let path = manifest.path(&manifest.sagas);
    let differs = |what: String| ArchiveError::Differs {
        file: path.clone(),
        what,
    };
    let bytes = archive.get(&path).await?;
    manifest.sagas.compare(&bytes).map_err(differs)?;
    let mut read = tables::read_sagas(bytes).map_err(|error| differs(error.to_string()))?;
    for state in states {
        match read.next() {
            Some(Ok(row)) if tables::state_json(state).is_ok_and(|written| written == row) => {}
            _ => return Err(differs(format!("saga {}", state.saga_id))),
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
        let events = store.events(&plan.saga_ids, last.as_ref(), PAGE).await?;
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
