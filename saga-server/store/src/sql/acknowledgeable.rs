//! What is seen of a saga, a dead letter or a group of failures when it is acknowledged.

use saga_types::{SagaId, SagaType};
use sqlx::QueryBuilder;

use super::{
    Connection, Db,
    acknowledged::{FAILED_STEPS, count, push_type},
    dead_letters::push_letter_scope,
    dialect, error,
    scope::push_scope,
};
use crate::{
    Acknowledgement, Judged, LetterState, Scope, StoreError, Subject, columns::Moment, layout::Layout,
};

/// What the log keeps of a subject beside the acknowledgement.
#[derive(Debug, Clone, Default)]
pub(super) struct Logged {
    pub(super) saga_id: Option<String>,
    pub(super) saga_type: Option<String>,
}

/// What is seen of a subject.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) logged: Logged,
    pub(super) status: Option<String>,
    pub(super) is_late: bool,
    pub(super) due: Option<Moment>,
    pub(super) owed: i64,
    pub(super) from: Option<Moment>,
    pub(super) failures: i64,
}

/// Whether there is something to take care of.
pub(super) enum Found {
    Open(Seen),
    Over,
    Missing,
}

/// What is seen of a subject now.
pub(super) async fn look(
    connection: &mut Connection,
    layout: Layout,
    subject: &Subject,
    scope: &Scope,
    judged: Judged,
) -> Result<Found, StoreError> {
    match subject {
        Subject::Saga(id) => look_at_saga(connection, id, scope, judged).await,
        Subject::Letter(id) => look_at_letter(connection, layout, *id, scope).await,
        Subject::FailureGroup { name, saga_type } if scope.has_known(saga_type.as_ref()) => {
            look_at_group(connection, name, saga_type.as_ref(), judged).await
        }
        Subject::FailureGroup { .. } => Ok(Found::Missing),
    }
}

async fn look_at_saga(
    connection: &mut Connection,
    saga_id: &SagaId,
    scope: &Scope,
    judged: Judged,
) -> Result<Found, StoreError> {
    let owed = dialect::OWED;
    let mut sql = QueryBuilder::<Db>::new(format!(
        "SELECT saga_type, current_status, awaited_deadline, {owed}, {FAILED_STEPS} FROM saga_instance AS saga WHERE saga_id = "
    ));
    sql.push_bind(saga_id.as_str().to_owned());
    push_scope(&mut sql, "saga_type", scope);
    let found: Option<(String, String, Option<Moment>, i64, i64)> = sql
        .build_query_as()
        .fetch_optional(connection)
        .await
        .map_err(error::store)?;
    let Some((saga_type, status, due, owed, failures)) = found else {
        return Ok(Found::Missing);
    };
    if matches!(status.as_str(), "COMPLETED" | "COMPENSATED") {
        return Ok(Found::Over);
    }
    let is_late = status != "FAILED" && due.is_some_and(|due| due.0 < judged.late_before);
    Ok(Found::Open(Seen {
        logged: Logged {
            saga_id: Some(saga_id.as_str().to_owned()),
            saga_type: Some(saga_type),
        },
        status: Some(status),
        is_late,
        due: due.filter(|_| is_late),
        owed,
        from: None,
        failures,
    }))
}

async fn look_at_letter(
    connection: &mut Connection,
    layout: Layout,
    id: i64,
    scope: &Scope,
) -> Result<Found, StoreError> {
    let mut sql = QueryBuilder::<Db>::new("SELECT saga_id, saga_type, state FROM dead_letter WHERE id = ");
    sql.push_bind(id);
    push_letter_scope(&mut sql, scope, layout);
    let found: Option<(Option<String>, Option<String>, String)> = sql
        .build_query_as()
        .fetch_optional(connection)
        .await
        .map_err(error::store)?;
    Ok(match found {
        None => Found::Missing,
        Some((.., state)) if state != LetterState::Waiting.as_str() => Found::Over,
        Some((saga_id, saga_type, _)) => Found::Open(Seen {
            logged: Logged { saga_id, saga_type },
            ..Seen::default()
        }),
    })
}

async fn look_at_group(
    connection: &mut Connection,
    name: &str,
    saga_type: Option<&SagaType>,
    judged: Judged,
) -> Result<Found, StoreError> {
    let of_group = |select: &str| {
        let mut sql = QueryBuilder::<Db>::new(format!("{select} FROM saga_instance WHERE failure_group = "));
        sql.push_bind(name.to_owned());
        push_type(&mut sql, saga_type.map(SagaType::as_str));
        sql
    };
    let begin = judged.now.saturating_sub(Acknowledgement::GROUP_PERIOD);
    let mut cut = of_group("SELECT started_at");
    cut.push(" ORDER BY started_at DESC LIMIT 1 OFFSET ")
        .push_bind(Acknowledgement::GROUP_SAGAS - 1);
    let cut: Option<Moment> = cut
        .build_query_scalar()
        .fetch_optional(&mut *connection)
        .await
        .map_err(error::store)?;
    let from = Moment(cut.map_or(begin, |cut| cut.0.max(begin)));
    let (failures, open) = count(connection, name, saga_type.map(SagaType::as_str), from, i64::MAX).await?;
    if open > 0 {
        return Ok(Found::Open(Seen {
            logged: Logged {
                saga_id: None,
                saga_type: saga_type.map(|saga_type| saga_type.as_str().to_owned()),
            },
            from: Some(from),
            failures,
            ..Seen::default()
        }));
    }
    let mut any = of_group("SELECT saga_id");
    any.push(" LIMIT 1");
    let any = any
        .build()
        .fetch_optional(connection)
        .await
        .map_err(error::store)?;
    Ok(match any {
        Some(_) => Found::Over,
        None => Found::Missing,
    })
}
