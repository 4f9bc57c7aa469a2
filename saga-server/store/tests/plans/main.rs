//! No question to PostgreSQL reads a table whole, or far more than it answers.
//!
//! PostgreSQL itself counts what is read. Each question comes from a store of its own, so that what it read is known once
//! its sessions have ended; what was asked need not be repeated here as SQL.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asked;
mod bound;
mod filters;
mod flows;
mod letters;
mod many_sagas;
mod usual;

use asked::Asked;
use filters::{DUE, FILTERS, moment};
use many_sagas::ManySagas;
use saga_store::{
    FailureGroupsQuery, FindPlace, FindQuery, PageStart, Position, Rebuild, SagaQuery, SagaSort, Scope,
    SortBy, SortOrder, SortValue, Span, StatisticsQuery, Store, Total, Width,
};
use saga_types::SagaType;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

const SAGAS: i32 = 100_000;

/// What every question may read: a page, its sagas' steps, and what a search for them touches.
const FEW: i64 = 3_000;
/// What a count up to the cap may read: an entry for each saga, and some for those that do not match.
const COUNTED: i64 = 45_000;

impl Asked {
    /// Many sagas.
    async fn new() -> Self {
        let mut asked = Self::empty().await;
        let many = ManySagas {
            sagas: SAGAS,
            begin: moment("2026-10-01T00:00:00Z"),
        };
        many.fill(&mut asked.admin).await.unwrap();
        for table in ["saga_steps", "saga_instance", "saga_rollup"] {
            let analyze = AssertSqlSafe(format!("VACUUM ANALYZE {table}"));
            asked.admin.execute(analyze).await.unwrap();
        }
        asked
    }

    /// Otherwise what is read here says nothing about real sagas.
    async fn sagas_are_what_their_steps_say(&self) {
        let store = self.store().await;
        let looked_at = store.rebuild(None, 2_000, Rebuild::DryRun).await.unwrap();
        assert_eq!((looked_at.differences, looked_at.sagas), (Vec::new(), 2_000));
        assert_eq!(store.recount(Rebuild::DryRun).await.unwrap(), 0);
    }

    /// The steps name no parents; three of ten sagas get one beside them.
    async fn name_parents(&mut self) {
        let name = "UPDATE saga_instance SET parent_saga_id = 'saga-' || md5((number / 10 * 10)::text) \
            FROM (SELECT substr(order_id, 5)::integer AS number, saga_id AS id FROM saga_instance) AS numbered \
            WHERE saga_id = id AND number % 10 > 6";
        self.admin.execute(name).await.unwrap();
        self.admin.execute("VACUUM ANALYZE saga_instance").await.unwrap();
    }

    /// What few sagas have is looked up in another way than what many have, and both must find the same as a plain question.
    /// Somebody takes care of two of the failed sagas.
    async fn acknowledge_some(&mut self) {
        let acknowledge = "INSERT INTO acknowledgement (saga_id, acknowledged_at, acknowledged_by, assignee, note, ends_at, \
                           seen_status, seen_owed, seen_failures) \
                           SELECT saga_id, now(), 'dana', 'dana', '', 'infinity', 'FAILED', 100, 100 FROM saga_instance \
                           WHERE current_status = 'FAILED' LIMIT 2";
        sqlx::query(acknowledge).execute(&mut self.admin).await.unwrap();
    }

