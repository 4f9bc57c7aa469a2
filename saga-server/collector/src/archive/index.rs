//! The index: which batches there are and what each contains; a look-up reads it before it opens a file.
//!
//! The index has nothing that cannot be derived from the batches. It is rewritten as a whole with each batch, so that readers see
//! the previous one or this one; when it is missing or damaged, it is rebuilt from the batches.
//!
//! Rule of thumb: a batch counts when its manifest is there; of the index an entry may be missing, or one may name a batch that
//! was deleted, until it is compared with the batches, which every run of retention begins with.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use parquet::bloom_filter::{BITSET_MIN_LENGTH, Sbbf};
use saga_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Archive, ArchiveError, Manifest,
    parquet_write::FALSE_POSITIVES,
    place::INDEX_FILE,
    tables::{self, SagaRow},
};

/// The form that is written.
const VERSION: u32 = 1;

/// The command that rebuilds it.
pub(super) const REMEDY: &str = "saga-server archive index rebuilds it";

/// What an archive has.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Index {
    batches: Vec<Entry>,
    /// The folders of batches that could not be read: nobody knows what is in them.
    unreadable: Vec<String>,
}

/// What a batch has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    pub(super) folder: String,
    /// The earliest start of its sagas.
    from: Timestamp,
    /// The latest change of its sagas.
    to: Timestamp,
    sagas: u64,
    steps: u64,
    bytes: u64,
    saga_ids: Names,
    order_ids: Names,
}

/// Names that are in a batch: all are between two, and a bloom filter has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Names {
    first: String,
    last: String,
    /// The bits of a split block bloom filter, as Parquet defines it, in Base64.
    bloom: Bits,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Bits(Vec<u8>);

#[derive(Serialize, Deserialize)]
struct File<B, F> {
    version: u32,
    batches: B,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<F>,
}

#[derive(Deserialize)]
struct Said {
    version: u32,
}

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

impl TryFrom<String> for Bits {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bits = STANDARD.decode(text).map_err(|error| error.to_string())?;
        match !bits.is_empty() && bits.len().is_multiple_of(BITSET_MIN_LENGTH) {
            true => Ok(Self(bits)),
            false => Err(format!("a bloom filter of {} bytes", bits.len())),
        }
    }
}

impl From<Bits> for String {
    fn from(bits: Bits) -> Self {
        STANDARD.encode(bits.0)
    }
}

impl Names {
    fn of(names: &BTreeSet<&str>) -> Result<Self, ArchiveError> {
        let cannot = |error| ArchiveError::file(INDEX_FILE, error);
        let mut filter = Sbbf::new_with_ndv_fpp(names.len() as u64, FALSE_POSITIVES).map_err(cannot)?;
        names.iter().for_each(|name| filter.insert(*name));
        let mut bits = Vec::new();
        filter.write_bitset(&mut bits).map_err(cannot)?;
        Ok(Self {
            first: names.first().copied().unwrap_or_default().to_owned(),
            last: names.last().copied().unwrap_or_default().to_owned(),
            bloom: Bits(bits),
        })
    }

    fn may_hold(&self, name: &str) -> bool {
        let is_within = self.first.as_str() <= name && name <= self.last.as_str();
        is_within && Sbbf::new(&self.bloom.0).check(name)
    }
}

impl Entry {
    pub(super) fn of(manifest: &Manifest, sagas: &[SagaRow]) -> Result<Self, ArchiveError> {
        let saga_ids = sagas.iter().map(|saga| saga.state.saga_id.as_str()).collect();
        let order_ids = sagas.iter().flat_map(SagaRow::orders).collect();
        Ok(Self {
            folder: manifest.folder.clone(),
            from: manifest.from,
            to: manifest.to,
            sagas: manifest.sagas.rows,
            steps: manifest.steps.rows,
            bytes: manifest.sagas.bytes + manifest.steps.bytes,
            saga_ids: Names::of(&saga_ids)?,
            order_ids: Names::of(&order_ids)?,
        })
    }
}

impl Index {
    /// What is in the file. Of another version it is as good as damaged.
    pub(super) fn parse(json: &[u8]) -> Result<Self, ArchiveError> {
        let damaged = |error: &dyn std::fmt::Display| ArchiveError::Index(format!("{INDEX_FILE}: {error}"));
        let said: Said = serde_json::from_slice(json).map_err(|error| damaged(&error))?;
        if said.version != VERSION {
            return Err(damaged(&format_args!(
                "version {}, of which this program knows {VERSION}",
                said.version
            )));
        }
        let file: File<Vec<Entry>, Vec<String>> =
            serde_json::from_slice(json).map_err(|error| damaged(&error))?;
        Ok(Self {
            batches: file.batches,
            unreadable: file.unreadable.unwrap_or_default(),
        })
    }

