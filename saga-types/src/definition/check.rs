//! From a file to a definition, with everything that is wrong in it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    finding::{DefinitionError, DefinitionWarning},
    forward::ForwardStep,
    from_file::{definition, forward_steps},
    model::SagaDefinition,
    path::{Cycle, ExpectedPath},
    warnings::{self, Lines},
    yaml::{self, DefinitionFile, ForwardEntry, StepName, line},
};
use crate::{Step, id::check_name};

/// What a check of a file gives.
#[derive(Debug, Clone)]
pub struct DefinitionReport {
    /// The definition, or everything that is wrong, in the order of the lines; at least one error.
    pub result: Result<SagaDefinition, Vec<DefinitionError>>,
    /// What is probably a mistake, in the order of the lines; none while there are errors.
    pub warnings: Vec<DefinitionWarning>,
    /// The line of `sagaType`.
    pub(super) line: u64,
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
    ///   - { step: INCOME_CHECKED, service: risk-service, after: [LOAN_ASKED] }
    ///   - { step: IDENTITY_CHECKED, service: risk-service, after: [LOAN_ASKED] }
    ///   - { step: MONEY_LENT, service: account-service, after: [INCOME_CHECKED, IDENTITY_CHECKED] }
    /// completesWith: [MONEY_LENT]
    /// failsWith: [LOAN_REFUSED]
    /// compensations:
    ///   - { step: MONEY_LENT, by: [MONEY_TAKEN_BACK] }
    /// limits:
    ///   whole: 2days
    ///   steps:
    ///     - { step: MONEY_LENT, within: 1h, after: INCOME_CHECKED }
    /// ")?;
    /// assert_eq!(definition.saga_type.as_str(), "LOAN_APPROVAL");
    /// # Ok::<(), saga_types::definition::DefinitionError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The first [`DefinitionError`] of the file: the YAML is malformed, a key is unknown or missing, a name is not
    /// `UPPER_SNAKE_CASE`, a rule names a step that is not a forward step, steps come before each other, or a choice has
    /// one member. [`check_yaml`](Self::check_yaml) gives all of them.
    pub fn from_yaml(yaml: &str) -> Result<Self, DefinitionError> {
        let report = Self::check_yaml(yaml);
        report.result.map_err(|mut errors| errors.swap_remove(0))
    }

    /// Reads a definition from YAML and says everything that is wrong or odd in it.
    ///
    /// ```
    /// use saga_types::definition::SagaDefinition;
    ///
    /// let report = SagaDefinition::check_yaml("
    /// sagaType: LOAN
    /// startsWith: [ASKED]
    /// forward: [{ step: ASKED }, { step: LENT }, { step: THANKED }]
    /// completesWith: [LENT]
    /// ");
    /// assert!(report.result.is_ok());
    /// assert_eq!(report.warnings[0].reason, "no completing step comes after THANKED, so a saga ends without waiting for it");
    /// ```
    #[must_use]
    pub fn check_yaml(yaml: &str) -> DefinitionReport {
        let checked = yaml::read(yaml)
            .map_err(|error| vec![error])
            .and_then(|file| Checker::default().check(file));
        match checked {
            Ok((definition, lines)) => DefinitionReport {
                warnings: warnings::of(&definition, &lines),
                result: Ok(definition),
                line: lines.saga_type,
            },
            Err(errors) => DefinitionReport {
                result: Err(errors),
                warnings: Vec::new(),
                line: 1,
            },
        }
    }
}

/// The names that rules may use, and the errors so far.
#[derive(Default)]
struct Checker {
    steps: BTreeSet<Step>,
    /// Each choice with the number of its members and the first one's line.
    choices: BTreeMap<String, (usize, u64)>,
    errors: Vec<DefinitionError>,
}

impl Checker {
    fn check(mut self, file: DefinitionFile) -> Result<(SagaDefinition, Lines), Vec<DefinitionError>> {
        self.check_forward(&file.forward);
        self.check_choices(&file.forward);
        self.check_after(&file.forward);
        self.check_ends(&file);
        self.check_compensations(&file);
        self.check_limits(&file);
        let lines = Lines::of(&file);
        let forward = forward_steps(&file.forward);
        match ExpectedPath::new(&forward) {
            Ok(path) if self.errors.is_empty() => return Ok((definition(file, forward, path), lines)),
            // Of a file with other errors too: the graph has what could be understood.
            Ok(_) => {}
            Err(Cycle(cycle)) => self.cycle(&forward, &cycle, &lines),
        }
        self.errors.sort_by_key(|error| error.line);
        Err(self.errors)
    }

