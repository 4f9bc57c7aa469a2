//! Keeps the definitions as the files say, and notices collectors that run with others.
//!
//! Rule of thumb: files that are wrong change nothing but what is said: the definitions that were loaded before stay in force.

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use saga_collector::{
    health::{Concern, Health},
    metrics::Metrics,
};
use saga_store::{CollectorSettings, Store};
use saga_types::{Step, definition::Definitions};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::config::load_definitions;

/// How often files are looked at, and other collectors.
const INTERVAL: Duration = Duration::from_secs(10);

/// How long a collector counts as running that does not say so again.
const PERIOD: Duration = Duration::from_secs(45);

/// Keeps the definitions of one collector.
#[derive(Clone)]
pub(super) struct DefinitionsKeeper {
    pub(super) folders: Vec<PathBuf>,
    /// The hash of the files when they were loaded.
    pub(super) loaded: u64,
    pub(super) redaction: String,
    pub(super) store: Arc<dyn Store>,
    pub(super) health: Arc<Health>,
    pub(super) metrics: Arc<Metrics>,
}

impl DefinitionsKeeper {
    /// Looks at the files and at other collectors, at once on SIGHUP, until cancelled.
    pub(super) async fn run(self, stop: CancellationToken) {
        let collector = Uuid::now_v7().to_string();
        let mut hang_up = HangUp::listen();
        let mut seen = self.loaded;
        while !stop.is_cancelled() {
            let now = hash(&self.folders);
            if now != seen {
                seen = now;
                self.reload();
            }
            self.compare(&collector).await;
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = hang_up.received() => {
                    tracing::info!("SIGHUP received: loading the definitions");
                    // So that the same files are not loaded once more.
                    seen = hash(&self.folders);
                    self.reload();
                }
                () = stop.cancelled() => {}
            }
        }
        if let Err(error) = self.store.withdraw_collector(&collector).await {
            tracing::debug!(%error, "end of this collector not stored");
        }
    }

    fn reload(&self) {
        let loaded = load_definitions(&self.folders);
        self.metrics
            .process
            .definitions_invalid
            .set(i64::from(loaded.is_err()));
        match loaded {
            Ok(definitions) => {
                self.health.warn(Concern::Definitions, None);
                self.put_in_force(definitions);
            }
            Err(error) => {
                tracing::error!(%error, "definitions are wrong; those that were loaded before stay in force");
                let reason = format!("{error}; the definitions that were loaded before are in force");
                self.health.warn(Concern::Definitions, Some(reason));
            }
        }
    }

    fn put_in_force(&self, definitions: Definitions) {
        let current = self.store.definitions();
        if definitions == *current.get() {
            tracing::info!("definitions unchanged");
            return;
        }
        self.metrics.sagas.know_steps(steps(&definitions));
        let fingerprint = fingerprint(&definitions);
        current.replace(definitions);
        tracing::info!(
            fingerprint,
            "definitions loaded; sagas follow with their next event, `saga-server rebuild` brings all others in line"
        );
    }

    async fn compare(&self, collector: &str) {
        let own = CollectorSettings {
            definitions: fingerprint(&self.store.definitions().get()),
            redaction: self.redaction.clone(),
            tables: self.store.tables(),
        };
        let others = match self.store.announce_collector(collector, &own, PERIOD).await {
            Ok(others) => others,
            // Health says that of the database already.
            Err(error) => return tracing::debug!(%error, "settings of other collectors not read, retrying"),
        };
        let differing = differing(&own, &others);
        self.metrics.process.collectors_differ(differing);
        let warning = warning(differing);
        if self.health.warn(Concern::Collectors, warning.clone()) {
            match warning {
                Some(warning) => tracing::warn!(definitions = own.definitions, "{warning}"),
                None => tracing::info!("all collectors on the database run with the same settings"),
            }
        }
    }
}

/// The steps that definitions name.
pub(super) fn steps(definitions: &Definitions) -> Vec<Step> {
    definitions
        .iter()
        .flat_map(|definition| definition.steps().cloned())
        .collect()
}

fn fingerprint(definitions: &Definitions) -> String {
    format!("{:016x}", definitions.fingerprint())
}

/// How many run with other definitions, another redaction, other tables.
fn differing(own: &CollectorSettings, others: &[CollectorSettings]) -> [usize; 3] {
    let count = |differs: fn(&CollectorSettings, &CollectorSettings) -> bool| {
        others.iter().filter(|other| differs(own, other)).count()
    };
    [
        count(|own, other| own.definitions != other.definitions),
        count(|own, other| own.redaction != other.redaction),
        count(|own, other| own.tables != other.tables),
    ]
}

/// What differs, and what to do.
fn warning(differing: [usize; 3]) -> Option<String> {
    const WHAT: [&str; 3] = [
        "definitions, so that a saga's state depends on who stores its next event: give all the same files, then run \
         `saga-server rebuild`",
        "redaction.metadataKeys, so that some show what others hide: give all the same configuration",
        "tables: finish the roll-out to one version",
    ];
    let parts = WHAT.into_iter().zip(differing).filter(|(_, count)| *count > 0);
    let parts = parts.map(|(what, count)| match count {
        1 => format!("1 other collector on this database runs with other {what}"),
        count => format!("{count} other collectors on this database run with other {what}"),
    });
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// A hash of everything that is in the folders, which need not be read for it to be compared.
pub(super) fn hash(folders: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for folder in folders {
        let mut files: Vec<PathBuf> = fs::read_dir(folder)
            .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
            .unwrap_or_default();
        files.sort();
        for file in files {
            // A file that cannot be read is an error when the folder is loaded.
            let text = fs::read(&file).ok();
            (file, text).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// SIGHUP, where there is one.
struct HangUp {
    #[cfg(unix)]
    signals: Option<tokio::signal::unix::Signal>,
}

impl HangUp {
    fn listen() -> Self {
        Self {
            #[cfg(unix)]
            signals: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok(),
        }
    }

    async fn received(&mut self) {
        #[cfg(unix)]
        if let Some(signals) = &mut self.signals
            && signals.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(definitions: &str, redaction: &str, tables: i64) -> CollectorSettings {
        CollectorSettings {
            definitions: definitions.to_owned(),
            redaction: redaction.to_owned(),
            tables,
        }
    }

    #[test]
    fn a_warning_says_what_differs_and_what_to_do() {
        let own = settings("a", "", 7);
        assert_eq!(warning(differing(&own, std::slice::from_ref(&own))), None);
        let others = [settings("b", "", 7), settings("c", "", 8)];
        let warning = warning(differing(&own, &others)).unwrap();
        for said in [
            "2 other collectors on this database run with other definitions",
            "rebuild",
            "1 other collector",
        ] {
            assert!(warning.contains(said), "{warning}");
        }
        assert!(!warning.contains("redaction"), "{warning}");
    }

    #[test]
    fn the_hash_changes_with_names_and_content_alone() {
        let folder = tempfile::tempdir().unwrap();
        let folders = [folder.path().to_owned()];
        let empty = hash(&folders);
        let file = folder.path().join("a.yml");
        fs::write(&file, "1").unwrap();
        let one = hash(&folders);
        fs::write(&file, "2").unwrap();
        let two = hash(&folders);
        fs::write(&file, "1").unwrap();
        assert!(empty != one && one != two);
        assert_eq!(hash(&folders), one);
    }
}
