//! Where the archive is: a folder or a bucket.

use std::{
    collections::{BTreeMap, HashMap},
    future,
    ops::Range,
    path::PathBuf,
    sync::Arc,
};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutPayload, aws::AmazonS3Builder,
    local::LocalFileSystem, path::Path,
};
use parking_lot::Mutex;

use super::{
    ArchiveError, ArchiveUrl, ArchivedFile, Manifest,
    names::{INDEX_FILE, INDEX_FOLDER, day_of_folder, is_day, is_manifest, staged},
};
use crate::http_client;

/// Of each day that was compared with its index: the version of that, a hash of its batches, and how many sagas they have. As long as
/// neither changes they need not be read again.
pub(super) type Compared = HashMap<String, (Version, u64, u64)>;

/// An archive that can be written to and read from.
#[derive(Debug, Clone)]
pub struct Archive {
    place: Arc<dyn ObjectStore>,
    prefix: Path,
    /// What of the index need not be compared again.
    pub(super) compared: Arc<Mutex<Compared>>,
    /// Ends writing at a chosen place, as a kill would.
    #[cfg(test)]
    pub(crate) faults: Faults,
}

impl Archive {
    /// Opens an archive; a folder is made when it is missing. A bucket is not asked yet.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Place`] when the folder cannot be made, or the environment says nothing usable about S3.
    pub fn open(url: &ArchiveUrl) -> Result<Self, ArchiveError> {
        let (place, prefix): (Arc<dyn ObjectStore>, &str) = match url {
            ArchiveUrl::Folder(folder) => (Arc::new(open_folder(folder)?), ""),
            ArchiveUrl::Bucket { bucket, prefix } => {
                http_client::choose_cryptography();
                let bucket = AmazonS3Builder::from_env().with_bucket_name(bucket).build()?;
                (Arc::new(bucket), prefix)
            }
        };
        Ok(Self {
            place,
            prefix: Path::from(prefix),
            compared: Arc::default(),
            #[cfg(test)]
            faults: Faults::default(),
        })
    }

    /// Puts a file whole: others see all of it or nothing. In a folder it is on the disk when this returns.
    pub(super) async fn put(&self, path: &str, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        #[cfg(test)]
        self.faults.count()?;
        self.place.put(&self.at(path), PutPayload::from(bytes)).await?;
        Ok(())
    }

    /// Reads a file whole.
    pub(super) async fn get(&self, path: &str) -> Result<Bytes, ArchiveError> {
        Ok(self.place.get(&self.at(path)).await?.bytes().await?)
    }

    /// Reads a file whole, unless it is the version that is known already.
    pub(super) async fn get_unless(
        &self,
        path: &str,
        version: &Version,
    ) -> Result<Option<Whole>, ArchiveError> {
        let options = GetOptions {
            if_none_match: version.0.clone(),
            ..GetOptions::default()
        };
        match self.place.get_opts(&self.at(path), options).await {
            Err(object_store::Error::NotModified { .. }) => Ok(None),
            found => Whole::of(path.to_owned(), found?).await.map(Some),
        }
    }

    /// Reads a piece of a file; none when it is another version, or gone.
    pub(super) async fn get_piece(
        &self,
        path: &str,
        version: &Version,
        piece: Range<u64>,
    ) -> Result<Option<Bytes>, ArchiveError> {
        let options = GetOptions {
            if_match: version.0.clone(),
            range: Some(GetRange::Bounded(piece)),
            ..GetOptions::default()
        };
        match self.place.get_opts(&self.at(path), options).await {
            Err(object_store::Error::Precondition { .. } | object_store::Error::NotFound { .. }) => Ok(None),
            found => Ok(Some(found?.bytes().await?)),
        }
    }

    /// The folders of days, the oldest first, and whether there is anything else of an archive. What others keep beside them, as
    /// `lost+found` of a new volume, is no part of it.
    async fn top(&self) -> Result<(Vec<String>, bool), ArchiveError> {
        let found = self.place.list_with_delimiter(Some(&self.prefix)).await?;
        let names = found.common_prefixes.iter().filter_map(Path::filename);
        let mut days: Vec<String> = names.filter(|name| is_day(name)).map(str::to_owned).collect();
        days.sort_unstable();
        let has_index = found
            .common_prefixes
            .iter()
            .any(|folder| folder.filename() == Some(INDEX_FOLDER))
            || found
                .objects
                .iter()
                .any(|object| object.location.filename() == Some(INDEX_FILE));
        Ok((days, has_index))
    }

