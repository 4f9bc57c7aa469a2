//! From the archive into a database of its own, for reading.

use std::collections::BTreeSet;

use saga_types::{SagaEvent, Timestamp, fold::SagaState};

use super::{Archive, ArchiveError, Manifest, tables};
use saga_store::{ErasedEvent, Store, StoreError, erased_at};

/// How many events are stored at once.
const PAGE: usize = 2_000;

/// Which sagas are wanted; everything that is not said fits.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// These sagas.
    pub saga_ids: BTreeSet<String>,
    /// Sagas that changed at this moment or later.
    pub from: Option<Timestamp>,
    /// Sagas that started at this moment or before.
    pub to: Option<Timestamp>,
}

/// What was restored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// How many sagas.
    pub sagas: u64,
    /// How many events; those that were there already are not counted.
    pub events: u64,
    /// Sagas whose state now is another than when they were archived, since definitions changed.
    pub differing: Vec<String>,
}

impl Wanted {
    fn batch(&self, manifest: &Manifest) -> bool {
        self.from.is_none_or(|from| manifest.to >= from) && self.to.is_none_or(|to| manifest.from <= to)
    }

    fn saga(&self, state: &SagaState) -> bool {
        (self.saga_ids.is_empty() || self.saga_ids.contains(state.saga_id.as_str()))
            && self.from.is_none_or(|from| state.updated_at >= from)
            && self.to.is_none_or(|to| state.started_at <= to)
    }
}

/// Stores what is wanted of the archive. Checks every file against its manifest before. Doing it again changes nothing.
///
/// # Errors
///
/// [`ArchiveError`] when a file is not as it was written, or the store does not take it.
pub async fn restore(
    archive: &Archive,
    store: &dyn Store,
    wanted: &Wanted,
) -> Result<Restored, ArchiveError> {
    let mut restored = Restored::default();
    for manifest in archive.manifests().await? {
        if wanted.batch(&manifest) {
            restore_batch(archive, store, &manifest, wanted, &mut restored).await?;
        }
    }
    Ok(restored)
}

async fn restore_batch(
    archive: &Archive,
    store: &dyn Store,
    manifest: &Manifest,
    wanted: &Wanted,
    restored: &mut Restored,
) -> Result<(), ArchiveError> {
    let states = wanted_states(archive, manifest, wanted).await?;
    if states.is_empty() {
        return Ok(());
    }
    let ids: BTreeSet<&str> = states.iter().map(|state| state.saga_id.as_str()).collect();
    let path = manifest.path(&manifest.steps);
    let bytes = archive.read(manifest, &manifest.steps).await?;
    let mut page = Vec::with_capacity(PAGE);
    for event in tables::read_steps(bytes).map_err(|error| ArchiveError::file(&path, error))? {
        let event = event.map_err(|error| ArchiveError::file(&path, error))?;
        if ids.contains(event.saga_id.as_str()) {
            page.push(event);
        }
        if page.len() == PAGE {
            restored.events += append(store, std::mem::take(&mut page)).await?;
        }
    }
    restored.events += append(store, page).await?;
    restored.sagas += states.len() as u64;
    for state in states {
        let now = store.saga(state.saga_id.as_str()).await?;
        if now.is_none_or(|now| now.state != state) {
            restored.differing.push(state.saga_id.as_str().to_owned());
        }
    }
    Ok(())
}

async fn wanted_states(
    archive: &Archive,
    manifest: &Manifest,
    wanted: &Wanted,
) -> Result<Vec<SagaState>, ArchiveError> {
    let path = manifest.path(&manifest.sagas);
    let wrong = |error: String| ArchiveError::file(&path, error);
    let bytes = archive.read(manifest, &manifest.sagas).await?;
    let mut states = Vec::new();
    for saga in tables::read_sagas(bytes).map_err(|error| wrong(error.to_string()))? {
        let state = saga.map_err(|error| wrong(error.to_string()))?.state;
        states.extend(Some(state).filter(|state| wanted.saga(state)));
    }
    Ok(states)
}

async fn append(store: &dyn Store, events: Vec<SagaEvent>) -> Result<u64, ArchiveError> {
    let erased: Vec<ErasedEvent> = events.iter().filter_map(erased_event).collect();
    let appended = store.append(events.into()).await.map_err(StoreError::from)?;
    if !erased.is_empty() {
        store.mark_erased(&erased).await?;
    }
    Ok(appended.stored() as u64)
}

/// What is left of the metadata says that the rest of it was erased.
fn erased_event(event: &SagaEvent) -> Option<ErasedEvent> {
    Some(ErasedEvent {
        at: erased_at(event.metadata.as_ref()?)?,
        saga_id: event.saga_id.as_str().to_owned(),
        event_id: event.event_id.as_str().to_owned(),
    })
}
