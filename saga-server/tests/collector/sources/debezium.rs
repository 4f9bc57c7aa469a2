//! A real Debezium writes the topics: its connector for PostgreSQL, in Kafka Connect, with the configurations and mappings of the
//! examples, and with others that its users have.
//!
//! | source | what its connector reads |
//! | --- | --- |
//! | `tables` | a table, with the full replica identity: the example as it is |
//! | `typed` | the same table, with schemas around values, decimals and times as Debezium writes them by default, and what it writes of itself |
//! | `plain` | a table with the replica identity that tables have by default |
//! | `routed` | an outbox, by the event router: the example as it is |
//! | `rows` | the same outbox, without the router |

use std::{fs, path::Path};

use saga_gateway::source::SourceFormat;
use serde_json::{Value, json};

use super::{Sources, connect::Connect, wait_for_outcome};
use crate::support::Rest;

const TABLES: &str = "
CREATE TABLE orders (id bigint PRIMARY KEY, order_no uuid NOT NULL, status text NOT NULL, total numeric(12,2) NOT NULL,
    placed_at timestamptz NOT NULL, updated_at timestamp, details jsonb, reason text, note text);
ALTER TABLE orders ALTER note SET STORAGE EXTERNAL;
CREATE TABLE orders_plain (LIKE orders INCLUDING ALL);
ALTER TABLE orders REPLICA IDENTITY FULL;
CREATE TABLE outbox (id uuid PRIMARY KEY, aggregatetype text NOT NULL, aggregateid text NOT NULL, type text NOT NULL, payload jsonb);
";

/// Order 1 is there before the connectors begin, and has an event in the outbox.
const BEFORE: &str = "
INSERT INTO orders VALUES (1, '00000000-0000-0000-0000-000000000001', 'PLACED', 12.50, '2025-11-22T08:26:40.123456Z', NULL,
    '{\"channel\": \"web\"}', NULL, repeat('x', 5000));
INSERT INTO orders_plain SELECT * FROM orders;
INSERT INTO outbox VALUES ('019ac1e2-7b3c-7a01-8000-000000000001', 'order', '1', 'OrderPlaced',
    '{\"orderId\": \"outbox-1\", \"occurredAt\": \"2025-11-22T08:26:40.123Z\"}');
";

/// It is refused, and changed once more; 2 is placed and deleted, 3 is placed with a column that is new, and is paid. 4 gets another number.
const CHANGES: &str = "
UPDATE orders SET status = 'REFUSED', reason = 'no funds', updated_at = '2025-11-22T08:26:41.5' WHERE id = 1;
UPDATE orders SET details = NULL WHERE id = 1;
INSERT INTO orders SELECT 2, '00000000-0000-0000-0000-000000000002', 'PLACED', 0.65, placed_at FROM orders WHERE id = 1;
DELETE FROM orders WHERE id = 2;
ALTER TABLE orders ADD COLUMN coupon text DEFAULT 'none';
INSERT INTO orders SELECT 3, '00000000-0000-0000-0000-000000000003', 'PLACED', 1000, placed_at FROM orders WHERE id = 1;
UPDATE orders SET status = 'PAID', updated_at = '2025-11-22T08:26:42.25' WHERE id = 3;
INSERT INTO orders SELECT 4, '00000000-0000-0000-0000-000000000004', 'PLACED', 1, placed_at FROM orders WHERE id = 1;
UPDATE orders SET id = 44 WHERE id = 4;
UPDATE orders_plain SET status = 'REFUSED', reason = 'no funds', updated_at = '2025-11-22T08:26:41.5' WHERE id = 1;
DELETE FROM orders_plain WHERE id = 1;
SELECT pg_logical_emit_message(true, 'saga', '{}');
BEGIN;
INSERT INTO outbox VALUES ('019ac1e2-7b3c-7a01-8000-000000000002', 'payment', '1', 'PaymentFailed',
    '{\"orderId\": \"outbox-1\", \"occurredAt\": \"2025-11-22T08:26:41.5Z\", \"reason\": \"no funds\", \"lines\": [{\"price\": 1.5}, {\"price\": 1}]}');
DELETE FROM outbox;
COMMIT;
";

