//! The index: which batches there are and what each contains; a look-up reads it before it opens a file.
//!
//! Each day has a file of its own, so that a batch rewrites the entries of its day and no others. The file is rewritten as a whole:
//! readers see the previous one or this one. It has nothing that cannot be derived from the batches; when it is missing or damaged, it is
//! rebuilt from them. Versions of before had one file for all days, whose entries count for days without a file.
//!
//! Rule of thumb: a batch counts when its manifest is there; of the index an entry may be missing, or one may name a batch that
//! was deleted, until it is compared with the batches, which every run of retention begins with.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use parquet::bloom_filter::{BITSET_MIN_LENGTH, Sbbf};
use saga_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Archive, ArchiveError, Manifest, parquet_write::FALSE_POSITIVES, place::Version, tables::SagaRow,
};

/// The form that is written.
const VERSION: u32 = 1;

/// What an entry that cannot be made is said to belong to.
const INDEX: &str = "the index";

/// The command that rebuilds it.
pub(super) const REMEDY: &str = "saga-server archive index rebuilds it";

/// What a file of the index has.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Index {
    pub(super) batches: Vec<Entry>,
    /// The folders of batches that could not be read: nobody knows what is in them.
    pub(super) unreadable: Vec<String>,
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

/// What is looked up.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sought<'a> {
    Saga(&'a str),
    Order(&'a str),
}

/// Between which names all those of some batches are.
#[derive(Debug, Clone, Default)]
pub(super) struct Ranges {
    sagas: Range,
    orders: Range,
    has_unreadable: bool,
}

/// None of no names.
type Range = Option<(String, String)>;

impl Ranges {
    pub(super) fn may_hold(&self, sought: Sought<'_>) -> bool {
        let (range, name) = match sought {
            Sought::Saga(name) => (&self.sagas, name),
            Sought::Order(name) => (&self.orders, name),
        };
        range
            .as_ref()
            .is_some_and(|(first, last)| first.as_str() <= name && name <= last.as_str())
    }

    pub(super) const fn is_whole(&self) -> bool {
        !self.has_unreadable
    }
}

impl Names {
    fn widen(&self, range: &mut Range) {
        let (first, last) = range.get_or_insert_with(|| (self.first.clone(), self.last.clone()));
        if self.first < *first {
            first.clone_from(&self.first);
        }
        if self.last > *last {
            last.clone_from(&self.last);
        }
    }

    fn memory(&self) -> usize {
        self.first.len() + self.last.len() + self.bloom.0.len()
    }

    fn of(names: &BTreeSet<&str>) -> Result<Self, ArchiveError> {
        let cannot = |error| ArchiveError::file(INDEX, error);
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
    pub(super) fn parse(path: &str, json: &[u8]) -> Result<Self, ArchiveError> {
        let damaged = |error: &dyn std::fmt::Display| ArchiveError::Index(format!("{path}: {error}"));
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

    /// The folders of batches that may have it, the newest first.
    pub(super) fn folders(&self, sought: Sought<'_>) -> Vec<String> {
        let has = |entry: &&Entry| match sought {
            Sought::Saga(name) => entry.saga_ids.may_hold(name),
            Sought::Order(name) => entry.order_ids.may_hold(name),
        };
        let found = self.batches.iter().rev().filter(has);
        found.map(|entry| entry.folder.clone()).collect()
    }

    pub(super) fn ranges(&self) -> Ranges {
        let mut ranges = Ranges {
            has_unreadable: !self.unreadable.is_empty(),
            ..Ranges::default()
        };
        for entry in &self.batches {
            entry.saga_ids.widen(&mut ranges.sagas);
            entry.order_ids.widen(&mut ranges.orders);
        }
        ranges
    }

    pub(super) const fn is_whole(&self) -> bool {
        self.unreadable.is_empty()
    }

    /// What it says of a day; `None` when it names nothing of it.
    pub(super) fn of_day(&self, day: &str) -> Option<Self> {
        let is_of_day = |folder: &str| folder.split('/').next() == Some(day);
        let batches = self.batches.iter().filter(|entry| is_of_day(&entry.folder));
        let unreadable = self.unreadable.iter().filter(|folder| is_of_day(folder));
        let of_day = Self {
            batches: batches.cloned().collect(),
            unreadable: unreadable.cloned().collect(),
        };
        (of_day != Self::default()).then_some(of_day)
    }

    /// About how many bytes it takes.
    pub(super) fn memory(&self) -> usize {
        let entries = self.batches.iter();
        entries
            .map(|entry| {
                size_of::<Entry>() + entry.folder.len() + entry.saga_ids.memory() + entry.order_ids.memory()
            })
            .sum()
    }

    pub(super) fn sagas(&self) -> u64 {
        self.batches.iter().map(|entry| entry.sagas).sum()
    }

    /// One of a batch whose sagas and orders have this name alone, in so many bytes.
    #[cfg(test)]
    pub(super) fn of_names(name: &str, bytes: usize) -> Self {
        let names = Names {
            first: name.to_owned(),
            last: name.to_owned(),
            bloom: Bits(vec![0; bytes / 2]),
        };
        let batch = Entry {
            folder: String::new(),
            from: Timestamp::now(),
            to: Timestamp::now(),
            sagas: 1,
            steps: 1,
            bytes: 1,
            saga_ids: names.clone(),
            order_ids: names,
        };
        Self {
            batches: vec![batch],
            unreadable: Vec::new(),
        }
    }

    pub(super) fn bytes(&self) -> Result<Vec<u8>, ArchiveError> {
        let file = File {
            version: VERSION,
            batches: &self.batches,
            unreadable: Some(&self.unreadable).filter(|folders| !folders.is_empty()),
        };
        serde_json::to_vec(&file).map_err(|error| ArchiveError::file(INDEX, error))
    }
}

/// A file of the index with its version; `None` when there is none.
pub(super) async fn read(archive: &Archive, path: &str) -> Result<Option<(Index, Version)>, ArchiveError> {
    match archive.get_unless(path, &Version::default()).await {
        Ok(Some(whole)) => Ok(Some((Index::parse(path, &whole.bytes)?, whole.version))),
        Ok(None) | Err(ArchiveError::Place(object_store::Error::NotFound { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}
