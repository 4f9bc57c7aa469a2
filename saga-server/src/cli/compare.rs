//! `compare`: asks a running collector whether a new version of a service fails more often than the one before, for roll-outs.

use std::time::{Duration, Instant};

use clap::Args;
use serde::Deserialize;

use super::{
    CliError, block_on,
    compare_types::TypeComparison,
    output,
    tracker::{Parameter, TrackerArgs},
};

/// Between two questions while it waits for a verdict.
const INTERVAL: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// The service
    #[arg(long, value_name = "NAME")]
    service: String,

    /// Its version before, as `serviceVersion` of its events names it
    #[arg(long, value_name = "VERSION")]
    baseline: String,

    /// The version that is evaluated
    #[arg(long, value_name = "VERSION")]
    candidate: String,

    /// Only sagas of this type
    #[arg(long, value_name = "TYPE")]
    saga_type: Option<String>,

    /// Only sagas that started at this time or later (RFC 3339, or a date); without it since the candidate was first seen
    #[arg(long, value_name = "TIME")]
    from: Option<String>,

    /// Only sagas that started at this time or earlier; without it until now
    #[arg(long, value_name = "TIME")]
    to: Option<String>,

    /// Up to which difference of failure rates the candidate is not worse; 0.02, two points, if not given
    #[arg(long, value_name = "SHARE")]
    margin: Option<f64>,

    /// How long to wait for a verdict, such as 30m, asking every 10 s; without it the current answer counts
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "0s")]
    wait: Duration,

    /// Print the answer of GET /api/v1/compare as it is
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    tracker: TrackerArgs,
}

/// What is read of the answer; the rest is for people and for `--json`.
#[derive(Debug, Deserialize)]
struct Answer {
    verdict: String,
    summary: String,
    /// Trackers of before do not send them.
    #[serde(default)]
    types: Vec<TypeComparison>,
}

impl CompareArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        block_on(self.ask())
    }

    async fn ask(self) -> Result<(), CliError> {
        let query = self.query();
        let tracker = self.tracker.connect()?;
        let began = Instant::now();
        let (text, answer) = loop {
            let text = tracker.get("/api/v1/compare", &query).await?;
            let answer: Answer = tracker.read(&text, "a comparison")?;
            let left = self.wait.saturating_sub(began.elapsed());
            if answer.verdict != "NOT_YET_KNOWN" || left.is_zero() {
                break (text, answer);
            }
            tokio::time::sleep(INTERVAL.min(left)).await;
        };
        if self.json {
            output::print_json_text(&(text + "\n")).map(drop)?;
        } else {
            let tables = answer.types.iter();
            let tables =
                tables.map(|of_type| "\n".to_owned() + &of_type.table(&self.baseline, &self.candidate));
            output::print(&(answer.summary + "\n" + &tables.collect::<String>()))?;
        }
        match answer.verdict.as_str() {
            "NOT_WORSE" => Ok(()),
            "WORSE" => Err(CliError::Worse),
            _ => Err(CliError::NotYetKnown),
        }
    }

    fn query(&self) -> Vec<Parameter> {
        let given = [
            ("service", Some(self.service.clone())),
            ("baseline", Some(self.baseline.clone())),
            ("candidate", Some(self.candidate.clone())),
            ("sagaType", self.saga_type.clone()),
            ("fromDate", self.from.clone()),
            ("toDate", self.to.clone()),
            ("margin", self.margin.map(|margin| margin.to_string())),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
        given.collect()
    }
}
