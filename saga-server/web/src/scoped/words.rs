//! Words that filters can ask for, cached, so that a key that is pressed costs no question to the database.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long they are kept.
const KEPT: Duration = Duration::from_secs(30);

/// For how many scopes.
const SCOPES: usize = 100;

/// Words by kind, the most frequent first.
#[derive(Debug, Default)]
pub(crate) struct Words {
    pub(crate) types: Vec<String>,
    pub(crate) steps: Vec<String>,
    /// That record steps.
    pub(crate) services: Vec<String>,
    /// That own steps by a definition.
    pub(crate) owners: Vec<String>,
    pub(crate) versions: Vec<String>,
    /// Top-level keys of the metadata, without those whose values are hidden.
    pub(crate) keys: Vec<String>,
}

/// Words by the scope of those who may see them.
#[derive(Debug, Default)]
pub(super) struct KeptWords(Mutex<ByScope>);

/// Words with when they were gathered.
type ByScope = BTreeMap<Vec<String>, (Instant, Arc<Words>)>;

impl KeptWords {
    pub(super) fn get(&self, scope: &[String]) -> Option<Arc<Words>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.get(scope).filter(|(since, _)| since.elapsed() < KEPT);
        found.map(|(_, words)| words.clone())
    }

    pub(super) fn put(&self, scope: Vec<String>, words: Arc<Words>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= SCOPES {
            kept.clear();
        }
        kept.insert(scope, (Instant::now(), words));
    }
}