/// Without the row before a rule cannot see what changed: it names the event by what happens to an order once.
const PLAIN: &str = "
defaults:
  sagaId: \"'plain-' + event.after.order_no\"
  orderId: event.after.id
  sagaType: ORDER_CREATION
  service: \"'order-service'\"
rules:
  - when: event.op in ['c', 'r'] && event.after.status == 'PLACED'
    step: ORDER_CREATED
    status: STARTED
    recordedAt: event.after.placed_at
  - when: event.op == 'u' && event.after.status == 'REFUSED'
    step: PAYMENT_FAILED
    status: FAILED
    eventId: \"'refused-' + string(event.after.id)\"
    recordedAt: event.after.updated_at / 1000
    metadata: { failureReason: event.after.reason, note: event.after.note }
  - when: event.op == 'd' && event.before.status != ''
    sagaId: \"'never'\"
    orderId: event.before.id
    step: ORDER_CANCELLED
    status: FAILED
";

fn example(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples/without-sdk")
        .join(file);
    fs::read_to_string(path).unwrap()
}

/// What a saga consists of.
async fn steps(rest: &Rest, saga: &str, count: u64) -> (Value, Vec<Value>) {
    let state = rest.saga_with_steps(saga, count).await;
    let page = rest.get(&format!("/api/v1/sagas/{saga}/steps")).await.1;
    let steps = page["steps"].as_array().unwrap_or_else(|| panic!("{page}"));
    (state, steps.clone())
}

