//! How the orders of each way stand, beside those by saga-sdk.

use anyhow::{Context as _, Result};
use serde_json::json;
use without_sdk::story::{self, SCENARIOS};

use super::{
    standing::{Standing, States},
    way::Way,
};
use crate::report::{Report, Table};

/// The contract's figure for the lines of mapping of the shop's three services.
const FEWER_LINES_THAN: usize = 40;

/// How the orders of a way stand, in the order of the scenarios.
pub(super) fn standings(way: &Way, states: &States) -> Result<Vec<Standing>> {
    let of = |saga_id: &String| {
        let state = states.get(saga_id);
        state
            .map(Standing::of)
            .with_context(|| format!("the saga {saga_id} of {} is not there", way.name))
    };
    way.sagas.iter().map(of).collect()
}

/// How the orders of each scenario stand by saga-sdk, and whether that is what the scenario says.
pub(super) fn scenarios(report: &mut Report, orders: usize, by_sdk: &[Standing]) {
    let mut table = Table::new(
        "Scenarios, as they stand by saga-sdk",
        &[
            "scenario",
            "orders",
            "status",
            "failed step",
            "outstanding",
            "awaiting",
        ],
    );
    let mut others = Vec::new();
    let mut left = by_sdk;
    for (scenario, orders) in SCENARIOS.iter().zip(story::shares(orders)) {
        let (own, rest) = left.split_at(orders);
        left = rest;
        let first = &own[0];
        let awaits = first.awaiting.first();
        table.row(
            scenario.name,
            [
                json!(orders),
                json!(first.status),
                json!(first.failed_step.as_deref().unwrap_or_default()),
                json!(first.outstanding.join(", ")),
                json!(awaits.map_or_else(String::new, |(step, owner)| format!(
                    "{step} by {}",
                    owner.as_deref().unwrap_or_default()
                ))),
            ],
        );
        let is_wrong = |standing: &&Standing| {
            let awaits = standing.awaiting.first().map(|(step, _)| step.as_str());
            standing.status != scenario.status || awaits != scenario.awaits
        };
        others.extend(
            own.iter()
                .filter(is_wrong)
                .map(|wrong| format!("{}: {wrong:?}", scenario.name)),
        );
    }
    report.table(table);
    report.promise_none("an order ends otherwise than its scenario", others.len(), &others);
}

/// Compares each order of a way with the same one by saga-sdk.
pub(super) fn compare(
    report: &mut Report,
    table: &mut Table,
    way: &Way,
    by_sdk: &[Standing],
    states: &States,
) -> Result<()> {
    let own = standings(way, states)?;
    let different: Vec<String> = own
        .iter()
        .zip(by_sdk)
        .zip(&way.sagas)
        .filter(|((own, by_sdk), _)| own != by_sdk)
        .map(|((own, by_sdk), saga_id)| format!("{saga_id} is {own:?}, by saga-sdk {by_sdk:?}"))
        .collect();
    let steps: u64 = way.sagas.iter().map(|saga_id| states[saga_id].step_count).sum();
    let lines = way.lines_of_mappings()?;
    table.row(
        way.name,
        [
            json!(own.len()),
            json!(way.emitted.count()),
            json!(steps),
            json!(own.len() - different.len()),
            json!(different.len()),
            json!(lines),
        ],
    );
    if way.folder.is_some() {
        let promise = format!("an order stands otherwise by {}", way.name);
        report.promise_none(&promise, different.len(), &different);
        report.promise(
            &format!("{}: fewer than {FEWER_LINES_THAN} lines of mapping", way.name),
            lines < FEWER_LINES_THAN,
            lines,
        );
    }
    Ok(())
}
