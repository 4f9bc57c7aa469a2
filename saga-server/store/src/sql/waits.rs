//! How long the sagas of a type and a period waited, from their stored folds or, without a definition, from their events.

use std::time::Duration;

use saga_types::{SagaType, fold::Waits};

use super::{Adapter, flows, read, samples, statistics};
use crate::{Scope, Span, StoreError, flow::observed_waits, fold_text::read_fold, period::drawn_below};

/// What is usual is learnt from sagas that ended within this time.
pub(super) const LEARNT_FROM: Duration = Duration::from_hours(7 * 24);

/// How many sagas are read at once.
pub(super) const CHUNK: usize = 500;

/// Goes through the waits of about `most` of the sagas of a type that started within a period.
pub(super) async fn waits_of(
    store: &Adapter,
    saga_type: &SagaType,
    span: &Span,
    most: u32,
    mut each: impl FnMut(Waits) + Send,
) -> Result<(), StoreError> {
    let mut counting = span.statistics(&Scope::All);
    counting.saga_type = Some(saga_type.clone());
    let total = statistics::statistics(&store.readers, &counting).await?.total;
    let saga_ids = flows::sagas(&store.readers, saga_type, span, drawn_below(most, total)).await?;
    let definitions = store.definitions.get();
    let is_defined = definitions.get(saga_type).is_some();
    for some in saga_ids.chunks(CHUNK) {
        let folds = read::folds(&store.readers, some).await?;
        // One that cannot be read is folded again with its next event.
        let folds = folds.iter().filter_map(|fold| read_fold(fold));
        if is_defined {
            folds
                .filter_map(|fold| fold.waits(&definitions))
                .for_each(&mut each);
        } else {
            let waits = folds.filter_map(|fold| {
                let saga_id = fold.try_state(&definitions)?.saga_id;
                Some((saga_id.to_string(), fold.waits(&definitions)?))
            });
            let waits = waits.collect();
            let events = samples::steps(store.reading().await?, some, None).await?;
            observed_waits(waits, &events)?.into_iter().for_each(&mut each);
        }
    }
    Ok(())
}
