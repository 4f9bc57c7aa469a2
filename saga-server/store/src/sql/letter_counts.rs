//! How many dead letters there are of each reason and of each cause.
//!
//! Rule of thumb: a bounded number of entries is read, however many letters there are. Of all letters the reasons and causes are read
//! one after the other from an index, and each is counted by itself, so that a frequent one hides no other. Of letters that a search
//! finds the newest are counted.

use saga_types::Timestamp;
use sqlx::QueryBuilder;

use super::{
    Db, Pool,
    dead_letters::push_filter,
    dialect, error,
    letter_index::{Prefiltered, prefilter},
};
use crate::{
    LetterCause, LetterCounts, LetterFilter, LetterGroup, LetterState, StoreError, columns::Moment,
    layout::Layout,
};

const COUNTED: i64 = LetterCounts::<LetterGroup>::COUNTED as i64;

/// So many entries are counted of all reasons or causes together, in each state, and the least of each.
const ALL: i64 = 50_000;
const LEAST: i64 = 500;

/// So many entries are read for the first and the last letter of each.
const AT_THE_ENDS: i64 = 1_000;

const MOST: i64 = LetterCounts::<LetterGroup>::MAX as i64;

/// What letters are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Reason,
    Cause,
}

impl Column {
    const fn name(self) -> &'static str {
        match self {
            Self::Reason => "reason",
            Self::Cause => "cause",
        }
    }
}

pub(super) async fn groups(
    reading: (&Pool, Layout),
    filter: &LetterFilter,
) -> Result<LetterCounts<LetterGroup>, StoreError> {
    let (rows, is_exact) = count(reading, Column::Reason, filter).await?;
    Ok(LetterCounts {
        groups: rows.into_iter().filter_map(CountsRow::group).collect(),
        is_exact,
    })
}

pub(super) async fn causes(
    reading: (&Pool, Layout),
    filter: &LetterFilter,
) -> Result<LetterCounts<LetterCause>, StoreError> {
    let (rows, is_exact) = count(reading, Column::Cause, filter).await?;
    Ok(LetterCounts {
        groups: rows.into_iter().filter_map(CountsRow::cause).collect(),
        is_exact,
    })
}

/// The most frequent ones first, and whether all letters were counted.
async fn count(
    (pool, layout): (&Pool, Layout),
    column: Column,
    filter: &LetterFilter,
) -> Result<(Vec<CountsRow>, bool), StoreError> {
    if is_of_state_and_time(filter)
        && let Some(names) = names(pool, column).await?
    {
        return count_each(pool, column, filter, &names).await;
    }
    let prefiltered = prefilter(pool, filter).await?;
    count_newest((pool, layout), column, &prefiltered).await
}

/// Whether the indexes of reasons and causes have all that the filter asks for.
fn is_of_state_and_time(filter: &LetterFilter) -> bool {
    let LetterFilter {
        scope,
        named,
        reason,
        state: _,
        without_dismissed,
        acknowledged,
        saga_id,
        order_id,
        without_partial_orders,
        cause,
        words,
        origin_topic,
        from: _,
        to: _,
    } = filter;
    let texts = [reason, saga_id, order_id, cause, origin_topic];
    scope.names().is_none()
        && named.is_none()
        && !without_dismissed
        && !without_partial_orders
        && acknowledged.is_none()
        && words.is_empty()
        && texts.iter().all(|text| text.is_none())
}

/// All values of a column, each found behind the one before. None when there are too many, or letters without one.
async fn names(pool: &Pool, column: Column) -> Result<Option<Vec<String>>, StoreError> {
    let column = column.name();
    let mut sql = QueryBuilder::<Db>::new(format!(
        "WITH RECURSIVE named (name, number) AS (SELECT min({column}), 1 FROM dead_letter UNION ALL \
         SELECT (SELECT min({column}) FROM dead_letter WHERE {column} > named.name), number + 1 FROM named \
         WHERE name IS NOT NULL AND number <= {MOST}) \
         SELECT name FROM named WHERE name IS NOT NULL UNION ALL \
         SELECT NULL WHERE EXISTS (SELECT 1 FROM dead_letter WHERE {column} IS NULL)"
    ));
    let names: Vec<Option<String>> = sql
        .build_query_scalar()
        .fetch_all(pool)
        .await
        .map_err(error::store)?;
    let names: Option<Vec<String>> = names.into_iter().collect();
    Ok(names.filter(|names| i64::try_from(names.len()).is_ok_and(|count| count <= MOST)))
}

