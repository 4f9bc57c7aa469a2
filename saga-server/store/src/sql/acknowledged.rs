//! Which acknowledgements are in force, and which became worse.

use saga_types::{SagaId, SagaType, Timestamp};
use sqlx::QueryBuilder;

use super::{
    Connection, Db, dead_letters::push_letter_scope, dialect, error, rows::decode, scope::push_scope,
};
use crate::{
    Acknowledgement, AcknowledgementPage, AcknowledgementQuery, Corrupt, Judged, Scope, StoreError, Subject,
    Subjects, columns::Moment, layout::Layout, table::Keyed,
};

/// How many of the steps of `saga` failed. They are never fewer, in whichever order they are stored.
pub(super) const FAILED_STEPS: &str =
    "(SELECT count(*) FROM saga_steps AS step WHERE step.saga_id = saga.saga_id AND step.status = 'FAILED')";

/// An acknowledgement `ack` of `saga` is not over, but for its time.
const SAGA_IS_OPEN: &str = "saga.current_status NOT IN ('COMPLETED', 'COMPENSATED') \
    AND (ack.seen_status <> 'FAILED' OR saga.current_status = 'FAILED') \
    AND (NOT ack.seen_late OR saga.current_status = 'FAILED' OR saga.awaited_deadline = ack.seen_due)";

/// `saga` became worse since the acknowledgement `ack`.
fn push_is_worse(sql: &mut QueryBuilder<Db>, (failed_steps, owed): (&str, &str), judged: Judged) {
    sql.push(format_args!(
        "COALESCE({failed_steps} > ack.seen_failures OR {owed} > ack.seen_owed \
         OR NOT ack.seen_late AND saga.current_status <> 'FAILED' AND saga.awaited_deadline < "
    ))
    .push_bind(Moment(judged.late_before))
    .push(", false)");
}

/// Only sagas that are acknowledged and did not become worse since; or only the others.
pub(super) fn push_acknowledged_sagas(sql: &mut QueryBuilder<Db>, is_acknowledged: bool, judged: Judged) {
    let (before, after) = match is_acknowledged {
        true => dialect::ONE_OF_FEW,
        false => ("NOT IN (", ")"),
    };
    sql.push(format_args!(" AND saga_id {before}"))
    .push("SELECT ack.saga_id FROM acknowledgement AS ack JOIN saga_instance AS saga ON saga.saga_id = ack.saga_id ")
    .push("WHERE ack.ends_at > ")
    .push_bind(Moment(judged.now))
    .push(format_args!(" AND {SAGA_IS_OPEN} AND NOT "));
    push_is_worse(sql, (FAILED_STEPS, dialect::OWED), judged);
    sql.push(after);
}

/// Only letters that wait and are acknowledged; or only the others.
pub(super) fn push_acknowledged_letters(sql: &mut QueryBuilder<Db>, is_acknowledged: bool, now: Timestamp) {
    sql.push(match is_acknowledged {
        true => " AND state = 'WAITING' AND id IN (",
        false => " AND NOT (state = 'WAITING' AND id IN (",
    })
    .push("SELECT letter_id FROM acknowledgement WHERE letter_id IS NOT NULL AND ends_at > ")
    .push_bind(Moment(now))
    .push(if is_acknowledged { ")" } else { "))" });
}

/// How many sagas of a group started since a moment, of very many the newest ones, and how many of those are FAILED.
pub(super) async fn count(
    connection: &mut Connection,
    name: &str,
    saga_type: Option<&str>,
    from: Moment,
    most: i64,
) -> Result<(i64, i64), StoreError> {
    let mut sql = QueryBuilder::<Db>::new(
        "SELECT count(*), count(CASE WHEN current_status = 'FAILED' THEN 1 END) FROM \
         (SELECT current_status FROM saga_instance WHERE failure_group = ",
    );
    sql.push_bind(name.to_owned());
    push_type(&mut sql, saga_type);
    sql.push(" AND started_at >= ")
        .push_bind(from)
        .push(" ORDER BY started_at DESC LIMIT ")
        .push_bind(most)
        .push(") AS counted");
    let found = sql.build_query_as().fetch_one(connection).await;
    found.map_err(error::store)
}

