//! Whether the tables are distributed: a few statements have another form where they are.

/// How the tables are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// In one database.
    Single,
    /// Those of sagas over the workers of Citus, by the saga's id. See `postgres::distribution` for what it does not take.
    Distributed,
}
