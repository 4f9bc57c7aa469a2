//! `saga-server` as a process of its own, to be killed.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use tempfile::NamedTempFile;

use super::{Harness, Rest};

pub struct ServerProcess {
    child: Child,
    pub rest: Rest,
    log: Option<NamedTempFile>,
}

impl ServerProcess {
    /// `saga-server serve` on the harness, with its log among the test's own lines.
    pub fn serve(harness: &Harness) -> Self {
        Self::serve_with(harness, &[], Stdio::inherit())
    }

    /// The same, with its log for [`ServerProcess::log_lines`].
    pub fn serve_logging(harness: &Harness) -> Self {
        let log = NamedTempFile::new().unwrap();
        let lines = log.reopen().unwrap().into();
        let variables = [
            ("SAGA_SERVER_LOG_FORMAT", "json"),
            ("SAGA_SERVER_LOG_LEVEL", "debug"),
        ];
        let mut process = Self::serve_with(harness, &variables, lines);
        process.log = Some(log);
        process
    }

    /// The same, with other or further variables, and log lines somewhere else.
    pub fn serve_with(harness: &Harness, variables: &[(&str, &str)], log: Stdio) -> Self {
        let database = [("DATABASE_URL", harness.database_url.as_str())];
        let variables = [&database, variables].concat();
        Self::run(harness, "serve", free_port(), &variables, log)
    }

    /// `saga-server gateway` on the harness, on a port that it may be given again.
    pub fn gateway(harness: &Harness, port: u16) -> Self {
        Self::gateway_with(harness, port, &[], Stdio::inherit())
    }

    /// The same, with other or further variables, and log lines somewhere else.
    pub fn gateway_with(harness: &Harness, port: u16, variables: &[(&str, &str)], log: Stdio) -> Self {
        Self::run(harness, "gateway", port, variables, log)
    }

    fn run(harness: &Harness, command: &str, port: u16, variables: &[(&str, &str)], log: Stdio) -> Self {
        let address = format!("127.0.0.1:{port}");
        let child = Command::new(env!("CARGO_BIN_EXE_saga-server"))
            .args([command, "--listen", &address])
            .env("KAFKA_BOOTSTRAP_SERVERS", &harness.bootstrap_servers)
            .env("SAGA_SERVER_KAFKA_TOPIC", &harness.topic)
            .env("SAGA_SERVER_KAFKA_DEAD_LETTER_TOPIC", &harness.dead_letter_topic)
            .env("SAGA_SERVER_KAFKA_GROUP", &harness.group)
            // How long the group waits for a killed instance before its partitions go to the next.
            .env("SAGA_SERVER_KAFKA_PROPERTIES", "session.timeout.ms=6000")
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            child,
            rest: Rest::at(format!("http://{address}")),
            log: None,
        }
    }

    /// The lines of its log that hold a text.
    pub fn log_lines(&self, text: &str) -> Vec<String> {
        let log = std::fs::read_to_string(self.log.as_ref().unwrap()).unwrap();
        let lines = log.lines().filter(|line| line.contains(text));
        lines.map(str::to_owned).collect()
    }

    /// SIGKILL: without a shutdown.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; gives the exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        let status = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(status.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It may be dead already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
