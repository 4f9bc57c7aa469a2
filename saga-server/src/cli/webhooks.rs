//! `webhooks`: what waits for them, and an example to try a receiver with.

use std::fmt::Write;

use clap::{Args, Subcommand};
use saga_collector::webhooks::{WebhookConfig, event_name, send_example};
use saga_store::{Delivery, StoreOptions};
use saga_types::definition::Definitions;

use super::{CliError, block_on, logging, output};
use crate::config::{ConfigArgs, Settings};

/// How many deliveries are listed.
const MOST: u32 = 1_000;

#[derive(Debug, Args)]
pub(super) struct WebhooksArgs {
    #[command(subcommand)]
    command: WebhooksCommand,
}

#[derive(Debug, Subcommand)]
enum WebhooksCommand {
    /// List the deliveries that are not received yet, at most 1,000, and send nothing
    Pending(PendingArgs),
    /// Send one signed example that is about no saga, and say whether it was received
    Test(TestArgs),
}

#[derive(Debug, Args)]
struct PendingArgs {
    /// Only those of this webhook
    name: Option<String>,

    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
struct TestArgs {
    /// The webhook, as the configuration calls it
    name: String,

    #[command(flatten)]
    config: ConfigArgs,
}

impl WebhooksArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        match self.command {
            WebhooksCommand::Pending(args) => args.run(),
            WebhooksCommand::Test(args) => args.run(),
        }
    }
}

impl PendingArgs {
    fn run(self) -> Result<(), CliError> {
        let settings = self.config.load()?;
        logging::start(&settings.log());
        let name = self.name.as_deref();
        if let Some(name) = name {
            named(&settings, name)?;
        }
        let database = settings.database()?;
        let options = StoreOptions {
            definitions: Definitions::none().into(),
            max_connections: 2,
        };
        let pending = block_on(async {
            let store = saga_store::connect(database.url.expose(), options).await?;
            store.check().await?;
            Ok(store.pending_deliveries(name, MOST).await?)
        })?;
        output::print(&lines(&pending))
    }
}

impl TestArgs {
    fn run(self) -> Result<(), CliError> {
        let settings = self.config.load()?;
        logging::start(&settings.log());
        let webhook = named(&settings, &self.name)?;
        let pages = settings.pages()?;
        let sent = block_on(async {
            send_example(&webhook, pages.owners, pages.external_url)
                .await
                .map_err(|error| CliError::failed(format_args!("webhook {}: {error}", self.name)))
        })?;
        output::print(&format!("webhook {} received {sent}\n", self.name))
    }
}

fn named(settings: &Settings, name: &str) -> Result<WebhookConfig, CliError> {
    let webhooks = settings.webhooks()?;
    let names: Vec<&str> = webhooks.iter().map(|webhook| webhook.name.as_str()).collect();
    let known = names.join(", ");
    let found = webhooks.iter().find(|webhook| webhook.name == name);
    found
        .cloned()
        .ok_or_else(|| CliError::usage(format_args!("no webhook is called {name:?}; configured: {known}")))
}

fn lines(pending: &[Delivery]) -> String {
    let mut text = String::new();
    for delivery in pending {
        let Delivery {
            id,
            webhook,
            kind,
            saga_id,
            occurred_at,
            attempts,
            next_at,
            ..
        } = delivery;
        let event = event_name(*kind);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "{webhook}  {event}  {saga_id}  since {occurred_at}  {id}  attempts {attempts}, next {next_at}"
        );
        text.push_str(&match &delivery.last_error {
            Some(error) => format!("  last: {error}\n"),
            None => "\n".to_owned(),
        });
    }
    text.push_str(&format!("{} pending\n", pending.len()));
    text
}