pub(super) fn push_type(sql: &mut QueryBuilder<Db>, saga_type: Option<&str>) {
    if let Some(saga_type) = saga_type {
        sql.push(" AND saga_type = ").push_bind(saga_type.to_owned());
    }
}

/// The acknowledgement of a subject that is not over.
pub(super) async fn in_force(
    connection: &mut Connection,
    layout: Layout,
    subject: &Subject,
    judged: Judged,
) -> Result<Option<Acknowledgement>, StoreError> {
    let query = AcknowledgementQuery {
        scope: Scope::All,
        judged,
        of: match subject {
            Subject::Saga(id) => Subjects::Sagas(vec![id.as_str().to_owned()]),
            Subject::Letter(id) => Subjects::Letters(vec![*id]),
            Subject::FailureGroup { name, .. } => Subjects::FailureGroups(vec![name.clone()]),
        },
        before: None,
        // Of a group there may be one for each type.
        size: u32::MAX - 1,
    };
    let found = find(connection, layout, &query).await?.acknowledgements;
    Ok(found.into_iter().find(|found| found.subject == *subject))
}

pub(super) async fn find(
    connection: &mut Connection,
    layout: Layout,
    query: &AcknowledgementQuery,
) -> Result<AcknowledgementPage, StoreError> {
    let mut sql = QueryBuilder::<Db>::new("");
    let (acknowledgements, sagas, of_saga) = match layout {
        Layout::Single => ("acknowledgement", "saga_instance", (FAILED_STEPS, dialect::OWED)),
        Layout::Distributed => {
            push_seen(&mut sql, query);
            ("chosen", "seen", ("saga.failed_steps", "saga.owed"))
        }
    };
    sql.push(
        "SELECT ack.id, ack.saga_id, ack.letter_id, ack.failure_group, ack.group_type, ack.acknowledged_at, \
         ack.acknowledged_by, ack.assignee, ack.note, ack.ends_at, ack.seen_from, ack.seen_failures, ",
    );
    push_is_worse(&mut sql, of_saga, query.judged);
    sql.push(format_args!(
        " AS is_worse FROM {acknowledgements} AS ack LEFT JOIN {sagas} AS saga ON saga.saga_id = ack.saga_id \
         LEFT JOIN dead_letter ON dead_letter.id = ack.letter_id WHERE ack.ends_at > ",
    ))
    .push_bind(Moment(query.judged.now))
    .push(format_args!(" AND (ack.saga_id IS NOT NULL AND {SAGA_IS_OPEN}"));
    push_scope(&mut sql, "saga.saga_type", &query.scope);
    sql.push(" OR ack.letter_id IS NOT NULL AND dead_letter.state = 'WAITING'");
    push_letter_scope(&mut sql, &query.scope, layout);
    sql.push(" OR ack.failure_group IS NOT NULL");
    push_scope(&mut sql, "ack.group_type", &query.scope);
    sql.push(")");
    push_subjects(&mut sql, query);
    sql.push(" ORDER BY ack.id DESC LIMIT ")
        .push_bind(i64::from(query.size) + 1);
    let rows = sql
        .build()
        .fetch_all(&mut *connection)
        .await
        .map_err(error::store)?;
    let size = usize::try_from(query.size).unwrap_or(usize::MAX);
    let mut page = AcknowledgementPage::default();
    for row in rows.iter().take(size) {
        let mut row: AcknowledgementRow = decode(row)?;
        page.next = Some(row.id);
        if row.is_in_force(connection).await? {
            page.acknowledgements.push(row.try_into()?);
        }
    }
    page.next = page.next.filter(|_| rows.len() > size);
    Ok(page)
}

