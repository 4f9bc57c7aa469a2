//! P6: how long answers take over millions of sagas, while thousands of events come every second, beside the plainest SQL that
//! answers the same, asked by a bare client in turns.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use fastrand::Rng;
use hdrhistogram::Histogram;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::{
    Sizes,
    bench_env::BenchEnv,
    growth::LARGE,
    kinds::QUESTIONS,
    questions::{Asked, Known, Limit, Question},
};
use crate::{
    audit::LagProbe,
    http,
    progress::Progress,
    report::{Report, Table},
};

/// Between two questions: there is one reader, who is not in a hurry.
const PAUSE: Duration = Duration::from_millis(2);

/// So long questions are asked before they count: what is asked for at all lies in memory on a machine that serves.
const WARM_UP: Duration = Duration::from_secs(20);

/// What an answer may take: a multiple of SQL's time, at the median and at the 99th percentile, and milliseconds at the median.
const MOST_RATIO: f64 = 1.5;
const MOST_MEDIAN_MS: f64 = 5.0;

/// SQL that takes longer is given up, and counts as this long.
const SQL_TIMEOUT: &str = "SET statement_timeout = '5s'";

/// How each kind of question was answered.
struct Answers {
    question: &'static Question,
    statements: Vec<String>,
    rest: Histogram<u64>,
    sql: Histogram<u64>,
    /// The first one that was no success.
    wrong: Option<String>,
}

pub(super) async fn measure(
    bench_env: &mut BenchEnv,
    sizes: &Sizes,
    report: &mut Report,
    progress: &Progress,
) -> Result<()> {
    let database = bench_env.filled(LARGE, sizes.sagas, progress).await?;
    let mut server = database.harness.serve()?;
    server.wait_until_ready(&database.harness).await?;
    let mut rng = Rng::with_seed(sizes.seed);
    let client = http::client();
    let known = Known::learn(&database.pool, &client, &server.url, &mut rng).await?;
    let mut connection = PgConnection::connect(&database.url).await?;
    connection.execute(SQL_TIMEOUT).await?;

    let rate = sizes.rate_while_reading;
    let warm_up = WARM_UP.min(Duration::from_secs(sizes.seconds));
    let seconds = sizes.seconds + warm_up.as_secs() + 2;
    let plan = bench_env.plan(usize::try_from(u64::from(rate) * seconds)?, sizes);
    let mut lag_probe = LagProbe::of(&bench_env.parts.bootstrap_servers)?;
    let load = bench_env.load(&plan, rate)?;
    let mut reader = Reader {
        client,
        connection,
        url: &server.url,
        known: &known,
        rng: &mut rng,
        progress,
    };
    reader.ask_for(warm_up).await?;
    let (begun, at_begin) = (Instant::now(), lag_probe.look().0);
    let answers = reader.ask_for(Duration::from_secs(sizes.seconds)).await?;
    let (at_end, left) = lag_probe.look();
    let stored = (at_end - at_begin) as f64 / begun.elapsed().as_secs_f64();
    bench_env.work_off(load, progress).await?;
    server.end().await?;

    let over = format!(
        "{} sagas, while {stored:.0} events/s were stored ({left} waited at the end)",
        sizes.sagas
    );
    report.table(beside_sql(&answers, &over));
    report.table(within_a_time(&answers, &over));
    let wrong: Vec<String> = answers.iter().filter_map(|kind| kind.wrong.clone()).collect();
    report.promise_none("every question is answered", wrong.len(), &wrong);
    Ok(())
}

fn beside_sql(answers: &[Answers], over: &str) -> Table {
    let mut table = Table::new(
        &format!(
            "P6: REST beside SQL over {over}; at most {MOST_RATIO} times, and {MOST_MEDIAN_MS} ms at the median"
        ),
        &[
            "question",
            "times",
            "REST p50, ms",
            "SQL p50, ms",
            "ratio",
            "REST p99, ms",
            "SQL p99, ms",
            "ratio",
            "met",
        ],
    );
    for kind in answers
        .iter()
        .filter(|kind| matches!(kind.question.limit, Limit::Sql(_)))
    {
        let [median, late] = [0.5, 0.99].map(|quantile| {
            let [rest, sql] =
                [&kind.rest, &kind.sql].map(|micros| millis(micros.value_at_quantile(quantile)));
            (rest, sql, rest / sql)
        });
        let is_met = median.0 <= MOST_MEDIAN_MS && median.2 <= MOST_RATIO && late.2 <= MOST_RATIO;
        let figures = [median.0, median.1, median.2, late.0, late.1, late.2].map(Into::into);
        let ends = [kind.rest.len().into()].into_iter().chain(figures);
        table.row(kind.question.name, ends.chain([yes_or_no(is_met).into()]));
    }
    table
}

