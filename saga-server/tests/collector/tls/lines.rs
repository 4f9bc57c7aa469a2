//! Log lines, and what must and must not stand in them.

use std::{
    fs::{File, OpenOptions},
    path::PathBuf,
};

/// Everything that was logged, in a file.
pub(crate) struct Lines {
    folder: tempfile::TempDir,
}

impl Lines {
    pub(crate) fn in_file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lines = Self { folder };
        File::create(lines.path()).unwrap();
        lines
    }

    /// Whatever this process logs, from now on, at any level.
    pub(crate) fn of_this_process() -> Self {
        let lines = Self::in_file();
        let log = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(std::sync::Mutex::new(lines.file()));
        log.init();
        lines
    }

    /// To be written to; what is there stays.
    pub(crate) fn file(&self) -> File {
        OpenOptions::new().append(true).open(self.path()).unwrap()
    }

    pub(crate) fn clear(&self) {
        self.file().set_len(0).unwrap();
    }

    pub(crate) fn holds(&self, words: &str) -> bool {
        self.text().contains(words)
    }

    pub(crate) fn hold(&self, words: &str) {
        let text = self.text();
        assert!(text.contains(words), "{words:?} must stand in:\n{text}");
    }

    pub(crate) fn hold_none_of(&self, all: &[&str]) {
        let text = self.text();
        for words in all {
            assert!(!text.contains(words), "{words:?} must not stand in:\n{text}");
        }
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.path()).unwrap()
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}
