//! A configuration, checked on demand: for a person who wonders why nothing arrives.

use std::fmt;

use crate::SagaConfig;

/// Checks a configuration as far as that is possible without recording anything: what it says, whether a client can be
/// made of it, whether the brokers respond and the topic takes events. Blocks the thread for up to ten seconds.
///
/// ```no_run
/// let config = saga_sdk::ConfigLoader::new().load()?;
/// print!("{}", saga_sdk::doctor(&config));
/// # Ok::<(), saga_sdk::ConfigError>(())
/// ```
#[must_use]
pub fn doctor(config: &SagaConfig) -> Diagnosis {
    let mut problems = config.origin.notes.clone();
    problems.extend(match config.enabled {
        Some(true) => check(config),
        Some(false) => Some("off: platform.saga.enabled is false".to_owned()),
        None => Some("off: platform.saga.enabled is not set; only true turns the tracker on".to_owned()),
    });
    Diagnosis {
        facts: facts(config),
        problems,
    }
}

fn facts(config: &SagaConfig) -> Vec<String> {
    let origin = &config.origin;
    let fact = |name: &str, value: &str| format!("{name}: {}", if value.is_empty() { "none" } else { value });
    vec![
        fact("topic", &config.topic),
        fact("brokers", config.bootstrap_servers.as_deref().unwrap_or_default()),
        fact("service", config.service_name.as_deref().unwrap_or_default()),
        fact("protocol", config.security.protocol.as_str()),
        fact("profiles", &origin.profiles.join(", ")),
        fact("files", &origin.files.join(", ")),
        fact("variables", &origin.variables.join(", ")),
    ]
}

#[cfg(feature = "kafka")]
fn check(config: &SagaConfig) -> Option<String> {
    let checked = crate::connect::refuse_placeholders(config).and_then(|()| crate::kafka::check(config));
    checked.unwrap_or_else(|error| Some(error.to_string()))
}

#[cfg(not(feature = "kafka"))]
fn check(_config: &SagaConfig) -> Option<String> {
    Some("the Kafka client is not part of this build: enable the feature `kafka` of saga-sdk".to_owned())
}

/// What [`doctor`] found; shown as lines of text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// What is configured, and where that came from.
    pub facts: Vec<String>,
    /// What keeps events from being published, or looks like a mistake; each with what to do.
    pub problems: Vec<String>,
}

impl Diagnosis {
    /// Whether there is no problem.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.facts
            .iter()
            .try_for_each(|fact| writeln!(formatter, "{fact}"))?;
        if self.is_healthy() {
            return writeln!(formatter, "ok: events can be published");
        }
        let mut problems = self.problems.iter();
        problems.try_for_each(|problem| writeln!(formatter, "problem: {problem}"))
    }
}
