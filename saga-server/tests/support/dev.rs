//! `saga-server dev` as a process of its own.

use std::{
    io::Read,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{Rest, TIMEOUT, TestProducer};

pub struct Dev {
    child: Child,
    info: Value,
}

impl Dev {
    pub fn start(folder: &Path, more: &[&str]) -> Self {
        Self::start_with(folder, more, &[], Stdio::inherit())
    }

    /// With further variables, and log lines somewhere else.
    pub fn start_with(folder: &Path, more: &[&str], variables: &[(&str, &str)], log: Stdio) -> Self {
        let info_file = folder.join("info.json");
        let _ = std::fs::remove_file(&info_file);
        let child = Command::new(env!("CARGO_BIN_EXE_saga-server"))
            .args(["dev", "--listen", "127.0.0.1:0", "--info-file"])
            .arg(&info_file)
            .args(more)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let deadline = Instant::now() + TIMEOUT;
        while !info_file.exists() {
            assert!(Instant::now() < deadline, "no info file");
            std::thread::sleep(Duration::from_millis(20));
        }
        let info = serde_json::from_slice(&std::fs::read(info_file).unwrap()).unwrap();
        Self { child, info }
    }

    pub fn text(&self, key: &str) -> &str {
        self.info[key].as_str().unwrap()
    }

    /// Loads the definitions again.
    pub fn hang_up(&self) {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-HUP", &id]).status().unwrap();
    }

    pub fn producer(&self) -> TestProducer {
        TestProducer::to(self.text("bootstrapServers"), self.text("topic"))
    }

    pub fn rest(&self) -> Rest {
        Rest::at(self.text("url"))
    }

    /// Ends it as Ctrl-C does; gives what it printed.
    pub fn interrupt(mut self) -> String {
        Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status()
            .unwrap();
        let mut printed = String::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut printed)
            .unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        printed
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // A failed test must not leave it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