    async fn pages_are_those_that_sql_gives(&self) {
        type Filter = (&'static str, fn(&mut SagaQuery));
        const OF_STEPS: [Filter; 5] = [
            ("step = 'STOCK_RESERVED'", |query| {
                query.step = Some("STOCK_RESERVED".to_owned());
            }),
            ("step = 'LOYALTY_POINTS'", |query| {
                query.step = Some("LOYALTY_POINTS".to_owned());
            }),
            ("producer_service = 'loyalty-service'", |query| {
                query.producer_service = Some("loyalty-service".to_owned());
            }),
            (r#"metadata @> '{"paymentMethod": "CARD"}'"#, |query| {
                query.metadata = [("paymentMethod".to_owned(), "CARD".to_owned())].into();
            }),
            (r#"metadata @> '{"customerId": "customer-77"}'"#, |query| {
                query.metadata = [("customerId".to_owned(), "customer-77".to_owned())].into();
            }),
        ];
        const OF_SAGAS: [Filter; 3] = [
            ("true ORDER BY started_at DESC, saga_id DESC", |_| {}),
            ("true ORDER BY started_at, saga_id", |query| {
                query.sort.order = SortOrder::Ascending;
            }),
            // The oldest of those that match, so that all of them must be looked at.
            (
                "started_at <= '2026-10-03T00:00:00Z' ORDER BY started_at DESC, saga_id DESC",
                |query| query.started_to = Some(moment("2026-10-03T00:00:00Z")),
            ),
        ];
        let store = self.store().await;
        // What it reads counts when it ends, and so not among what is looked at later.
        let mut plainly = PgConnection::connect(&self.url).await.unwrap();
        for ((steps, of_steps), (sagas, of_sagas)) in OF_STEPS
            .iter()
            .flat_map(|steps| OF_SAGAS.iter().map(move |sagas| (steps, sagas)))
        {
            let what = format!("{steps} AND {sagas}");
            let plain = format!(
                "SELECT saga_id FROM saga_instance WHERE saga_id IN (SELECT saga_id FROM saga_steps WHERE {steps}) \
                 AND {sagas} LIMIT 60"
            );
            let expected: Vec<String> = sqlx::query_scalar(AssertSqlSafe(plain))
                .fetch_all(&mut plainly)
                .await
                .unwrap();
            let mut query = everything();
            of_steps(&mut query);
            of_sagas(&mut query);
            // What comes after a page is found by its number, and by where it ends.
            let mut after = query.clone();
            for (number, expected) in expected.chunks(20).enumerate() {
                query.start = PageStart::Offset(number as u64 * 20);
                for query in [&query, &after] {
                    let page = store.search(query).await.unwrap();
                    let found: Vec<&str> = page.sagas.iter().map(|saga| saga.saga_id.as_str()).collect();
                    assert_eq!(found, expected, "{what}, page {number}");
                }
                let last = store.saga(expected.last().unwrap()).await.unwrap().unwrap();
                after.start = PageStart::After {
                    value: SortValue::At(last.started_at),
                    saga_id: last.saga_id.to_string(),
                };
            }
            if steps.contains("LOYALTY") || steps.contains("loyalty") {
                assert!(!expected.is_empty(), "{what}");
            }
        }
        plainly.close().await.unwrap();
    }

    /// Whether few sagas of the types were looked up, or many with many steps, or many with few.
    async fn totals_are_those_that_sql_counts(&self) {
        let store = self.store().await;
        // What it reads counts when it ends, and so not among what is looked at later.
        let mut plainly = PgConnection::connect(&self.url).await.unwrap();
        for (types, step) in [
            (vec![SagaType::REFUND], "STOCK_RESERVED"),
            (vec![SagaType::REFUND], "PAYMENT_INITIALIZATION"),
            (vec![SagaType::ORDER_CREATION, SagaType::REFUND], "STOCK_RESERVED"),
            (vec![SagaType::ORDER_CREATION], "PAYMENT_INITIALIZATION"),
        ] {
            let names: Vec<String> = types.iter().map(|name| name.as_str().to_owned()).collect();
            let plain = "SELECT count(*) FROM saga_instance WHERE saga_type = ANY($1) \
                 AND saga_id IN (SELECT saga_id FROM saga_steps WHERE step = $2)";
            let expected: i64 = sqlx::query_scalar(plain)
                .bind(names)
                .bind(step)
                .fetch_one(&mut plainly)
                .await
                .unwrap();
            let expected = expected.cast_unsigned();
            let what = format!("{step} of {types:?}: {expected}");
            let mut query = everything();
            query.scope = Scope::of(types);
            query.step = Some(step.to_owned());
            // After a place, so that the page does not show how many there are.
            query.start = PageStart::After {
                value: SortValue::At(moment("2026-10-16T12:00:00Z")),
                saga_id: "saga-7".to_owned(),
            };
            let total = store.search(&query).await.unwrap().total;
            assert_eq!(total.count, expected.min(Total::CAP), "{what}");
            assert_eq!(total.is_exact, expected <= Total::CAP, "{what}");
        }
        plainly.close().await.unwrap();
    }
}

