//! The names of the keys: in the file, in the environment and among the flags. All come from [`Settings`].

use clap::{Args, Command};

use super::{ConfigError, Settings};

/// One key of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its path in the file, such as `kafka.topic`.
    pub path: String,
    /// Its environment variable.
    pub variable: String,
    /// Its flag, with dashes.
    pub flag: String,
    /// What it is, in one line.
    pub meaning: String,
}

/// Every key, in the order of the documentation.
#[must_use]
pub fn keys() -> Vec<Key> {
    let command = Settings::augment_args(Command::new("saga-server"));
    command
        .get_arguments()
        .map(|argument| Key {
            path: argument.get_id().to_string(),
            variable: argument
                .get_env()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            flag: format!("--{}", argument.get_long().unwrap_or_default()),
            meaning: argument.get_help().map(ToString::to_string).unwrap_or_default(),
        })
        .collect()
}

/// What is wrong with the configuration, and how a key at fault is set.
#[must_use]
pub fn explain(error: &ConfigError) -> String {
    let names = match error {
        ConfigError::Value { key, .. } => keys().into_iter().find(|candidate| names(candidate, key)),
        _ => None,
    };
    match names {
        Some(Key {
            path, variable, flag, ..
        }) => format!("{error} (set it as {path} in the file, as {variable} or as {flag})"),
        None => error.to_string(),
    }
}

/// Whether it is the key, or the map in which the key is an entry.
fn names(candidate: &Key, key: &str) -> bool {
    let rest = key.strip_prefix(candidate.path.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

const PREFIX: &str = "SAGA_SERVER_";

/// Refuses variables that start as ours do but are none, since they are most likely a slip of the pen.
///
/// # Errors
///
/// [`ConfigError::Variable`] with the first one found.
pub fn check_environment(names: impl IntoIterator<Item = String>) -> Result<(), ConfigError> {
    let known: Vec<String> = keys().into_iter().map(|key| key.variable).collect();
    let is_known = |name: &str| known.iter().any(|known| known == name) || OTHER_VARIABLES.contains(&name);
    for name in names {
        if name.starts_with(PREFIX) && !is_known(&name) && !is_service_link(&name) {
            return Err(ConfigError::Variable {
                suggestion: suggestion(&name, &known),
                name,
            });
        }
    }
    Ok(())
}

/// The same for the environment of this process.
pub(crate) fn check_process_environment() -> Result<(), ConfigError> {
    check_environment(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))
}

/// Variables beside the keys: they say where the keys are.
const OTHER_VARIABLES: [&str; 2] = ["SAGA_SERVER_CONFIG", "SAGA_SERVER_PROFILE"];

/// Kubernetes sets such variables in every pod beside a service called `saga-server`.
fn is_service_link(name: &str) -> bool {
    let rest = name.strip_prefix(PREFIX).unwrap_or_default();
    rest == "PORT"
        || rest.starts_with("PORT_")
        || rest.starts_with("SERVICE_HOST")
        || rest.starts_with("SERVICE_PORT")
}

/// The known name that shares the longest beginning, if that is more than the prefix.
fn suggestion(name: &str, known: &[String]) -> String {
    let shared = |other: &str| {
        name.bytes()
            .zip(other.bytes())
            .take_while(|(left, right)| left == right)
            .count()
    };
    let nearest = known.iter().max_by_key(|candidate| shared(candidate));
    match nearest {
        Some(nearest) if shared(nearest) > PREFIX.len() => format!("; did you mean {nearest}?"),
        _ => String::new(),
    }
}
