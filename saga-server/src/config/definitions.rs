//! The definitions that are configured.

use std::path::Path;

use saga_types::definition::{Definitions, LoadError};

/// The built-in definitions and those of a folder, which add to them or replace them.
///
/// # Errors
///
/// [`LoadError`] with file, line and reason when a definition is wrong.
pub fn load_definitions(folder: Option<&Path>) -> Result<Definitions, LoadError> {
    let mut definitions = Definitions::built_in();
    if let Some(folder) = folder {
        definitions.load_dir(folder)?;
    }
    Ok(definitions)
}
