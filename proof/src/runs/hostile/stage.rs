//! What one kind plays on: topics, a database behind a proxy, a registry and a server of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
};
use saga_types::topic::PARTITIONS;
use sqlx::PgPool;

use super::{
    account::Account,
    generator::Generator,
    proxy::Proxy,
    registry::Registry,
    sender::Sender,
    stream::{Stream, WaitProbe},
};
use crate::{
    parts::Parts,
    readiness::Readiness,
    server::{Harness, Server},
};

pub(super) struct Stage {
    pub(super) generator: Generator,
    /// The short form.
    pub(super) is_short: bool,
    pub(super) topic: String,
    pub(super) dead_letter_topic: String,
    pub(super) sender: Sender,
    pub(super) account: Arc<Account>,
    /// Until it ends.
    pub(super) stream: Option<Stream>,
    pub(super) proxy: Proxy,
    pub(super) registry: Registry,
    pub(super) database_name: String,
    /// Not through the proxy.
    pub(super) database: PgPool,
    pub(super) readiness: Arc<Readiness>,
    pub(super) server: Server,
    pub(super) harness: Harness,
    pub(super) begun: Instant,
    /// Whether health must report what waits; not while a writer itself holds it back.
    pub(super) must_report: Arc<AtomicBool>,
    _wait_probe: WaitProbe,
    /// The last, so that they are taken down when everything else is gone.
    pub(super) parts: Arc<Parts>,
}

impl Stage {
    pub(super) async fn set(
        parts: &Arc<Parts>,
        harness: &Harness,
        name: &str,
        further: Vec<(&'static str, String)>,
        seed: u64,
        is_short: bool,
    ) -> Result<Self> {
        let (topic, dead_letter_topic) = (format!("hostile.{name}"), format!("hostile.{name}.dlt"));
        parts.create_topics(&[&topic, &dead_letter_topic]).await?;
        let database_name = format!("hostile_{}", name.replace('-', "_"));
        parts.create_database(&database_name).await?;
        let (server, _) = parts
            .database_url
            .rsplit_once('/')
            .context("DATABASE_URL names a database")?;
        let direct = format!("{server}/{database_name}");
        let upstream = server.rsplit_once('@').map_or(server, |(_, address)| address);
        let upstream = upstream.rsplit_once('/').map_or(upstream, |(_, address)| address);
        let proxy = Proxy::before(upstream.to_owned()).await?;
        let proxied = direct.replace(upstream, &format!("127.0.0.1:{}", proxy.port));
        let registry = Registry::start().await?;
        let mut settings = vec![
            ("SAGA_SERVER_KAFKA_TOPIC", topic.clone()),
            ("SAGA_SERVER_KAFKA_DEAD_LETTER_TOPIC", dead_letter_topic.clone()),
            ("SAGA_SERVER_KAFKA_GROUP", topic.clone()),
            ("SCHEMA_REGISTRY_URL", registry.url.clone()),
            ("DATABASE_URL", proxied),
        ];
        // The later ones count.
        settings.extend(further);
        let harness = harness.with(name, settings);
        harness.migrate().await?;
        let mut server = harness.serve()?;
        server.wait_until_ready(&harness).await?;

        let account = Arc::new(Account::default());
        let sender = Sender::connect(
            &parts.bootstrap_servers,
            &topic,
            &account,
            &[("enable.idempotence", "true")],
        )?;
        let readiness = Arc::new(Readiness::of(&server.url));
        let database = PgPool::connect(&direct).await?;
        let must_report = Arc::new(AtomicBool::new(true));
        Ok(Self {
            stream: Some(Stream::begin(
                sender.clone(),
                Generator::new(seed, &format!("{name} stream")),
            )),
            _wait_probe: WaitProbe::begin(
                database.clone(),
                Arc::clone(&account),
                Arc::clone(&readiness),
                Arc::clone(&must_report),
            ),
            generator: Generator::new(seed, name),
            is_short,
            topic,
            dead_letter_topic,
            sender,
            account,
            proxy,
            registry,
            database_name,
            database,
            readiness,
            server,
            harness,
            begun: Instant::now(),
            must_report,
            parts: Arc::clone(parts),
        })
    }

    /// Another producer.
    pub(super) fn sender_with(&self, properties: &[(&str, &str)]) -> Result<Sender> {
        Sender::connect(
            &self.parts.bootstrap_servers,
            &self.topic,
            &self.account,
            properties,
        )
    }

    pub(super) async fn sql(&self, statement: &'static str) -> Result<()> {
        sqlx::raw_sql(statement).execute(&self.database).await?;
        Ok(())
    }

    /// Pauses of the full form are longer.
    pub(super) async fn pause(&self, short: f64, full: f64) {
        let seconds = if self.is_short { short } else { full };
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    }

    /// So many records.
    pub(super) fn count(&self, short: usize, full: usize) -> usize {
        if self.is_short { short } else { full }
    }

    pub(super) fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.parts.bootstrap_servers);
        Ok(client.create()?)
    }

    /// Sets these settings of a topic, and all others back.
    pub(super) async fn configure(&self, topic: &str, settings: &[(&str, &str)]) -> Result<()> {
        let config = AlterConfig::new(ResourceSpecifier::Topic(topic));
        let config = settings
            .iter()
            .fold(config, |config, (name, value)| config.set(name, value));
        for result in self
            .admin()?
            .alter_configs(&[config], &AdminOptions::new())
            .await?
        {
            result.map_err(|(_, error)| anyhow::anyhow!("{topic} cannot be configured: {error}"))?;
        }
        Ok(())
    }

    pub(super) async fn delete_topic(&self, topic: &str) -> Result<()> {
        for result in self
            .admin()?
            .delete_topics(&[topic], &AdminOptions::new())
            .await?
        {
            result.map_err(|(_, error)| anyhow::anyhow!("{topic} cannot be deleted: {error}"))?;
        }
        Ok(())
    }

    /// Makes a topic whose namesake was deleted a moment ago.
    pub(super) async fn create_again(&self, topic: &str) -> Result<()> {
        let (admin, options) = (self.admin()?, AdminOptions::new());
        let new = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1));
        let deadline = Instant::now() + Duration::from_secs(30);
        while admin
            .create_topics([&new], &options)
            .await?
            .iter()
            .any(Result::is_err)
        {
            ensure!(Instant::now() < deadline, "{topic} cannot be made again");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    /// Stops the stream for some time, or goes on with it.
    pub(super) fn pause_stream(&self, pauses: bool) {
        if let Some(stream) = &self.stream {
            stream.pause(pauses);
        }
    }

    /// Waits until all events that were acknowledged are stored, for at most so long; whether they are.
    pub(super) async fn all_stored(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        while !self.account.lock().waiting.is_empty() {
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        true
    }

    /// What waits from here on is a writer's deed, and no stall.
    pub(super) fn excuse(&self, is_excused: bool) {
        self.must_report.store(!is_excused, Ordering::Release);
    }
}
