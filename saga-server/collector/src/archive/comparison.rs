//! The index, written: a batch is added, and all of it is compared with the batches, day by day.
//!
//! Rule of thumb: a day whose batches and whose file are as they were is not read again, so that a run of retention over many years
//! lists the archive and reads next to nothing.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use super::{
    Archive, ArchiveError,
    index::{Entry, Index, read},
    names::{INDEX_FILE, day_of_folder, index_of},
    place::Version,
    tables::{self, SagaRow},
};

/// What a comparison of the index with the batches came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Indexed {
    /// How many batches it has now.
    pub batches: usize,
    /// How many sagas they have.
    pub sagas: u64,
    /// How many batches were missing in it.
    pub added: usize,
    /// How many entries were of batches that are gone.
    pub dropped: usize,
    /// Batches that cannot be read, and why; they are not in it.
    pub unreadable: Vec<String>,
}

/// Adds a batch that was written. What earlier attempts of it left is dropped.
pub(super) async fn add(archive: &Archive, batch_folder: &str, entry: Entry) -> Result<(), ArchiveError> {
    let day = day_of_folder(batch_folder);
    let mut index = match read(archive, &index_of(day)).await {
        Ok(Some((known, _))) => known,
        // The batch is among those of which it is made.
        Ok(None) | Err(ArchiveError::Index(_)) => return of_day(archive, day).await,
        Err(error) => return Err(error),
    };
    let of_batch = format!("{batch_folder}/");
    index.batches.retain(|other| !other.folder.starts_with(&of_batch));
    index.unreadable.retain(|folder| !folder.starts_with(&of_batch));
    let place = index.batches.partition_point(|other| other.folder < entry.folder);
    index.batches.insert(place, entry);
    archive.put(&index_of(day), index.bytes()?).await
}

/// Compares the index with the batches, and writes those files of it anew that differ; one that is missing or damaged is made again.
///
/// # Errors
///
/// [`ArchiveError`] when the archive cannot be read or written. Single batches that cannot be read are named in what is returned.
pub async fn index(archive: &Archive) -> Result<Indexed, ArchiveError> {
    let mut days: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in archive.folders().await? {
        let day = day_of_folder(&folder).to_owned();
        days.entry(day).or_default().push(folder);
    }
    let mut versions = archive.indexes().await?;
    let mut comparison = Comparison::new(archive);
    for (day, folders) in &days {
        let version = versions.remove(day).unwrap_or_default();
        comparison.day(day, folders, &version).await?;
    }
    for day in versions.into_keys() {
        comparison.drop_day(&day).await?;
    }
    comparison.finish().await
}

/// The same for one day.
pub(super) async fn of_day(archive: &Archive, day: &str) -> Result<(), ArchiveError> {
    let folders = archive.folders_of(day).await?;
    let mut comparison = Comparison::new(archive);
    match folders.is_empty() {
        true => comparison.drop_day(day).await,
        false => comparison.day(day, &folders, &Version::default()).await,
    }
}

enum OfAllDays {
    NotLookedFor,
    NotThere,
    Damaged,
    Read(Index),
}

struct Comparison<'a> {
    archive: &'a Archive,
    /// The file of all days that versions of before wrote, once it was looked for.
    of_all_days: OfAllDays,
    indexed: Indexed,
}

impl<'a> Comparison<'a> {
    fn new(archive: &'a Archive) -> Self {
        Self {
            archive,
            of_all_days: OfAllDays::NotLookedFor,
            indexed: Indexed::default(),
        }
    }

    /// A day with the folders of all its batches, and the version of its file, where that is known.
    async fn day(&mut self, day: &str, folders: &[String], version: &Version) -> Result<(), ArchiveError> {
        let hash = hash(folders);
        if let Some(sagas) = self.as_before(day, version, hash) {
            self.indexed.batches += folders.len();
            self.indexed.sagas += sagas;
            return Ok(());
        }
        let path = index_of(day);
        let (known, version) = match usable(self.archive, &path).await? {
            Some((known, version)) => (known, Some(version)),
            None => (self.of_all_days(day).await?, None),
        };
        let Index { batches, unreadable } = known;
        let changes = self.indexed.added + self.indexed.dropped;
        let index = self.compare(folders, batches).await?;
        let has_changed =
            self.indexed.added + self.indexed.dropped > changes || index.unreadable != unreadable;
        self.indexed.batches += index.batches.len();
        self.indexed.sagas += index.sagas();
        match version {
            Some(version) if !has_changed => self.keep(day, version, hash, &index),
            _ => self.archive.put(&path, index.bytes()?).await?,
        }
        Ok(())
    }

