//! A folder of mappings, one file for each source.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{Mapping, MappingError};

/// The mappings of all sources, by their names.
#[derive(Debug, Default)]
pub struct Mappings(BTreeMap<String, Mapping>);

impl FromIterator<Mapping> for Mappings {
    fn from_iter<I: IntoIterator<Item = Mapping>>(mappings: I) -> Self {
        let named = mappings
            .into_iter()
            .map(|mapping| (mapping.source().to_owned(), mapping));
        Self(named.collect())
    }
}

/// Why a folder or a file of mappings was refused.
#[derive(Debug, Error)]
pub enum MappingLoadError {
    /// It cannot be read.
    #[error("{}: cannot be read: {error}", path.display())]
    Io {
        /// The file, or the folder.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
    /// It is no mapping.
    #[error("{}: {error}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, and in which line.
        error: MappingError,
    },
    /// Its name is no name of a source, or that of another file.
    #[error("{}: its name must be that of a source, which no other file has: a-z, 0-9, - and _", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
}

impl Mappings {
    /// Reads every file (`*.yml`, `*.yaml`) of a folder; a source is called as its file.
    ///
    /// # Errors
    ///
    /// The first [`MappingLoadError`].
    pub fn load_dir(folder: &Path) -> Result<Self, MappingLoadError> {
        let failed = |error| MappingLoadError::Io {
            path: folder.to_owned(),
            error,
        };
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "yml" || extension == "yaml")
            {
                paths.push(path);
            }
        }
        paths.sort();
        let mut mappings = Self::default();
        for path in paths {
            let mapping = load(&path)?;
            let is_new = mappings.0.insert(mapping.source().to_owned(), mapping).is_none();
            if !is_new {
                return Err(MappingLoadError::Name { path });
            }
        }
        Ok(mappings)
    }

    /// The mapping of a source.
    #[must_use]
    pub fn find(&self, source: &str) -> Option<&Mapping> {
        self.0.get(source)
    }

    /// The names of the sources.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Reads one file.
///
/// # Errors
///
/// [`MappingLoadError`] with the file and the line.
pub fn load(path: &Path) -> Result<Mapping, MappingLoadError> {
    let source = path
        .file_stem()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let is_name = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || "-_".contains(character)
    };
    if source.is_empty() || source.len() > 100 || !source.chars().all(is_name) {
        return Err(MappingLoadError::Name {
            path: path.to_owned(),
        });
    }
    let yaml = fs::read_to_string(path).map_err(|error| MappingLoadError::Io {
        path: path.to_owned(),
        error,
    })?;
    Mapping::from_yaml(source, &yaml).map_err(|error| MappingLoadError::Invalid {
        path: path.to_owned(),
        error,
    })
}
