//! P9: how much of PostgreSQL's disk an event takes, with its share of the saga's row, by table and index.
//!
//! The tables are as the server leaves them behind a backlog: with the row versions that updates left and vacuuming has not removed.

use anyhow::Result;

use super::{Sizes, bench_env::BenchEnv, drain::drain};
use crate::{
    progress::Progress,
    report::{Report, Table},
    runs::rates::{Targets, rounded},
};

/// Tables with what is too long for their rows, and indexes; everything else holds a constant number of rows or pages.
const SIZES: &str = r"
SELECT name, bytes FROM (
    SELECT relname AS name, pg_table_size(oid) AS bytes FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT relname, pg_relation_size(oid) FROM pg_class WHERE relkind = 'i' AND relnamespace = 'public'::regnamespace
) AS relation
WHERE name LIKE 'saga\_%' ORDER BY bytes DESC, name";

pub(super) async fn measure(
    bench_env: &mut BenchEnv,
    sizes: &Sizes,
    report: &mut Report,
    progress: &Progress,
) -> Result<()> {
    let database = bench_env.database("saga_speed").await?;
    let plan = bench_env.plan(sizes.events, sizes);
    drain(bench_env, &database.harness, Some(&database), &plan, progress).await?;
    let relations: Vec<(String, i64)> = sqlx::query_as(SIZES).fetch_all(&database.pool).await?;
    let of_each = |bytes: i64| bytes as f64 / plan.events() as f64;
    let mut table = Table::new(
        &format!("P9: disk of {} events", plan.events()),
        &["table or index", "bytes for each event"],
    );
    for (name, bytes) in &relations {
        if of_each(*bytes) >= 0.5 {
            table.row(name, [rounded(of_each(*bytes))]);
        }
    }
    report.table(table);
    let all = relations.iter().map(|(_, bytes)| bytes).sum();
    let mut targets = Targets::new("P9: disk");
    targets.at_most(
        "bytes for each event, all tables and indexes",
        of_each(all),
        700.0,
    );
    report.table(targets.finish());
    Ok(())
}