    /// Whether there is nothing of an archive: no folder of a day and no index.
    pub(super) async fn is_empty(&self) -> Result<bool, ArchiveError> {
        let (days, has_index) = self.top().await?;
        Ok(days.is_empty() && !has_index)
    }

    /// The folders of days, the oldest first.
    pub(super) async fn days(&self) -> Result<Vec<String>, ArchiveError> {
        Ok(self.top().await?.0)
    }

    /// The days that have an index, with the version of each.
    pub(super) async fn indexes(&self) -> Result<BTreeMap<String, Version>, ArchiveError> {
        let files = self.place.list(Some(&self.at(INDEX_FOLDER)));
        let of_days = files.try_filter_map(|file| {
            let name = file
                .location
                .filename()
                .and_then(|name| name.strip_suffix(".json"));
            let day = name.filter(|day| is_day(day)).map(str::to_owned);
            future::ready(Ok(day.map(|day| (day, Version(file.e_tag.clone())))))
        });
        Ok(of_days.try_collect().await?)
    }

    /// Reads a file of a batch, which must be as the manifest says; also while the batch is being replaced.
    pub(super) async fn read(&self, manifest: &Manifest, file: &ArchivedFile) -> Result<Bytes, ArchiveError> {
        Ok(self.read_version(manifest, file).await?.bytes)
    }

    /// The same with where it is, and which version.
    pub(super) async fn read_version(
        &self,
        manifest: &Manifest,
        file: &ArchivedFile,
    ) -> Result<Whole, ArchiveError> {
        let path = manifest.path(file);
        let found = self.checked(&path, file).await;
        if found.is_ok() {
            return found;
        }
        // What is staged counts from the moment on when its manifest is there.
        let staged = self.checked(&staged(&path), file).await;
        staged.or(found)
    }

    async fn checked(&self, path: &str, file: &ArchivedFile) -> Result<Whole, ArchiveError> {
        let found = self.place.get(&self.at(path)).await?;
        let whole = Whole::of(path.to_owned(), found).await?;
        file.compare(&whole.bytes)
            .map_err(|what| ArchiveError::file(path, what))?;
        Ok(whole)
    }

    /// Puts a file beside another one that it will replace, under a name that no reader looks for.
    pub(super) async fn stage(&self, path: &str, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        self.put(&staged(path), bytes).await
    }

    /// Reads a file that was staged.
    pub(super) async fn get_staged(&self, path: &str) -> Result<Bytes, ArchiveError> {
        self.get(&staged(path)).await
    }

