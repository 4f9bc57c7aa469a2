//! What files and folders of the archive are called.

use super::Manifest;

/// The folder of the index, in the archive's own.
pub(super) const INDEX_FOLDER: &str = "index";

/// The index of all days that versions of before wrote, in the archive's own folder.
pub(super) const INDEX_FILE: &str = "index.json";

/// The index of a day.
pub(super) fn index_of(day: &str) -> String {
    format!("{INDEX_FOLDER}/{day}.json")
}

/// The day whose folder has another folder.
pub(super) fn day_of_folder(folder: &str) -> &str {
    folder.split('/').next().unwrap_or_default()
}

/// Whether a folder is a day's; the first layout had no `day=` before it.
pub(super) fn is_day(name: &str) -> bool {
    let day = name.strip_prefix("day=").unwrap_or(name);
    let mut parts = day.split('-').map(str::len);
    let is_date =
        (parts.next(), parts.next(), parts.next(), parts.next()) == (Some(4), Some(2), Some(2), None);
    is_date && day.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit())
}

/// Whether a file is the manifest of a batch, or is to replace it.
pub(super) fn is_manifest(name: &str) -> bool {
    name == Manifest::FILE_NAME || name == staged(Manifest::FILE_NAME)
}

/// The name of a file that will replace another one.
pub(super) fn staged(path: &str) -> String {
    let name = path.rsplit_once('.').map_or(path, |(name, _)| name);
    format!("{name}.staged")
}
