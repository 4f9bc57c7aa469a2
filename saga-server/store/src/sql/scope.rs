//! The condition that keeps a reader to their saga types.

use sqlx::QueryBuilder;

use super::{Db, dialect};
use crate::Scope;

/// Only rows with one of the types in this column. A row without a type is for those alone who may see all.
pub(super) fn push_scope(sql: &mut QueryBuilder<Db>, column: &str, scope: &Scope) {
    let Some(mut types) = scope.names() else { return };
    sql.push(format_args!(" AND {column} "));
    match types.len() {
        // An index that begins with the type gives its rows in order, which no list of types does.
        1 => _ = sql.push("= ").push_bind(types.remove(0)),
        _ => dialect::push_any(sql, &types),
    }
}
