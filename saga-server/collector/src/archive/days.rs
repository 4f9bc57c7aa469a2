//! The indexes of days, as a look-up asks them.
//!
//! Of each day that was read, the first and last names stay in memory: ids that grow with time are in few days. The entries themselves
//! stay within a bounded memory, and are read again when they are needed.
//!
//! Rule of thumb: a batch that is there is looked at, whether it is in an index or not.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use parking_lot::Mutex;

use super::{
    Archive, ArchiveError,
    files::decode,
    index::{Index, Ranges, Sought},
    names::{INDEX_FILE, index_of},
    place::{Version, Whole},
};

/// The most bytes of entries that are kept.
const MEMORY: usize = 64 << 20;

/// How many days are read at once.
const AT_ONCE: usize = 8;

/// How many batches of a day without an index are opened: those of the moment between a batch and its index, or of an archive that
/// was copied without it.
const WITHOUT_INDEX: usize = 8;

/// The indexes of an archive.
pub(super) struct Days {
    archive: Archive,
    kept: Mutex<Kept>,
    /// The one of all days that versions of before wrote.
    of_all_days: Mutex<(Version, Arc<Index>)>,
}

/// What was read.
#[derive(Default)]
struct Kept {
    days: HashMap<String, Day>,
    bytes: usize,
    uses: u64,
}

struct Day {
    version: Version,
    ranges: Ranges,
    /// When they were used last, and how many bytes they take.
    entries: Option<(u64, usize, Arc<Index>)>,
}

/// Batches that may have what is sought.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// Their folders, the newest first.
    pub(super) folders: Vec<String>,
    /// Whether the index says of all batches what is in them.
    pub(super) is_whole: bool,
}

impl Days {
    pub(super) fn new(archive: Archive) -> Self {
        Self {
            archive,
            kept: Mutex::default(),
            of_all_days: Mutex::default(),
        }
    }

    /// The batches that may have it.
    pub(super) async fn candidates(&self, sought: Sought<'_>) -> Result<Candidates, ArchiveError> {
        let (days, versions) = tokio::try_join!(self.archive.days(), self.archive.indexes())?;
        self.kept.lock().forget_all_but(&versions);
        let of_days = days.into_iter().rev().map(|day| {
            let version = versions.get(&day);
            async move { self.of_day(&day, version, sought).await }
        });
        let mut asked = stream::iter(of_days).buffered(AT_ONCE);
        let mut all = Candidates {
            is_whole: true,
            ..Candidates::default()
        };
        while let Some(of_day) = asked.try_next().await? {
            all.folders.extend(of_day.folders);
            all.is_whole &= of_day.is_whole;
        }
        Ok(all)
    }

    async fn of_day(
        &self,
        day: &str,
        version: Option<&Version>,
        sought: Sought<'_>,
    ) -> Result<Candidates, ArchiveError> {
        let Some(version) = version else {
            return self.without_index(day, sought).await;
        };
        let known = self.kept.lock().get(day, version, sought);
        let index = match known {
            Known::Nothing { is_whole } => {
                let folders = Vec::new();
                return Ok(Candidates { folders, is_whole });
            }
            Known::Entries(index) => index,
            Known::Not => match self.read(&index_of(day)).await? {
                Some((version, index)) => {
                    self.kept.lock().put(day, version, index.clone());
                    index
                }
                // It was dropped with its last batch just now.
                None => return self.without_index(day, sought).await,
            },
        };
        Ok(Candidates {
            folders: index.folders(sought),
            is_whole: index.is_whole(),
        })
    }

    /// Of the index of all days where that has the day, and else all batches.
    async fn without_index(&self, day: &str, sought: Sought<'_>) -> Result<Candidates, ArchiveError> {
        if let Some(index) = self.of_all_days().await?.of_day(day) {
            return Ok(Candidates {
                folders: index.folders(sought),
                is_whole: index.is_whole(),
            });
        }
        let mut folders = self.archive.folders_of(day).await?;
        if folders.len() > WITHOUT_INDEX {
            let reason = format!("{day} has {} batches and no index", folders.len());
            return Err(ArchiveError::Index(reason));
        }
        folders.reverse();
        Ok(Candidates {
            folders,
            is_whole: true,
        })
    }

