//! Filters that the state of a saga answers alone, for sagas that are not in the database.

use saga_types::fold::SagaState;

use super::{SagaQuery, SagaSort, Scope, SortBy, SortOrder};

impl SagaQuery {
    /// Whether the states of sagas of an order, which are known to be of the order and to be visible, answer all its filters.
    #[must_use]
    pub fn asks_states_alone(&self) -> bool {
        let others = Self {
            scope: Scope::All,
            order_id: None,
            saga_type: None,
            status: None,
            ended: None,
            failed: None,
            started_from: None,
            started_to: None,
            min_duration_ms: None,
            max_duration_ms: None,
            failed_step: None,
            failure_reason: None,
            failure_group: None,
            anomaly: None,
            sort: SagaSort {
                by: SortBy::StartedAt,
                order: SortOrder::Descending,
            },
            ..self.clone()
        };
        !others.has_filters()
    }

    /// Whether these filters let a saga through.
    #[must_use]
    pub fn lets_through(&self, saga: &SagaState) -> bool {
        let is = |wanted: Option<&String>, has: Option<&str>| {
            wanted.is_none_or(|wanted| has == Some(wanted.as_str()))
        };
        let took = |is_fine: &dyn Fn(i64) -> bool| saga.duration_ms.is_some_and(is_fine);
        self.saga_type
            .as_ref()
            .is_none_or(|wanted| *wanted == saga.saga_type)
            && self.status.is_none_or(|wanted| wanted == saga.current_status)
            && self
                .statuses()
                .is_none_or(|wanted| wanted.contains(&saga.current_status))
            && self.started_from.is_none_or(|from| from <= saga.started_at)
            && self.started_to.is_none_or(|to| saga.started_at <= to)
            && self
                .min_duration_ms
                .is_none_or(|least| took(&|took| took >= least))
            && self.max_duration_ms.is_none_or(|most| took(&|took| took <= most))
            && is(
                self.failed_step.as_ref(),
                saga.failed_step.as_ref().map(|step| step.as_str()),
            )
            && is(self.failure_reason.as_ref(), saga.failure_reason.as_deref())
            && is(self.failure_group.as_ref(), saga.failure_group().as_deref())
            && self
                .anomaly
                .is_none_or(|anomaly| saga.anomalies.contains(&anomaly))
    }
}

#[cfg(test)]
mod tests {
    use saga_types::{SagaEvent, SagaStatus, SagaType, Timestamp, definition::Definitions, fold, steps};

    use super::*;

    fn failed() -> SagaState {
        let event = |id: &str, step, status, millis: i64| {
            SagaEvent::new(
                id.parse().unwrap(),
                "saga-1".parse().unwrap(),
                "ORD-1".parse().unwrap(),
                SagaType::ORDER_CREATION,
                step,
                status,
                Timestamp::from_millis(1_760_000_000_000 + millis).unwrap(),
            )
        };
        let events = [
            event("1", steps::ORDER_CREATED, SagaStatus::Started, 0),
            event("2", steps::PAYMENT_FAILED, SagaStatus::Failed, 500),
        ];
        fold::fold(&events, &Definitions::built_in()).unwrap()
    }

    #[test]
    fn each_filter_is_asked() {
        type Set = fn(&mut SagaQuery);
        let saga = failed();
        let cases: [(bool, Set); 12] = [
            (true, |_| {}),
            (true, |query| query.saga_type = Some(SagaType::ORDER_CREATION)),
            (false, |query| query.saga_type = Some(SagaType::REFUND)),
            (false, |query| query.status = Some(SagaStatus::Completed)),
            (true, |query| query.failed = Some(true)),
            (false, |query| query.ended = Some(false)),
            (false, |query| query.started_from = Some(Timestamp::MAX)),
            (false, |query| query.started_to = Some(Timestamp::MIN)),
            (false, |query| query.min_duration_ms = Some(501)),
            (true, |query| {
                query.failed_step = Some("PAYMENT_FAILED".to_owned());
            }),
            (false, |query| query.failure_reason = Some("declined".to_owned())),
            (false, |query| query.failure_group = Some("other".to_owned())),
        ];
        for (place, (passes, set)) in cases.into_iter().enumerate() {
            let mut query = SagaQuery::newest(1);
            query.order_id = Some("ORD-1".to_owned());
            set(&mut query);
            assert_eq!(
                (query.asks_states_alone(), query.lets_through(&saga)),
                (true, passes),
                "{place}"
            );
        }
    }

    #[test]
    fn what_steps_and_people_say_is_not_in_a_state() {
        let of_steps: [fn(&mut SagaQuery); 4] = [
            |query| query.step = Some("A".to_owned()),
            |query| query.producer_service = Some("a".to_owned()),
            |query| query.owing = Some(false),
            |query| _ = query.metadata.insert("a".to_owned(), "b".to_owned()),
        ];
        for set in of_steps {
            let mut query = SagaQuery::newest(1);
            set(&mut query);
            assert!(!query.asks_states_alone());
        }
    }
}
