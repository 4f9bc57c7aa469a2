//! A reader bound to a rare saga type, beside many letters and operations of another one.

use std::sync::Arc;

use saga_store::{LetterFilter, LetterQuery, OperationFilter, OperationQuery, Scope, Store};
use saga_types::SagaType;
use sqlx::Executor;

use crate::asked::Asked;

/// Of 60,000 letters and operations the 40 oldest are of the rare type.
const FILL: &str = "
INSERT INTO dead_letter (identity, topic, partition, \"offset\", dead_since, reason, message, value_bytes, headers, saga_type)
SELECT sha256(n::text::bytea), 'letters', 0, n, '2026-10-01T00:00:00Z'::timestamptz + n * interval '1 second', 'INVALID_EVENT',
       'broken', 0, '[]', CASE WHEN n <= 40 THEN 'REFUND' ELSE 'ORDER_CREATION' END
FROM generate_series(1, 60000) AS n;
INSERT INTO operation (at, actor, way, kind, saga_type, result)
SELECT '2026-10-01T00:00:00Z'::timestamptz + n * interval '1 second', 'dana', 'REST', 'CORRECTION',
       CASE WHEN n <= 40 THEN 'REFUND' ELSE 'ORDER_CREATION' END, 'CHANGED'
FROM generate_series(1, 60000) AS n;";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_and_operations_of_a_rare_type_are_found_by_it() {
    let mut asked = Asked::empty().await;
    asked.admin.execute(FILL).await.unwrap();
    for analyze in ["VACUUM ANALYZE dead_letter", "VACUUM ANALYZE operation"] {
        asked.admin.execute(analyze).await.unwrap();
    }
    let scope = Scope::of([SagaType::REFUND]);
    let letters = LetterQuery {
        filter: LetterFilter {
            scope: scope.clone(),
            ..LetterFilter::default()
        },
        after: None,
        size: 20,
    };
    let operations = OperationQuery {
        filter: OperationFilter {
            scope,
            ..OperationFilter::default()
        },
        after: None,
        size: 20,
    };
    let of_letters = async |store: Arc<dyn Store>| {
        assert_eq!(store.letters(&letters).await.unwrap().letters.len(), 20);
    };
    let of_operations = async |store: Arc<dyn Store>| {
        assert_eq!(store.operations(&operations).await.unwrap().operations.len(), 20);
    };
    let mut complaints = Vec::new();
    complaints.extend(asked.complaint("letters", 200, of_letters).await);
    complaints.extend(asked.complaint("operations", 200, of_operations).await);
    asked.drop().await;
    assert!(complaints.is_empty(), "{complaints:#?}");
}
