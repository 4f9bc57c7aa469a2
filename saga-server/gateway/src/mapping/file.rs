//! A mapping as it is written in YAML, read and checked.

use std::collections::BTreeMap;

use saga_types::{SagaStatus, SagaType, Step};
use serde::Deserialize;
use serde_saphyr::{Spanned, UserMessageFormatter};
use thiserror::Error;

use super::expression::Expression;
/// The most rules of a file.
const MAX_RULES: usize = 200;

/// The most keys of metadata that a rule may set.
const MAX_METADATA_KEYS: usize = 50;

/// Why a file is no mapping.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
pub struct MappingError {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong; names the rule, the field and the column of the expression.
    pub reason: String,
}

/// A file: what holds for all rules that do not say otherwise, and the rules.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MappingEntry {
    #[serde(default)]
    defaults: FieldsEntry,
    rules: Spanned<Vec<Spanned<FieldsEntry>>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct FieldsEntry {
    when: Option<Spanned<String>>,
    event_id: Option<Spanned<String>>,
    saga_id: Option<Spanned<String>>,
    saga_type: Option<Spanned<String>>,
    step: Option<Spanned<String>>,
    status: Option<Spanned<String>>,
    order_id: Option<Spanned<String>>,
    recorded_at: Option<Spanned<String>>,
    service: Option<Spanned<String>>,
    metadata: BTreeMap<String, Spanned<String>>,
}

/// Either what is written, or what an expression gives.
#[derive(Debug)]
pub(super) enum Name<T> {
    Written(T),
    Given(Expression),
}

/// A rule, with what the file says for all of them.
#[derive(Debug)]
pub(super) struct Rule {
    /// As answers call it, such as `rule 2 (line 14)`.
    pub(super) name: String,
    pub(super) when: Option<Expression>,
    pub(super) event_id: Option<Expression>,
    pub(super) saga_id: Expression,
    pub(super) saga_type: Name<SagaType>,
    pub(super) step: Name<Step>,
    pub(super) status: Name<SagaStatus>,
    pub(super) order_id: Expression,
    pub(super) recorded_at: Option<Expression>,
    pub(super) service: Option<Expression>,
    pub(super) metadata: Vec<(String, Expression)>,
}

/// Reads and checks the rules of a file.
pub(super) fn rules(yaml: &str) -> Result<Vec<Rule>, MappingError> {
    let file: MappingEntry = serde_saphyr::from_str(yaml).map_err(|error| {
        let message = error
            .without_snippet()
            .render_with_formatter(&UserMessageFormatter);
        let line = message.lines().next().unwrap_or_default();
        MappingError {
            line: error.location().map_or(1, |location| location.line()),
            reason: line
                .rsplit_once(" at line ")
                .map_or(line, |(reason, _)| reason)
                .to_owned(),
        }
    })?;
    let count = file.rules.value.len();
    if !(1..=MAX_RULES).contains(&count) {
        return Err(MappingError {
            line: file.rules.referenced.line(),
            reason: format!("rules must hold 1 to {MAX_RULES} rules"),
        });
    }
    if let Some(when) = &file.defaults.when {
        return Err(at(when, "defaults.when", "belongs to a rule"));
    }
    (1..)
        .zip(&file.rules.value)
        .map(|(number, rule)| Reading::new(number, rule, &file.defaults).rule())
        .collect()
}

fn at<T>(place: &Spanned<T>, field: &str, reason: &str) -> MappingError {
    MappingError {
        line: place.referenced.line(),
        reason: format!("{field} {reason}"),
    }
}

/// One rule that is being read.
struct Reading<'a> {
    label: String,
    line: u64,
    own: &'a FieldsEntry,
    defaults: &'a FieldsEntry,
}

type Field = fn(&FieldsEntry) -> &Option<Spanned<String>>;

impl<'a> Reading<'a> {
    fn new(number: usize, rule: &'a Spanned<FieldsEntry>, defaults: &'a FieldsEntry) -> Self {
        Self {
            label: format!("rule {number}"),
            line: rule.referenced.line(),
            own: &rule.value,
            defaults,
        }
    }

    fn rule(&self) -> Result<Rule, MappingError> {
        Ok(Rule {
            name: format!("{} (line {})", self.label, self.line),
            when: self.optional("when", |fields| &fields.when)?,
            event_id: self.optional("eventId", |fields| &fields.event_id)?,
            saga_id: self.needed("sagaId", |fields| &fields.saga_id)?,
            saga_type: self.name(
                "sagaType",
                |fields| &fields.saga_type,
                |text| SagaType::new(text).ok(),
            )?,
            step: self.name("step", |fields| &fields.step, |text| Step::new(text).ok())?,
            status: self.name("status", |fields| &fields.status, |text| text.parse().ok())?,
            order_id: self.needed("orderId", |fields| &fields.order_id)?,
            recorded_at: self.optional("recordedAt", |fields| &fields.recorded_at)?,
            service: self.optional("service", |fields| &fields.service)?,
            metadata: self.metadata()?,
        })
    }

    fn written(&self, field: Field) -> Option<&'a Spanned<String>> {
        field(self.own).as_ref().or_else(|| field(self.defaults).as_ref())
    }

    fn expression(&self, name: &str, text: &Spanned<String>) -> Result<Expression, MappingError> {
        Expression::new(&text.value).map_err(|error| {
            let field = format!("{}, {name}:", self.label);
            at(
                text,
                &field,
                &format!("column {} of the expression: {}", error.column, error.reason),
            )
        })
    }

    fn optional(&self, name: &str, field: Field) -> Result<Option<Expression>, MappingError> {
        self.written(field)
            .map(|text| self.expression(name, text))
            .transpose()
    }

    fn missing(&self, name: &str) -> MappingError {
        MappingError {
            line: self.line,
            reason: format!("{}: {name} is missing, here and in defaults", self.label),
        }
    }

    fn needed(&self, name: &str, field: Field) -> Result<Expression, MappingError> {
        self.optional(name, field)?.ok_or_else(|| self.missing(name))
    }

    /// Text in upper snake case is the name itself, since no variable is written so.
    fn name<T>(
        &self,
        name: &str,
        field: Field,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Name<T>, MappingError> {
        let text = self.written(field).ok_or_else(|| self.missing(name))?;
        if let Some(written) = read(&text.value) {
            return Ok(Name::Written(written));
        }
        self.expression(name, text).map(Name::Given)
    }

    fn metadata(&self) -> Result<Vec<(String, Expression)>, MappingError> {
        let mut entries = self.defaults.metadata.clone();
        entries.extend(self.own.metadata.clone());
        if entries.len() > MAX_METADATA_KEYS {
            return Err(MappingError {
                line: self.line,
                reason: format!("{}: metadata has more than {MAX_METADATA_KEYS} keys", self.label),
            });
        }
        entries
            .into_iter()
            .map(|(key, text)| Ok((key.clone(), self.expression(&format!("metadata.{key}"), &text)?)))
            .collect()
    }
}
