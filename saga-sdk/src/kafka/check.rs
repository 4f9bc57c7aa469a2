//! Checks the brokers and the topic once after the start, and logs what an operator has to fix.
//!
//! Rule of thumb: a service that is misconfigured learns it within seconds, not when its first event expires.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{error::KafkaError, producer::Producer as _, types::RDKafkaRespErr};
use tokio::{task::spawn_blocking, time::sleep};

use super::{
    mode::Mode,
    probe,
    transport::{Kafka, Transport},
};
use crate::backoff::Backoff;

/// How long one request for the topic's metadata may take.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(500);

/// The wait between two requests.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const MAX_WAIT: Duration = Duration::from_secs(10);

/// How long a connection may take before it is reported.
const CONNECT_TIME: Duration = Duration::from_secs(3);

/// What keeps events from being published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    Unreachable(String),
    SpeaksTls(String),
    NoTopic,
    TopicRefused(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => write!(
                formatter,
                "no broker responds ({error}): check platform.saga.bootstrapServers, the network and platform.saga.security"
            ),
            Self::SpeaksTls(server) => write!(
                formatter,
                "{server} speaks TLS: set platform.saga.security.protocol to SSL or SASL_SSL, or use the port without TLS"
            ),
            Self::NoTopic => {
                formatter.write_str("the topic does not exist: create it, or set platform.saga.topic")
            }
            Self::TopicRefused(error) => write!(
                formatter,
                "the topic is refused ({error}): allow the user to describe and write it"
            ),
        }
    }
}

/// Checks until everything is well, then never returns; logs each problem once.
pub(super) async fn report<M: Mode>(transport: &Transport<M>) {
    let (begun, mut backoff) = (Instant::now(), Backoff::new(FIRST_WAIT));
    let (mut seen, mut logged) = (None, None);
    while let Some(kafka) = transport.kafka() {
        let found = problem(transport, kafka, begun.elapsed() > CONNECT_TIME).await;
        // A topic that is being created does not exist at first: a problem counts when it is seen twice.
        match &found {
            Ok(()) => break,
            Err(Some(problem)) if seen.as_ref() == Some(problem) && logged.as_ref() != Some(problem) => {
                let (topic, brokers) = (&transport.topic, &transport.brokers);
                tracing::warn!(topic, brokers, "saga events cannot be published: {problem}");
                logged = Some(problem.clone());
            }
            Err(_) => {}
        }
        seen = found.err().flatten();
        sleep(FIRST_WAIT + backoff.next(MAX_WAIT)).await;
    }
    if logged.is_some() {
        tracing::info!(topic = transport.topic, "saga events can be published now");
    }
    std::future::pending::<()>().await;
}

/// `Err(None)`: not known yet.
async fn problem<M: Mode>(
    transport: &Transport<M>,
    kafka: Arc<Kafka<M>>,
    is_late: bool,
) -> Result<(), Option<Problem>> {
    let topic = transport.topic.clone();
    let described = spawn_blocking(move || topic_error(&kafka, &topic)).await;
    match described.map_err(|_| None)? {
        Ok(None) => Ok(()),
        Ok(Some(error)) => Err(topic_problem(error)),
        Err(_) if !is_late => Err(None),
        Err(error) => {
            let servers = transport.brokers.clone();
            let is_plain = !transport.protocol.is_encrypted();
            let probed = spawn_blocking(move || tls_server(&servers, is_plain)).await;
            let speaks_tls = probed.ok().flatten().map(Problem::SpeaksTls);
            Err(Some(
                speaks_tls.unwrap_or_else(|| Problem::Unreachable(error.to_string())),
            ))
        }
    }
}

fn topic_error<M: Mode>(kafka: &Kafka<M>, topic: &str) -> Result<Option<RDKafkaRespErr>, KafkaError> {
    let metadata = kafka.client().fetch_metadata(Some(topic), REQUEST_TIMEOUT)?;
    Ok(metadata.topics().first().and_then(|topic| topic.error()))
}

fn topic_problem(error: RDKafkaRespErr) -> Option<Problem> {
    use RDKafkaRespErr as Code;
    match error {
        // A leader is being elected, as for a topic that was just created.
        Code::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE => None,
        Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART => Some(Problem::NoTopic),
        error => Some(Problem::TopicRefused(
            rdkafka::error::RDKafkaErrorCode::from(error).to_string(),
        )),
    }
}

fn tls_server(servers: &str, is_plain: bool) -> Option<String> {
    let mut servers = servers.split(',').map(str::trim);
    servers
        .find(|server| is_plain && probe::speaks_tls(server))
        .map(str::to_owned)
}