fn within_a_time(answers: &[Answers], over: &str) -> Table {
    let mut table = Table::new(
        &format!("P6: figures and pages over {over}"),
        &[
            "question",
            "times",
            "p50, ms",
            "p99, ms",
            "most, ms",
            "target of p99",
            "met",
        ],
    );
    for kind in answers {
        let Limit::Millis(most) = kind.question.limit else {
            continue;
        };
        let late = millis(kind.rest.value_at_quantile(0.99));
        table.row(
            kind.question.name,
            [
                kind.rest.len().into(),
                millis(kind.rest.value_at_quantile(0.5)).into(),
                late.into(),
                millis(kind.rest.max()).into(),
                most.into(),
                yes_or_no(late <= most).into(),
            ],
        );
    }
    table
}

fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

const fn yes_or_no(is_met: bool) -> &'static str {
    if is_met { "yes" } else { "no" }
}

/// Asks one question after the other.
struct Reader<'a> {
    client: reqwest::Client,
    connection: PgConnection,
    url: &'a str,
    known: &'a Known,
    rng: &'a mut Rng,
    progress: &'a Progress,
}

impl Reader<'_> {
    async fn ask_for(&mut self, time: Duration) -> Result<Vec<Answers>> {
        let begun = Instant::now();
        let mut answers: Vec<Answers> = QUESTIONS.iter().map(Answers::of).collect::<Result<_>>()?;
        let mut is_sql_first = false;
        while begun.elapsed() < time {
            for kind in &mut answers {
                let asked = (kind.question.ask)(self.known, self.rng);
                // The one that asks first may have to read from disk what the other finds in memory.
                if is_sql_first {
                    kind.ask_sql(&mut self.connection, &asked).await?;
                }
                kind.ask_rest(&self.client, &format!("{}{}", self.url, asked.path))
                    .await?;
                if !is_sql_first {
                    kind.ask_sql(&mut self.connection, &asked).await?;
                }
                tokio::time::sleep(PAUSE).await;
            }
            is_sql_first = !is_sql_first;
            let asked: u64 = answers.iter().map(|kind| kind.rest.len()).sum();
            self.progress.update(format!("P6: {asked} questions answered"));
        }
        Ok(answers)
    }
}

impl Answers {
    fn of(question: &'static Question) -> Result<Self> {
        Ok(Self {
            question,
            statements: match question.limit {
                Limit::Sql(sql) => sql.statements(),
                Limit::Millis(_) => Vec::new(),
            },
            rest: Histogram::new(3)?,
            sql: Histogram::new(3)?,
            wrong: None,
        })
    }

    async fn ask_rest(&mut self, client: &reqwest::Client, url: &str) -> Result<()> {
        let begun = Instant::now();
        let answer = client.get(url).send().await.with_context(|| url.to_owned())?;
        let status = answer.status();
        // All of it has arrived only then.
        answer.bytes().await?;
        self.rest.record(u64::try_from(begun.elapsed().as_micros())?)?;
        if !status.is_success() {
            self.wrong.get_or_insert_with(|| format!("{status} for {url}"));
        }
        Ok(())
    }

    async fn ask_sql(&mut self, connection: &mut PgConnection, asked: &Asked) -> Result<()> {
        let begun = Instant::now();
        for statement in &self.statements {
            // They are part of this program.
            let mut query = sqlx::query(AssertSqlSafe(statement.as_str()));
            // Those that count use all that the page does.
            for value in &asked.values {
                query = query.bind(value);
            }
            match query.fetch_all(&mut *connection).await {
                Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("57014") => {}
                answer => drop(answer.with_context(|| statement.clone())?),
            }
        }
        if !self.statements.is_empty() {
            self.sql.record(u64::try_from(begun.elapsed().as_micros())?)?;
        }
        Ok(())
    }
}
