//! From files and variables to a configuration: the environment goes over the profile's file, which goes over the
//! base file.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::{ConfigError, KEYS, Key, SagaConfig, keys::Kind};

/// Where the SDK's keys stand in a service's configuration.
const PREFIX: [&str; 2] = ["platform", "saga"];

/// Reads `application.yml`, `application-{profile}.yml` and the environment.
///
/// Only what stands below `platform.saga` is read; the rest of the files is the service's own. Files that do not
/// exist are left out. Maps are merged key by key, anything else is replaced, and `null` takes a value back.
///
/// ```no_run
/// let config = saga_sdk::ConfigLoader::new().folder("config").profile("prod").load()?;
/// # Ok::<(), saga_sdk::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ConfigLoader {
    folder: PathBuf,
    profile: Option<String>,
    variables: Option<Vec<(String, String)>>,
}

impl Default for ConfigLoader {
    fn default() -> Self {
        Self {
            folder: PathBuf::from("."),
            profile: None,
            variables: None,
        }
    }
}

impl ConfigLoader {
    /// Reads from the current folder and the process's environment; the profile is that of the variable
    /// `PLATFORM_PROFILE`, if it is set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the folder of the files.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// Sets the profile, such as `dev`.
    #[must_use]
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.profile = Some(profile.into());
        self
    }

    /// Sets the variables, in place of the process's environment.
    #[must_use]
    pub fn variables<K: Into<String>, V: Into<String>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let pairs = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        self.variables = Some(pairs.collect());
        self
    }

    /// Reads everything.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the file and the line, or the key or variable and what its value should be.
    pub fn load(&self) -> Result<SagaConfig, ConfigError> {
        let mut merged = empty();
        for path in self.files() {
            merge(&mut merged, read_file(&path)?);
        }
        merge(&mut merged, self.environment()?);
        check(&merged, "configuration")
    }

    fn files(&self) -> Vec<PathBuf> {
        let profile = self.profile.clone().or_else(|| self.variable("PLATFORM_PROFILE"));
        let names = ["application".to_owned()]
            .into_iter()
            .chain(profile.map(|it| format!("application-{it}")));
        let with_extensions = names.flat_map(|name| [format!("{name}.yml"), format!("{name}.yaml")]);
        with_extensions.map(|name| self.folder.join(name)).collect()
    }

    /// Empty variables count as unset, since that is how a deployment clears one.
    fn variable(&self, name: &str) -> Option<String> {
        let value = match &self.variables {
            Some(variables) => variables
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone()),
            None => env::var(name).ok(),
        };
        value.filter(|value| !value.is_empty())
    }

    fn environment(&self) -> Result<Value, ConfigError> {
        let mut tree = Map::new();
        for key in KEYS.iter().filter(|key| !key.variable.is_empty()) {
            if let Some(text) = self.variable(key.variable) {
                insert(&mut tree, key.path, typed(key, text)?);
            }
        }
        let tree = Value::Object(tree);
        check(&tree, ENVIRONMENT)?;
        Ok(tree)
    }
}

const ENVIRONMENT: &str = "environment";

impl SagaConfig {
    /// Reads the part below `platform.saga` from YAML that may hold other keys too.
    ///
    /// ```
    /// let config = saga_sdk::SagaConfig::from_yaml("
    /// server: { port: 8080 }
    /// platform:
    ///   saga: { enabled: true, bootstrapServers: 'kafka:9092', serviceName: order-service }
    /// ")?;
    /// assert!(config.is_enabled());
    /// # Ok::<(), saga_sdk::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with the line, or with the key and what its value should be.
    pub fn from_yaml(yaml: &str) -> Result<Self, ConfigError> {
        check(&section(yaml, "YAML")?, "YAML")
    }

    /// Reads the process's environment only, such as `PLATFORM_SAGA_ENABLED`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the variable and what its value should be.
    pub fn from_env() -> Result<Self, ConfigError> {
        check(&ConfigLoader::new().environment()?, ENVIRONMENT)
    }
}

/// Each file is also checked by itself, so that an error can name it.
fn read_file(path: &Path) -> Result<Value, ConfigError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(empty()),
        Err(error) => {
            return Err(ConfigError::Unreadable {
                path: path.to_owned(),
                error,
            });
        }
    };
    let origin = path.display().to_string();
    let section = section(&text, &origin)?;
    check(&section, &origin)?;
    Ok(section)
}

