//! Configuration files: one, and beside it the one of the profile.

use std::{
    fs,
    path::{Path, PathBuf},
};

use merge::Merge;
use serde::de::DeserializeOwned;
use serde_saphyr::UserMessageFormatter;

use super::{ConfigError, Settings, keys};

/// Reads `config.yml`, and with a profile `config-{profile}.yml` over it.
pub(crate) fn load(config: Option<&Path>, profile: Option<&str>) -> Result<Settings, ConfigError> {
    let Some(config) = config else {
        return if profile.is_none() {
            Ok(Settings::default())
        } else {
            Err(ConfigError::ProfileWithoutFile)
        };
    };
    let base = read(config)?;
    match profile {
        Some(profile) => {
            let mut settings = read(&of_profile(config, profile)?)?;
            settings.merge(base);
            Ok(settings)
        }
        None => Ok(base),
    }
}

fn of_profile(config: &Path, profile: &str) -> Result<PathBuf, ConfigError> {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if profile.is_empty() || !profile.chars().all(is_plain) {
        let reason = format!("the profile {profile:?} must be letters, digits, - and _ only");
        return Err(ConfigError::File {
            path: config.to_owned(),
            reason,
        });
    }
    let stem = config.file_stem().unwrap_or_default().to_string_lossy();
    let extension = config
        .extension()
        .map(|extension| format!(".{}", extension.to_string_lossy()));
    Ok(config.with_file_name(format!("{stem}-{profile}{}", extension.unwrap_or_default())))
}

fn read(path: &Path) -> Result<Settings, ConfigError> {
    let refused = |reason: String| ConfigError::File {
        path: path.to_owned(),
        reason,
    };
    let text = fs::read_to_string(path).map_err(|error| refused(format!("cannot be read: {error}")))?;
    parse(&text).map_err(refused)
}

/// Reads YAML in which every key is known; an error names line and key.
pub(crate) fn parse<T: DeserializeOwned + Default>(text: &str) -> Result<T, String> {
    let is_empty = text
        .lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    if is_empty {
        return Ok(T::default());
    }
    let mut path = String::new();
    serde_saphyr::with_deserializer_from_str(text, |deserializer| {
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            path = error.path().to_string();
            error.into_inner()
        })
    })
    .map_err(|error| message(&error, &path))
}

/// `line 3: ingest.batchSize: not a whole number; it should be: …`.
fn message(error: &serde_saphyr::Error, path: &str) -> String {
    let line = error.location().map_or(1, |location| location.line());
    let full = error
        .without_snippet()
        .render_with_formatter(&UserMessageFormatter);
    let reason = in_words(&full);
    let key = if ["", ".", "?"].contains(&path) {
        String::new()
    } else {
        format!("{path}: ")
    };
    let meaning = keys().into_iter().find(|key| key.path == path);
    let expected = meaning
        .map(|key| format!("; it should be: {}", key.meaning))
        .unwrap_or_default();
    format!("line {line}: {key}{reason}{expected}")
}

/// The parser's message without the place once more, a picture of the text, and names of types.
fn in_words(message: &str) -> &str {
    let line = message.lines().next().unwrap_or_default();
    let reason = line.rsplit_once(" at line ").map_or(line, |(reason, _)| reason);
    match reason {
        "invalid u32" | "invalid u64" => "not a whole number",
        "expected mapping start" => "not a map of keys",
        "expected string scalar" => "not a text",
        _ => reason,
    }
}
