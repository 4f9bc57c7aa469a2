//! Apache Kafka and PostgreSQL that belong to one run, since it stops them.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Output,
};

use anyhow::{Context as _, Result, bail};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};
use saga_types::topic::PARTITIONS;
use sqlx::{Connection as _, PgConnection, PgPool};
use tempfile::TempDir;
use tokio::process::Command;

/// A part that can be stopped and started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Apache Kafka.
    Kafka,
    /// PostgreSQL.
    Postgres,
}

impl Part {
    /// As `scripts/parts` calls it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Postgres => "postgres",
        }
    }
}

/// A stack of `scripts/parts`, taken down when it is dropped.
#[derive(Debug)]
pub(crate) struct Parts {
    script: PathBuf,
    folder: TempDir,
    pub(crate) bootstrap_servers: String,
    /// Empty without PostgreSQL.
    pub(crate) database_url: String,
    /// Empty without a schema registry.
    pub(crate) registry_url: String,
}

/// Those of the environment belong to everybody.
const OF_THE_ENVIRONMENT: [&str; 3] = ["DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "SCHEMA_REGISTRY_URL"];

impl Parts {
    /// Starts Kafka alone.
    pub(crate) async fn kafka() -> Result<Self> {
        let mut parts = Self::new()?;
        let exports = parts.up(&["up", "kafka"]).await?;
        parts.bootstrap_servers = exported(&exports, "KAFKA_BOOTSTRAP_SERVERS")?;
        Ok(parts)
    }

    /// Starts Kafka and PostgreSQL.
    pub(crate) async fn kafka_and_postgres() -> Result<Self> {
        let mut parts = Self::new()?;
        let exports = parts.up(&["up", "kafka", "postgres"]).await?;
        parts.bootstrap_servers = exported(&exports, "KAFKA_BOOTSTRAP_SERVERS")?;
        parts.database_url = exported(&exports, "DATABASE_URL")?;
        Ok(parts)
    }

    /// Starts Kafka, PostgreSQL and a schema registry.
    pub(crate) async fn kafka_postgres_and_registry() -> Result<Self> {
        let mut parts = Self::kafka_and_postgres().await?;
        let exports = parts.up(&["up", "kafka", "postgres", "registry"]).await?;
        parts.registry_url = exported(&exports, "SCHEMA_REGISTRY_URL")?;
        Ok(parts)
    }

    fn new() -> Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/parts");
        let folder = tempfile::Builder::new().prefix("saga-proof.").tempdir()?;
        // PostgreSQL runs as a user of its own, who must get into the folder.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755))?;
        Ok(Self {
            script,
            folder,
            bootstrap_servers: String::new(),
            database_url: String::new(),
            registry_url: String::new(),
        })
    }

    /// Gives the lines that name their addresses.
    async fn up(&self, words: &[&str]) -> Result<String> {
        self.run(words).await?;
        self.run(&["env"]).await
    }

    /// A clean shutdown.
    pub(crate) async fn stop(&self, part: Part) -> Result<()> {
        self.run(&["stop", part.as_str()]).await.map(drop)
    }

    /// SIGKILL.
    pub(crate) async fn kill(&self, part: Part) -> Result<()> {
        self.run(&["kill", part.as_str()]).await.map(drop)
    }

    /// Starts it again with its data, and waits until it answers.
    pub(crate) async fn start(&self, part: Part) -> Result<()> {
        self.run(&["start", part.as_str()]).await.map(drop)
    }

    /// Where logs may be written.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn create_topics(&self, topics: &[&str]) -> Result<()> {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.bootstrap_servers);
        let admin: AdminClient<DefaultClientContext> = client.create()?;
        let topics: Vec<_> = topics
            .iter()
            .map(|name| NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1)))
            .collect();
        for created in admin.create_topics(&topics, &AdminOptions::new()).await? {
            created.map_err(|(topic, error)| anyhow::anyhow!("topic {topic} cannot be created: {error}"))?;
        }
        Ok(())
    }

    pub(crate) async fn database(&self) -> Result<PgPool> {
        let pool = sqlx::postgres::PgPoolOptions::new().max_connections(20);
        pool.connect(&self.database_url)
            .await
            .context("PostgreSQL does not answer")
    }

    /// Makes one beside that of the URL.
    pub(crate) async fn create_database(&self, name: &str) -> Result<()> {
        self.sql(format!("CREATE DATABASE {name}")).await
    }

    /// Drops it with all sessions. The fewer files there are, the sooner a killed PostgreSQL is back.
    pub(crate) async fn drop_database(&self, name: &str) -> Result<()> {
        self.sql(format!("DROP DATABASE {name} WITH (FORCE)")).await
    }

    async fn sql(&self, statement: String) -> Result<()> {
        let mut connection = PgConnection::connect(&self.database_url).await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(&mut connection)
            .await?;
        Ok(())
    }

    async fn run(&self, words: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.script);
        command.args(words).env("SAGA_PARTS_STATE", self.state());
        OF_THE_ENVIRONMENT
            .iter()
            .for_each(|name| _ = command.env_remove(name));
        stdout_of(
            words,
            &command.output().await.context("scripts/parts cannot be run")?,
        )
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("parts")
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let mut command = std::process::Command::new(&self.script);
        command.arg("down").env("SAGA_PARTS_STATE", self.state());
        let down = command
            .output()
            .map_err(Into::into)
            .and_then(|output| stdout_of(&["down"], &output));
        if let Err(error) = down {
            eprintln!("the parts in {} may still run: {error:#}", self.state().display());
        }
    }
}

fn stdout_of(words: &[&str], output: &Output) -> Result<String> {
    if !output.status.success() {
        bail!(
            "scripts/parts {}: {}",
            words.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The value of a variable in lines such as `export NAME=VALUE`.
fn exported(lines: &str, name: &str) -> Result<String> {
    let start = format!("export {name}=");
    let value = lines.lines().find_map(|line| line.strip_prefix(&start));
    let value = value.with_context(|| format!("scripts/parts env does not name {name}"))?;
    Ok(value.trim_matches(['\'', '"']).to_owned())
}
