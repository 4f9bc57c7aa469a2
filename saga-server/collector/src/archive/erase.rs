//! A person's data out of a batch of the archive.
//!
//! A file takes the place of the one before it under the same name, so that readers of `**/steps.parquet` find each batch
//! once at every moment. In this order:
//!
//! 1. The new files are staged beside the old ones, read back and compared.
//! 2. The new manifest is staged. From here on it counts: a reader takes each file from wherever it is as that manifest says.
//! 3. The files replace the old ones.
//! 4. The database notes what was erased, and by whom.
//! 5. The manifest replaces the old one.
//!
//! Rule of thumb: a kill before 2 has changed nothing; after a kill later the next erasure continues from 3.

use std::collections::BTreeMap;

use saga_store::{MetadataValue, without_personal_data};
use saga_types::{SagaEvent, Timestamp};

use super::{
    Archive, ArchiveError, ArchivedFile, ErasedBatch, ErasedRows, Manifest,
    manifest::LAYOUT,
    names::day_of_folder,
    tables::{self, STEPS_OF_A_GROUP, StepsTable},
};

/// Sagas of a batch with the value in the metadata of one of their events.
pub(crate) async fn find(
    archive: &Archive,
    manifest: &Manifest,
    value: &MetadataValue,
) -> Result<Vec<ErasedRows>, ArchiveError> {
    let mut sagas: BTreeMap<String, (ErasedRows, bool)> = BTreeMap::new();
    for event in steps(archive, manifest).await? {
        let event = event?;
        let saga_id = event.saga_id.as_str().to_owned();
        let (saga, is_found) = sagas.entry(saga_id).or_insert_with_key(|saga_id| {
            let rows = ErasedRows {
                saga_id: saga_id.clone(),
                saga_type: event.saga_type.as_str().to_owned(),
                events: 0,
            };
            (rows, false)
        });
        if let Some(metadata) = erasable(&event) {
            saga.events += 1;
            *is_found |= value.is_in(metadata);
        }
    }
    let found = sagas.into_values().filter(|(_, is_found)| *is_found);
    Ok(found.map(|(saga, _)| saga).collect())
}

/// Stages the batch without the metadata of these sagas. What comes of it is to be finished.
pub(crate) async fn stage(
    archive: &Archive,
    manifest: &Manifest,
    sagas: Vec<ErasedRows>,
    at: Timestamp,
) -> Result<Manifest, ArchiveError> {
    let staged = Manifest {
        // The folder stays as it is.
        layout: LAYOUT,
        steps: stage_steps(archive, manifest, &sagas, at).await?,
        sagas: stage_sagas(archive, manifest, &sagas).await?,
        erased: Some(ErasedBatch { at, sagas }),
        ..manifest.clone()
    };
    for file in [&staged.steps, &staged.sagas] {
        let path = staged.path(file);
        let bytes = archive.get_staged(&path).await?;
        file.compare(&bytes)
            .map_err(|what| ArchiveError::Differs { file: path, what })?;
    }
    let json =
        serde_json::to_vec_pretty(&staged).map_err(|error| ArchiveError::file(Manifest::FILE_NAME, error))?;
    archive.stage(&manifest_path(&staged), json).await?;
    Ok(staged)
}

/// Puts the files of a staged manifest in the places of the old ones; the manifest is still staged.
pub(crate) async fn replace_files(archive: &Archive, staged: &Manifest) -> Result<(), ArchiveError> {
    archive.replace(&staged.path(&staged.steps)).await?;
    archive.replace(&staged.path(&staged.sagas)).await
}

/// Puts a staged manifest in the place of the old one.
pub(crate) async fn replace_manifest(archive: &Archive, staged: &Manifest) -> Result<(), ArchiveError> {
    archive.replace(&manifest_path(staged)).await
}

/// The folders of batches behind one, the oldest first: those of the first day that has some. None are left when there are none.
pub(crate) async fn folders_after(archive: &Archive, after: &str) -> Result<Vec<String>, ArchiveError> {
    let days = archive.days().await?;
    let not_done = days.iter().filter(|day| day.as_str() >= day_of_folder(after));
    for day in not_done {
        let mut folders = archive.folders_of(day).await?;
        folders.retain(|folder| folder.as_str() > after);
        if !folders.is_empty() {
            return Ok(folders);
        }
    }
    Ok(Vec::new())
}

