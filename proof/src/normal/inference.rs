//! Definitions that are inferred from events: whether they are those that the events were made by.

use anyhow::{Result, anyhow};
use fastrand::Rng;
use saga_normal::{
    infer,
    simulation::{Noise, sagas, same_definition},
};
use saga_types::definition::{Definitions, SagaDefinition};

use crate::report::{Report, Table};

/// How many sagas of each type, and the share of events that are lost, late, doubled or joined by one of another type.
const SAGAS: usize = 10_000;
const NOISE: f64 = 0.05;

/// Types of `dev --demo` beside the built-in ones.
const FILES: [&str; 2] = [
    include_str!("../../../examples/fulfilment/definitions/fulfilment.yml"),
    include_str!("../../../examples/fulfilment/definitions/shipment.yml"),
];

pub(super) fn run(seed: u64, doing: impl Fn(String)) -> Result<Report> {
    let mut report = Report::new("inference");
    let built_in = Definitions::built_in();
    let mut definitions: Vec<SagaDefinition> = built_in.iter().cloned().collect();
    for file in FILES {
        definitions.push(SagaDefinition::from_yaml(file).map_err(|error| anyhow!("{error}"))?);
    }
    let mut table = Table::new(
        "Definitions from 10,000 sagas each, with 5 % noise",
        &["seed, type", "steps", "differences"],
    );
    for definition in &definitions {
        let saga_type = &definition.saga_type;
        doing(format!("inference, seed {seed}, {saga_type}"));
        let difference = difference(seed, definition, &definitions)?;
        table.row(
            &format!("{seed}, {saga_type}"),
            [
                definition.forward.len().into(),
                usize::from(difference.is_some()).into(),
            ],
        );
        report.promise(
            &format!("{saga_type} is given back (seed {seed})"),
            difference.is_none(),
            difference.unwrap_or_else(|| "the same".to_owned()),
        );
    }
    report.table(table);
    Ok(report)
}

fn difference(seed: u64, definition: &SagaDefinition, all: &[SagaDefinition]) -> Result<Option<String>> {
    let others: Vec<&SagaDefinition> = all
        .iter()
        .filter(|other| other.saga_type != definition.saga_type)
        .collect();
    let mut random = Rng::with_seed(seed);
    let events = sagas(&mut random, definition, &others, Noise { share: NOISE }, SAGAS);
    let file = infer::definition(&definition.saga_type, &events)
        .map_err(|few| anyhow!("only {} sagas ended without a failure", few.without_failure))?;
    let read = SagaDefinition::from_yaml(&file).map_err(|error| anyhow!("{error} in {file}"))?;
    Ok(same_definition(definition, &read))
}
