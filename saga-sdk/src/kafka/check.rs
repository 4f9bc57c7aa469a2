//! Checks the brokers and the topic once after the start, and logs what an operator has to fix.
//!
//! A wrong configuration is logged within seconds, not when its first event expires.

use std::{
    fmt,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    producer::{Producer, ProducerContext, ThreadedProducer},
    types::RDKafkaRespErr,
};
use tokio::{task::spawn_blocking, time::sleep};

use super::{mode::Mode, probe, target::Target, tokens::CheckContext, transport::Transport};
use crate::backoff::Backoff;

/// How long one request for the topic's metadata may take.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(500);

/// The wait between two requests.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const MAX_WAIT: Duration = Duration::from_secs(10);

/// How long a connection may take before it is reported.
const CONNECT_TIME: Duration = Duration::from_secs(3);

/// How long a broker may take to give a producer its id.
const PRODUCER_ID_TIME: Duration = Duration::from_secs(5);
const PRODUCER_ID_POLL: Duration = Duration::from_millis(50);

/// What keeps events from being published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    Unreachable(String),
    SpeaksTls(String),
    NoTopic,
    TopicRefused(String),
    WriteRefused(String),
    NoProducerId,
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
            Self::WriteRefused(error) => write!(
                formatter,
                "the user may not write ({error}): grant Write on the topic, and on brokers before 2.8 \
                 IdempotentWrite on the cluster"
            ),
            Self::NoProducerId => write!(
                formatter,
                "no broker gave the producer an id within {} s: check the log of the brokers",
                PRODUCER_ID_TIME.as_secs()
            ),
        }
    }
}

/// Checks until everything is well, then never returns; logs each problem once.
pub(super) async fn report<M: Mode>(transport: &Transport<M>) {
    let (begun, mut backoff) = (Instant::now(), Backoff::new(FIRST_WAIT));
    let (mut seen, mut logged) = (None, None);
    while let Some(kafka) = transport.kafka() {
        let (target, is_late) = (transport.target.clone(), begun.elapsed() > CONNECT_TIME);
        let found = spawn_blocking(move || problem(&**kafka, &target, is_late)).await;
        let found = found.unwrap_or(Err(None));
        // A topic that is being created does not exist at first: a problem counts when it is seen twice.
        match &found {
            Ok(()) => {
                transport.shared.topic.exists();
                break;
            }
            Err(Some(problem)) if seen.as_ref() == Some(problem) && logged.as_ref() != Some(problem) => {
                let Target { topic, brokers, .. } = &transport.target;
                tracing::warn!(topic, brokers, "saga events cannot be published: {problem}");
                logged = Some(problem.clone());
            }
            Err(_) => {}
        }
        seen = found.err().flatten();
        sleep(FIRST_WAIT + backoff.next(MAX_WAIT)).await;
    }
    if logged.is_some() {
        tracing::info!(topic = transport.target.topic, "saga events can be published now");
    }
    std::future::pending::<()>().await;
}

/// Lets [`CheckContext::has_producer_id`] know.
pub(super) fn report_producer_id(settings: &mut ClientConfig) {
    settings.set("statistics.interval.ms", PRODUCER_ID_POLL.as_millis().to_string());
}

/// Checks once, as long as a connection and a producer's id may take. Blocks.
pub(super) fn now(client: &ThreadedProducer<CheckContext>, target: &Target) -> Option<Problem> {
    let begun = Instant::now();
    loop {
        let is_late = begun.elapsed() > CONNECT_TIME;
        match problem(client, target, is_late) {
            Ok(()) => return write_problem(client),
            // It may be about to exist.
            Err(Some(problem)) if is_late => return Some(problem),
            Err(_) => std::thread::sleep(FIRST_WAIT),
        }
    }
}

/// Brokers give a producer no id when its user may write no topic. Whether that user may write this one is known when the first
/// event is sent.
fn write_problem(client: &ThreadedProducer<CheckContext>) -> Option<Problem> {
    let begun = Instant::now();
    loop {
        let kafka = client.client();
        if kafka.context().has_producer_id() {
            return None;
        }
        if let Some((_, error)) = kafka.fatal_error() {
            return Some(Problem::WriteRefused(error));
        }
        if begun.elapsed() > PRODUCER_ID_TIME {
            return Some(Problem::NoProducerId);
        }
        std::thread::sleep(PRODUCER_ID_POLL);
    }
}

/// `Err(None)`: not known yet. Blocks.
fn problem<C: ProducerContext, P: Producer<C>>(
    client: &P,
    target: &Target,
    is_late: bool,
) -> Result<(), Option<Problem>> {
    let metadata = client
        .client()
        .fetch_metadata(Some(&target.topic), REQUEST_TIMEOUT);
    match metadata.map(|metadata| metadata.topics().first().and_then(|topic| topic.error())) {
        Ok(None) => Ok(()),
        Ok(Some(error)) => Err(topic_problem(error)),
        Err(_) if !is_late => Err(None),
        Err(error) => {
            let speaks_tls = tls_server(target).map(Problem::SpeaksTls);
            Err(Some(
                speaks_tls.unwrap_or_else(|| Problem::Unreachable(error.to_string())),
            ))
        }
    }
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

/// A server that speaks TLS with a client that does not.
fn tls_server(target: &Target) -> Option<String> {
    let mut servers = target.brokers.split(',').map(str::trim);
    let server = servers.find(|server| !target.is_encrypted && probe::speaks_tls(server));
    server.map(str::to_owned)
}
