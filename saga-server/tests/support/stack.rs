//! Parts that belong to one test file, where others would suffer with them.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// Apache Kafka and PostgreSQL of one's own, taken down when dropped.
pub struct Stack {
    state: tempfile::TempDir,
    variables: String,
}

impl Stack {
    /// Started anew; with a folder of certificates it has listeners with TLS too.
    pub fn up(certificates: Option<&Path>) -> Self {
        let folder = certificates.map(|folder| ("SAGA_PARTS_TLS_DIR", folder.display().to_string()));
        Self::with(folder)
    }

    /// With more lines for Kafka's server.properties.
    pub fn with_kafka_settings(settings: &str) -> Self {
        Self::with(Some(("SAGA_PARTS_KAFKA_SETTINGS", settings.to_owned())))
    }

    fn with(variable: Option<(&str, String)>) -> Self {
        let mut stack = Self {
            state: tempfile::tempdir().unwrap(),
            variables: String::new(),
        };
        // PostgreSQL runs as a user of its own, who must get into the folder.
        let everybody = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(stack.state.path(), everybody).unwrap();
        stack.run(&["up", "kafka", "postgres"], variable);
        stack.variables = stack.parts(&["env"]);
        stack
    }

    /// Runs `scripts/parts` on it, and gives its output.
    pub fn parts(&self, words: &[&str]) -> String {
        self.run(words, None)
    }

    fn run(&self, words: &[&str], variable: Option<(&str, String)>) -> String {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scripts/parts");
        let output = Command::new(script)
            .args(words)
            .env("SAGA_PARTS_STATE", self.folder())
            // Those of the environment belong to everybody.
            .env_remove("DATABASE_URL")
            .env_remove("KAFKA_BOOTSTRAP_SERVERS")
            .envs(variable)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "parts {words:?}: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        said
    }

    /// Where the parts keep what is theirs.
    pub fn folder(&self) -> PathBuf {
        self.state.path().join("parts")
    }

    /// One of the variables with the addresses of parts.
    pub fn value(&self, name: &str) -> String {
        let line = self
            .variables
            .lines()
            .find_map(|line| line.strip_prefix(&format!("export {name}=")));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.variables))
            .trim_matches(['\'', '"'])
            .to_owned()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.parts(&["down"]);
    }
}
