//! A byte that changes on a broker's disk.

use std::{
    fs,
    io::{Error, ErrorKind, Result},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

/// Changes one byte of the last record with a text, in a partition (`TOPIC-NUMBER`) of a broker that keeps its data below a folder.
pub(crate) fn damage(within: &Path, partition: &str, text: &str) -> Result<()> {
    let missing = |what: &str| Error::new(ErrorKind::NotFound, format!("{what} of {partition} is not there"));
    let folder = folder_named(partition, within).ok_or_else(|| missing("the folder"))?;
    let segment = folder.join("00000000000000000000.log");
    let bytes = fs::read(&segment)?;
    let place = bytes
        .windows(text.len())
        .rposition(|window| window == text.as_bytes())
        .ok_or_else(|| missing("the record"))?;
    let file = fs::OpenOptions::new().write(true).open(&segment)?;
    file.write_all_at(b"X", place as u64)
}

fn folder_named(name: &str, within: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(within).ok()?.flatten();
    let mut folders = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
    folders.find_map(|path| match path.ends_with(name) {
        true => Some(path),
        false => folder_named(name, &path),
    })
}
