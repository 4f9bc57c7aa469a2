//! The list of millions of sagas as a file, CSV and JSON lines: whole, and with memory that does not grow with it.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use super::fill;
use crate::{
    http, memory,
    parts::Parts,
    progress::Progress,
    report::{Report, Table},
    server::Harness,
};

/// How much more memory the last nine tenths of a file may take than its first: pages of sagas with longer texts, and how the
/// allocator keeps what was freed.
const ALLOWED_GROWTH_MIB: f64 = 16.0;

/// How often memory is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The saga-server to test; the one beside this program when not given
    #[arg(long, value_name = "PROGRAM", env = "SAGA_PROOF_SERVER")]
    server: Option<PathBuf>,
    /// Where the server logs, to be kept; its level is SAGA_SERVER_LOG_LEVEL, or error
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// How many sagas the file has
    #[arg(long, default_value_t = 2_000_000, value_parser = clap::value_parser!(i32).range(10..))]
    sagas: i32,
    /// The short form: 20,000 sagas
    #[arg(long)]
    short: bool,
}

pub(crate) async fn run(args: &Args, progress: &Progress) -> Result<Report> {
    let sagas = if args.short { 20_000 } else { args.sagas };
    let mut report = Report::new("export");
    progress.show("starting Kafka and PostgreSQL");
    let parts = Parts::kafka_and_postgres().await?;
    let harness = Harness::prepare(&parts, args.server.as_deref(), args.log.as_deref()).await?;
    progress.show(format!("filling the database with {sagas} sagas"));
    let filled = fill::fill(&parts.database().await?, sagas, progress).await?;
    let expected = usize::try_from(filled.sagas)?;

    let mut table = Table::new(
        &format!("{expected} sagas as a file"),
        &[
            "file",
            "seconds",
            "sagas a second",
            "MiB",
            "server before, MiB",
            "at most in the first tenth",
            "at most in the rest",
        ],
    );
    for form in [Form::Csv, Form::Lines] {
        let file = export(&harness, form, expected, progress).await?;
        table.row(
            form.name(),
            [
                file.took.as_secs_f64().into(),
                (file.records as f64 / file.took.as_secs_f64()).into(),
                (file.bytes as f64 / f64::from(1 << 20)).into(),
                file.before.into(),
                file.first_tenth.into(),
                file.rest.into(),
            ],
        );
        report.promise(
            &format!("the {} has every saga once", form.name()),
            file.records == expected && file.sagas == expected,
            format!("{} records, {} sagas of {expected}", file.records, file.sagas),
        );
        report.promise(
            &format!(
                "memory does not grow with the {}, by {ALLOWED_GROWTH_MIB} MiB at most",
                form.name()
            ),
            file.rest <= file.first_tenth + ALLOWED_GROWTH_MIB,
            format!(
                "{:.1} MiB, and {:.1} MiB in the first tenth",
                file.rest, file.first_tenth
            ),
        );
    }
    report.table(table);
    let panics = harness.panics();
    report.promise("nothing panics", panics == 0, format!("{panics} panics"));
    Ok(report)
}

/// What a file is.
#[derive(Debug, Clone, Copy)]
enum Form {
    Csv,
    Lines,
}

impl Form {
    const fn name(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Lines => "NDJSON",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Csv => "/api/v1/sagas.csv",
            Self::Lines => "/api/v1/sagas.ndjson",
        }
    }

    /// What stands before the id of a record. Both begin with it.
    const fn before_id(self) -> &'static [u8] {
        match self {
            Self::Csv => b"\"",
            Self::Lines => b"{\"sagaId\":\"",
        }
    }

    /// The lines before the first record.
    const fn head_lines(self) -> usize {
        match self {
            Self::Csv => 1,
            Self::Lines => 0,
        }
    }
}

/// What came of a file.
struct Exported {
    took: Duration,
    bytes: usize,
    records: usize,
    /// How many different ones.
    sagas: usize,
    /// Resident memory in MiB: of the server before it is asked, and the most while the parts of the file were read.
    before: f64,
    first_tenth: f64,
    rest: f64,
}

