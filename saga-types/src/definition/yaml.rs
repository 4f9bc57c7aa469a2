//! Definitions as teams write them in YAML. An error names its line.

use std::{collections::BTreeSet, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_saphyr::Spanned;
use thiserror::Error;

use super::{Compensation, ForwardStep, Limits, SagaDefinition, StepLimit};
use crate::{SagaType, Step, id::check_name};

/// Why a text is not a definition.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
pub struct DefinitionError {
    /// The line where it went wrong, counted from 1.
    pub line: u64,
    /// What is wrong.
    pub reason: String,
}

impl SagaDefinition {
    /// Reads a definition from YAML.
    ///
    /// ```
    /// let definition = saga_types::definition::SagaDefinition::from_yaml("
    /// sagaType: LOAN_APPROVAL
    /// startsWith: [LOAN_ASKED]
    /// forward:
    ///   - { step: LOAN_ASKED, service: loan-service }
    ///   - { step: MONEY_LENT, service: account-service }
    /// completesWith: [MONEY_LENT]
    /// failsWith: [LOAN_REFUSED]
    /// compensations:
    ///   - { step: MONEY_LENT, by: [MONEY_TAKEN_BACK] }
    /// limits:
    ///   whole: 2days
    ///   steps:
    ///     - { step: MONEY_LENT, within: 1h, after: LOAN_ASKED }
    /// ")?;
    /// assert_eq!(definition.saga_type.as_str(), "LOAN_APPROVAL");
    /// # Ok::<(), saga_types::definition::DefinitionError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`DefinitionError`] with the line, when the YAML is malformed, a key is unknown or missing, a name is not
    /// `UPPER_SNAKE_CASE`, or a rule names a step that is not a forward step.
    pub fn from_yaml(yaml: &str) -> Result<Self, DefinitionError> {
        let file: DefinitionFile = serde_saphyr::from_str(yaml).map_err(|error| yaml_error(&error))?;
        file.check()
    }
}

fn yaml_error(error: &serde_saphyr::Error) -> DefinitionError {
    DefinitionError {
        line: error.location().map_or(1, |location| location.line()),
        reason: first_line(&error.without_snippet().to_string()),
    }
}

/// The parser's message goes on with a picture of the text, which has no place in a one-line error.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DefinitionFile {
    saga_type: Name<SagaType>,
    starts_with: Vec<Spanned<Name<Step>>>,
    forward: Vec<ForwardEntry>,
    completes_with: Vec<Spanned<Name<Step>>>,
    #[serde(default)]
    fails_with: Vec<Spanned<Name<Step>>>,
    #[serde(default)]
    compensations: Vec<CompensationEntry>,
    #[serde(default)]
    also_known: Vec<Spanned<Name<Step>>>,
    #[serde(default)]
    limits: LimitsEntry,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ForwardEntry {
    step: Spanned<Name<Step>>,
    service: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CompensationEntry {
    step: Spanned<Name<Step>>,
    by: Spanned<Vec<Name<Step>>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LimitsEntry {
    whole: Option<Period>,
    #[serde(default)]
    steps: Vec<StepLimitEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StepLimitEntry {
    step: Spanned<Name<Step>>,
    within: Period,
    after: Option<Spanned<Name<Step>>>,
}

/// A saga type or step that must be `UPPER_SNAKE_CASE`.
struct Name<T>(T);

impl<'de, T: FromStr<Err: std::fmt::Display>> Deserialize<'de> for Name<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map(Self)
            .map_err(|error| D::Error::custom(format_args!("the name {error}")))
    }
}

/// A length of time such as `10min`, `2h 30min` or `90s`.
struct Period(Duration);

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

impl DefinitionFile {
    fn check(self) -> Result<SagaDefinition, DefinitionError> {
        let forward = forward_steps(self.forward)?;
        let is_forward = |step: &Spanned<Name<Step>>| known_forward(&forward, step);
        for step in self.starts_with.iter().chain(&self.completes_with) {
            is_forward(step)?;
        }
        if self.completes_with.is_empty() {
            return Err(DefinitionError {
                line: 1,
                reason: "completesWith names no step".to_owned(),
            });
        }
        let compensations = compensations(self.compensations, &is_forward)?;
        let limits = limits(self.limits, &is_forward)?;
        Ok(SagaDefinition {
            saga_type: self.saga_type.0,
            starts_with: names(self.starts_with),
            completes_with: names(self.completes_with),
            fails_with: names(self.fails_with),
            also_known: names(self.also_known),
            forward,
            compensations,
            limits,
        })
    }
}

fn names(steps: Vec<Spanned<Name<Step>>>) -> Vec<Step> {
    steps.into_iter().map(|step| step.value.0).collect()
}

fn forward_steps(entries: Vec<ForwardEntry>) -> Result<Vec<ForwardStep>, DefinitionError> {
    if entries.is_empty() {
        return Err(DefinitionError {
            line: 1,
            reason: "forward names no step".to_owned(),
        });
    }
    let mut seen = BTreeSet::new();
    for entry in &entries {
        if !seen.insert(&entry.step.value.0) {
            return Err(at(
                &entry.step,
                format!("forward names {} twice", entry.step.value.0),
            ));
        }
        if let Some(service) = &entry.service {
            check_name(&service.value).map_err(|error| at(service, format!("the service's name {error}")))?;
        }
    }
    Ok(entries
        .into_iter()
        .map(|entry| ForwardStep {
            step: entry.step.value.0,
            service: entry.service.map(|service| service.value),
        })
        .collect())
}

fn known_forward(forward: &[ForwardStep], step: &Spanned<Name<Step>>) -> Result<(), DefinitionError> {
    let name = &step.value.0;
    if forward.iter().any(|known| known.step == *name) {
        return Ok(());
    }
    Err(at(step, format!("{name} is not one of the steps under forward")))
}

fn compensations(
    entries: Vec<CompensationEntry>,
    is_forward: &impl Fn(&Spanned<Name<Step>>) -> Result<(), DefinitionError>,
) -> Result<Vec<Compensation>, DefinitionError> {
    let mut seen = BTreeSet::new();
    for entry in &entries {
        is_forward(&entry.step)?;
        if !seen.insert(&entry.step.value.0) {
            return Err(at(
                &entry.step,
                format!("compensations names {} twice", entry.step.value.0),
            ));
        }
        if entry.by.value.is_empty() {
            return Err(at(
                &entry.by,
                format!("by names no step that undoes {}", entry.step.value.0),
            ));
        }
    }
    Ok(entries
        .into_iter()
        .map(|entry| Compensation {
            step: entry.step.value.0,
            by: entry.by.value.into_iter().map(|name| name.0).collect(),
        })
        .collect())
}

fn limits(
    entry: LimitsEntry,
    is_forward: &impl Fn(&Spanned<Name<Step>>) -> Result<(), DefinitionError>,
) -> Result<Limits, DefinitionError> {
    for limit in &entry.steps {
        is_forward(&limit.step)?;
        limit.after.as_ref().map_or(Ok(()), is_forward)?;
    }
    Ok(Limits {
        whole: entry.whole.map(|period| period.0),
        steps: entry
            .steps
            .into_iter()
            .map(|limit| StepLimit {
                step: limit.step.value.0,
                within: limit.within.0,
                after: limit.after.map(|after| after.value.0),
            })
            .collect(),
    })
}

fn at<T>(place: &Spanned<T>, reason: String) -> DefinitionError {
    DefinitionError {
        line: place.referenced.line(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = include_str!("../../definitions/order-creation.yml");

    fn error_of(find: &str, replace: &str) -> DefinitionError {
        assert!(GOOD.contains(find), "the test's own text");
        SagaDefinition::from_yaml(&GOOD.replacen(find, replace, 1)).unwrap_err()
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (find, replace, line, words) in [
            (
                "sagaType: ORDER_CREATION",
                "sagaType: order",
                2,
                "UPPER_SNAKE_CASE",
            ),
            (
                "startsWith: [ORDER_CREATED]",
                "startsWith: [ORDER_BORN]",
                3,
                "ORDER_BORN is not one of the steps",
            ),
            (
                "step: STOCK_RESERVED, service",
                "step: STOCK_RESERVATION, service",
                7,
                "twice",
            ),
            ("completesWith: [", "completesWth: [", 12, "completesWth"),
            (
                "{ step: STOCK_RESERVED, by: [STOCK_RELEASED, COMPENSATION_STOCK] }",
                "{ step: STOCK_RESERVED, by: [] }",
                15,
                "no step",
            ),
            (
                "whole: 10min",
                "whole: ten",
                19,
                "\"ten\" is not a length of time",
            ),
            ("whole: 10min", "whole: 0s", 19, "no time"),
            (
                "after: PAYMENT_COMPLETED",
                "after: PAYMENT_FAILED",
                22,
                "PAYMENT_FAILED is not one of the steps",
            ),
        ] {
            let error = error_of(find, replace);
            assert_eq!(error.line, line, "{error}");
            assert!(error.reason.contains(words), "{error}");
            assert!(!error.reason.contains('\n'), "{error}");
        }
    }

    #[test]
    fn text_that_is_no_definition_is_an_error_and_no_panic() {
        for text in ["", "[]", "{", "sagaType: [", "\u{0}", "- a\n- b", "&a [*a]"] {
            assert!(SagaDefinition::from_yaml(text).is_err(), "{text:?}");
        }
    }
}
