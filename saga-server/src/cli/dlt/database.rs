//! Letters in the database itself; no running collector is needed.

use std::sync::Arc;

use super::{
    PAGE,
    lines::{Disposals, Letters, Report},
};
use crate::{
    cli::CliError,
    config::{Settings, load_definitions},
    server::{ServerError, letter_sources, new_gateway},
};
use saga_collector::{
    dead_letters::{DeadLetters, LetterSource, LetterView, ReplayOrder},
    metrics::Metrics,
    webhooks::note_failures,
};
use saga_store::{DisposalOrder, LetterFilter, LetterPlace, LetterQuery, Store, StoreOptions};

pub(super) async fn list(settings: &Settings, filter: LetterFilter, limit: u32) -> Result<Letters, CliError> {
    Letters::of(&Desk::open(settings).await?.list(filter, limit).await?)
}

pub(super) async fn replay(settings: &Settings, order: ReplayOrder) -> Result<Report, CliError> {
    let report = Desk::open(settings).await?.letters.replay(order).await?;
    Ok(Report {
        ended_by: report.ended_by.as_ref().map(ToString::to_string),
        ..Report::of(&report)?
    })
}

pub(super) async fn dispose(
    settings: &Settings,
    filter: &LetterFilter,
    order: &DisposalOrder,
    dry_run: bool,
) -> Result<Disposals, CliError> {
    let store = Desk::open(settings).await?.store;
    match dry_run {
        true => Ok(Disposals {
            letters: store.count_disposable(filter, order.disposal).await?,
            ended_by: None,
        }),
        false => dispose_all(&*store, filter, order).await,
    }
}

/// Some at a time.
async fn dispose_all(
    store: &dyn Store,
    filter: &LetterFilter,
    order: &DisposalOrder,
) -> Result<Disposals, CliError> {
    let mut done = Disposals::default();
    while let Some(disposed) = done.unless_ended(store.dispose(filter, order, PAGE).await)? {
        done.letters += disposed.len() as u64;
        if disposed.len() < PAGE as usize {
            break;
        }
    }
    Ok(done)
}

/// The database, with what a replay needs.
struct Desk {
    store: Arc<dyn Store>,
    letters: DeadLetters,
}

impl Desk {
    async fn open(settings: &Settings) -> Result<Self, CliError> {
        let database = settings.database()?;
        let definitions = load_definitions(&settings.definitions_dir()?)?;
        let options = StoreOptions {
            definitions: definitions.into(),
            max_connections: 2,
        };
        let store = saga_store::connect(database.url.expose(), options).await?;
        // What a replay makes fail is sent to webhooks by the collectors.
        note_failures(&settings.webhooks()?, &*store);
        // The numbers of this process end with it; those of the database are right for everybody.
        let metrics = Arc::new(Metrics::new([]));
        let letters = DeadLetters::new(
            store.clone(),
            settings.schema_registry()?,
            metrics,
            settings.redaction.resolve()?.into(),
        );
        let letters = letters.with_sources(sources(settings)?);
        Ok(Self { store, letters })
    }

    async fn list(&self, filter: LetterFilter, limit: u32) -> Result<Vec<LetterView>, CliError> {
        let mut listed = Vec::new();
        let mut after = None;
        while listed.len() < limit as usize {
            let left = limit - u32::try_from(listed.len()).unwrap_or(limit);
            let page = self.page(filter.clone(), after, left.min(PAGE)).await?;
            listed.extend(self.letters.views(page.letters).await);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(listed)
    }

    async fn page(
        &self,
        filter: LetterFilter,
        after: Option<LetterPlace>,
        size: u32,
    ) -> Result<saga_store::LetterPage, CliError> {
        Ok(self.store.letters(&LetterQuery { filter, after, size }).await?)
    }
}

/// The sources of the configuration, with their mappings. Nothing is read from their topics, and nothing published.
fn sources(settings: &Settings) -> Result<Vec<LetterSource>, CliError> {
    let configured = settings.sources()?;
    if configured.is_empty() {
        return Ok(Vec::new());
    }
    saga_collector::http_client::choose_cryptography();
    let gateway = new_gateway(&settings.gateway()?, &settings.kafka()?).map_err(ServerError::from)?;
    Ok(letter_sources(&gateway.into(), &configured))
}
