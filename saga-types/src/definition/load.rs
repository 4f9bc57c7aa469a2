//! A folder of definitions, one file each.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{DefinitionError, DefinitionWarning, Definitions, SagaDefinition};
use crate::{SagaType, Timestamp};

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
    /// Another file of the folder defines the same type from the same time on.
    #[error("line {line}: defines {saga_type}{}, as does {}; remove one of them, or give one a later validFrom",
        since(*.valid_from), other.display())]
    Twice {
        /// The line of `sagaType`.
        line: u64,
        /// The type.
        saga_type: SagaType,
        /// From when on, if both say so.
        valid_from: Option<Timestamp>,
        /// The other file.
        other: PathBuf,
    },
}

fn since(valid_from: Option<Timestamp>) -> String {
    valid_from.map_or_else(String::new, |moment| format!(" from {moment} on"))
}

/// What is probably a mistake in a file of definitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadWarning {
    /// The file.
    pub path: PathBuf,
    /// What is odd in it.
    pub warning: DefinitionWarning,
}

impl fmt::Display for LoadWarning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path.display(), self.warning)
    }
}

/// What a check of a folder gives.
#[derive(Debug)]
pub struct FolderReport {
    /// The definitions, or everything that is wrong, file by file; at least one error.
    pub result: Result<Vec<SagaDefinition>, Vec<LoadError>>,
    /// What is probably a mistake, file by file; also of the files that are right when another one is wrong.
    pub warnings: Vec<LoadWarning>,
}

impl Definitions {
    /// Adds every definition (`*.yml`, `*.yaml`) of a folder; one that has the type and the
    /// [`valid_from`](SagaDefinition::valid_from) of one that is already there replaces it.
    ///
    /// # Errors
    ///
    /// The first [`LoadError`] with its file when one cannot be read, is not a definition, or two define the same type from
    /// the same time on; nothing is added then. [`check_dir`](Self::check_dir) gives all errors.
    pub fn load_dir(&mut self, folder: &Path) -> Result<(), LoadError> {
        let report = self.check_dir(folder);
        for definition in report.result.map_err(|mut errors| errors.swap_remove(0))? {
            self.insert(definition);
        }
        Ok(())
    }

    /// Says everything that is wrong or odd in a folder of definitions that would be added to these.
    #[must_use]
    pub fn check_dir(&self, folder: &Path) -> FolderReport {
        let mut folder_check = FolderCheck::default();
        match yaml_files(folder) {
            Ok(files) => files.into_iter().for_each(|path| folder_check.add(path)),
            Err(error) => folder_check.errors.push(at(folder, error)),
        }
        folder_check.warn_of_sagas_without_definition(self);
        folder_check.report()
    }
}

/// A definition with where it was found.
struct Loaded {
    definition: SagaDefinition,
    path: PathBuf,
    line: u64,
}

#[derive(Default)]
struct FolderCheck {
    /// Ordered by the type, then by when it begins to be valid.
    loaded: BTreeMap<(SagaType, Option<Timestamp>), Loaded>,
    errors: Vec<LoadError>,
    warnings: Vec<LoadWarning>,
}

impl FolderCheck {
    fn add(&mut self, path: PathBuf) {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => return self.errors.push(at(&path, error)),
        };
        let report = SagaDefinition::check_yaml(&text);
        let warnings = report.warnings.into_iter().map(|warning| LoadWarning {
            path: path.clone(),
            warning,
        });
        self.warnings.extend(warnings);
        match report.result {
            Ok(definition) => self.add_definition(definition, path, report.line),
            Err(errors) => self
                .errors
                .extend(errors.into_iter().map(|error| at(&path, error))),
        }
    }

    fn add_definition(&mut self, definition: SagaDefinition, path: PathBuf, line: u64) {
        let key = (definition.saga_type.clone(), definition.valid_from);
        if let Some(other) = self.loaded.get(&key) {
            let (saga_type, valid_from) = key;
            let kind = LoadErrorKind::Twice {
                line,
                saga_type,
                valid_from,
                other: other.path.clone(),
            };
            return self.errors.push(at(&path, kind));
        }
        let loaded = Loaded {
            definition,
            path,
            line,
        };
        self.loaded.insert(key, loaded);
    }

    fn warn_of_sagas_without_definition(&mut self, known: &Definitions) {
        let mut previous = None;
        for ((saga_type, valid_from), loaded) in &self.loaded {
            let is_first = previous.replace(saga_type) != Some(saga_type);
            let is_known = known.of_type(saga_type).next().is_some();
            let Some(moment) = valid_from.filter(|_| is_first && !is_known) else {
                continue;
            };
            let warning = DefinitionWarning {
                line: loaded.line,
                reason: format!("{saga_type} has no definition for sagas that started before {moment}"),
                hint: "add one without validFrom, unless there are no such sagas".to_owned(),
            };
            self.warnings.push(LoadWarning {
                path: loaded.path.clone(),
                warning,
            });
        }
    }

    fn report(mut self) -> FolderReport {
        self.warnings
            .sort_by(|left, right| (&left.path, left.warning.line).cmp(&(&right.path, right.warning.line)));
        let definitions = self.loaded.into_values().map(|loaded| loaded.definition);
        FolderReport {
            result: match self.errors.is_empty() {
                true => Ok(definitions.collect()),
                false => Err(self.errors),
            },
            warnings: self.warnings,
        }
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
