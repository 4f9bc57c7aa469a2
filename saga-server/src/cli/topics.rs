//! `topics`: the topics in Kafka.

use std::time::Duration;

use clap::{Args, Subcommand};
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    error::KafkaError,
    types::RDKafkaErrorCode,
};
use saga_types::topic::{PARTITIONS, RETENTION_MS};

use super::{CliError, block_on, logging, output};
use crate::config::ConfigArgs;
use saga_collector::kafka::{KafkaConfig, topic_limits};

/// How long the broker may take.
const TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Debug, Args)]
pub(super) struct TopicsArgs {
    #[command(subcommand)]
    command: TopicsCommand,
}

#[derive(Debug, Subcommand)]
enum TopicsCommand {
    /// Create the topic for events and the one for dead letters; those that exist are left as they are
    Create(CreateArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// How many partitions each topic gets
    #[arg(long, value_name = "NUMBER", default_value_t = PARTITIONS, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    partitions: i32,

    /// How many brokers keep each event; production wants 3 [default: what the broker is set to]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i32).range(1..=100))]
    replication: Option<i32>,

    #[command(flatten)]
    config: ConfigArgs,
}

impl TopicsArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let TopicsCommand::Create(args) = self.command;
        let settings = args.config.load()?;
        let kafka = settings.kafka()?;
        logging::start(&settings.log());
        block_on(create(&kafka, args.partitions, args.replication))
    }
}

/// Creates both topics and prints the result of each.
async fn create(kafka: &KafkaConfig, partitions: i32, replication: Option<i32>) -> Result<(), CliError> {
    let cannot = |error: KafkaError| {
        let reason = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::OperationTimedOut) => format!("no answer within {} s", TIMEOUT.as_secs()),
            _ => error.to_string(),
        };
        CliError::failed(format_args!(
            "{} cannot be asked: {reason}",
            kafka.bootstrap_servers
        ))
    };
    let admin: AdminClient<DefaultClientContext> = kafka.client().create().map_err(cannot)?;
    let retention = RETENTION_MS.to_string();
    // -1 asks for the broker's own setting.
    let replication = replication.unwrap_or(-1);
    let topic = |name| {
        NewTopic::new(name, partitions, TopicReplication::Fixed(replication))
            .set("retention.ms", &retention)
            .set("compression.type", topic_limits::COMPRESSION)
    };
    let events_max = topic_limits::EVENTS_MAX_BYTES.to_string();
    let dead_letters_max = topic_limits::DEAD_LETTERS_MAX_BYTES.to_string();
    let topics = [
        topic(&kafka.topic).set("max.message.bytes", &events_max),
        topic(&kafka.dead_letter_topic).set("max.message.bytes", &dead_letters_max),
    ];
    let options = AdminOptions::new()
        .request_timeout(Some(TIMEOUT))
        .operation_timeout(Some(TIMEOUT));
    let results = admin.create_topics(&topics, &options).await.map_err(cannot)?;
    let (created, refused): (Vec<_>, Vec<_>) = results.into_iter().map(described).partition(Result::is_ok);
    output::print(&created.into_iter().flatten().collect::<String>())?;
    let refused: Vec<String> = refused.into_iter().filter_map(Result::err).collect();
    if refused.is_empty() {
        Ok(())
    } else {
        Err(CliError::failed(refused.join("; ")))
    }
}

/// What became of a topic, or why it is not there.
fn described(result: Result<String, (String, RDKafkaErrorCode)>) -> Result<String, String> {
    match result {
        Ok(name) => Ok(format!("{name}: created\n")),
        Err((name, RDKafkaErrorCode::TopicAlreadyExists)) => {
            Ok(format!("{name}: exists already, left as it is\n"))
        }
        Err((name, error)) => Err(format!(
            "{name} was not created: {}",
            in_words(&error.to_string())
        )),
    }
}

/// rdkafka shows an error as `Name (Broker: the words)`.
fn in_words(error: &str) -> &str {
    error
        .split_once('(')
        .and_then(|(_, words)| words.rsplit_once(')'))
        .map_or(error, |(words, _)| words)
}
