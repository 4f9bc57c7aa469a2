//! Output of letters and results, from the database or from a tracker: as JSON and for people.

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::cli::CliError;

/// Some letters of a list, as they were answered.
#[derive(Debug, Default, Serialize)]
pub(super) struct Letters {
    pub(super) content: Vec<Box<RawValue>>,
}

/// What became of letters, as it was answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) requested: u64,
    pub(super) successful: u64,
    pub(super) failed: u64,
    pub(super) dry_run: bool,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) results: Vec<Box<RawValue>>,
    /// Why further letters were not tried.
    #[serde(skip)]
    pub(super) ended_by: Option<String>,
}

/// Letters of which the same became.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Outcome {
    status: String,
    message: Option<String>,
    before: Option<String>,
    after: Option<String>,
    letters: u64,
}

/// How many letters were dismissed or restored, or would be; and why no further ones were, if something failed.
#[derive(Default)]
pub(super) struct Disposals {
    pub(super) letters: u64,
    pub(super) ended_by: Option<CliError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Letter {
    id: i64,
    state: String,
    reason: String,
    message: String,
    dead_since: String,
    saga_id: Option<String>,
    event_id: Option<String>,
    partial: Option<Partial>,
}

/// What can be read of a letter that is no event, and where it broke.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Partial {
    fields: Vec<Field>,
    broken_at: Option<u64>,
    field: Option<String>,
    fault: String,
}

#[derive(Deserialize)]
struct Field {
    name: String,
    offset: u64,
    value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Replayed {
    dead_letter_id: Option<i64>,
    status: String,
    message: Option<String>,
    saga_id: Option<String>,
    before: Option<String>,
    after: Option<String>,
}

impl Letters {
    pub(super) fn of(letters: &[impl Serialize]) -> Result<Self, CliError> {
        let content = letters.iter().map(to_raw_value).collect::<Result<_, _>>();
        Ok(Self {
            content: content.map_err(CliError::failed)?,
        })
    }

    pub(super) fn lines(&self) -> Result<String, CliError> {
        let lines = self.content.iter().map(|raw| -> Result<String, CliError> {
            let letter: Letter = serde_json::from_str(raw.get()).map_err(CliError::failed)?;
            Ok(letter.lines())
        });
        lines.collect()
    }
}

impl Disposals {
    /// What one call gives. When it fails after others did something, that is to be said.
    pub(super) fn unless_ended<T>(
        &mut self,
        given: Result<T, impl Into<CliError>>,
    ) -> Result<Option<T>, CliError> {
        match given {
            Ok(given) => Ok(Some(given)),
            Err(error) if self.letters == 0 => Err(error.into()),
            Err(error) => {
                self.ended_by = Some(error.into());
                Ok(None)
            }
        }
    }
}

impl Letter {
    fn lines(&self) -> String {
        format!(
            "{:>6}  {}  {:<8}  {:<20}  saga {}  event {}  {}\n",
            self.id,
            self.dead_since,
            self.state,
            self.reason,
            or_dash(self.saga_id.as_ref()),
            or_dash(self.event_id.as_ref()),
            self.message,
        ) + &self.partial.as_ref().map(Partial::lines).unwrap_or_default()
    }
}

impl Partial {
    fn lines(&self) -> String {
        let of_field = |field: &Field| {
            let value = field.value.as_deref().unwrap_or("null");
            format!(
                "{:>10}  {:<14}  {}\n",
                field.offset,
                field.name,
                value.escape_debug()
            )
        };
        let broken = self.broken_at.map_or_else(String::new, |offset| {
            let field = self.field.as_deref().unwrap_or("the end");
            format!("{offset:>10}  {field:<14}  broken: {}\n", self.fault)
        });
        self.fields.iter().map(of_field).collect::<String>() + &broken
    }
}

impl Report {
    /// As REST answers it.
    pub(super) fn of(report: &impl Serialize) -> Result<Self, CliError> {
        let text = serde_json::to_string(report).map_err(CliError::failed)?;
        serde_json::from_str(&text).map_err(CliError::failed)
    }

    /// Takes what became of further letters.
    pub(super) fn add(&mut self, more: Self) {
        self.requested += more.requested;
        self.successful += more.successful;
        self.failed += more.failed;
        self.results.extend(more.results);
        for outcome in more.outcomes {
            let same = self.outcomes.iter_mut().find(|other| other.is_as(&outcome));
            match same {
                Some(same) => same.letters += outcome.letters,
                None => self.outcomes.push(outcome),
            }
        }
        self.outcomes
            .sort_by_key(|outcome| std::cmp::Reverse(outcome.letters));
    }

    pub(super) fn lines(&self) -> Result<String, CliError> {
        let lines = self.results.iter().map(|raw| -> Result<String, CliError> {
            let result: Replayed = serde_json::from_str(raw.get()).map_err(CliError::failed)?;
            Ok(result.line())
        });
        let lines = lines.collect::<Result<String, CliError>>()?;
        let would = if self.dry_run { "would be " } else { "" };
        Ok(format!(
            "{lines}{} of {} {would}replayed\n",
            self.successful, self.requested
        ))
    }
}

impl Outcome {
    fn is_as(&self, other: &Self) -> bool {
        (&self.status, &self.message, &self.before, &self.after)
            == (&other.status, &other.message, &other.before, &other.after)
    }
}

impl Replayed {
    fn line(&self) -> String {
        let id = self.dead_letter_id.map(|id| id.to_string());
        let message = self.message.as_ref().map(|message| format!("  {message}"));
        format!(
            "{:>6}  {:<16}  saga {}  {} -> {}{}\n",
            or_dash(id.as_ref()),
            self.status,
            or_dash(self.saga_id.as_ref()),
            or_dash(self.before.as_ref()),
            or_dash(self.after.as_ref()),
            message.unwrap_or_default(),
        )
    }
}

fn or_dash(text: Option<&String>) -> &str {
    text.map_or("-", String::as_str)
}