    /// The folders of batches that may have a saga, the newest first.
    pub(super) fn with_saga(&self, saga_id: &str) -> Vec<String> {
        self.folders(|entry| entry.saga_ids.may_hold(saga_id))
    }

    /// The folders of batches that may have a saga of an order, the newest first.
    pub(super) fn with_order(&self, order_id: &str) -> Vec<String> {
        self.folders(|entry| entry.order_ids.may_hold(order_id))
    }

    /// Whether it says of all batches what is in them.
    pub(super) fn is_whole(&self) -> bool {
        self.unreadable.is_empty()
    }

    fn folders(&self, has: impl Fn(&Entry) -> bool) -> Vec<String> {
        let found = self.batches.iter().rev().filter(|entry| has(entry));
        found.map(|entry| entry.folder.clone()).collect()
    }

    fn bytes(&self) -> Result<Vec<u8>, ArchiveError> {
        let file = File {
            version: VERSION,
            batches: &self.batches,
            unreadable: Some(&self.unreadable).filter(|folders| !folders.is_empty()),
        };
        serde_json::to_vec(&file).map_err(|error| ArchiveError::file(INDEX_FILE, error))
    }
}

/// Adds a batch that was written. What earlier attempts of it left is dropped.
pub(super) async fn add(archive: &Archive, batch_folder: &str, entry: Entry) -> Result<(), ArchiveError> {
    let mut index = match read(archive).await {
        Ok(Some(known)) => known,
        // The batch is among those of which it is made.
        Ok(None) | Err(ArchiveError::Index(_)) => return index(archive).await.map(drop),
        Err(error) => return Err(error),
    };
    let of_batch = format!("{batch_folder}/");
    index.batches.retain(|other| !other.folder.starts_with(&of_batch));
    index.unreadable.retain(|folder| !folder.starts_with(&of_batch));
    let place = index.batches.partition_point(|other| other.folder < entry.folder);
    index.batches.insert(place, entry);
    archive.put(INDEX_FILE, index.bytes()?).await
}

/// Compares the index with the batches, and writes it anew when they differ; one that is missing or damaged is made again.
///
/// # Errors
///
/// [`ArchiveError`] when the archive cannot be read or written. Single batches that cannot be read are named in what is returned.
pub async fn index(archive: &Archive) -> Result<Indexed, ArchiveError> {
    let known = match read(archive).await {
        Ok(index) => index,
        Err(ArchiveError::Index(reason)) => {
            tracing::warn!(reason, "archive index unusable, rebuilding it");
            None
        }
        Err(error) => return Err(error),
    };
    let folders = archive.folders().await?;
    let is_new = known.is_none() && !folders.is_empty();
    let Index { batches, unreadable } = known.unwrap_or_default();
    let mut before = batches.into_iter().peekable();
    let (mut indexed, mut index) = (Indexed::default(), Index::default());
    for folder in folders {
        while before.next_if(|entry| entry.folder < folder).is_some() {
            indexed.dropped += 1;
        }
        if let Some(entry) = before.next_if(|entry| entry.folder == folder) {
            index.batches.push(entry);
            continue;
        }
        match entry_of(archive, &folder).await {
            Ok(entry) => {
                indexed.added += 1;
                index.batches.push(entry);
            }
            Err(ArchiveError::Place(error)) if !matches!(error, object_store::Error::NotFound { .. }) => {
                return Err(error.into());
            }
            Err(error) => {
                indexed.unreadable.push(error.to_string());
                index.unreadable.push(folder);
            }
        }
    }
    indexed.dropped += before.count();
    indexed.batches = index.batches.len();
    indexed.sagas = index.batches.iter().map(|entry| entry.sagas).sum();
    if is_new || indexed.added + indexed.dropped > 0 || index.unreadable != unreadable {
        archive.put(INDEX_FILE, index.bytes()?).await?;
    }
    Ok(indexed)
}

/// None when there is none.
async fn read(archive: &Archive) -> Result<Option<Index>, ArchiveError> {
    match archive.get(INDEX_FILE).await {
        Ok(json) => Index::parse(&json).map(Some),
        Err(ArchiveError::Place(object_store::Error::NotFound { .. })) => Ok(None),
        Err(error) => Err(error),
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
