//! The flows of several types. The number of statements does not grow with the types.

use std::collections::{HashMap, HashSet};

use saga_types::SagaType;
use sqlx::QueryBuilder;

use super::{
    Adapter, Db, Pool,
    dialect::{self, any},
    error, samples, statistics,
};
use crate::{
    Flow, FlowQuery, FlowsQuery, Sample, Scope, Span, StoreError,
    flow::{Drawing, DrawnOfType, Gathering},
};

/// The sagas of some in which a service recorded a step.
const OF_SERVICE: &str = concat!(
    "SELECT DISTINCT saga_id FROM saga_steps WHERE producer_service = $2 AND saga_id ",
    any!("1")
);

/// The flow of each type that has sagas in the period.
pub(super) async fn flows(store: &Adapter, query: &FlowsQuery) -> Result<Vec<(SagaType, Flow)>, StoreError> {
    let service = query.service.as_deref();
    // PostgreSQL takes no U+0000, and so no step has one either.
    if service.is_some_and(|service| service.contains('\0')) {
        return Ok(Vec::new());
    }
    let types = drawn(&store.readers, query).await?;
    let place = |(place, of_type): (usize, &DrawnOfType)| {
        let of_type = of_type.read.iter();
        of_type
            .map(|(_, saga_id)| (saga_id.clone(), place))
            .collect::<Vec<_>>()
    };
    let places: HashMap<String, usize> = types.iter().enumerate().flat_map(place).collect();
    let saga_ids: Vec<String> = places.keys().cloned().collect();
    let mut gatherings: Vec<Gathering<'_>> = types.iter().map(|_| Gathering::of_service(service)).collect();
    for some in saga_ids.chunks(FlowQuery::CHUNK) {
        let events = samples::steps(store.reading().await?, some, service).await?;
        for saga in events.chunk_by(|before, event| before.saga() == event.saga()) {
            if let Some(place) = places.get(saga[0].saga()) {
                gatherings[*place].add(saga)?;
            }
        }
    }
    let definitions = store.definitions.get();
    let finish = |(of_type, mut gathering): (DrawnOfType, Gathering<'_>)| {
        let (mut read, mut others) = (of_type.read.len() as u64, of_type.others.len() as u64);
        if gathering.is_full() {
            // They come in no order, so that those that were gathered are a sample.
            others = others * gathering.sagas() / read.max(1);
            read = gathering.sagas();
        }
        gathering.add_others(others);
        let Drawing { saga_type, of, .. } = of_type.drawing;
        let definition = definitions.get(&saga_type).map(|definition| &**definition);
        let flow = gathering.finish(Sample::new(read + others, of), definition);
        (saga_type, flow)
    };
    Ok(types.into_iter().zip(gatherings).map(finish).collect())
}

/// The sagas of each type that has some.
async fn drawn(pool: &Pool, query: &FlowsQuery) -> Result<Vec<DrawnOfType>, StoreError> {
    let may_be_seen = |saga_type: &&SagaType| query.scope.has(saga_type);
    let types = Scope::of(query.types.iter().filter(may_be_seen).cloned());
    let counted = statistics::statistics(pool, &query.span.statistics(&types)).await?;
    let drawings = Drawing::all(query, &counted.by_type);
    if drawings.is_empty() {
        return Ok(Vec::new());
    }
    let drawn = of_types(pool, &drawings, &query.span).await?;
    let took_part = match &query.service {
        // So few are read at once.
        Some(service) if drawn.len() > query.most as usize => Some(of_service(pool, service, &drawn).await?),
        _ => None,
    };
    let mut types: Vec<DrawnOfType> = drawings
        .into_iter()
        .map(|drawing| DrawnOfType {
            drawing,
            read: Vec::new(),
            others: Vec::new(),
        })
        .collect();
    for (saga_type, saga_id, number) in drawn {
        let mut all = types.iter_mut();
        let Some(of_type) = all.find(|of_type| of_type.drawing.saga_type.as_str() == saga_type) else {
            continue;
        };
        match &took_part {
            Some(took_part) if !took_part.contains(&saga_id) => of_type.others.push(number),
            _ => of_type.read.push((number, saga_id)),
        }
    }
    types.retain(|of_type| !(of_type.read.is_empty() && of_type.others.is_empty()));
    DrawnOfType::bound(&mut types, query.most);
    Ok(types)
}

async fn of_service(
    pool: &Pool,
    service: &str,
    drawn: &[(String, String, i64)],
) -> Result<HashSet<String>, StoreError> {
    let saga_ids: Vec<String> = drawn.iter().map(|(_, saga_id, _)| saga_id.clone()).collect();
    let found: Vec<String> = sqlx::query_scalar(OF_SERVICE)
        .bind(dialect::list(&saga_ids))
        .bind(service)
        .fetch_all(pool)
        .await
        .map_err(error::store)?;
    Ok(found.into_iter().collect())
}

/// The sagas of the type and the period whose numbers are below the limit, the newest first.
pub(super) async fn sagas(
    pool: &Pool,
    saga_type: &SagaType,
    span: &Span,
    below: i64,
) -> Result<Vec<String>, StoreError> {
    let mut sql = QueryBuilder::<Db>::new("");
    samples::push_sagas(&mut sql, "saga_id", (saga_type, below), span);
    sql.push(" ORDER BY started_at DESC, saga_id DESC")
        .build_query_scalar()
        .fetch_all(pool)
        .await
        .map_err(error::store)
}

/// The sagas of several types: their types, ids and numbers.
async fn of_types(
    pool: &Pool,
    types: &[Drawing],
    span: &Span,
) -> Result<Vec<(String, String, i64)>, StoreError> {
    let mut sql = QueryBuilder::<Db>::new("");
    let columns = format!("saga_type, saga_id, {}", samples::NUMBER);
    for (place, drawing) in types.iter().enumerate() {
        sql.push(if place == 0 { "" } else { " UNION ALL " });
        samples::push_sagas(&mut sql, &columns, (&drawing.saga_type, drawing.below), span);
    }
    sql.build_query_as().fetch_all(pool).await.map_err(error::store)
}