/// The manifest of a batch, and whether an erasure of it is to be finished.
pub(crate) async fn manifest(archive: &Archive, folder: &str) -> Result<(Manifest, bool), ArchiveError> {
    archive.manifest(folder).await
}

fn manifest_path(manifest: &Manifest) -> String {
    format!("{}/{}", manifest.folder, Manifest::FILE_NAME)
}

async fn steps(
    archive: &Archive,
    manifest: &Manifest,
) -> Result<impl Iterator<Item = Result<SagaEvent, ArchiveError>> + use<>, ArchiveError> {
    let path = manifest.path(&manifest.steps);
    let bytes = archive.read(manifest, &manifest.steps).await?;
    let events = tables::read_steps(bytes).map_err(|error| ArchiveError::file(&path, error))?;
    Ok(events.map(move |event| event.map_err(|error| ArchiveError::file(&path, error))))
}

/// The metadata of an event, unless it was erased before.
fn erasable(event: &SagaEvent) -> Option<&saga_types::Metadata> {
    let metadata = event.metadata.as_ref()?;
    saga_store::erased_at(metadata).is_none().then_some(metadata)
}

async fn stage_steps(
    archive: &Archive,
    manifest: &Manifest,
    sagas: &[ErasedRows],
    at: Timestamp,
) -> Result<ArchivedFile, ArchiveError> {
    let path = manifest.path(&manifest.steps);
    let cannot = |error| ArchiveError::file(&path, error);
    let mut table = StepsTable::new().map_err(cannot)?;
    let mut page = Vec::with_capacity(STEPS_OF_A_GROUP);
    for event in steps(archive, manifest).await? {
        let mut event = event?;
        if is_among(sagas, event.saga_id.as_str())
            && let Some(metadata) = erasable(&event)
        {
            event.metadata = without_personal_data(event.step.as_str(), metadata, at);
        }
        page.push(event);
        if page.len() == STEPS_OF_A_GROUP {
            table.add(&page).map_err(cannot)?;
            page.clear();
        }
    }
    if !page.is_empty() {
        table.add(&page).map_err(cannot)?;
    }
    let (bytes, rows) = table.finish().map_err(cannot)?;
    put(archive, &path, &manifest.steps, bytes, rows).await
}

async fn stage_sagas(
    archive: &Archive,
    manifest: &Manifest,
    sagas: &[ErasedRows],
) -> Result<ArchivedFile, ArchiveError> {
    let path = manifest.path(&manifest.sagas);
    let wrong = |error: &dyn std::fmt::Display| ArchiveError::file(&path, error);
    let bytes = archive.read(manifest, &manifest.sagas).await?;
    let mut rows = Vec::new();
    for row in tables::read_sagas(bytes).map_err(|error| wrong(&error))? {
        let mut row = row.map_err(|error| wrong(&error))?;
        if is_among(sagas, row.state.saga_id.as_str()) {
            row.state = row.state.with_failure_reason(None);
            row.json = tables::state_json(&row.state).map_err(|error| wrong(&error))?;
        }
        rows.push(row);
    }
    let (bytes, rows) = tables::sagas_table(&rows).map_err(|error| wrong(&error))?;
    put(archive, &path, &manifest.sagas, bytes, rows).await
}

async fn put(
    archive: &Archive,
    path: &str,
    before: &ArchivedFile,
    bytes: Vec<u8>,
    rows: u64,
) -> Result<ArchivedFile, ArchiveError> {
    if rows != before.rows {
        let what = format!("{rows} rows instead of {}", before.rows);
        return Err(ArchiveError::file(path, what));
    }
    let file = ArchivedFile::of(&before.name, rows, &bytes);
    archive.stage(path, bytes).await?;
    Ok(file)
}

/// They are ordered by their ids.
fn is_among(sagas: &[ErasedRows], saga_id: &str) -> bool {
    sagas
        .binary_search_by(|saga| saga.saga_id.as_str().cmp(saga_id))
        .is_ok()
}

/// All rows of a Parquet file, for tests that look for a text.
#[cfg(test)]
pub(crate) fn rows_as_text(file: Vec<u8>) -> String {
    use parquet::{file::reader::SerializedFileReader, record::reader::RowIter};
    let reader = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
    let rows = RowIter::from_file_into(Box::new(reader));
    rows.map(|row| row.unwrap().to_string() + "\n").collect()
}
