//! Tables distributed over the workers of Citus, by the saga's id: which they are, and what a connection leads to.
//!
//! Rule of thumb: what a batch writes of one saga is on one worker, and all that counts over sagas is on the coordinator. What
//! statements on distributed tables must not say is checked by `scripts/check-statements`, over all that the contract tests
//! send.

mod migrate;

use std::sync::{LazyLock, OnceLock};

use serde::Deserialize;
use sqlx::{PgConnection, Row as _};

pub(super) use migrate::{distribute, finish, undistribute};

use crate::{StoreError, layout::Layout};

/// Every table by where it is. Distributed tables have a column `saga_id`, by which they are distributed alike.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tables {
    pub(super) distributed: Vec<String>,
    /// The same rows on every worker.
    pub(super) reference: Vec<String>,
    /// On the coordinator alone.
    #[expect(dead_code, reason = "every table is listed, so that none is forgotten")]
    pub(super) local: Vec<String>,
}

pub(super) static TABLES: LazyLock<Tables> =
    LazyLock::new(|| serde_json::from_str(include_str!("tables.json")).expect("tables.json is valid"));

impl Tables {
    /// The tables that do not stay on the coordinator. A view is known to the workers only when they know all that it reads.
    fn moved(&self) -> impl Iterator<Item = &String> {
        self.reference.iter().chain(&self.distributed)
    }
}

/// Citus has its catalog in every database that has the extension.
const HAS_CITUS: &str = "SELECT to_regclass('pg_dist_partition') IS NOT NULL AS has_citus";

const NODE: &str = "SELECT groupid FROM pg_dist_local_group";

/// Each table that is there, with how Citus keeps it: `h` is distributed by a column, `n` copied to all.
static METHODS: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<&str> = TABLES.moved().map(String::as_str).collect();
    format!(
        "SELECT name, partmethod::text FROM UNNEST('{{{}}}'::text[]) AS listed (name) \
         LEFT JOIN pg_dist_partition ON logicalrelid = to_regclass(name) WHERE to_regclass(name) IS NOT NULL",
        names.join(",")
    )
});

/// What a connection leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Layout(Layout),
    /// These tables are not distributed, and others are.
    Half(Vec<String>),
    Worker,
}

/// What the connections of a store lead to. The first one decides, and all later ones must agree.
#[derive(Debug, Default)]
pub(super) struct Layouts {
    first: OnceLock<Found>,
    /// What a later one led to instead.
    other: OnceLock<Found>,
}

impl Layouts {
    /// Looks where a new connection leads to.
    pub(super) async fn note(&self, connection: &mut PgConnection) -> Result<Layout, sqlx::Error> {
        let found = look(connection).await?;
        let layout = match &found {
            Found::Layout(layout) => *layout,
            Found::Half(_) | Found::Worker => Layout::Distributed,
        };
        if *self.first.get_or_init(|| found.clone()) != found {
            let _ = self.other.set(found);
        }
        Ok(layout)
    }

    /// A worker has no tables of its own to change. Half distributed ones are left to those who finish that.
    pub(super) fn refuse_worker(&self) -> Result<(), StoreError> {
        match self.first.get() {
            Some(Found::Worker) => self.get().map(drop),
            _ => Ok(()),
        }
    }

    /// The layout, once a connection was made; else none.
    pub(super) fn get(&self) -> Result<Option<Layout>, StoreError> {
        let refused = |message: String| Err(StoreError::Configuration(message.into()));
        if self.other.get().is_some() {
            return refused(
                "its tables were distributed, or moved back, since this process connected: restart it"
                    .to_owned(),
            );
        }
        match self.first.get() {
            None => Ok(None),
            Some(Found::Layout(layout)) => Ok(Some(*layout)),
            Some(Found::Half(tables)) => refused(format!(
                "only some of its tables are distributed, and {} not: run `saga-server migrate --distributed` again, or \
                 `saga-server migrate --undistributed`",
                tables.join(", ")
            )),
            Some(Found::Worker) => refused(
                "the address leads to a worker of Citus, which has only a part of the tables: give the coordinator's"
                    .to_owned(),
            ),
        }
    }
}

/// Without prepared statements: a pooler that hands sessions on is found later.
async fn look(connection: &mut PgConnection) -> Result<Found, sqlx::Error> {
    if !has_citus(connection).await? {
        return Ok(Found::Layout(Layout::Single));
    }
    let node = sqlx::raw_sql(NODE).fetch_optional(&mut *connection).await?;
    if let Some(node) = node
        && node.try_get::<i32, _>(0)? != 0
    {
        return Ok(Found::Worker);
    }
    let methods = methods(connection).await?;
    let (moved, left): (Vec<_>, Vec<_>) = methods.into_iter().partition(|(_, method)| method.is_some());
    Ok(match (moved.is_empty(), left.is_empty()) {
        (true, _) => Found::Layout(Layout::Single),
        (false, true) => Found::Layout(Layout::Distributed),
        (false, false) => Found::Half(left.into_iter().map(|(name, _)| name).collect()),
    })
}

async fn has_citus(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::raw_sql(HAS_CITUS).fetch_one(connection).await?.try_get(0)
}

/// The listed tables that are there, in the list's order, each with how Citus keeps it, if it does.
async fn methods(connection: &mut PgConnection) -> Result<Vec<(String, Option<String>)>, sqlx::Error> {
    let rows = sqlx::raw_sql(METHODS.as_str()).fetch_all(connection).await?;
    let of_each: Vec<(String, Option<String>)> = rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, sqlx::Error>>()?;
    let place = |name: &str| TABLES.moved().position(|listed| listed == name);
    let mut of_each = of_each;
    of_each.sort_by_key(|(name, _)| place(name));
    Ok(of_each)
}
