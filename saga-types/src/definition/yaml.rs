//! Definitions as teams write them in YAML, read but not yet checked.
//!
//! `schemas/definition.schema.json` describes the same for editors.

use std::{str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_saphyr::{Spanned, UserMessageFormatter};

use super::finding::DefinitionError;
use crate::{SagaType, Step, Timestamp};

/// Reads a file.
pub(super) fn read(yaml: &str) -> Result<DefinitionFile, DefinitionError> {
    serde_saphyr::from_str(yaml).map_err(|error| DefinitionError {
        line: error.location().map_or(1, |location| location.line()),
        reason: reason(
            &error
                .without_snippet()
                .render_with_formatter(&UserMessageFormatter),
        ),
        hint: "every key and its form is in schemas/definition.schema.json".to_owned(),
    })
}

/// The parser's message ends with the place, which the error has already, and an excerpt of the text.
fn reason(message: &str) -> String {
    let first_line = message.lines().next().unwrap_or_default();
    let without_place = first_line.rsplit_once(" at line ").map(|(reason, _)| reason);
    without_place.unwrap_or(first_line).to_owned()
}

/// The line of a value in the file.
pub(super) fn line<T>(place: &Spanned<T>) -> u64 {
    place.referenced.line()
}

/// The name of a step, and where it stands.
pub(super) type StepName = Spanned<Name<Step>>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DefinitionFile {
    pub(super) saga_type: Spanned<Name<SagaType>>,
    pub(super) valid_from: Option<ValidFrom>,
    pub(super) starts_with: Vec<StepName>,
    pub(super) forward: Vec<ForwardEntry>,
    pub(super) completes_with: Vec<StepName>,
    #[serde(default)]
    pub(super) fails_with: Vec<StepName>,
    #[serde(default)]
    pub(super) compensations: Vec<CompensationEntry>,
    #[serde(default)]
    pub(super) also_known: Vec<StepName>,
    #[serde(default)]
    pub(super) limits: LimitsEntry,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ForwardEntry {
    pub(super) step: StepName,
    pub(super) service: Option<Spanned<String>>,
    pub(super) after: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) optional: bool,
    pub(super) choice: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CompensationEntry {
    pub(super) step: StepName,
    pub(super) by: Spanned<Vec<Name<Step>>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct LimitsEntry {
    pub(super) whole: Option<Period>,
    #[serde(default)]
    pub(super) steps: Vec<StepLimitEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StepLimitEntry {
    pub(super) step: StepName,
    pub(super) within: Spanned<Period>,
    pub(super) after: Option<StepName>,
}

/// A saga type or step that must be `UPPER_SNAKE_CASE`.
pub(super) struct Name<T>(pub(super) T);

impl<'de, T: FromStr<Err: std::fmt::Display>> Deserialize<'de> for Name<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map(Self)
            .map_err(|error| D::Error::custom(format_args!("the name {error}")))
    }
}

/// A length of time such as `10min`, `2h 30min` or `90s`.
pub(super) struct Period(pub(super) Duration);

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match humantime::parse_duration(&text) {
            Ok(Duration::ZERO) => Err(D::Error::custom("a limit of no time at all")),
            Ok(duration) => Ok(Self(duration)),
            Err(error) => Err(D::Error::custom(format_args!(
                "{text:?} is not a length of time such as 10min, 2h 30min or 90s: {error}"
            ))),
        }
    }
}

/// An RFC 3339 time, or a date for its beginning in UTC.
pub(super) struct ValidFrom(pub(super) Timestamp);

impl<'de> Deserialize<'de> for ValidFrom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let moment = text.parse();
        let moment = moment.or_else(|error| format!("{text}T00:00:00Z").parse().map_err(|_| error));
        moment.map(Self).map_err(D::Error::custom)
    }
}