/// What stands below `platform.saga`.
fn section(yaml: &str, origin: &str) -> Result<Value, ConfigError> {
    // Otherwise the older `on` and `yes` would be read as true.
    let options = serde_saphyr::options! { strict_booleans: true };
    let tree: Option<Value> =
        serde_saphyr::from_str_with_options(yaml, options).map_err(|error| syntax(&error, origin))?;
    let tree = tree.unwrap_or_else(empty);
    refuse_dotted(&tree, origin)?;
    let found = PREFIX.iter().try_fold(&tree, |tree, name| tree.get(name));
    Ok(found
        .filter(|section| !section.is_null())
        .cloned()
        .unwrap_or_else(empty))
}

fn empty() -> Value {
    Value::Object(Map::new())
}

/// `platform.saga.enabled: true` in one line is not our key, but was certainly meant to be.
fn refuse_dotted(tree: &Value, origin: &str) -> Result<(), ConfigError> {
    let keys = tree.as_object().into_iter().flatten().map(|(key, _)| key);
    match keys.into_iter().find(|key| key.starts_with("platform.saga")) {
        None => Ok(()),
        Some(key) => Err(ConfigError::Key {
            origin: origin.to_owned(),
            key: key.clone(),
            problem: "must be written nested, one level of YAML for each name".to_owned(),
        }),
    }
}

fn syntax(error: &serde_saphyr::Error, origin: &str) -> ConfigError {
    let message = error.without_snippet().to_string();
    ConfigError::Syntax {
        origin: origin.to_owned(),
        line: error.location().map_or(1, |location| location.line()),
        problem: message.lines().next().unwrap_or_default().to_owned(),
    }
}

fn check(section: &Value, origin: &str) -> Result<SagaConfig, ConfigError> {
    let section = without_nulls(section.clone());
    serde_path_to_error::deserialize(section).map_err(|error| {
        let path = error.path().to_string();
        let problem = if path.starts_with("security") && path.to_lowercase().contains("password") {
            "must be a text".to_owned()
        } else {
            error.inner().to_string()
        };
        ConfigError::Key {
            origin: origin.to_owned(),
            key: named(&path, origin),
            problem,
        }
    })
}

/// The whole key, or the variable where the value came from.
fn named(path: &str, origin: &str) -> String {
    match Key::by_path(path) {
        Some(key) if origin == ENVIRONMENT => key.variable.to_owned(),
        _ if path == "." => PREFIX.join("."),
        _ => format!("{}.{path}", PREFIX.join(".")),
    }
}

fn typed(key: &Key, text: String) -> Result<Value, ConfigError> {
    let problem = |expected: &str| ConfigError::Key {
        origin: ENVIRONMENT.to_owned(),
        key: key.variable.to_owned(),
        problem: format!("must be {expected}, not {text:?}"),
    };
    match key.kind {
        Kind::Flag => text
            .parse()
            .map(Value::Bool)
            .map_err(|_| problem("true or false")),
        Kind::Number => text
            .parse::<u64>()
            .map(Value::from)
            .map_err(|_| problem("a number")),
        Kind::Text => Ok(Value::String(text)),
    }
}

