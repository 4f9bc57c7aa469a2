//! A reader bound to a rare saga type, beside many letters, operations and jobs of another one.

use std::sync::Arc;

use saga_store::{JobQuery, LetterFilter, LetterQuery, OperationFilter, OperationQuery, Scope, Store};
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

/// Of 20,000 jobs the 40 oldest have sagas of the rare type alone, and the 20 before those also some of another one.
const JOBS: &str = "
INSERT INTO job (action, state, selection, actor, way, request, created_at, moved_at, types)
SELECT 'CORRECT', 'DONE', '{}', 'dana', 'REST', '', now(), now(),
       CASE WHEN n <= 20 THEN 'ORDER_CREATION REFUND' WHEN n <= 60 THEN 'REFUND' ELSE 'ORDER_CREATION' END
FROM generate_series(1, 20000) AS n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_a_rare_type_are_found_by_it() {
    let mut asked = Asked::empty().await;
    for statement in [JOBS, "VACUUM ANALYZE job"] {
        asked.admin.execute(statement).await.unwrap();
    }
    let query = |types: &[SagaType]| JobQuery {
        scope: Scope::of(types.iter().cloned()),
        size: 50,
        ..JobQuery::default()
    };
    let (rare, frequent) = (SagaType::REFUND, SagaType::ORDER_CREATION);
    let mut complaints = Vec::new();
    for (query, found) in [
        (query(std::slice::from_ref(&rare)), 40),
        (query(&[frequent, rare]), 50),
        (query(&[SagaType::STORE_REGISTRATION]), 0),
    ] {
        let jobs = async |store: Arc<dyn Store>| {
            assert_eq!(store.jobs(&query).await.unwrap().len(), found);
        };
        complaints.extend(asked.complaint(&format!("{query:?}"), 500, jobs).await);
    }
    asked.drop().await;
    assert!(complaints.is_empty(), "{complaints:#?}");
}