    async fn of_all_days(&self) -> Result<Arc<Index>, ArchiveError> {
        let (version, known) = self.of_all_days.lock().clone();
        let found = match self.archive.get_unless(INDEX_FILE, &version).await {
            Ok(None) => return Ok(known),
            Ok(Some(whole)) => parse(whole).await,
            Err(ArchiveError::Place(object_store::Error::NotFound { .. })) => Ok(Default::default()),
            Err(error) => Err(error),
        };
        let found = match found {
            // It is no longer written, so the batches themselves say more.
            Err(ArchiveError::Index(_)) => Default::default(),
            found => found?,
        };
        self.of_all_days.lock().clone_from(&found);
        Ok(found.1)
    }

    async fn read(&self, path: &str) -> Result<Option<(Version, Arc<Index>)>, ArchiveError> {
        match self.archive.get_unless(path, &Version::default()).await {
            Ok(Some(whole)) => parse(whole).await.map(Some),
            Ok(None) | Err(ArchiveError::Place(object_store::Error::NotFound { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

async fn parse(Whole { path, version, bytes }: Whole) -> Result<(Version, Arc<Index>), ArchiveError> {
    let of = path.clone();
    let parsed = decode(path, move || Ok(Index::parse(&of, &bytes))).await??;
    Ok((version, Arc::new(parsed)))
}

/// What is known of a day.
enum Known {
    /// It does not have what is sought.
    Nothing {
        is_whole: bool,
    },
    Entries(Arc<Index>),
    Not,
}

impl Kept {
    fn get(&mut self, day: &str, version: &Version, sought: Sought<'_>) -> Known {
        let of_day = self.days.get_mut(day);
        let Some(of_day) = of_day.filter(|day| day.version.is_known() && day.version == *version) else {
            return Known::Not;
        };
        if !of_day.ranges.may_hold(sought) {
            return Known::Nothing {
                is_whole: of_day.ranges.is_whole(),
            };
        }
        let Some((used, _, index)) = &mut of_day.entries else {
            return Known::Not;
        };
        self.uses += 1;
        *used = self.uses;
        Known::Entries(index.clone())
    }

    /// Keeps one, and forgets the entries that were used longest ago when there are too many.
    fn put(&mut self, day: &str, version: Version, index: Arc<Index>) {
        self.forget(day);
        self.uses += 1;
        let bytes = index.memory();
        self.bytes += bytes;
        let kept = Day {
            version,
            ranges: index.ranges(),
            entries: Some((self.uses, bytes, index)),
        };
        self.days.insert(day.to_owned(), kept);
        while self.bytes > MEMORY {
            let used = |day: &&mut Day| day.entries.as_ref().map_or(u64::MAX, |(used, ..)| *used);
            let oldest = self.days.values_mut().min_by_key(used);
            let Some((_, bytes, _)) = oldest.and_then(|day| day.entries.take()) else {
                break;
            };
            self.bytes -= bytes;
        }
    }

    fn forget(&mut self, day: &str) {
        let gone = self.days.remove(day).and_then(|day| day.entries);
        self.bytes -= gone.map_or(0, |(_, bytes, _)| bytes);
    }

    /// Days leave the archive at the end of its life-cycle.
    fn forget_all_but(&mut self, versions: &BTreeMap<String, Version>) {
        let gone: Vec<String> = self
            .days
            .keys()
            .filter(|day| !versions.contains_key(*day))
            .cloned()
            .collect();
        gone.iter().for_each(|day| self.forget(day));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_ranges_stay() {
        let mut kept = Kept::default();
        let version = |day: usize| Version::of(&day.to_string());
        let day = |day: usize| format!("day=2026-{:02}-{:02}", day / 28 + 1, day % 28 + 1);
        let index = |day: usize| Arc::new(Index::of_names(&format!("saga-{day:03}"), MEMORY / 10));
        for number in 0..30 {
            kept.put(&day(number), version(number), index(number));
            assert!(kept.bytes <= MEMORY, "{}", kept.bytes);
        }
        let mut known =
            |number: usize, name: &str| kept.get(&day(number), &version(number), Sought::Saga(name));
        assert!(matches!(known(29, "saga-029"), Known::Entries(_)));
        assert!(matches!(known(0, "saga-029"), Known::Nothing { is_whole: true }));
        assert!(
            matches!(known(0, "saga-000"), Known::Not),
            "they were used longest ago"
        );
        kept.forget_all_but(&BTreeMap::from([(day(29), version(29))]));
        assert_eq!((kept.days.len(), kept.bytes), (1, index(29).memory()));
    }
}