fn insert(tree: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            tree.insert(path.to_owned(), value);
        }
        Some((parent, rest)) => {
            let inner = tree.entry(parent).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

/// `key:` without a value is the default.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PublishMode;

    fn load(variables: &[(&str, &str)]) -> Result<SagaConfig, ConfigError> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config");
        ConfigLoader::new()
            .folder(folder)
            .variables(variables.iter().copied())
            .load()
    }

    fn problem(yaml: &str) -> String {
        SagaConfig::from_yaml(yaml).unwrap_err().to_string()
    }

    #[test]
    fn without_files_and_variables_it_is_off() {
        let nothing = ConfigLoader::new()
            .folder("no/such/folder")
            .variables([("", ""); 0]);
        assert_eq!(nothing.load().unwrap(), SagaConfig::default());
    }

    #[test]
    fn the_environment_goes_over_the_profile_and_that_over_the_base() {
        let base = load(&[]).unwrap();
        assert_eq!((base.enabled, base.buffer.max_events), (Some(false), 1_000));
        let dev = load(&[("PLATFORM_PROFILE", "dev")]).unwrap();
        assert_eq!((dev.enabled, dev.buffer.max_events), (Some(true), 1_000));
        assert_eq!(dev.buffer.max_bytes, 65_536);
        assert_eq!(
            dev.topic, "c4ang.saga.tracker",
            "null takes back what the base says"
        );
        let variables = [
            ("PLATFORM_PROFILE", "dev"),
            ("PLATFORM_SAGA_ENABLED", "false"),
            ("PLATFORM_SAGA_MODE", "synchronous"),
        ];
        let over = load(&variables).unwrap();
        assert_eq!((over.enabled, over.mode), (Some(false), PublishMode::Synchronous));
    }

    #[test]
    fn an_empty_variable_is_unset() {
        assert_eq!(load(&[("PLATFORM_SAGA_TOPIC", "")]).unwrap().topic, "team.sagas");
    }

    #[test]
    fn yes_and_on_are_no_flags() {
        assert_eq!(
            problem("platform: { saga: { enabled: on } }"),
            "YAML: platform.saga.enabled: must be true or false, without quotes, not the text \"on\""
        );
        let error = load(&[("PLATFORM_SAGA_ENABLED", "yes")]).unwrap_err().to_string();
        assert_eq!(
            error,
            "environment: PLATFORM_SAGA_ENABLED: must be true or false, not \"yes\""
        );
    }

    #[test]
    fn unknown_keys_are_refused_with_their_path() {
        let error = problem("platform: { saga: { buffer: { maxEvent: 1 } } }");
        assert!(
            error.starts_with("YAML: platform.saga.buffer.maxEvent: unknown field"),
            "{error}"
        );
        let error = problem("platform.saga.enabled: true");
        assert!(error.contains("must be written nested"), "{error}");
        assert_eq!(
            SagaConfig::from_yaml("other: { keys: 1 }").unwrap(),
            SagaConfig::default()
        );
    }

    #[test]
    fn bad_values_are_refused_with_what_they_should_be() {
        for (value, expected) in [
            (
                "syncTimeout: 5",
                "platform.saga.syncTimeout: invalid type: integer `5`, expected a time with its unit",
            ),
            ("linger: soon", "platform.saga.linger: must be a time such as"),
            (
                "mode: fast",
                "platform.saga.mode: unknown variant `fast`, expected",
            ),
            (
                "security: { protocol: TLS }",
                "platform.saga.security.protocol: unknown variant `TLS`",
            ),
            (
                "buffer: { maxEvents: -1 }",
                "platform.saga.buffer.maxEvents: invalid value: integer `-1`",
            ),
        ] {
            let error = problem(&format!("platform: {{ saga: {{ {value} }} }}"));
            assert!(error.contains(expected), "{error}");
        }
        let error = load(&[("PLATFORM_SAGA_LINGER", "soon")]).unwrap_err().to_string();
        assert!(
            error.starts_with("environment: PLATFORM_SAGA_LINGER: must be a time"),
            "{error}"
        );
    }

    #[test]
    fn broken_yaml_is_refused_with_its_line() {
        let error = problem("platform:\n  saga:\n   - [");
        assert!(error.starts_with("YAML: line "), "{error}");
    }

    #[test]
    fn secrets_do_not_show() {
        let yaml = "platform: { saga: { security: { password: hunter2, keyPassword: hunter3 }, properties: { sasl.password: hunter4 } } }";
        let shown = format!("{:?}", SagaConfig::from_yaml(yaml).unwrap());
        assert!(!shown.contains("hunter"), "{shown}");
        let error = problem("platform: { saga: { security: { password: { a: hunter2 } } } }");
        assert!(
            error.contains("security.password") && !error.contains("hunter"),
            "{error}"
        );
        let error = problem("platform: { saga: { security: { password: 12345 } } }");
        assert!(!error.contains("12345"), "{error}");
    }

    #[test]
    fn properties_may_be_numbers_and_flags() {
        let yaml =
            "platform: { saga: { properties: { socket.timeout.ms: 1000, socket.keepalive.enable: true } } }";
        let properties = SagaConfig::from_yaml(yaml).unwrap().properties.0;
        assert_eq!(properties["socket.timeout.ms"], "1000");
        assert_eq!(properties["socket.keepalive.enable"], "true");
    }
}
