//! Finds what happened and stores a delivery of it for each webhook that asks for it.
//!
//! Rule of thumb: it may be done twice, by two collectors at once or after a kill; the database keeps one delivery of an
//! occurrence.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use saga_store::{LateQuery, NewDelivery, NotedFailure, NoticeKind, StoreError};
use saga_types::{Timestamp, fold::SagaState};
use tokio_util::sync::CancellationToken;

use super::{WebhookConfig, Webhooks, notice};
use crate::{
    freshness::SettledWatermark,
    health::Concern,
    maintenance::{
        due,
        lease::{LeasedWork, Turn},
    },
};

/// What happened longer ago when it is found is not sent.
const OLDEST: Duration = Duration::from_secs(7 * 24 * 3_600);

/// How long a delivery is tried.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(3 * 24 * 3_600);

/// How long a delivery is kept once it is done: longer than what it is about could be found again, which is after [`OLDEST`] and the
/// longest time that a compensation may be owed.
const KEPT: Duration = Duration::from_secs(15 * 24 * 3_600);

/// How often those that are done long enough are removed.
const REMOVED_EVERY: Duration = Duration::from_secs(600);

/// After how long a pending delivery is a concern.
const CONCERN_MS: i64 = 5 * 60 * 1_000;

/// How many sagas are looked at by one question, and rows changed by one statement.
const AT_ONCE: u32 = 200;

/// Since when a webhook asks for a kind.
#[derive(Debug)]
pub(super) struct Subscription {
    webhook: usize,
    kind: NoticeKind,
    since: Timestamp,
}

impl Webhooks {
    /// Stores deliveries of failures, and of what is late at a moment if it is known; of how many occurrences there were none yet.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the database does not answer. What was stored until then stays.
    pub async fn note(&self, moment: Option<Timestamp>) -> Result<u64, StoreError> {
        let subscriptions = self.subscriptions().await?;
        let mut added = 0;
        for subscription in subscriptions {
            if let Some(moment) = moment {
                added += self.note_late(subscription, moment).await?;
            }
        }
        Ok(added + self.note_failed(subscriptions).await?)
    }

    async fn subscriptions(&self) -> Result<&[Subscription], StoreError> {
        let subscribe = async || {
            let mut all = Vec::new();
            for (webhook, config) in self.configs.iter().enumerate() {
                let kinds = self
                    .store
                    .subscribe(&config.name, &config.kinds, Timestamp::now())
                    .await?;
                let kinds = kinds.into_iter();
                all.extend(kinds.map(|(kind, since)| Subscription { webhook, kind, since }));
            }
            Ok(all)
        };
        self.subscribed
            .get_or_try_init(subscribe)
            .await
            .map(Vec::as_slice)
    }

    async fn note_late(&self, subscription: &Subscription, moment: Timestamp) -> Result<u64, StoreError> {
        let Subscription { webhook, kind, since } = *subscription;
        let Some(late) = kind.late() else { return Ok(0) };
        let webhook = &self.configs[webhook];
        let since = since.max(Timestamp::now().saturating_sub(OLDEST));
        let query = LateQuery {
            webhook: &webhook.name,
            kind,
            scope: &webhook.scope,
            from: due(late, since, self.compensation_overdue_after),
            before: due(late, moment, self.compensation_overdue_after),
            limit: AT_ONCE,
        };
        let mut added = 0;
        loop {
            let found = self.store.late_without_delivery(&query).await?;
            let new = found
                .iter()
                .filter_map(|(state, due)| self.delivery(webhook, kind, state, *due));
            let new: Vec<NewDelivery> = new.collect();
            let stored = self.store.add_deliveries(&new, &[]).await?;
            added += stored;
            if stored == 0 || found.len() < AT_ONCE as usize {
                return Ok(added);
            }
        }
    }

    async fn note_failed(&self, subscriptions: &[Subscription]) -> Result<u64, StoreError> {
        let asking: Vec<&Subscription> = subscriptions
            .iter()
            .filter(|subscription| subscription.kind == NoticeKind::Failed)
            .collect();
        let mut added = 0;
        loop {
            if asking.is_empty() {
                return Ok(added);
            }
            let noted = self.store.noted_failures(AT_ONCE).await?;
            if noted.is_empty() {
                return Ok(added);
            }
            let ids: BTreeSet<_> = noted
                .iter()
                .filter_map(|failure| failure.saga_id.parse().ok())
                .collect();
            let sagas = self.store.sagas(&ids).await?.into_iter();
            let states: BTreeMap<String, SagaState> = sagas
                .map(|saga| (saga.saga_id.as_str().to_owned(), saga.state))
                .collect();
            let mut new: Vec<NewDelivery> = Vec::new();
            for subscription in &asking {
                for failure in &noted {
                    let state = states.get(&failure.saga_id);
                    new.extend(state.and_then(|state| self.failed(subscription, failure, state)));
                }
            }
            let taken: Vec<i64> = noted.iter().map(|failure| failure.id).collect();
            added += self.store.add_deliveries(&new, &taken).await?;
        }
    }

