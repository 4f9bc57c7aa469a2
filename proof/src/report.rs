//! What a run found: tables to read, promises kept or broken, and both as JSON.

use std::{fmt::Display, path::Path, time::Instant};

use anyhow::{Context as _, Result};
use comfy_table::presets;
use serde::Serialize;
use serde_json::Value;

/// More examples than these make no table.
const MAX_EXAMPLES: usize = 3;

/// The result of one run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    run: String,
    /// A debug build is many times slower: its rates and latencies mean nothing.
    debug_build: bool,
    seconds: f64,
    tables: Vec<Table>,
    promises: Vec<Promise>,
    #[serde(skip)]
    begun: Instant,
}

/// A table: the first column names what the others say.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

/// Something that must hold.
#[derive(Debug, Serialize)]
struct Promise {
    promise: String,
    kept: bool,
    seen: String,
}

impl Report {
    pub(crate) fn new(run: &str) -> Self {
        Self {
            run: run.to_owned(),
            debug_build: cfg!(debug_assertions),
            seconds: 0.0,
            tables: Vec::new(),
            promises: Vec::new(),
            begun: Instant::now(),
        }
    }

    pub(crate) fn table(&mut self, table: Table) {
        self.tables.push(table);
    }

    /// Takes what another part of the run found: rows come under those of the table with the same title.
    pub(crate) fn merge(&mut self, part: Self) {
        for table in part.tables {
            match self.tables.iter_mut().find(|known| known.title == table.title) {
                Some(known) => known.rows.extend(table.rows),
                None => self.tables.push(table),
            }
        }
        self.promises.extend(part.promises);
    }

    /// Every row and every promise in a line of its own, for who does not wait for the end.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let rows = self.tables.iter().flat_map(Table::lines);
        let promises = self.promises.iter().map(|promise| {
            let verdict = if promise.kept { "kept" } else { "BROKEN" };
            format!("{verdict}: {}: {}", promise.promise, promise.seen)
        });
        rows.chain(promises)
    }

    /// Says whether something held, and what was seen of it.
    pub(crate) fn promise(&mut self, promise: &str, kept: bool, seen: impl Display) {
        self.promises.push(Promise {
            promise: promise.to_owned(),
            kept,
            seen: seen.to_string(),
        });
    }

    /// Promises that a count is zero, and shows examples when it is not.
    pub(crate) fn promise_none(&mut self, promise: &str, count: usize, examples: &[String]) {
        let seen = match count {
            0 => "none".to_owned(),
            _ => format!(
                "{count}, such as: {}",
                examples[..examples.len().min(MAX_EXAMPLES)].join("; ")
            ),
        };
        self.promise(promise, count == 0, seen);
    }

    /// Prints everything, writes the file if one is wanted, and says whether every promise was kept.
    pub(crate) fn conclude(mut self, json: Option<&Path>) -> Result<bool> {
        self.seconds = self.begun.elapsed().as_secs_f64();
        let build = if self.debug_build {
            "a DEBUG build: rates and latencies mean nothing"
        } else {
            "a release build"
        };
        println!("{}: {:.0} s, {build}", self.run, self.seconds);
        for table in &self.tables {
            println!("\n{}\n{}", table.title, table.render());
        }
        if !self.promises.is_empty() {
            println!("\nPromises\n{}", self.promises_table().render());
        }
        if let Some(file) = json {
            std::fs::write(file, serde_json::to_vec_pretty(&self)?)
                .with_context(|| format!("the result cannot be written to {}", file.display()))?;
        }
        for broken in self.promises.iter().filter(|promise| !promise.kept) {
            eprintln!("broken: {}: {}", broken.promise, broken.seen);
        }
        Ok(self.promises.iter().all(|promise| promise.kept))
    }

    fn promises_table(&self) -> Table {
        let mut table = Table::new("Promises", &["promise", "", "seen"]);
        for promise in &self.promises {
            let verdict = if promise.kept { "kept" } else { "BROKEN" };
            table.row(&promise.promise, [verdict.into(), promise.seen.as_str().into()]);
        }
        table
    }
}

impl Table {
    pub(crate) fn new(title: &str, columns: &[&str]) -> Self {
        Self {
            title: title.to_owned(),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// A table of one value for each name.
    pub(crate) fn of_figures(title: &str) -> Self {
        Self::new(title, &["what", "figure"])
    }

    pub(crate) fn row(&mut self, name: &str, values: impl IntoIterator<Item = Value>) {
        self.rows.push([name.into()].into_iter().chain(values).collect());
    }

    pub(crate) fn figure(&mut self, name: &str, value: impl Into<Value>) {
        self.row(name, [value.into()]);
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        self.rows.iter().map(|row| {
            let columns = self.columns.iter().zip(row).skip(1);
            let values: Vec<String> = columns
                .map(|(column, value)| format!("{column} {}", show(value)))
                .collect();
            let name = row.first().map(show).unwrap_or_default();
            format!("{name}: {}", values.join(", "))
        })
    }

    fn render(&self) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header(&self.columns);
        for row in &self.rows {
            table.add_row(row.iter().map(show));
        }
        table
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_u64() => with_separators(&number.to_string()),
        Value::Number(number) => number
            .as_f64()
            .map(|value| format!("{value:.*}", decimals(value.abs())))
            .unwrap_or_default(),
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

/// Three digits that count, as a rule: an error of 0.0432 must not look like one of 0.04.
fn decimals(value: f64) -> usize {
    match value {
        0.0001..0.1 => 4,
        ..10.0 => 2,
        _ => 1,
    }
}

fn with_separators(digits: &str) -> String {
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_shown_in_groups() {
        for (digits, shown) in [
            ("7", "7"),
            ("123", "123"),
            ("1234", "1,234"),
            ("1234567", "1,234,567"),
        ] {
            assert_eq!(with_separators(digits), shown);
        }
    }

    #[test]
    fn small_figures_are_shown_with_more_decimals() {
        for (figure, shown) in [
            (0.0, "0.00"),
            (0.0432, "0.0432"),
            (0.5, "0.50"),
            (9.994, "9.99"),
            (89.63, "89.6"),
        ] {
            assert_eq!(show(&figure.into()), shown);
        }
    }

    #[test]
    fn parts_of_a_run_become_one_report_and_lines_that_can_be_read_before_its_end() {
        let part = |seed: &str| {
            let mut table = Table::new("Found", &["seed", "found"]);
            table.row(seed, [1_234.into()]);
            let mut part = Report::new("part");
            part.table(table);
            part.promise("all is found", seed == "1", "1,234");
            part
        };
        let mut whole = Report::new("test");
        whole.merge(part("1"));
        whole.merge(part("2"));
        assert_eq!(whole.tables.len(), 1);
        let lines: Vec<String> = whole.lines().collect();
        assert_eq!(
            lines,
            [
                "1: found 1,234",
                "2: found 1,234",
                "kept: all is found: 1,234",
                "BROKEN: all is found: 1,234",
            ]
        );
    }

    #[test]
    fn one_broken_promise_breaks_the_run() {
        let mut report = Report::new("test");
        report.promise_none("no event is lost", 0, &[]);
        report.promise_none("no event comes twice", 1, &["event 7".to_owned()]);
        assert!(!report.conclude(None).unwrap());
    }
}
