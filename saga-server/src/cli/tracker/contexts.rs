//! The file of contexts: a name for each tracker, with its address and how its token is found.
//!
//! Rule of thumb: a key that is not known is refused, since a misspelt `tokenFile` would ask without a token.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
};

use saga_collector::secret::Secret;
use serde::Deserialize;

use crate::{
    cli::{CliError, output},
    config::parse_yaml,
};

/// In the folder of configurations.
const FILE: &str = "saga-tracker/contexts.yml";

/// What the file holds.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contexts {
    current: Option<String>,
    #[serde(default)]
    contexts: BTreeMap<String, Context>,
    /// Where it is from.
    #[serde(skip)]
    path: PathBuf,
}

/// A tracker.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Context {
    pub(super) url: String,
    token: Option<Secret>,
    token_file: Option<PathBuf>,
    /// The file that it is from.
    #[serde(skip)]
    path: PathBuf,
}

impl Contexts {
    /// Those of the file at its place; none without a file.
    pub(super) fn find() -> Result<Self, CliError> {
        let Some(path) = place() else {
            return Ok(Self::default());
        };
        let wrong = |reason: String| CliError::usage(format_args!("{}: {reason}", path.display()));
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read.map_err(|error| wrong(format!("cannot be read: {error}")))?,
        };
        let contexts = Self::parse(&text).map_err(wrong)?;
        Ok(Self { path, ..contexts })
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let contexts: Self = parse_yaml(text)?;
        for (name, context) in &contexts.contexts {
            if context.token.is_some() && context.token_file.is_some() {
                return Err(format!(
                    "contexts.{name}: has token and tokenFile; give one of them"
                ));
            }
        }
        Ok(contexts)
    }

    pub(super) fn named(self, name: &str) -> Result<Context, CliError> {
        self.take(name, "")
    }

    pub(super) fn current(mut self) -> Result<Option<Context>, CliError> {
        let current = self.current.take();
        current.map(|name| self.take(&name, "current: ")).transpose()
    }

    fn take(mut self, name: &str, key: &str) -> Result<Context, CliError> {
        if let Some(context) = self.contexts.remove(name) {
            let path = self.path;
            return Ok(Context { path, ..context });
        }
        let names: Vec<&str> = self.contexts.keys().map(String::as_str).collect();
        let known = match names.as_slice() {
            [] => "it holds none".to_owned(),
            names => format!("it holds {}", names.join(", ")),
        };
        let path = match self.path.as_os_str().is_empty() {
            true => FILE.to_owned(),
            false => self.path.display().to_string(),
        };
        Err(CliError::usage(format_args!(
            "{path}: {key}there is no context {name:?}; {known}"
        )))
    }
}

impl Context {
    /// Its token, from where the file says.
    pub(super) fn token(&mut self) -> Result<Option<Secret>, CliError> {
        if let Some(token) = self.token.take() {
            warn_of_readers(&self.path);
            return Ok(Some(token));
        }
        let Some(file) = &self.token_file else {
            return Ok(None);
        };
        let file = self.path.parent().unwrap_or(Path::new("")).join(file);
        let wrong = |reason: String| CliError::usage(format_args!("{}: {reason}", file.display()));
        let text = fs::read_to_string(&file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        warn_of_readers(&file);
        match text.trim() {
            "" => Err(wrong("holds no token".to_owned())),
            token => Ok(Some(Secret::new(token))),
        }
    }
}

/// `$XDG_CONFIG_HOME/saga-tracker/contexts.yml`, or below `~/.config`.
fn place() -> Option<PathBuf> {
    let folder = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let configurations = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?;
    Some(configurations.join(FILE))
}

/// A file with a token is for its owner alone.
#[cfg(unix)]
fn warn_of_readers(file: &Path) {
    use std::os::unix::fs::PermissionsExt;

    let mode = fs::metadata(file).map_or(0, |found| found.permissions().mode());
    if mode & 0o077 != 0 {
        let file = file.display();
        output::complain(&format!(
            "warning: {file} holds a token and is open to other users; chmod 600 {file}"
        ));
    }
}

#[cfg(not(unix))]
fn warn_of_readers(_file: &Path) {}
