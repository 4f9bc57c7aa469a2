//! A folder of definitions, one file each.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{DefinitionError, Definitions, SagaDefinition};
use crate::SagaType;

/// Why a folder of definitions was refused.
#[derive(Debug, Error)]
#[error("{}: {kind}", path.display())]
pub struct LoadError {
    /// The file, or the folder itself.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub kind: LoadErrorKind,
}

/// What is wrong with a file of definitions.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadErrorKind {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is not a definition.
    #[error(transparent)]
    Invalid(#[from] DefinitionError),
    /// Another file of the folder defines the same type.
    #[error("defines {saga_type}, as does {}", other.display())]
    Twice {
        /// The type.
        saga_type: SagaType,
        /// The other file.
        other: PathBuf,
    },
}

impl Definitions {
    /// Adds every definition (`*.yml`, `*.yaml`) of a folder; one of a type that is already there replaces it.
    ///
    /// # Errors
    ///
    /// [`LoadError`] with the file when one cannot be read, is not a definition, or two define the same type.
    pub fn load_dir(&mut self, folder: &Path) -> Result<(), LoadError> {
        let mut files: BTreeMap<SagaType, PathBuf> = BTreeMap::new();
        for path in yaml_files(folder).map_err(|error| at(folder, error))? {
            let text = fs::read_to_string(&path).map_err(|error| at(&path, error))?;
            let definition = SagaDefinition::from_yaml(&text).map_err(|error| at(&path, error))?;
            let saga_type = definition.saga_type.clone();
            if let Some(other) = files.insert(saga_type.clone(), path.clone()) {
                return Err(at(&path, LoadErrorKind::Twice { saga_type, other }));
            }
            self.insert(definition);
        }
        Ok(())
    }
}

fn at(path: &Path, kind: impl Into<LoadErrorKind>) -> LoadError {
    LoadError {
        path: path.to_owned(),
        kind: kind.into(),
    }
}

/// In the order of their names, so that errors are the same everywhere.
fn yaml_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_yaml = path
            .extension()
            .is_some_and(|extension| extension == "yml" || extension == "yaml");
        if is_yaml {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