async fn are_the_sagas_of_the_tables(rest: &Rest) {
    for prefix in ["", "typed-"] {
        let saga = |id: u8| format!("{prefix}00000000-0000-0000-0000-00000000000{id}");
        let (refused, steps_of_1) = steps(rest, &saga(1), 2).await;
        assert_eq!(refused["currentStatus"], "FAILED", "{refused}");
        assert_eq!(refused["failureReason"], "no funds", "{refused}");
        assert_eq!(refused["startedAt"], "2025-11-22T08:26:40.123Z", "{refused}");
        let total = &steps_of_1[0]["metadata"]["orderAmount"];
        assert_eq!(
            total,
            &if prefix.is_empty() {
                json!("12.50")
            } else {
                json!(12.5)
            }
        );
        assert_eq!(steps_of_1[0]["metadata"]["channel"], "web");
        let (deleted, _) = steps(rest, &saga(2), 2).await;
        assert_eq!(deleted["lastStep"], "ORDER_CANCELLED", "{deleted}");
        let (paid, steps_of_3) = steps(rest, &saga(3), 2).await;
        assert_eq!(paid["lastStep"], "PAYMENT_COMPLETED", "{paid}");
        assert_eq!(steps_of_3[1]["recordedAt"], "2025-11-22T08:26:42.250Z");
        // Order 4 got another number: it is neither deleted nor placed anew.
        let (numbered, _) = steps(rest, &saga(4), 1).await;
        assert_eq!(numbered["currentStatus"], "STARTED", "{numbered}");
    }
    let (plain, _) = steps(rest, "plain-00000000-0000-0000-0000-000000000001", 2).await;
    assert_eq!(plain["failureReason"], "no funds", "{plain}");
    for saga in ["outbox-1", "row-outbox-1"] {
        let (routed, _) = steps(rest, saga, 2).await;
        assert_eq!(routed["currentStatus"], "FAILED", "{routed}");
        assert_eq!(routed["failureReason"], "no funds", "{routed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_debezium_writes_becomes_sagas_once_however_often_it_is_written() {
    let mut sources = Sources::new().await;
    let name = |source: &str| format!("{}_{source}", sources.harness.group);
    let [tables, typed, plain, routed, rows] = ["tables", "typed", "plain", "routed", "rows"].map(name);
    let of_orders = example("tables/mappings/orders.yml");
    let typed_orders = of_orders
        .replace(
            "sagaId: event.after.order_no",
            "sagaId: \"'typed-' + event.after.order_no\"",
        )
        .replace(
            "sagaId: event.before.order_no",
            "sagaId: \"'typed-' + event.before.order_no\"",
        )
        .replace(
            "recordedAt: event.after.updated_at",
            "recordedAt: event.after.updated_at / 1000",
        );
    let of_outbox = example("outbox/mappings/outbox.yml");
    let of_rows = of_outbox
        .replace("sagaId: event.orderId", "sagaId: \"'row-' + event.orderId\"")
        .replace("attributes.eventType", "attributes.type")
        .replace("attributes.aggregateType", "attributes.aggregatetype");
    for (source, topic, format, mapping) in [
        (
            "tables",
            format!("{tables}.public.orders"),
            SourceFormat::Debezium,
            &of_orders,
        ),
        ("typed", typed.clone(), SourceFormat::Debezium, &typed_orders),
        (
            "plain",
            format!("{plain}.public.orders_plain"),
            SourceFormat::Debezium,
            &PLAIN.to_owned(),
        ),
        ("routed", routed.clone(), SourceFormat::DebeziumOutbox, &of_outbox),
        (
            "rows",
            format!("{rows}.public.outbox"),
            SourceFormat::DebeziumOutbox,
            &of_rows,
        ),
    ] {
        assert!(mapping.lines().count() < 40, "{source}");
        sources.add_on(source, &topic, format, mapping);
    }
    sources.harness.sql(TABLES).await;
    sources.harness.sql(BEFORE).await;
    let server = sources.start().await;

    let mut connect = Connect::to(&sources.harness);
    let file = "examples/without-sdk/tables/connector.json";
    connect.add(&tables, file, &[]).await;
    let as_by_default = [
        ("decimal.handling.mode", "precise"),
        ("time.precision.mode", "adaptive"),
        ("value.converter.schemas.enable", "true"),
        ("key.converter.schemas.enable", "true"),
        ("provide.transaction.metadata", "true"),
        ("heartbeat.interval.ms", "500"),
        ("transforms", "route"),
        (
            "transforms.route.type",
            "org.apache.kafka.connect.transforms.RegexRouter",
        ),
        ("transforms.route.regex", ".*"),
        ("transforms.route.replacement", typed.as_str()),
    ];
    connect.add(&typed, file, &as_by_default).await;
    let by_default = [
        ("table.include.list", "public.orders_plain"),
        ("decimal.handling.mode", "precise"),
        ("time.precision.mode", "adaptive"),
    ];
    connect.add(&plain, file, &by_default).await;
    let file = "examples/without-sdk/outbox/connector.json";
    connect
        .add(
            &routed,
            file,
            &[("transforms.outbox.route.topic.replacement", &routed)],
        )
        .await;
    let without_router = [
        ("transforms", ""),
        ("tombstones.on.delete", "true"),
        ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
    ];
    connect.add(&rows, file, &without_router).await;
    connect.wait_until_running().await;
    for source in ["tables", "typed", "plain", "routed", "rows"] {
        wait_for_outcome(&server.rest, source, "mapped", 1).await;
    }

    // It was killed before it noted where it was: what was there is read and written again.
    connect.kill_and_start().await;
    for source in ["tables", "typed", "plain", "routed", "rows"] {
        wait_for_outcome(&server.rest, source, "mapped", 2).await;
    }
    let count = "SELECT count(*) FROM saga_steps";
    assert_eq!(sources.harness.sql_count(count).await, 5);

    // It is killed after changes: these are written again.
    connect.stop_and_start().await;
    sources.harness.sql(CHANGES).await;
    are_the_sagas_of_the_tables(&server.rest).await;
    let stored = sources.harness.sql_count(count).await;
    connect.kill_and_start().await;
    for (source, changes) in [
        ("tables", 6),
        ("typed", 6),
        ("plain", 1),
        ("routed", 1),
        ("rows", 1),
    ] {
        wait_for_outcome(&server.rest, source, "mapped", 2 + 2 * changes).await;
    }
    let duplicates = format!("saga_tracker_duplicates_total {}\n", 5 + 15);
    server
        .rest
        .wait_for("/metrics", &duplicates, |_, page| {
            page.as_str().is_some_and(|page| page.contains(&duplicates))
        })
        .await;
    are_the_sagas_of_the_tables(&server.rest).await;
    assert_eq!(sources.harness.sql_count(count).await, stored);
    assert_eq!(stored, 5 + 15);
    let letters = sources.harness.dead_letters(0).await;
    assert!(letters.is_empty(), "{letters:?}");
    connect.end().await;
    server.stop().await;
}
