//! The condition that keeps a reader to their saga types.

use sqlx::QueryBuilder;

use super::{Db, dialect};
use crate::Scope;

/// Only rows with one of the types in this column. A row without a type is for those alone who may see all.
pub(super) fn push_scope(sql: &mut QueryBuilder<Db>, column: &str, scope: &Scope) {
    if let Some(types) = scope.names() {
        sql.push(format_args!(" AND {column} "));
        dialect::push_any(sql, &types);
    }
}
