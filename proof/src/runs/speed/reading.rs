//! P6: how long answers take over millions of sagas, while thousands of events come every second.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use fastrand::Rng;
use hdrhistogram::Histogram;

use super::{
    Sizes,
    bench_env::BenchEnv,
    growth::LARGE,
    questions::{Known, QUESTIONS, Question},
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

/// How each kind of question was answered.
struct Answers {
    question: &'static Question,
    micros: Histogram<u64>,
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

    let rate = sizes.rate_while_reading;
    let warm_up = WARM_UP.min(Duration::from_secs(sizes.seconds));
    let seconds = sizes.seconds + warm_up.as_secs() + 2;
    let plan = bench_env.plan(usize::try_from(u64::from(rate) * seconds)?, sizes);
    let mut lag_probe = LagProbe::of(&bench_env.parts.bootstrap_servers)?;
    let load = bench_env.load(&plan, rate)?;
    let mut readers = Readers {
        client: &client,
        url: &server.url,
        known: &known,
        rng: &mut rng,
        progress,
    };
    readers.ask_for(warm_up).await?;
    let (begun, at_begin) = (Instant::now(), lag_probe.look().0);
    let answers = readers.ask_for(Duration::from_secs(sizes.seconds)).await?;
    let (at_end, left) = lag_probe.look();
    let stored = (at_end - at_begin) as f64 / begun.elapsed().as_secs_f64();
    bench_env.work_off(load, progress).await?;
    server.end().await?;

    let sagas = sizes.sagas;
    let mut table = Table::new(
        &format!(
            "P6: answers over {sagas} sagas, while {stored:.0} events/s were stored ({left} waited at the end)"
        ),
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
    for kind in &answers {
        kind.row(&mut table);
    }
    report.table(table);
    let wrong: Vec<String> = answers.iter().filter_map(|kind| kind.wrong.clone()).collect();
    report.promise_none("every question is answered", wrong.len(), &wrong);
    Ok(())
}

/// Asks one question after the other.
struct Readers<'a> {
    client: &'a reqwest::Client,
    url: &'a str,
    known: &'a Known,
    rng: &'a mut Rng,
    progress: &'a Progress,
}

impl Readers<'_> {
    async fn ask_for(&mut self, time: Duration) -> Result<Vec<Answers>> {
        let begun = Instant::now();
        let mut answers: Vec<Answers> = QUESTIONS.iter().map(Answers::of).collect::<Result<_>>()?;
        while begun.elapsed() < time {
            for kind in &mut answers {
                let path = kind.question.ask(self.known, self.rng);
                kind.take(self.client, &format!("{}{path}", self.url)).await?;
                tokio::time::sleep(PAUSE).await;
            }
            let asked: u64 = answers.iter().map(|kind| kind.micros.len()).sum();
            self.progress.update(format!("P6: {asked} questions answered"));
        }
        Ok(answers)
    }
}

impl Answers {
    fn of(question: &'static Question) -> Result<Self> {
        Ok(Self {
            question,
            micros: Histogram::new(3)?,
            wrong: None,
        })
    }

    async fn take(&mut self, client: &reqwest::Client, url: &str) -> Result<()> {
        let begun = Instant::now();
        let answer = client.get(url).send().await.with_context(|| url.to_owned())?;
        let status = answer.status();
        // All of it has arrived only then.
        answer.bytes().await?;
        self.micros.record(u64::try_from(begun.elapsed().as_micros())?)?;
        if !status.is_success() {
            self.wrong.get_or_insert_with(|| format!("{status} for {url}"));
        }
        Ok(())
    }

    fn row(&self, table: &mut Table) {
        let millis = |micros: u64| micros as f64 / 1000.0;
        let (median, late) = (
            self.micros.value_at_quantile(0.5),
            self.micros.value_at_quantile(0.99),
        );
        let most_ms = self.question.most_ms;
        table.row(
            self.question.name,
            [
                self.micros.len().into(),
                millis(median).into(),
                millis(late).into(),
                millis(self.micros.max()).into(),
                most_ms.into(),
                if millis(late) <= most_ms { "yes" } else { "no" }.into(),
            ],
        );
    }
}
