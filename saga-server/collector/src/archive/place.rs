//! Where the archive is: a folder or a bucket.

use std::{fmt, ops::Range, path::PathBuf, str::FromStr, sync::Arc};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutPayload, aws::AmazonS3Builder,
    local::LocalFileSystem, path::Path,
};
use reqwest::Url;

use super::{ArchiveError, ArchivedFile, Manifest};
use crate::http_client;

/// The name of the index, in the archive's own folder.
pub(super) const INDEX_FILE: &str = "index.json";

/// The address of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchiveUrl {
    /// `file:///FOLDER`.
    Folder(PathBuf),
    /// `s3://BUCKET/PREFIX`. Region, endpoint and keys come from the environment, as for every tool that speaks to S3.
    Bucket {
        /// The bucket's name.
        bucket: String,
        /// What the names of all objects begin with; may be empty.
        prefix: String,
    },
}

impl FromStr for ArchiveUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "must be file:///FOLDER or s3://BUCKET/PREFIX".to_owned();
        let url = Url::parse(text).map_err(|_| wrong())?;
        match url.scheme() {
            // The URL standard reads file:archive as a folder of the root, which is not what is meant.
            "file" if !text.starts_with("file://") => Err(wrong()),
            "file" => url.to_file_path().map(Self::Folder).map_err(|()| wrong()),
            "s3" => Ok(Self::Bucket {
                bucket: url.host_str().ok_or_else(wrong)?.to_owned(),
                prefix: url.path().trim_matches('/').to_owned(),
            }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for ArchiveUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(formatter, "file://{}", folder.display()),
            Self::Bucket { bucket, prefix } => write!(formatter, "s3://{bucket}/{prefix}"),
        }
    }
}

/// An archive that can be written to and read from.
#[derive(Debug, Clone)]
pub struct Archive {
    place: Arc<dyn ObjectStore>,
    prefix: Path,
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

    /// Whether there is nothing of an archive: no folder of a day and no index. What others keep beside them, as `lost+found`
    /// of a new volume, is no part of it.
    pub(super) async fn is_empty(&self) -> Result<bool, ArchiveError> {
        let found = self.place.list_with_delimiter(Some(&self.prefix)).await?;
        let has_day = found
            .common_prefixes
            .iter()
            .any(|folder| folder.filename().is_some_and(is_day));
        let has_index = found
            .objects
            .iter()
            .any(|object| object.location.filename() == Some(INDEX_FILE));
        Ok(!has_day && !has_index)
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
        let paths = self.paths(&self.prefix).await?;
        let manifests = paths
            .iter()
            .filter(|path| path.filename() == Some(Manifest::FILE_NAME));
        let mut folders: Vec<String> = manifests.filter_map(|path| self.folder_of(path)).collect();
        folders.retain(|folder| folder.split('/').next().is_some_and(is_day));
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

/// Whether a folder is a day's; the first layout had no `day=` before it.
fn is_day(name: &str) -> bool {
    let day = name.strip_prefix("day=").unwrap_or(name);
    let mut parts = day.split('-').map(str::len);
    let is_date =
        (parts.next(), parts.next(), parts.next(), parts.next()) == (Some(4), Some(2), Some(2), None);
    is_date && day.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit())
}

/// Whether a file is the manifest of a batch, or is to replace it.
fn is_manifest(name: &str) -> bool {
    name == Manifest::FILE_NAME || name == staged(Manifest::FILE_NAME)
}

/// The name of a file that will replace another one.
fn staged(path: &str) -> String {
    let name = path.rsplit_once('.').map_or(path, |(name, _)| name);
    format!("{name}.staged")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_and_a_bucket_are_addresses() {
        assert_eq!(
            "file:///var/archive".parse(),
            Ok(ArchiveUrl::Folder("/var/archive".into()))
        );
        let bucket: ArchiveUrl = "s3://sagas/of/2026/".parse().unwrap();
        assert_eq!(bucket.to_string(), "s3://sagas/of/2026");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "/var/archive",
            "file:archive",
            "https://example.org/",
            "s3:///prefix",
        ] {
            assert!(text.parse::<ArchiveUrl>().is_err(), "{text}");
        }
    }
}