    fn failed(
        &self,
        subscription: &Subscription,
        failure: &NotedFailure,
        state: &SagaState,
    ) -> Option<NewDelivery> {
        let webhook = &self.configs[subscription.webhook];
        let is_asked_for = webhook.scope.has(&state.saga_type)
            && failure.noted_at >= subscription.since
            && failure.failed_at >= Timestamp::now().saturating_sub(OLDEST);
        is_asked_for
            .then(|| self.delivery(webhook, NoticeKind::Failed, state, failure.failed_at))
            .flatten()
    }

    fn delivery(
        &self,
        webhook: &WebhookConfig,
        kind: NoticeKind,
        state: &SagaState,
        occurred_at: Timestamp,
    ) -> Option<NewDelivery> {
        let definitions = self.store.definitions().get();
        // Texts and times can always be written as JSON.
        notice::delivery(&webhook.name, kind, state, occurred_at, &definitions).ok()
    }

    /// What waits, for the metrics and the health of every collector.
    async fn report(&self) -> Result<(), StoreError> {
        let pending = self.store.count_pending_deliveries().await?;
        let now = Timestamp::now();
        let names = self.configs.iter().map(|webhook| webhook.name.as_str());
        self.metrics.webhooks.set_pending(names, &pending, now);
        let is_configured = |name: &str| self.configs.iter().any(|webhook| webhook.name == name);
        let late = pending
            .iter()
            .find(|pending| is_configured(&pending.webhook) && now.millis_since(pending.since) >= CONCERN_MS);
        let warning = late.map(|pending| {
            format!(
                "webhook {}: {} deliveries wait, the oldest since {}; the logs say why",
                pending.webhook, pending.count, pending.since
            )
        });
        self.health.warn(Concern::Webhooks, warning);
        Ok(())
    }

    /// Gives up what was tried for too long, whether or not its webhook is still configured.
    async fn give_up(&self) -> Result<(), StoreError> {
        let before = Timestamp::now().saturating_sub(GIVEN_UP_AFTER);
        let given_up = self.store.give_up_deliveries(before, AT_ONCE).await?;
        for webhook in &given_up {
            self.metrics.webhooks.given_up(webhook);
        }
        if !given_up.is_empty() {
            tracing::error!(
                deliveries = given_up.len(),
                "deliveries to webhooks given up after 3 days"
            );
        }
        Ok(())
    }
}

/// The work of the collector that holds the lease.
pub(super) struct Noting {
    webhooks: Webhooks,
    watermark: SettledWatermark,
    removed_at: Option<Instant>,
}

impl Noting {
    pub(super) fn new(webhooks: Webhooks) -> Self {
        Self {
            webhooks,
            watermark: SettledWatermark::default(),
            removed_at: None,
        }
    }

    async fn work(&mut self) -> Result<(), StoreError> {
        let moment = self.watermark.moment().filter(|_| !self.watermark.is_paused());
        self.webhooks.note(moment).await?;
        self.webhooks.give_up().await?;
        if self.removed_at.is_none_or(|at| at.elapsed() >= REMOVED_EVERY) {
            let before = Timestamp::now().saturating_sub(KEPT);
            let removed = self.webhooks.store.remove_deliveries(before, AT_ONCE).await?;
            // As long as there are more, at each turn.
            self.removed_at = (removed == 0).then(Instant::now);
        }
        Ok(())
    }
}

impl LeasedWork for Noting {
    async fn turn(&mut self, turn: Turn, _: &CancellationToken) {
        let freshness = self.webhooks.progress.freshness(Timestamp::now());
        self.watermark.observe(&freshness, Instant::now());
        if let Err(error) = self.webhooks.report().await {
            tracing::debug!(%error, "pending deliveries not counted");
        }
        match turn {
            Turn::Ours(_) => {
                if let Err(error) = self.work().await {
                    tracing::warn!(%error, "deliveries of webhooks not determined, retrying");
                }
            }
            Turn::Others => {}
            Turn::Unknown(error) => tracing::debug!(%error, "lease of webhooks not held, retrying"),
        }
    }
}