fn everything() -> SagaQuery {
    SagaQuery::newest(20)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_readers_ask_reads_a_table_whole() {
    let mut asked = Asked::new().await;
    asked.sagas_are_what_their_steps_say().await;
    asked.name_parents().await;
    asked.acknowledge_some().await;
    asked.pages_are_those_that_sql_gives().await;
    asked.totals_are_those_that_sql_counts().await;
    let mut complaints = Vec::new();
    for (name, most, filter) in FILTERS {
        for by in [SortBy::StartedAt, SortBy::UpdatedAt] {
            for order in [SortOrder::Ascending, SortOrder::Descending] {
                let middle = PageStart::After {
                    value: SortValue::At(moment("2026-10-16T12:00:00Z")),
                    saga_id: "saga-7".to_owned(),
                };
                for start in [PageStart::Offset(0), middle] {
                    let what = format!("{name} by {by:?} {order:?} from {start:?}");
                    let mut query = everything();
                    filter(&mut query);
                    query.sort = SagaSort { by, order };
                    query.start = start;
                    let search = async |store: std::sync::Arc<dyn Store>| store.search(&query).await.unwrap();
                    complaints.extend(asked.complaint(&what, most, search).await);
                }
            }
        }
    }
    for (name, most, by, filter) in DUE {
        for order in [SortOrder::Ascending, SortOrder::Descending] {
            let mut query = everything();
            filter(&mut query);
            query.sort = SagaSort { by, order };
            let search = async |store: std::sync::Arc<dyn Store>| store.search(&query).await.unwrap();
            complaints.extend(
                asked
                    .complaint(&format!("{name} by {by:?} {order:?}"), most, search)
                    .await,
            );
        }
    }
    for (width, slots) in [(Width::Minute, 60), (Width::Hour, 24), (Width::Day, 30)] {
        let span = Span::ending_at(moment("2026-10-30T12:00:00Z"), width, slots);
        for scope in [
            Scope::All,
            Scope::of([SagaType::REFUND, SagaType::STORE_REGISTRATION]),
        ] {
            let types = scope.types().count();
            let trends = async |store: std::sync::Arc<dyn Store>| store.trends(&span, &scope).await.unwrap();
            let what = format!("trends {width:?} of {types} types");
            // The sagas of the minutes in which it begins and ends.
            complaints.extend(asked.complaint(&what, 100, trends).await);
            let durations =
                async |store: std::sync::Arc<dyn Store>| store.durations(&span, &scope).await.unwrap();
            let what = format!("durations {width:?} of {types} types");
            complaints.extend(asked.complaint(&what, 100, durations).await);
        }
        complaints.extend(flows::complaints(&mut asked, span, width).await);
    }
    for saga_type in [None, Some(SagaType::ORDER_CREATION)] {
        let query = FailureGroupsQuery {
            scope: Scope::All,
            saga_type,
            from: moment("2026-10-20T00:00:00Z"),
            to: moment("2026-10-29T23:59:59.999Z"),
            against: None,
            parts: 10,
        };
        let groups = async |store: std::sync::Arc<dyn Store>| {
            let found = store.failure_groups(&query).await.unwrap();
            assert!(found.groups.len() > 1 && found.is_exact);
        };
        // Some sagas of each piece of both periods, an entry for each failed saga of them, and the sagas of a minute at either end.
        let read = 2 * 24 * 101 * 2 + i64::from(SAGAS) / 5;
        complaints.extend(
            asked
                .complaint(&format!("{:?}", query.saga_type), read, groups)
                .await,
        );
    }
    for (from, to) in [
        (None, None),
        (Some("2026-10-05T00:00:00Z"), Some("2026-10-14T23:59:59.999Z")),
        (Some("2026-10-05T10:11:12.345Z"), Some("2026-10-15T17:18:19.2Z")),
    ] {
        let query = StatisticsQuery {
            from: from.map(moment),
            to: to.map(moment),
            archived: true,
            ..StatisticsQuery::default()
        };
        let statistics = async |store: std::sync::Arc<dyn Store>| store.statistics(&query).await.unwrap();
        complaints.extend(
            asked
                .complaint(&format!("statistics {from:?} {to:?}"), 100, statistics)
                .await,
        );
    }
    let attention = async |store: std::sync::Arc<dyn Store>| {
        store.attention(moment("2026-11-01T00:00:00Z")).await.unwrap()
    };
    complaints.extend(asked.complaint("attention", FEW, attention).await);
    let saga_id = "saga-c4ca4238a0b923820dcc509a6f75849b";
    let position = Position {
        recorded_at: moment("2026-10-01T00:00:00Z"),
        event_id: "1".parse().unwrap(),
    };
    let steps = async |store: std::sync::Arc<dyn Store>| {
        let page = store
            .steps(saga_id, Some(&position), 1000)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(page.steps.len(), 5);
    };
    complaints.extend(asked.complaint("steps", 20, steps).await);
    let saga = async |store: std::sync::Arc<dyn Store>| store.saga(saga_id).await.unwrap().unwrap();
    complaints.extend(asked.complaint("a saga", 20, saga).await);
    let erased = async |store: std::sync::Arc<dyn Store>| store.erased_at(saga_id).await.unwrap();
    complaints.extend(asked.complaint("when a saga was erased", 20, erased).await);
    let ids = [
        "saga-c4ca4238a0b923820dcc509a6f75849b",
        "saga-c",
        "saga-",
        "ORD-777",
        "nowhere",
    ];
    let texts = ids.into_iter().chain(["CARD", "customer-77"]);
    for (text, is_beginning) in texts.flat_map(|text| [(text, false), (text, true)]) {
        let keys = ["paymentMethod", "customerId", "orderAmount"].map(str::to_owned);
        for place in [
            FindPlace::SagaId,
            FindPlace::OrderId,
            FindPlace::TraceId,
            FindPlace::EventId,
            FindPlace::Metadata(keys.into()),
        ] {
            for scope in [Scope::All, Scope::of([SagaType::REFUND])] {
                let query = FindQuery {
                    scope,
                    place: place.clone(),
                    texts: vec![text.to_owned(), text.to_uppercase()],
                    is_beginning,
                    size: 20,
                };
                let what = format!("{query:?}");
                // Of a common value the index gives all steps that have it, for as long as the question may take.
                let most = if text == "CARD" {
                    6 * i64::from(SAGAS)
                } else {
                    2 * FEW
                };
                let find = async |store: std::sync::Arc<dyn Store>| store.find(&query).await.unwrap();
                complaints.extend(asked.complaint(&what, most, find).await);
            }
        }
    }
    let mut query = everything();
    query.size = 500;
    let list = async |store: std::sync::Arc<dyn Store>| store.list(&query).await.unwrap();
    complaints.extend(asked.complaint("a stretch of a list", FEW, list).await);
    asked.drop().await;
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