    fn error(&mut self, line: u64, reason: impl Into<String>, hint: impl Into<String>) {
        self.errors.push(DefinitionError {
            line,
            reason: reason.into(),
            hint: hint.into(),
        });
    }

    fn check_forward(&mut self, entries: &[ForwardEntry]) {
        if entries.is_empty() {
            self.error(
                1,
                "forward names no step",
                "list the steps of a saga that succeeds",
            );
        }
        for entry in entries {
            let step = &entry.step.value.0;
            if !self.steps.insert(step.clone()) {
                let reason = format!("forward names {step} twice");
                self.error(line(&entry.step), reason, "remove one of the two entries");
            }
            if let Some(service) = &entry.service
                && let Err(error) = check_name(&service.value)
            {
                let reason = format!("the service's name {error}");
                self.error(line(service), reason, "write it as in producerService");
            }
        }
    }

    fn check_choices(&mut self, entries: &[ForwardEntry]) {
        for choice in entries.iter().filter_map(|entry| entry.choice.as_ref()) {
            if let Err(error) = check_name(&choice.value) {
                let reason = format!("the choice's name {error}");
                self.error(line(choice), reason, "write a short word, such as payment");
            }
            if self.steps.iter().any(|step| step.as_str() == choice.value) {
                let reason = format!("{} is the name of a step and of a choice", choice.value);
                self.error(line(choice), reason, "rename the choice");
            }
            let members = self
                .choices
                .entry(choice.value.clone())
                .or_insert((0, line(choice)));
            members.0 += 1;
        }
        let alone = self.choices.iter().filter(|(_, (members, _))| *members == 1);
        let alone: Vec<(String, u64)> = alone.map(|(name, (_, line))| (name.clone(), *line)).collect();
        for (name, line) in alone {
            let reason = format!("the choice {name} has one member only");
            self.error(
                line,
                reason,
                "give its alternatives the same choice, or remove the key; a step that may be left out is optional",
            );
        }
    }

    fn check_after(&mut self, entries: &[ForwardEntry]) {
        for name in entries.iter().flat_map(|entry| entry.after.iter().flatten()) {
            let is_step = self.steps.iter().any(|step| step.as_str() == name.value);
            if !is_step && !self.choices.contains_key(&name.value) {
                let reason = format!("{} is neither a step under forward nor a choice", name.value);
                self.error(line(name), reason, "add it to forward, or correct the name");
            }
        }
    }

    fn check_ends(&mut self, file: &DefinitionFile) {
        for step in file.starts_with.iter().chain(&file.completes_with) {
            self.check_forward_name(step);
        }
        if file.completes_with.is_empty() {
            self.error(
                1,
                "completesWith names no step",
                "name the step that ends a saga that succeeded",
            );
        }
    }

    fn check_forward_name(&mut self, step: &StepName) {
        let name = &step.value.0;
        if self.steps.contains(name) {
            return;
        }
        let reason = format!("{name} is not one of the steps under forward");
        let hint = if self.choices.contains_key(name.as_str()) {
            "name one of the choice's members"
        } else {
            "add it there, or correct the name"
        };
        self.error(line(step), reason, hint);
    }

    fn check_compensations(&mut self, file: &DefinitionFile) {
        let mut seen = BTreeSet::new();
        for entry in &file.compensations {
            self.check_forward_name(&entry.step);
            let step = &entry.step.value.0;
            if !seen.insert(step) {
                let reason = format!("compensations names {step} twice");
                self.error(
                    line(&entry.step),
                    reason,
                    "put all steps that undo it into one by",
                );
            }
            if entry.by.value.is_empty() {
                let reason = format!("by names no step that undoes {step}");
                self.error(line(&entry.by), reason, "name one, or remove the entry");
            }
        }
    }

    fn check_limits(&mut self, file: &DefinitionFile) {
        for limit in &file.limits.steps {
            self.check_forward_name(&limit.step);
            if let Some(after) = &limit.after {
                self.check_forward_name(after);
            }
        }
    }

    fn cycle(&mut self, forward: &[ForwardStep], cycle: &[usize], lines: &Lines) {
        let first = (0..cycle.len()).min_by_key(|place| cycle[*place]);
        let (last, begin) = cycle.split_at(first.unwrap_or_default());
        let from_first = begin.iter().chain(last).chain(begin.first());
        let names: Vec<&str> = from_first.map(|number| forward[*number].step.as_str()).collect();
        self.error(
            begin.first().map_or(1, |number| lines.forward[*number]),
            format!("these steps come before each other: {}", names.join(" -> ")),
            "remove a name from the after of one of them",
        );
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