/// Reads a file from a server of its own, so that no other has grown it.
async fn export(harness: &Harness, form: Form, expected: usize, progress: &Progress) -> Result<Exported> {
    progress.show(format!("reading the {}", form.name()));
    let mut server = harness.serve()?;
    server.wait_until_ready(harness).await?;
    let process = server.id()?;
    let before = memory::resident_mib(process)?;
    let most = Arc::new(AtomicU64::new(0));
    let watching = tokio::spawn(watch(process, most.clone()));
    let begun = Instant::now();
    let url = format!("{}{}", server.url, form.path());
    let mut answer = http::client().get(url).send().await?.error_for_status()?;
    let mut records = Records::new(form);
    let mut first_tenth = None;
    while let Some(piece) = answer
        .chunk()
        .await
        .context("the file does not end as it should")?
    {
        records.read(&piece)?;
        if first_tenth.is_none() && records.count >= expected / 10 {
            first_tenth = Some(f64::from_bits(most.swap(0, Ordering::Relaxed)));
        }
        progress.update(format!("{} of {expected} sagas read", records.count));
    }
    let took = begun.elapsed();
    watching.abort();
    ensure!(records.line.is_empty(), "the last line does not end");
    let rest = f64::from_bits(most.load(Ordering::Relaxed));
    server.end().await?;
    Ok(Exported {
        took,
        bytes: records.bytes,
        records: records.count,
        sagas: records.ids.len(),
        before,
        first_tenth: first_tenth.unwrap_or(rest),
        rest,
    })
}

/// Keeps the most memory of a process, as the bits of its MiB, which are in the order of positive numbers.
async fn watch(process: u32, most: Arc<AtomicU64>) {
    while let Ok(resident) = memory::resident_mib(process) {
        most.fetch_max(resident.to_bits(), Ordering::Relaxed);
        tokio::time::sleep(INTERVAL).await;
    }
}

/// The records of a file, of which no more than a line is kept. The texts of these sagas have no line breaks.
struct Records {
    form: Form,
    head: usize,
    line: Vec<u8>,
    bytes: usize,
    count: usize,
    ids: HashSet<Box<[u8]>>,
}

impl Records {
    fn new(form: Form) -> Self {
        Self {
            form,
            head: form.head_lines(),
            line: Vec::new(),
            bytes: 0,
            count: 0,
            ids: HashSet::new(),
        }
    }

    fn read(&mut self, piece: &[u8]) -> Result<()> {
        self.bytes += piece.len();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.end_line()?;
            }
        }
        Ok(())
    }

    fn end_line(&mut self) -> Result<()> {
        if self.head > 0 {
            self.head -= 1;
        } else {
            let id = self.line.strip_prefix(self.form.before_id());
            let id = id.and_then(|rest| rest.split(|byte| *byte == b'"').next());
            let id = id.with_context(|| format!("no record: {}", String::from_utf8_lossy(&self.line)))?;
            self.ids.insert(id.into());
            self.count += 1;
        }
        self.line.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_counted_whichever_pieces_they_come_in() {
        for (form, file) in [
            (
                Form::Csv,
                "\"sagaId\",\"sagaType\"\r\n\"a\",\"X\"\r\n\"b\",\"X\"\r\n\"a\",\"X\"\r\n",
            ),
            (
                Form::Lines,
                "{\"sagaId\":\"a\"}\n{\"sagaId\":\"b\"}\n{\"sagaId\":\"a\",\"x\":1}\n",
            ),
        ] {
            for size in 1..file.len() {
                let mut records = Records::new(form);
                file.as_bytes()
                    .chunks(size)
                    .for_each(|piece| records.read(piece).unwrap());
                assert_eq!(
                    (records.count, records.ids.len()),
                    (3, 2),
                    "{form:?} in pieces of {size}"
                );
                assert_eq!(records.bytes, file.len());
            }
        }
        assert!(Records::new(Form::Lines).read(b"{\"error\":1}\n").is_err());
    }
}
