//! From files and variables to a configuration: the environment goes over the profile's file, which goes over the
//! base file.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::{
    ConfigError, KEYS, Origin, SagaConfig, notes, placeholders,
    tree::{ENVIRONMENT, check, empty, insert, merge, typed},
    yaml,
};

/// Reads `application.yml`, `application-{profile}.yml` and the environment.
///
/// Only what stands below `platform.saga` is read; the rest of the files is the service's own. Files that do not
/// exist are left out. Maps are merged key by key, anything else is replaced, and `null` takes a value back. Keys may be
/// written in camel, kebab or snake case; `${NAME}` and `${NAME:default}` are filled from variables.
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
    /// `PLATFORM_PROFILE`, else of `SPRING_PROFILES_ACTIVE`, if one is set.
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

    /// Sets the profile, such as `dev`; several are joined by commas.
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
        let mut origin = Origin {
            profiles: self.profiles(),
            ..Origin::default()
        };
        let mut merged = empty();
        for path in self.files(&origin.profiles) {
            if let Some(section) = self.read_file(&path, &mut origin)? {
                merge(&mut merged, section);
            }
        }
        merge(&mut merged, self.environment(&mut origin)?);
        origin.notes.extend(notes::unknown_profiles(
            &origin.profiles,
            &self.profiles_with_files(),
        ));
        origin
            .notes
            .extend(notes::unknown_variables(self.variable_names()));
        let mut config = check(&merged, "configuration")?;
        config.service_version = config
            .service_version
            .or_else(|| service_version(|name| self.variable(name)));
        config.origin = origin;
        Ok(config)
    }

    /// Several are joined by commas; the later ones override the earlier ones.
    fn profiles(&self) -> Vec<String> {
        let variables = notes::PROFILE_VARIABLES.iter();
        let given = self.profile.clone();
        let profiles = given.or_else(|| variables.copied().find_map(|name| self.variable(name)));
        let profiles = profiles.unwrap_or_default();
        let names = profiles.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    }

    fn files(&self, profiles: &[String]) -> Vec<PathBuf> {
        let of_profiles = profiles.iter().map(|profile| format!("application-{profile}"));
        let names = std::iter::once("application".to_owned()).chain(of_profiles);
        let with_extensions = names.flat_map(|name| [format!("{name}.yml"), format!("{name}.yaml")]);
        with_extensions.map(|name| self.folder.join(name)).collect()
    }

    /// Each file is also checked by itself, so that an error can name it.
    fn read_file(&self, path: &Path, origin: &mut Origin) -> Result<Option<Value>, ConfigError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(ConfigError::Unreadable {
                    path: path.to_owned(),
                    error,
                });
            }
        };
        let name = path.display().to_string();
        let tree = yaml::tree(&text, &name)?;
        origin.notes.extend(notes::misspelt_keys(&tree, &name));
        let mut section = yaml::section(&tree, &name)?;
        placeholders::fill(&mut section, &|name| self.variable(name));
        check(&section, &name)?;
        origin.files.push(name);
        Ok(Some(section))
    }

    fn profiles_with_files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let profile = |name: String| {
            let profile = name.strip_prefix("application-")?;
            let profile = profile
                .strip_suffix(".yml")
                .or_else(|| profile.strip_suffix(".yaml"))?;
            Some(profile.to_owned())
        };
        let mut profiles: Vec<_> = names.filter_map(profile).collect();
        profiles.sort();
        profiles.dedup();
        profiles
    }

    fn variable_names(&self) -> Vec<String> {
        match &self.variables {
            Some(variables) => variables.iter().map(|(name, _)| name.clone()).collect(),
            None => env::vars_os()
                .filter_map(|(name, _)| name.into_string().ok())
                .collect(),
        }
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

    fn environment(&self, origin: &mut Origin) -> Result<Value, ConfigError> {
        let mut tree = Map::new();
        for key in KEYS.iter().filter(|key| !key.variable.is_empty()) {
            if let Some(text) = self.variable(key.variable) {
                insert(&mut tree, key.path, typed(key, text)?);
                origin.variables.push(key.variable);
            }
        }
        let tree = Value::Object(tree);
        check(&tree, ENVIRONMENT)?;
        Ok(tree)
    }
}

/// The version of the service as its platform gives it.
pub(super) fn service_version(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let named = variable("SERVICE_VERSION").filter(|version| !version.is_empty());
    named.or_else(|| {
        let attributes = variable("OTEL_RESOURCE_ATTRIBUTES")?;
        let mut attributes = attributes.split(',');
        let version = attributes.find_map(|pair| pair.trim().strip_prefix("service.version="))?;
        let version = percent_decode_str(version).decode_utf8_lossy();
        Some(version.into_owned()).filter(|version| !version.is_empty())
    })
}

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
        check(&yaml::section(&yaml::tree(yaml, "YAML")?, "YAML")?, "YAML")
    }

    /// Reads the process's environment only, such as `PLATFORM_SAGA_ENABLED`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the variable and what its value should be.
    pub fn from_env() -> Result<Self, ConfigError> {
        let (loader, mut origin) = (ConfigLoader::new(), Origin::default());
        let mut config = check(&loader.environment(&mut origin)?, ENVIRONMENT)?;
        origin.notes = notes::unknown_variables(loader.variable_names());
        config.origin = origin;
        Ok(config)
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
            "YAML: platform.saga.enabled: must be true or false, not \"on\""
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