/// Citus joins no table of the coordinator with all that it lacks on the workers: there the acknowledged sagas are read first.
fn push_seen(sql: &mut QueryBuilder<Db>, query: &AcknowledgementQuery) {
    let (owed, (before, after)) = (dialect::OWED, dialect::ONE_OF_FEW);
    sql.push("WITH chosen AS MATERIALIZED (SELECT * FROM acknowledgement AS ack WHERE ack.ends_at > ")
        .push_bind(Moment(query.judged.now));
    push_subjects(sql, query);
    sql.push(format_args!(
        "), seen AS MATERIALIZED (SELECT saga_id, saga_type, current_status, awaited_deadline, {owed} AS owed, \
         {FAILED_STEPS} AS failed_steps FROM saga_instance AS saga \
         WHERE saga_id {before}SELECT saga_id FROM chosen WHERE saga_id IS NOT NULL{after}) "
    ));
}

fn push_subjects(sql: &mut QueryBuilder<Db>, query: &AcknowledgementQuery) {
    match &query.of {
        Subjects::All => {}
        Subjects::Sagas(ids) => {
            sql.push(" AND ack.saga_id ");
            dialect::push_any(sql, ids);
        }
        Subjects::Letters(ids) => {
            sql.push(" AND ack.letter_id ");
            dialect::push_any(sql, ids);
        }
        Subjects::FailureGroups(names) => {
            sql.push(" AND ack.failure_group ");
            dialect::push_any(sql, names);
        }
    }
    if let Some(before) = query.before {
        sql.push(" AND ack.id < ").push_bind(before);
    }
}

/// A row of `acknowledgement`, and whether its saga became worse.
#[derive(sqlx::FromRow)]
struct AcknowledgementRow {
    id: i64,
    saga_id: Option<String>,
    letter_id: Option<i64>,
    failure_group: Option<String>,
    group_type: String,
    acknowledged_at: Moment,
    acknowledged_by: String,
    assignee: String,
    note: String,
    ends_at: Moment,
    seen_from: Option<Moment>,
    seen_failures: i64,
    is_worse: bool,
}

impl Keyed for AcknowledgementRow {
    const NAME: &'static str = "acknowledgement";
    const KEY: &'static [&'static str] = &["id"];
}

impl AcknowledgementRow {
    /// Whether it is not over; of groups, which are counted one by one. Says also whether the group became worse.
    async fn is_in_force(&mut self, connection: &mut Connection) -> Result<bool, StoreError> {
        let (Some(name), Some(from)) = (&self.failure_group, self.seen_from) else {
            return Ok(true);
        };
        let worse_from = Acknowledgement::worse_from(self.seen_failures);
        let saga_type = Some(self.group_type.as_str()).filter(|saga_type| !saga_type.is_empty());
        let (sagas, open) = count(connection, name, saga_type, from, worse_from).await?;
        self.is_worse = sagas >= worse_from;
        // Of those that were counted; beyond that, one more is open or was just now.
        Ok(open > 0 || self.is_worse)
    }
}

impl TryFrom<AcknowledgementRow> for Acknowledgement {
    type Error = StoreError;

    fn try_from(row: AcknowledgementRow) -> Result<Self, StoreError> {
        let corrupt = |column: &str, cause: saga_types::NameError| {
            Corrupt::new(AcknowledgementRow::NAME, column, row.id.to_string(), cause)
        };
        let subject = match (row.saga_id, row.letter_id, row.failure_group) {
            (Some(id), ..) => Subject::Saga(SagaId::new(id).map_err(|error| corrupt("saga_id", error))?),
            (_, Some(id), _) => Subject::Letter(id),
            (.., name) => Subject::FailureGroup {
                name: name.unwrap_or_default(),
                saga_type: match row.group_type {
                    all if all.is_empty() => None,
                    one => Some(SagaType::try_from(one).map_err(|error| corrupt("group_type", error))?),
                },
            },
        };
        Ok(Self {
            id: row.id,
            subject,
            at: row.acknowledged_at.0,
            by: row.acknowledged_by,
            assignee: row.assignee,
            note: row.note,
            until: row.ends_at.0,
            is_worse: row.is_worse,
        })
    }
}
