//! What the flow of a type, the flows of several, and the sagas of two versions read.

use std::sync::Arc;

use saga_store::{FlowQuery, FlowsQuery, Scope, Span, Store, VersionsQuery, Width};
use saga_types::SagaType;

use crate::{SAGAS, asked::Asked};

/// A saga and its five steps.
const SAGA: i64 = 6;

/// The entries of the index from which samples are drawn.
const DRAWN_FROM: i64 = SAGAS as i64 / 16;

pub(crate) async fn complaints(asked: &mut Asked, span: Span, width: Width) -> Vec<String> {
    let mut complaints = Vec::new();
    for most in [200, 2_000] {
        let query = FlowQuery {
            scope: Scope::All,
            saga_type: SagaType::ORDER_CREATION,
            span,
            service_version: None,
            most,
            of: None,
        };
        let flow = async |store: Arc<dyn Store>| store.flow(&query).await.unwrap();
        let read = i64::from(most) * 2 * SAGA + DRAWN_FROM;
        let what = format!("flow {width:?} of {most}");
        complaints.extend(asked.complaint(&what, read, flow).await);
    }
    for service in [None, Some("payment-service"), Some("nobody")] {
        let query = FlowsQuery {
            scope: Scope::All,
            types: vec![
                SagaType::ORDER_CREATION,
                SagaType::PAYMENT_COMPLETION,
                SagaType::REFUND,
            ],
            service: service.map(str::to_owned),
            span,
            most: 1_200,
        };
        let flows = async |store: Arc<dyn Store>| store.flows(&query).await.unwrap();
        // No more for three types than for one, and a look for twice as many sagas at which the service took part in.
        let most = i64::from(query.most);
        let read = most * 2 * SAGA + most * 2 * SAGA + DRAWN_FROM;
        let what = format!("flows {width:?} of {service:?}");
        complaints.extend(asked.complaint(&what, read, flows).await);
    }
    let (from, to) = span.ends();
    let query = VersionsQuery {
        scope: Scope::All,
        service: "payment-service".to_owned(),
        baseline: "2.7.1".to_owned(),
        candidate: "2.8.0".to_owned(),
        saga_type: None,
        from,
        to,
        most: 500,
    };
    let versions = async |store: Arc<dyn Store>| store.version_sagas(&query).await.unwrap();
    // The steps of each saga twice, and the sagas of the minutes in which the period begins and ends.
    let read = i64::from(query.most) * 2 * SAGA + 100;
    let what = format!("versions {width:?}");
    complaints.extend(asked.complaint(&what, read, versions).await);
    complaints
}
