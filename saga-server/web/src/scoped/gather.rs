//! Gathers the words that filters can ask for: those of the definitions, and those of some sagas that the caller may see.
//!
//! Rule of thumb: what is read is a bounded draw.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use saga_store::{DrawnSaga, SagaQuery, Scope, StatisticsQuery, StoreError};
use saga_types::Timestamp;

use super::{Reader, words::Words};

/// How many sagas are looked at.
const SAGAS: u32 = 200;

/// Those that started so long ago or later, if there are any.
const LATELY: Duration = Duration::from_hours(30 * 24);

/// How many words of each kind are kept, the most frequent ones.
const WORDS: usize = 200;

impl Reader {
    /// The words that filters can ask for.
    pub(crate) async fn words(&self) -> Result<Arc<Words>, StoreError> {
        let scope = key(self.scope());
        if let Some(words) = self.sources.words.get(&scope) {
            return Ok(words);
        }
        let words = Arc::new(gather(self).await?);
        self.sources.words.put(scope, words.clone());
        Ok(words)
    }
}

/// Names a scope; all types have another name than any list of types.
fn key(scope: &Scope) -> Vec<String> {
    match scope {
        Scope::All => vec![String::new()],
        Scope::Types(types) => types.iter().map(|name| name.as_str().to_owned()).collect(),
    }
}

/// Words with how often they came.
#[derive(Debug, Default)]
struct Tally(BTreeMap<String, u64>);

impl Tally {
    fn add(&mut self, word: &str, times: u64) {
        if let Some(count) = self.0.get_mut(word) {
            *count += times;
        } else {
            self.0.insert(word.to_owned(), times);
        }
    }

    fn most_frequent(self) -> Vec<String> {
        let mut words: Vec<(String, u64)> = self.0.into_iter().collect();
        words.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
        words.into_iter().take(WORDS).map(|(word, _)| word).collect()
    }
}

async fn gather(reader: &Reader) -> Result<Words, StoreError> {
    let [
        mut types,
        mut steps,
        mut services,
        mut owners,
        mut versions,
        mut keys,
    ] = std::array::from_fn(|_| Tally::default());
    for definition in reader.definitions().iter() {
        types.add(definition.saga_type.as_str(), 0);
        for step in definition.steps() {
            steps.add(step.as_str(), 0);
            if let Some(owner) = definition.owner(step) {
                owners.add(owner, 1);
            }
        }
    }
    let counted = reader.statistics(&StatisticsQuery::default()).await?;
    for (saga_type, count) in &counted.by_type {
        types.add(saga_type.as_str(), *count);
    }
    let lately = SagaQuery {
        started_from: Some(Timestamp::now().saturating_sub(LATELY)),
        ..SagaQuery::newest(1)
    };
    let mut query = lately;
    let mut drawn = reader.draw(&query, SAGAS).await?;
    if drawn.sagas.is_empty() {
        query.started_from = None;
        drawn = reader.draw(&query, SAGAS).await?;
    }
    for saga in &drawn.sagas {
        for (key, value) in &saga.values {
            match key.as_str() {
                DrawnSaga::SERVICE => services.add(value, 1),
                DrawnSaga::VERSION => {
                    let version = value
                        .split_once(' ')
                        .map_or(value.as_str(), |(_, version)| version);
                    versions.add(version, 1);
                }
                key if reader.redaction.hides(key) => {}
                key => keys.add(key, 1),
            }
        }
    }
    for event in reader.draw_events(&query, SAGAS).await?.iter().flatten() {
        steps.add(event.step.as_str(), 1);
    }
    let versions = match reader.redaction.hides(DrawnSaga::VERSION) {
        true => Vec::new(),
        false => versions.most_frequent(),
    };
    Ok(Words {
        types: types.most_frequent(),
        steps: steps.most_frequent(),
        services: services.most_frequent(),
        owners: owners.most_frequent(),
        versions,
        keys: keys.most_frequent(),
    })
}
