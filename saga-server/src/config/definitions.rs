//! The definitions that are configured.

use std::path::PathBuf;

use saga_types::definition::{Definitions, LoadError};

/// The built-in definitions and those of folders, which add to the ones before them or replace them.
///
/// # Errors
///
/// [`LoadError`] with file, line and reason when a definition is wrong.
pub fn load_definitions<'a>(
    folders: impl IntoIterator<Item = &'a PathBuf>,
) -> Result<Definitions, LoadError> {
    let mut definitions = Definitions::built_in();
    for folder in folders {
        definitions.load_dir(folder)?;
    }
    Ok(definitions)
}