/// The last letter of a name may leave before it is counted: then there is none of it.
pub(super) async fn count_each(
    pool: &Pool,
    column: Column,
    filter: &LetterFilter,
    names: &[String],
) -> Result<(Vec<CountsRow>, bool), StoreError> {
    let names_count = i64::try_from(names.len()).unwrap_or(i64::MAX).max(1);
    let counted = (ALL / names_count).clamp(LEAST, COUNTED);
    let mut sql = QueryBuilder::<Db>::new("SELECT name");
    let texts = match column {
        Column::Reason => [("reason", "named.name"), ("message", "''"), ("producer", "NULL")],
        Column::Cause => [("reason", ""), ("message", ""), ("producer", "")],
    };
    for (text, constant) in texts {
        match constant {
            "" => sql.push(format_args!(
                ", (SELECT {text} FROM dead_letter WHERE cause = named.name AND dead_since = \
                 (SELECT max(dead_since) FROM dead_letter WHERE cause = named.name) LIMIT 1) AS {text}"
            )),
            constant => sql.push(format_args!(", {constant} AS {text}")),
        };
    }
    let of_name = format!("FROM dead_letter WHERE {} = named.name", column.name());
    for (count, state, further) in [
        ("waiting", LetterState::Waiting, ""),
        ("failed_again", LetterState::Waiting, " AND attempts > 0"),
        ("replayed", LetterState::Replayed, ""),
        ("dismissed", LetterState::Dismissed, ""),
    ] {
        let is_asked = filter.state.is_none_or(|asked| asked == state);
        // Reasons are not shown with it.
        if !is_asked || (count == "failed_again" && column == Column::Reason) {
            sql.push(format_args!(", CAST(0 AS bigint) AS {count}"));
            continue;
        }
        let state = state.as_str();
        sql.push(format_args!(
            ", (SELECT count(*) FROM (SELECT 1 {of_name} AND state = '{state}'{further}"
        ));
        push_times(&mut sql, filter);
        // In the order of the index, so that it is read and not the table.
        sql.push(format_args!(
            " ORDER BY dead_since DESC LIMIT {counted}) AS newest) AS {count}"
        ));
    }
    for (end, order, name) in [("min", "ASC", "first_dead"), ("max", "DESC", "last_dead")] {
        // Of some, and not the first alone: for one letter PostgreSQL reads letters in the order of time until one is of the name.
        sql.push(format_args!(", (SELECT {end}(dead_since) FROM ("));
        let states = LetterState::ALL
            .into_iter()
            .filter(|state| filter.state.is_none_or(|asked| asked == *state));
        for (place, state) in states.enumerate() {
            sql.push(if place == 0 { "" } else { " UNION ALL " });
            sql.push(format_args!(
                "SELECT {end}(dead_since) AS dead_since FROM (SELECT dead_since {of_name} AND state = '{}'",
                state.as_str()
            ));
            push_times(&mut sql, filter);
            sql.push(format_args!(
                " ORDER BY dead_since {order} LIMIT {AT_THE_ENDS}) AS nearest"
            ));
        }
        sql.push(format_args!(") AS ends) AS {name}"));
    }
    sql.push(" FROM (");
    dialect::push_texts(&mut sql, names);
    sql.push(") AS named");
    let mut rows: Vec<CountsRow> = sql.build_query_as().fetch_all(pool).await.map_err(error::store)?;
    // Not by the statement, which would count for its order once more.
    rows.sort_by(|one, other| (other.letters(), &one.name).cmp(&(one.letters(), &other.name)));
    let is_cut = |row: &CountsRow| [row.waiting, row.replayed, row.dismissed].contains(&counted);
    let is_exact = !rows.iter().any(is_cut);
    Ok((rows, is_exact))
}

fn push_times(sql: &mut QueryBuilder<Db>, filter: &LetterFilter) {
    let mut push = |comparison: &'static str, at: Option<Timestamp>| {
        if let Some(at) = at {
            sql.push(comparison).push_bind(Moment(at));
        }
    };
    push(" AND dead_since >= ", filter.from);
    push(" AND dead_since <= ", filter.to);
}

async fn count_newest(
    (pool, layout): (&Pool, Layout),
    column: Column,
    prefiltered: &Prefiltered<'_>,
) -> Result<(Vec<CountsRow>, bool), StoreError> {
    let column = column.name();
    let mut sql = QueryBuilder::<Db>::new(format!(
        "SELECT {column} AS name, max(reason) AS reason, max(message) AS message, max(producer) AS producer, \
         count(*) FILTER (WHERE state = 'WAITING') AS waiting, \
         count(*) FILTER (WHERE state = 'WAITING' AND attempts > 0) AS failed_again, \
         count(*) FILTER (WHERE state = 'REPLAYED') AS replayed, \
         count(*) FILTER (WHERE state = 'DISMISSED') AS dismissed, \
         min(dead_since) AS first_dead, max(dead_since) AS last_dead \
         FROM (SELECT reason, cause, message, producer, state, attempts, dead_since FROM dead_letter WHERE true"
    ));
    push_filter(&mut sql, prefiltered, layout);
    sql.push(format_args!(
        " ORDER BY dead_since DESC, id DESC LIMIT {COUNTED}) AS newest GROUP BY {column} ORDER BY count(*) DESC, {column}"
    ));
    let mut rows: Vec<CountsRow> = sql.build_query_as().fetch_all(pool).await.map_err(error::store)?;
    let counted: i64 = rows.iter().map(CountsRow::letters).sum();
    rows.truncate(LetterCounts::<LetterGroup>::MAX as usize);
    Ok((rows, counted < COUNTED))
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct CountsRow {
    /// The reason, or the cause, which letters that were kept by an earlier version do not have yet.
    name: Option<String>,
    /// None without letters.
    reason: Option<String>,
    message: Option<String>,
    producer: Option<String>,
    waiting: i64,
    failed_again: i64,
    replayed: i64,
    dismissed: i64,
    /// None without letters.
    first_dead: Option<Moment>,
    last_dead: Option<Moment>,
}

impl CountsRow {
    const fn letters(&self) -> i64 {
        self.waiting + self.replayed + self.dismissed
    }

    fn group(self) -> Option<LetterGroup> {
        Some(LetterGroup {
            reason: self.reason?,
            waiting: self.waiting.cast_unsigned(),
            replayed: self.replayed.cast_unsigned(),
            dismissed: self.dismissed.cast_unsigned(),
            first: self.first_dead?.0,
            last: self.last_dead?.0,
        })
    }

    pub(super) fn cause(self) -> Option<LetterCause> {
        Some(LetterCause {
            name: self.name,
            reason: self.reason?,
            message: self.message?,
            producer: self.producer,
            waiting: self.waiting.cast_unsigned(),
            failed_again: self.failed_again.cast_unsigned(),
            replayed: self.replayed.cast_unsigned(),
            dismissed: self.dismissed.cast_unsigned(),
            first: self.first_dead?.0,
            last: self.last_dead?.0,
        })
    }
}
