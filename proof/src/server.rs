//! `saga-server` as a process of its own, to be killed.

use std::{
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::process::{Child, Command};

use crate::{http, parts::Parts};

/// How long a server may take to become ready on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Where servers read and write.
#[derive(Debug, Clone)]
pub(crate) struct Harness {
    program: PathBuf,
    bootstrap_servers: String,
    database_url: String,
    log: PathBuf,
    /// Those of librdkafka.
    properties: String,
    /// Further variables of the environment, which override the others.
    settings: Vec<(&'static str, String)>,
}

impl Harness {
    pub(crate) const TOPIC: &str = "proof";
    pub(crate) const DEAD_LETTER_TOPIC: &str = "proof.dlt";
    pub(crate) const GROUP: &str = "proof";

    /// Makes the topics and the tables.
    pub(crate) async fn prepare(parts: &Parts, program: Option<&Path>, log: Option<&Path>) -> Result<Self> {
        let harness = Self {
            program: match program {
                Some(program) => program.to_owned(),
                None => beside_this_program()?,
            },
            bootstrap_servers: parts.bootstrap_servers.clone(),
            database_url: parts.database_url.clone(),
            log: log.map_or_else(|| parts.folder().join("saga-server.log"), Path::to_owned),
            // How long the group waits for a killed instance before its partitions go to the next.
            properties: "session.timeout.ms=6000".to_owned(),
            settings: Vec::new(),
        };
        parts
            .create_topics(&[Self::TOPIC, Self::DEAD_LETTER_TOPIC])
            .await?;
        harness.migrate().await?;
        Ok(harness)
    }

    /// The same with another database.
    pub(crate) fn on_database(&self, url: &str) -> Self {
        Self {
            database_url: url.to_owned(),
            ..self.clone()
        }
    }

    /// The same with a file of SQLite.
    pub(crate) fn on_sqlite(&self, file: &Path) -> Self {
        self.on_database(&format!("sqlite:{}", file.display()))
    }

    /// The same with further settings, and a log of its own beside the other.
    pub(crate) fn with(&self, name: &str, settings: Vec<(&'static str, String)>) -> Self {
        Self {
            log: self.log.with_extension(format!("{name}.log")),
            settings,
            ..self.clone()
        }
    }

    /// The same with further properties of librdkafka.
    pub(crate) fn with_properties(mut self, properties: &str) -> Self {
        if !properties.is_empty() {
            self.properties = format!("{};{properties}", self.properties);
        }
        self
    }

    /// Makes the tables.
    pub(crate) async fn migrate(&self) -> Result<()> {
        let migrated = self.command()?.arg("migrate").status().await?;
        ensure!(
            migrated.success(),
            "saga-server migrate failed:\n{}",
            self.last_words()
        );
        Ok(())
    }

    /// `saga-server serve` on a free port.
    pub(crate) fn serve(&self) -> Result<Server> {
        let address = format!("127.0.0.1:{}", free_port()?);
        let process = self.command()?.args(["serve", "--listen", &address]).spawn()?;
        Ok(Server {
            process,
            url: format!("http://{address}"),
        })
    }

    /// `saga-server gateway` on a free port, or where one was before.
    pub(crate) fn gateway(&self, url: Option<&str>) -> Result<Server> {
        let address = match url {
            Some(url) => url.trim_start_matches("http://").to_owned(),
            None => format!("127.0.0.1:{}", free_port()?),
        };
        let process = self.command()?.args(["gateway", "--listen", &address]).spawn()?;
        Ok(Server {
            process,
            url: format!("http://{address}"),
        })
    }

    /// `saga-server gateway` on a free port, in a folder with a configuration of its own.
    pub(crate) fn gateway_in(&self, folder: &Path) -> Result<Server> {
        let address = format!("127.0.0.1:{}", free_port()?);
        let mut command = self.command()?;
        command
            .args(["gateway", "--config", "saga-server.yml", "--listen", &address])
            .current_dir(folder);
        Ok(Server {
            process: command.spawn()?,
            url: format!("http://{address}"),
        })
    }

    pub(crate) fn command(&self) -> Result<Command> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.program);
        command
            .env("DATABASE_URL", &self.database_url)
            .env("KAFKA_BOOTSTRAP_SERVERS", &self.bootstrap_servers)
            .env("SAGA_SERVER_KAFKA_TOPIC", Self::TOPIC)
            .env("SAGA_SERVER_KAFKA_DEAD_LETTER_TOPIC", Self::DEAD_LETTER_TOPIC)
            .env("SAGA_SERVER_KAFKA_GROUP", Self::GROUP)
            .env("SAGA_SERVER_KAFKA_PROPERTIES", &self.properties)
            .env("SAGA_SERVER_LOG_LEVEL", log_level())
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdout(log.try_clone()?)
            .stderr(log)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        Ok(command)
    }

    /// `saga-server dev` on a free port; `info_file` appears when it is ready.
    pub(crate) fn dev(&self, info_file: &Path, arguments: &[&str]) -> Result<Child> {
        let mut command = self.command()?;
        command
            .env_clear()
            .args(["dev", "--listen", "127.0.0.1:0", "--info-file"])
            .arg(info_file)
            .args(arguments)
            .stdout(Stdio::null());
        Ok(command.spawn()?)
    }

    /// Waits until a started `dev` has written its file.
    pub(crate) async fn wait_for_dev(&self, process: &mut Child, info_file: &Path) -> Result<()> {
        let deadline = Instant::now() + TIMEOUT;
        while !info_file.exists() {
            if process.try_wait()?.is_some() || Instant::now() > deadline {
                bail!("saga-server dev did not become ready:\n{}", self.last_words());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// How many panics the servers logged.
    pub(crate) fn panics(&self) -> usize {
        self.log().matches("panicked at").count()
    }

    /// The end of what the servers logged.
    pub(crate) fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

pub(crate) fn beside_this_program() -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("saga-server");
    if !program.exists() {
        bail!(
            "{} is not there: build it (cargo build -p saga-server, with --release for a release build), or name it with --server",
            program.display()
        );
    }
    Ok(program)
}

/// One line for each of thousands of dead letters would be most of the log.
fn log_level() -> String {
    std::env::var("SAGA_SERVER_LOG_LEVEL").unwrap_or_else(|_| "error".to_owned())
}

pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A running server; it is killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
}

impl Server {
    /// SIGKILL: no goodbye of any kind.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        self.process.kill().await.context("saga-server cannot be killed")
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> Result<u32> {
        self.process.id().context("saga-server has ended")
    }

    /// SIGTERM, and the time that a clean end takes.
    pub(crate) async fn end(mut self) -> Result<()> {
        let id = self.id()?.to_string();
        Command::new("kill").args(["-TERM", &id]).status().await?;
        tokio::time::timeout(TIMEOUT, self.process.wait())
            .await
            .context("saga-server does not end")??;
        Ok(())
    }

    /// Whether it ended by itself, which it never should.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.process.try_wait()?.is_some())
    }

    pub(crate) async fn wait_until_ready(&mut self, harness: &Harness) -> Result<()> {
        let deadline = Instant::now() + TIMEOUT;
        let client = http::client();
        while !is_ready(&client, &self.url).await {
            if self.has_ended()? || Instant::now() > deadline {
                bail!(
                    "saga-server did not become ready; its log ends:\n{}",
                    harness.last_words()
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

/// Whether the server at the address says that it is ready.
pub(crate) async fn is_ready(client: &reqwest::Client, url: &str) -> bool {
    let request = client
        .get(format!("{url}/health/readiness"))
        .timeout(Duration::from_secs(2));
    request
        .send()
        .await
        .is_ok_and(|answer| answer.status().is_success())
}
