//! Sagas that wait too long without a limit, among very many that wait, end without saying so, or have ended.

use std::sync::Arc;

use saga_store::{Marked, Store};
use sqlx::Executor;

use crate::{SAGAS, asked::Asked, filters::moment};

/// Of all sagas a half is of a type without a definition: one of a hundred waits behind ORDERED, the others stopped behind PACKED.
const UNDEFINED: &str = "
UPDATE saga_instance SET saga_type = 'PARCEL', current_status = 'IN_PROGRESS', awaited_step = NULL, awaited_steps = '{}',
    awaited_deadline = NULL, last_step = CASE WHEN substr(order_id, 5)::integer % 200 = 0 THEN 'ORDERED' ELSE 'PACKED' END
WHERE substr(order_id, 5)::integer % 2 = 0;
INSERT INTO usual_wait (saga_type, after_step, step, observations, p50_ms, p95_ms, p999_ms, learnt_at)
VALUES ('PARCEL', 'ORDERED', 'PACKED', 1000, 1000, 2000, 3000, '2026-10-30T12:00:00Z');
INSERT INTO usual_end (saga_type, step, waited_ms, observations, p50_ms, p90_ms, learnt_at)
VALUES ('PARCEL', 'ORDERED', -1, 1000, 1000, 2000, '2026-10-30T12:00:00Z')";

/// One of 500 waits for a step without a limit.
const DEFINED: &str = "
UPDATE saga_instance SET current_status = 'IN_PROGRESS', awaited_step = 'STOCK_RESERVED', awaited_deadline = NULL
WHERE saga_type = 'REFUND' AND substr(order_id, 5)::integer % 500 = 19;
INSERT INTO usual_wait (saga_type, after_step, step, observations, p50_ms, p95_ms, p999_ms, learnt_at)
VALUES ('REFUND', 'ORDERED', 'PACKED', 1000, 1000, 2000, 3000, '2026-10-30T12:00:00Z')";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sagas_that_wait_too_long_are_found_among_very_many_that_do_not() {
    let mut asked = Asked::new().await;
    let mut complaints = Vec::new();
    // Those of the last seven days, and a page of the others; each by an entry of an index and a row.
    let of_a_week = i64::from(SAGAS) / 200 * 8 / 30;
    for (what, fill, most) in [
        ("of a type with a definition", DEFINED, i64::from(SAGAS) / 500),
        (
            "of a type without a definition",
            UNDEFINED,
            i64::from(SAGAS) / 500 + of_a_week,
        ),
    ] {
        asked.admin.execute(fill).await.unwrap();
        asked.admin.execute("VACUUM ANALYZE saga_instance").await.unwrap();
        let mark = async |store: Arc<dyn Store>| {
            let marked = store.mark_unusual(moment("2026-10-30T12:00:00Z")).await.unwrap();
            assert_eq!(marked, Marked::default(), "they wait for something else");
        };
        complaints.extend(asked.complaint(what, most, mark).await);
    }
    asked.drop().await;
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