    async fn compare(&mut self, folders: &[String], known: Vec<Entry>) -> Result<Index, ArchiveError> {
        let mut known = known.into_iter().peekable();
        let mut index = Index::default();
        for folder in folders {
            while known.next_if(|entry| entry.folder < *folder).is_some() {
                self.indexed.dropped += 1;
            }
            if let Some(entry) = known.next_if(|entry| entry.folder == *folder) {
                index.batches.push(entry);
                continue;
            }
            match entry_of(self.archive, folder).await {
                Ok(entry) => {
                    self.indexed.added += 1;
                    index.batches.push(entry);
                }
                Err(ArchiveError::Place(error)) if !matches!(error, object_store::Error::NotFound { .. }) => {
                    return Err(error.into());
                }
                Err(error) => {
                    self.indexed.unreadable.push(error.to_string());
                    index.unreadable.push(folder.clone());
                }
            }
        }
        self.indexed.dropped += known.count();
        Ok(index)
    }

    /// A day without a batch.
    async fn drop_day(&mut self, day: &str) -> Result<(), ArchiveError> {
        let path = index_of(day);
        if let Some((known, _)) = usable(self.archive, &path).await? {
            self.indexed.dropped += known.batches.len();
        }
        self.archive.compared.lock().remove(day);
        self.archive.delete(&path).await
    }

    /// All days have files of their own now.
    async fn finish(mut self) -> Result<Indexed, ArchiveError> {
        if !matches!(self.find_all_days().await?, OfAllDays::NotThere) {
            self.archive.delete(INDEX_FILE).await?;
        }
        Ok(self.indexed)
    }

    async fn of_all_days(&mut self, day: &str) -> Result<Index, ArchiveError> {
        match self.find_all_days().await? {
            OfAllDays::Read(all) => Ok(all.of_day(day).unwrap_or_default()),
            _ => Ok(Index::default()),
        }
    }

    async fn find_all_days(&mut self) -> Result<&OfAllDays, ArchiveError> {
        if matches!(self.of_all_days, OfAllDays::NotLookedFor) {
            self.of_all_days = match read(self.archive, INDEX_FILE).await {
                Ok(Some((index, _))) => OfAllDays::Read(index),
                Ok(None) => OfAllDays::NotThere,
                Err(ArchiveError::Index(_)) => OfAllDays::Damaged,
                Err(error) => return Err(error),
            };
        }
        Ok(&self.of_all_days)
    }

    /// How many sagas the day has, when it was compared as it is.
    fn as_before(&self, day: &str, version: &Version, hash: u64) -> Option<u64> {
        let compared = self.archive.compared.lock();
        let (known, of_batches, sagas) = compared.get(day)?;
        (version.is_known() && known == version && *of_batches == hash).then_some(*sagas)
    }

    /// What cannot be read is tried again each time.
    fn keep(&self, day: &str, version: Version, hash: u64, index: &Index) {
        if index.unreadable.is_empty() {
            let mut compared = self.archive.compared.lock();
            compared.insert(day.to_owned(), (version, hash, index.sagas()));
        }
    }
}

fn hash(folders: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    folders.hash(&mut hasher);
    hasher.finish()
}

/// One that is damaged is as good as none.
async fn usable(archive: &Archive, path: &str) -> Result<Option<(Index, Version)>, ArchiveError> {
    match read(archive, path).await {
        Err(ArchiveError::Index(reason)) => {
            tracing::warn!(reason, "archive index unusable, rebuilding it");
            Ok(None)
        }
        found => found,
    }
}

async fn entry_of(archive: &Archive, folder: &str) -> Result<Entry, ArchiveError> {
    let (manifest, _) = archive.manifest(folder).await?;
    let path = manifest.path(&manifest.sagas);
    let cannot = |error| ArchiveError::file(&path, error);
    let bytes = archive.read(&manifest, &manifest.sagas).await?;
    let sagas = tables::read_sagas(bytes).map_err(cannot)?;
    let sagas: Vec<SagaRow> = sagas.collect::<Result<_, _>>().map_err(cannot)?;
    Entry::of(&manifest, &sagas)
}
