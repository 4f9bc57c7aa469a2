//! Files of batches, opened to look up a saga or an order.
//!
//! A file is read whole and compared with its checksum when it is first needed. Its footer stays in memory; from then on only those
//! row groups are read that may contain the value.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use parquet::errors::ParquetError;

use super::{
    Archive, ArchiveError, ArchivedFile, Manifest,
    footers::{Footers, KeptFooter},
    parquet_read::{Footer, Pieces, Wanted},
    tables::{self, SAGA_COLUMNS, STEP_COLUMNS, SagaRow},
};

/// The files of an archive.
pub(super) struct Files {
    archive: Archive,
    footers: Mutex<Footers>,
}

impl Files {
    pub(super) fn new(archive: Archive) -> Self {
        Self {
            archive,
            footers: Mutex::default(),
        }
    }

    /// A file of a batch with those row groups that may hold something; none when the batch is gone.
    pub(super) async fn open(
        &self,
        folder: &str,
        table: Table,
        holds: impl Fn(&Footer, usize) -> parquet::errors::Result<bool>,
    ) -> Result<Option<Opened>, ArchiveError> {
        let name = format!("{folder}/{table:?}");
        loop {
            let known = self.footers.lock().get(&name);
            let is_known = known.is_some();
            let (kept, whole) = match known {
                Some(kept) => (kept, None),
                None => match self.read(folder, table).await? {
                    Some((kept, bytes)) => (kept, Some(bytes)),
                    None => return Ok(None),
                },
            };
            let cannot = |error: ParquetError| ArchiveError::file(&kept.path, error);
            let mut groups = Vec::new();
            for group in kept.footer.groups() {
                if holds(&kept.footer, group).map_err(cannot)? {
                    groups.push(group);
                }
            }
            if !is_known {
                self.footers.lock().put(name.clone(), kept.clone());
            }
            let pieces = match (whole, kept.footer.span(&groups)) {
                (Some(bytes), _) => Pieces::whole(bytes),
                (None, None) => kept.footer.tail().clone(),
                (None, Some(span)) => {
                    let piece = self.archive.get_piece(&kept.path, &kept.version, span.clone());
                    let Some(piece) = piece.await? else {
                        // The file was replaced, since a person's data was erased from it, or removed.
                        self.footers.lock().forget(&name);
                        continue;
                    };
                    kept.footer.tail().with(span.start, piece)
                }
            };
            return Ok(Some(Opened { kept, pieces, groups }));
        }
    }

    /// Reads a file whole, compares it with its checksum, and keeps its end.
    async fn read(
        &self,
        folder: &str,
        table: Table,
    ) -> Result<Option<(Arc<KeptFooter>, Bytes)>, ArchiveError> {
        let manifest = match self.archive.manifest(folder).await {
            Ok((manifest, _)) => manifest,
            Err(ArchiveError::Place(object_store::Error::NotFound { .. })) => return Ok(None),
            Err(error) => return Err(error),
        };
        let file = table.file(&manifest);
        let whole = match self.archive.read_version(&manifest, file).await {
            Err(ArchiveError::Place(object_store::Error::NotFound { .. })) => {
                let reason = "is missing, although the manifest of its batch names it";
                return Err(ArchiveError::file(manifest.path(file), reason));
            }
            whole => whole?,
        };
        let bytes = whole.bytes.clone();
        let footer = decode(whole.path.clone(), move || Footer::of(&bytes, table.columns())).await?;
        let kept = KeptFooter {
            path: whole.path,
            version: whole.version,
            footer,
        };
        Ok(Some((Arc::new(kept), whole.bytes)))
    }
}

/// The two files of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) enum Table {
    Sagas,
    Steps,
}

impl Table {
    fn file(self, manifest: &Manifest) -> &ArchivedFile {
        match self {
            Self::Sagas => &manifest.sagas,
            Self::Steps => &manifest.steps,
        }
    }

    fn columns(self) -> &'static [Wanted] {
        match self {
            Self::Sagas => &SAGA_COLUMNS,
            Self::Steps => &STEP_COLUMNS,
        }
    }
}

/// A file with the row groups that may hold something, whose bytes were read.
pub(super) struct Opened {
    pub(super) kept: Arc<KeptFooter>,
    pub(super) pieces: Pieces,
    pub(super) groups: Vec<usize>,
}

impl Opened {
    pub(super) async fn decode<T: Send + 'static>(
        self,
        decoding: impl FnOnce(&Self) -> parquet::errors::Result<T> + Send + 'static,
    ) -> Result<T, ArchiveError> {
        decode(self.kept.path.clone(), move || decoding(&self)).await
    }

    pub(super) fn texts(&self, group: usize, column: usize) -> parquet::errors::Result<Vec<Option<String>>> {
        self.kept.footer.texts(&self.pieces, group, column)
    }

    /// The sagas of those rows of each row group that are chosen.
    pub(super) fn sagas(
        &self,
        choose: impl Fn(&Self, usize) -> parquet::errors::Result<Vec<bool>>,
    ) -> parquet::errors::Result<Vec<SagaRow>> {
        let mut sagas = Vec::new();
        for group in self.groups.iter().copied() {
            let chosen = choose(self, group)?;
            for place in (0..chosen.len()).filter(|place| chosen[*place]) {
                let rows = self.kept.footer.rows(&self.pieces, group, &(place..place + 1))?;
                for row in rows {
                    sagas.push(tables::saga(row)?);
                }
            }
        }
        Ok(sagas)
    }
}

/// Decodes apart from the threads that answer others. A file that makes the decoder panic is damaged.
pub(super) async fn decode<T: Send + 'static>(
    path: String,
    decoding: impl FnOnce() -> parquet::errors::Result<T> + Send + 'static,
) -> Result<T, ArchiveError> {
    match tokio::task::spawn_blocking(decoding).await {
        Ok(decoded) => decoded.map_err(|error| ArchiveError::file(path, error)),
        Err(_) => Err(ArchiveError::file(path, "cannot be decoded")),
    }
}
