//! The archive: sagas that left the database, as Parquet files in a folder or in S3.
//!
//! | part | what |
//! | --- | --- |
//! | `url` | the address |
//! | `place`, [`Archive`] | the place, whatever it is: files are put whole, read, listed and deleted |
//! | `manifest`, [`Manifest`] | what a batch holds; written last, so that a batch without one does not count |
//! | `names` | what its files and folders are called |
//! | `parquet_write`, `parquet_read` | rows to Parquet and back |
//! | `tables` | events and final states as rows |
//! | `write` | one batch: written, read back, compared |
//! | `index`, `comparison` | which batches there are, and what may be in each; compared with the batches themselves |
//! | `days` | the indexes of days, in memory as far as it reaches |
//! | [`Lookup`], `files`, `footers` | one saga or order, from those pieces of files that hold it |
//! | `restore` | from the archive into a SQLite file of its own |
//! | `erase` | a person's data out of a batch, whose files are replaced |
//!
//! ```text
//! index/day=2026-11-23.json                one entry for each batch of the day
//! day=2026-11-23/0193…-…/0193…-…/          the day of the sagas' last events, a batch, the attempt that wrote it
//!                    sagas.parquet         one row for each saga: its final state, as REST gave it
//!                    steps.parquet         one row for each event, ordered by saga, time and id
//!                    manifest.json         counts, sizes and checksums of the two
//! ```
//!
//! Rule of thumb: the archive must be readable without the database that it came from, and without this program.

mod comparison;
mod days;
pub(crate) mod erase;
mod files;
mod footers;
mod index;
mod lookup;
mod manifest;
mod names;
mod parquet_read;
mod parquet_write;
mod place;
mod restore;
mod tables;
#[cfg(test)]
pub(crate) mod tests;
mod url;
mod write;

use thiserror::Error;

pub use comparison::{Indexed, index};
pub use lookup::{ArchivedSaga, Lookup};
pub use manifest::{ArchivedFile, ErasedBatch, ErasedRows, Manifest};
pub use place::Archive;
pub use restore::{Restored, Wanted, restore};
pub use url::ArchiveUrl;
pub(crate) use write::{day_of, withdraw, write};

use saga_store::StoreError;

/// Why something could not be archived, or read from the archive.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The place is unavailable, or refuses.
    #[error("the archive cannot be used: {0}")]
    Place(#[from] object_store::Error),
    /// A Parquet file cannot be written or read.
    #[error("{file}: {reason}")]
    File {
        /// Where it is in the archive.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The index of a day is missing although it has many batches, or damaged.
    #[error("{0}; {REMEDY}", REMEDY = index::REMEDY)]
    Index(String),
    /// The archive gave no answer in time, or others ask it too much.
    #[error("the archive did not answer within {0:?}")]
    Slow(std::time::Duration),
    /// What was read back is not what was written.
    #[error("{file}: what was read back is not what was written: {what}; nothing was deleted")]
    Differs {
        /// Where it is in the archive.
        file: String,
        /// What differs.
        what: String,
    },
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ArchiveError {
    fn file(file: impl ToString, reason: impl ToString) -> Self {
        Self::File {
            file: file.to_string(),
            reason: reason.to_string(),
        }
    }
}
