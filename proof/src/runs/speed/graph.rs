//! A definition whose path forks, to be compared with the straight line that is built in.

use std::fs;

use anyhow::Result;

use super::bench_env::BenchEnv;

/// How many branches go on beside that of the orders, and how many steps each has; with the seven of the orders there are 40.
const BRANCHES: usize = 3;
const STEPS: usize = 11;

/// The steps of the orders, each with the service that owns it.
const ORDER: [(&str, &str); 6] = [
    ("ORDER_CREATED", "order-service"),
    ("STOCK_RESERVATION", "product-service"),
    ("STOCK_RESERVED", "product-service"),
    ("PAYMENT_INITIALIZATION", "payment-service"),
    ("PAYMENT_INITIALIZED", "payment-service"),
    ("PAYMENT_COMPLETED", "payment-service"),
];

/// A folder with the definition.
pub(super) fn folder(bench_env: &BenchEnv) -> Result<String> {
    let folder = bench_env.parts.folder().join("graph");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("order-creation.yml"), definition())?;
    Ok(folder.display().to_string())
}

/// Orders with three branches beside them, of which no step comes, so that all are awaited until the orders end.
fn definition() -> String {
    let mut forward: Vec<String> = ORDER
        .iter()
        .map(|(step, service)| format!("  - {{ step: {step}, service: {service} }}"))
        .collect();
    let mut ends = vec!["PAYMENT_COMPLETED".to_owned()];
    for branch in 1..=BRANCHES {
        let name = |step: usize| match step {
            0 => "ORDER_CREATED".to_owned(),
            step => format!("BRANCH_{branch}_STEP_{step}"),
        };
        forward.extend((1..=STEPS).map(|step| {
            let (step, before) = (name(step), name(step - 1));
            format!("  - {{ step: {step}, service: branch-{branch}, after: [{before}] }}")
        }));
        ends.push(name(STEPS));
    }
    let ends = ends.join(", ");
    forward.push(format!(
        "  - {{ step: ORDER_CONFIRMED, service: order-service, after: [{ends}] }}"
    ));
    format!(
        "sagaType: ORDER_CREATION\nstartsWith: [ORDER_CREATED]\nforward:\n{}\n{REST}",
        forward.join("\n")
    )
}

/// As it is built in.
const REST: &str = "\
completesWith: [ORDER_CONFIRMED]
failsWith: [ORDER_CANCELLED, ORDER_TIMEOUT, STOCK_RESERVATION_FAILED, PAYMENT_FAILED]
compensations:
  - { step: STOCK_RESERVED, by: [STOCK_RELEASED, COMPENSATION_STOCK] }
  - { step: PAYMENT_COMPLETED, by: [PAYMENT_REFUNDED, PAYMENT_CANCELLED, COMPENSATION_PAYMENT] }
alsoKnown: [COMPENSATION_ORDER]
limits:
  whole: 10min
  steps:
    - { step: STOCK_RESERVED, within: 3min }
    - { step: ORDER_CONFIRMED, within: 2min, after: PAYMENT_COMPLETED }
";

#[cfg(test)]
mod tests {
    use saga_types::definition::SagaDefinition;

    use super::*;

    #[test]
    fn the_graph_has_forty_steps_and_nothing_wrong_with_it() {
        let report = SagaDefinition::check_yaml(&definition());
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
        let definition = report.result.unwrap();
        assert_eq!(definition.forward.len(), 40);
        assert!(!definition.path().is_straight_line());
        let awaited = definition
            .path()
            .progress([&"ORDER_CREATED".parse().unwrap()])
            .awaited()
            .count();
        assert_eq!(awaited, BRANCHES + 1);
    }
}