    /// Puts a staged file in the place of the one that it replaces: others see one of them or the other, and never both. Does
    /// nothing when it was done before.
    pub(super) async fn replace(&self, path: &str) -> Result<(), ArchiveError> {
        #[cfg(test)]
        self.faults.count()?;
        let (from, to) = (self.at(&staged(path)), self.at(path));
        match self.place.rename(&from, &to).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            renamed => Ok(renamed?),
        }
    }

    /// Deletes everything in a folder, manifests first: a batch without one does not count, whatever of it is left.
    pub(super) async fn delete_all(&self, folder: &str) -> Result<(), ArchiveError> {
        let mut paths = self.paths(&self.at(folder)).await?;
        paths.sort_by_key(|path| !path.filename().is_some_and(is_manifest));
        for path in paths {
            #[cfg(test)]
            self.faults.count()?;
            self.place.delete(&path).await?;
        }
        Ok(())
    }

    /// The batches that are complete, the oldest first.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`] when the archive cannot be read.
    pub async fn manifests(&self) -> Result<Vec<Manifest>, ArchiveError> {
        let mut manifests = Vec::new();
        for folder in self.folders().await? {
            manifests.push(self.manifest(&folder).await?.0);
        }
        Ok(manifests)
    }

    /// The folders of the batches that are complete, the oldest first.
    pub(super) async fn folders(&self) -> Result<Vec<String>, ArchiveError> {
        self.folders_in(&self.prefix).await
    }

    /// Those of a day.
    pub(super) async fn folders_of(&self, day: &str) -> Result<Vec<String>, ArchiveError> {
        self.folders_in(&self.at(day)).await
    }

    /// Only their names are kept of the many files that there may be.
    async fn folders_in(&self, folder: &Path) -> Result<Vec<String>, ArchiveError> {
        let objects = self.place.list(Some(folder)).try_filter_map(|object| {
            let is_manifest = object.location.filename() == Some(Manifest::FILE_NAME);
            let folder = self
                .folder_of(&object.location)
                .filter(|folder| is_manifest && is_day(day_of_folder(folder)));
            future::ready(Ok(folder))
        });
        let mut folders: Vec<String> = objects.try_collect().await?;
        folders.sort_unstable();
        Ok(folders)
    }

    /// The manifest of a batch, and whether it is staged: then some of the batch's files may be.
    pub(super) async fn manifest(&self, folder: &str) -> Result<(Manifest, bool), ArchiveError> {
        let path = format!("{folder}/{}", Manifest::FILE_NAME);
        let (bytes, is_staged) = match self.get_staged(&path).await {
            Err(ArchiveError::Place(object_store::Error::NotFound { .. })) => (self.get(&path).await?, false),
            staged => (staged?, true),
        };
        let manifest = Manifest::parse(&bytes).map_err(|error| ArchiveError::file(&path, error))?;
        Ok((manifest, is_staged))
    }

    /// The folder that holds a file, below the archive's own.
    fn folder_of(&self, path: &Path) -> Option<String> {
        let below: Vec<String> = path
            .prefix_match(&self.prefix)?
            .map(|part| part.as_ref().to_owned())
            .collect();
        let (_, folder) = below.split_last()?;
        Some(folder.join("/"))
    }

    /// Deletes a file, if it is there.
    pub(super) async fn delete(&self, path: &str) -> Result<(), ArchiveError> {
        #[cfg(test)]
        self.faults.count()?;
        match self.place.delete(&self.at(path)).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            deleted => Ok(deleted?),
        }
    }

    async fn paths(&self, folder: &Path) -> Result<Vec<Path>, ArchiveError> {
        let objects = self.place.list(Some(folder));
        Ok(objects.map_ok(|object| object.location).try_collect().await?)
    }

    fn at(&self, path: &str) -> Path {
        Path::from(format!("{}/{path}", self.prefix))
    }
}

/// Names what a file was when it was read; nothing where the place has no such names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Version(Option<String>);

impl Version {
    #[cfg(test)]
    pub(super) fn of(name: &str) -> Self {
        Self(Some(name.to_owned()))
    }

    pub(super) const fn is_known(&self) -> bool {
        self.0.is_some()
    }
}

/// A file that was read whole.
pub(super) struct Whole {
    pub(super) path: String,
    pub(super) version: Version,
    pub(super) bytes: Bytes,
}

impl Whole {
    async fn of(path: String, found: object_store::GetResult) -> Result<Self, ArchiveError> {
        Ok(Self {
            path,
            version: Version(found.meta.e_tag.clone()),
            bytes: found.bytes().await?,
        })
    }
}

fn open_folder(folder: &PathBuf) -> Result<LocalFileSystem, object_store::Error> {
    let cannot = |source: std::io::Error| object_store::Error::Generic {
        store: "the folder",
        source: format!("{}: {source}", folder.display()).into(),
    };
    std::fs::create_dir_all(folder).map_err(cannot)?;
    // What is deleted from the database next must outlive a power failure.
    Ok(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true))
}

#[cfg(test)]
pub(crate) use faults::Faults;

#[cfg(test)]
mod faults {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use crate::archive::ArchiveError;

    /// How many changes of the archive succeed until all fail.
    #[derive(Debug, Clone)]
    pub(crate) struct Faults(Arc<AtomicUsize>);

    impl Default for Faults {
        fn default() -> Self {
            Self(Arc::new(AtomicUsize::new(usize::MAX)))
        }
    }

    impl Faults {
        pub(crate) fn after(&self, changes: usize) {
            self.0.store(changes, Ordering::Relaxed);
        }

        pub(super) fn count(&self) -> Result<(), ArchiveError> {
            let left = |left: usize| left.checked_sub(1);
            let spent = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
            spent
                .map(drop)
                .map_err(|_| ArchiveError::file("the archive", "killed"))
        }
    }
}
