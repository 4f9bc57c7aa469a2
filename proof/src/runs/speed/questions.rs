//! A kind of question that readers ask, the plainest SQL that answers it, and values that there are.

use anyhow::{Context as _, Result};
use fastrand::Rng;
use saga_types::Timestamp;
use serde_json::Value;
use sqlx::PgPool;

/// How many cursors to begin from, all over the sagas.
const CURSORS: usize = 40;

/// A saga that exists, and what it can be found by.
#[derive(sqlx::FromRow)]
pub(super) struct KnownSaga {
    pub(super) saga_id: String,
    pub(super) order_id: String,
    pub(super) trace_id: Option<String>,
    pub(super) event_id: String,
}

/// A place deep in the list: the cursor, and the saga that it comes after.
pub(super) struct Place {
    pub(super) cursor: String,
    pub(super) started_at: String,
    pub(super) saga_id: String,
}

/// Values that sagas have.
pub(super) struct Known {
    sagas: Vec<KnownSaga>,
    places: Vec<Place>,
    failure_groups: Vec<String>,
    pub(super) now: Timestamp,
}

/// What an answer may take.
#[derive(Debug, Clone, Copy)]
pub(super) enum Limit {
    /// A multiple of what this takes, whose parameters are text.
    Sql(Sql),
    /// So many milliseconds at the 99th percentile: it is no question of SQL's.
    Millis(f64),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Sql {
    One(&'static str),
    /// A page of sagas that are so, in this order, and how many there are, counted up to 10,000.
    List {
        filter: &'static str,
        order: &'static str,
    },
}

impl Sql {
    pub(super) fn statements(self) -> Vec<String> {
        match self {
            Self::One(statement) => vec![statement.to_owned()],
            Self::List { filter, order } => vec![
                format!("SELECT * FROM saga_instance WHERE {filter} ORDER BY {order}"),
                format!(
                    "SELECT count(*) FROM (SELECT FROM saga_instance WHERE {filter} LIMIT 10001) AS counted"
                ),
            ],
        }
    }
}

/// One question: its path, and the parameters of the SQL.
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) values: Vec<String>,
}

/// A kind of question.
pub(super) struct Question {
    pub(super) name: &'static str,
    pub(super) limit: Limit,
    pub(super) ask: fn(&Known, &mut Rng) -> Asked,
}

impl Known {
    /// Looks around in the database, and asks the server for places in its list.
    pub(super) async fn learn(
        pool: &PgPool,
        client: &reqwest::Client,
        url: &str,
        rng: &mut Rng,
    ) -> Result<Self> {
        let some = "SELECT saga_id, order_id, last_trace_id AS trace_id, \
                    (SELECT event_id FROM saga_steps AS step WHERE step.saga_id = saga.saga_id LIMIT 1) AS event_id \
                    FROM saga_instance AS saga WHERE saga_id > $1 ORDER BY saga_id LIMIT 20";
        let mut sagas = Vec::new();
        for _ in 0..50 {
            let after = format!("saga-{:04x}", rng.u16(..0xff00));
            let found: Vec<KnownSaga> = sqlx::query_as(some).bind(after).fetch_all(pool).await?;
            sagas.extend(found);
        }
        let groups =
            "SELECT DISTINCT failure_group FROM saga_instance WHERE failure_group IS NOT NULL LIMIT 5";
        let mut known = Self {
            sagas,
            places: Vec::new(),
            failure_groups: sqlx::query_scalar(groups).fetch_all(pool).await?,
            now: Timestamp::now(),
        };
        for _ in 0..CURSORS {
            let answer = client.get(format!("{url}/api/v1/sagas?toDate={}", known.moment(rng)));
            let answer: Value = serde_json::from_str(&answer.send().await?.text().await?)?;
            known.places.extend(place(&answer));
        }
        known.places.first().context("the list gives no cursor")?;
        known.failure_groups.first().context("no saga has failed")?;
        Ok(known)
    }

    pub(super) fn saga(&self, rng: &mut Rng) -> &KnownSaga {
        &self.sagas[rng.usize(..self.sagas.len())]
    }

    pub(super) fn place(&self, rng: &mut Rng) -> &Place {
        &self.places[rng.usize(..self.places.len())]
    }

    pub(super) fn failure_group(&self, rng: &mut Rng) -> &str {
        &self.failure_groups[rng.usize(..self.failure_groups.len())]
    }

    /// A moment within the last thirty days.
    fn moment(&self, rng: &mut Rng) -> Timestamp {
        let millis = self.now.as_millis() - rng.i64(3_600_000..29 * 86_400_000);
        Timestamp::from_millis(millis).unwrap_or(self.now)
    }

    /// A period of some hours within the last thirty days.
    pub(super) fn period(&self, rng: &mut Rng) -> [String; 2] {
        let from = self.moment(rng);
        let to = Timestamp::from_millis(from.as_millis() + rng.i64(1..86_400_000)).unwrap_or(from);
        [from, to].map(|moment| moment.to_string())
    }
}

fn place(answer: &Value) -> Option<Place> {
    let last = answer["content"].as_array()?.last()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(Place {
        cursor: text(&answer["nextCursor"])?,
        started_at: text(&last["startedAt"])?,
        saga_id: text(&last["sagaId"])?,
    })
}
