//! What a batch holds, in words that need no Parquet reader.
//!
//! Rule of thumb: a layout that other programs can read does not change. A column may be added; anything else is a new layout, and
//! older layouts remain readable.

use saga_types::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The layout that is written. The first one had no `day=` before the day, one row group of all sagas, and no bloom filters.
pub(super) const LAYOUT: u32 = 2;

/// What a batch holds. It is written last: a batch is in the archive when its manifest is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The layout of its folder and files.
    #[serde(default = "first_layout")]
    pub layout: u32,
    /// The folder of the batch, below the archive's own.
    pub folder: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// The earliest start of its sagas.
    pub from: Timestamp,
    /// The latest change of its sagas.
    pub to: Timestamp,
    /// The final states, one row for each saga.
    pub sagas: ArchivedFile,
    /// The events, one row each.
    pub steps: ArchivedFile,
    /// When a person's data was erased from it last; none when never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<ErasedBatch>,
}

/// The last erasure of a person's data in a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErasedBatch {
    /// When.
    pub at: Timestamp,
    /// From which sagas.
    pub sagas: Vec<ErasedRows>,
}

/// A saga of a batch that lost metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErasedRows {
    /// Its id.
    pub saga_id: String,
    /// Its type.
    pub saga_type: String,
    /// How many of its events lost their metadata.
    pub events: u64,
}

/// A Parquet file of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchivedFile {
    /// Its name in the folder.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
    /// How many bytes it has.
    pub bytes: u64,
    /// SHA-256 of the bytes, in lower-case hex.
    pub sha256: String,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default = "first_layout")]
    layout: u32,
}

const fn first_layout() -> u32 {
    1
}

impl Manifest {
    /// Its name in the folder.
    pub const FILE_NAME: &str = "manifest.json";

    pub(super) fn parse(json: &[u8]) -> Result<Self, String> {
        // A later layout may have other fields.
        let said: Said = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if said.layout > LAYOUT {
            let layout = said.layout;
            return Err(format!(
                "layout {layout}, of which this version knows none above {LAYOUT}; use a newer one"
            ));
        }
        serde_json::from_slice(json).map_err(|error| error.to_string())
    }

    pub(super) fn path(&self, file: &ArchivedFile) -> String {
        format!("{}/{}", self.folder, file.name)
    }
}

impl ArchivedFile {
    pub(super) fn of(name: &str, rows: u64, bytes: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            rows,
            bytes: bytes.len() as u64,
            sha256: sha256(bytes),
        }
    }

    /// What differs between the bytes and those that were written.
    pub(super) fn compare(&self, bytes: &[u8]) -> Result<(), String> {
        if bytes.len() as u64 != self.bytes {
            return Err(format!("{} bytes instead of {}", bytes.len(), self.bytes));
        }
        if sha256(bytes) != self.sha256 {
            return Err("another SHA-256".to_owned());
        }
        Ok(())
    }
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
