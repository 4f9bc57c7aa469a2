//! The address of an archive.

use std::{fmt, path::PathBuf, str::FromStr};

use reqwest::Url;

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
