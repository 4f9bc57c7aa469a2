//! Lists of sagas, for `search`, `tail` and the sagas of an order in `get`.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    CliError, output,
    show::{Format, ShowArgs},
    table::{Cell, table},
    tracker::{Awaited, Parameter, Saga, SagasPage, Tracker},
};

/// The most sagas of one answer.
const PAGE: usize = 100;

/// Some sagas of a list, as they were sent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sagas {
    content: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
    #[serde(skip)]
    total: String,
}

impl Sagas {
    /// The first ones that match, or those after a cursor, page by page.
    pub(super) async fn find(
        tracker: &Tracker,
        filter: &[Parameter],
        mut cursor: Option<String>,
        limit: usize,
    ) -> Result<Self, CliError> {
        let mut content = Vec::new();
        loop {
            let size = PAGE.min(limit - content.len());
            let mut query = filter.to_vec();
            query.push(("size", size.to_string()));
            query.extend(cursor.map(|cursor| ("cursor", cursor)));
            let text = tracker.get("/api/v1/sagas", &query).await?;
            let page: SagasPage = tracker.read(&text, "a list of sagas")?;
            content.extend(page.content);
            if page.next_cursor.is_none() || content.len() >= limit {
                let more = if page.page.total_is_exact { "" } else { " or more" };
                return Ok(Self {
                    content,
                    next_cursor: page.next_cursor,
                    total: format!("{}{more}", page.page.total_elements),
                });
            }
            cursor = page.next_cursor;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.content.len()
    }

    /// The first one, read.
    pub(super) fn first(&self, tracker: &Tracker) -> Result<Option<Saga>, CliError> {
        let first = self.content.first();
        first.map(|saga| tracker.read(saga.get(), "a saga")).transpose()
    }

    /// Prints them, and to stderr where there are more; JSON says it itself.
    pub(super) fn print(&self, tracker: &Tracker, show: &ShowArgs) -> Result<(), CliError> {
        match show.format() {
            Format::Json => output::print_json(self),
            Format::Table | Format::Wide if self.content.is_empty() => Ok(()),
            Format::Table | Format::Wide => output::print_escaped(&self.table(tracker, show)?).map(drop),
        }?;
        if let Some(cursor) = self
            .next_cursor
            .as_ref()
            .filter(|_| show.format() != Format::Json)
        {
            output::complain(&format!(
                "{} of {} sagas; more with --limit, or from here with --cursor {cursor}",
                self.content.len(),
                self.total
            ));
        }
        Ok(())
    }

    fn table(&self, tracker: &Tracker, show: &ShowArgs) -> Result<String, CliError> {
        let sagas = self.content.iter();
        let sagas = sagas.map(|saga| tracker.read(saga.get(), "a saga"));
        let sagas: Vec<Saga> = sagas.collect::<Result<_, _>>()?;
        let rows: Vec<Vec<Cell>> = sagas.iter().map(|saga| row(saga, show.is_wide())).collect();
        Ok(table(columns(show.is_wide()), &rows, show.with_colours()))
    }
}

const COLUMNS: [&str; 11] = [
    "STATUS",
    "STARTED",
    "UPDATED",
    "TYPE",
    "LAST STEP",
    "SAGA",
    "ORDER",
    "DURATION",
    "FAILED AT",
    "AWAITS",
    "REASON",
];

/// How wide the first ones usually are: statuses, times, UUIDs.
pub(super) const USUAL_WIDTHS: [usize; 6] = [11, 24, 24, 14, 22, 36];

/// How many of them are not only for those who want all.
const NARROW: usize = 7;

pub(super) fn columns(is_wide: bool) -> &'static [&'static str] {
    if is_wide { &COLUMNS } else { &COLUMNS[..NARROW] }
}

/// A saga in the columns.
pub(super) fn row(saga: &Saga, is_wide: bool) -> Vec<Cell> {
    let duration = saga.duration_ms.map(duration);
    let awaits: Vec<String> = saga.awaiting.iter().map(awaited).collect();
    let mut row = vec![
        Cell::status(&saga.current_status),
        Cell::text(&saga.started_at),
        Cell::text(&saga.updated_at),
        Cell::text(&saga.saga_type),
        Cell::text(&saga.last_step),
        Cell::text(&saga.saga_id),
        Cell::text(&saga.order_id),
        Cell::optional(duration.as_deref()),
        Cell::optional(saga.failed_step.as_deref()),
        Cell::optional(Some(&awaits.join(", "))),
        Cell::optional(saga.failure_reason.as_deref()),
    ];
    if !is_wide {
        row.truncate(NARROW);
    }
    row
}

pub(super) fn duration(millis: i64) -> String {
    let duration = std::time::Duration::from_millis(millis.unsigned_abs());
    let sign = if millis < 0 { "-" } else { "" };
    format!("{sign}{}", humantime::format_duration(duration))
}

/// A step, and the service that owns it if the definition says.
fn awaited(awaited: &Awaited) -> String {
    let service = awaited.service.as_deref().map(|service| format!(" ({service})"));
    format!("{}{}", awaited.step, service.unwrap_or_default())
}

/// The same with since when, and until when.
pub(super) fn awaited_since(entry: &Awaited) -> String {
    let until = entry
        .deadline
        .as_deref()
        .map(|deadline| format!(", due {deadline}"));
    format!(
        "{}, since {}{}",
        awaited(entry),
        entry.since,
        until.unwrap_or_default()
    )
}
