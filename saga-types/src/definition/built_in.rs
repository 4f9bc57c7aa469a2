//! The definitions that come with the product, written in the same YAML as a team's own.

use super::SagaDefinition;

const FILES: [&str; 2] = [
    include_str!("../../definitions/order-creation.yml"),
    include_str!("../../definitions/payment-completion.yml"),
];

pub(super) fn all() -> impl Iterator<Item = SagaDefinition> {
    FILES.into_iter().map(|yaml| {
        #[expect(clippy::expect_used, reason = "constants that the tests load")]
        SagaDefinition::from_yaml(yaml).expect("a built-in definition")
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Definitions, StepLimit};
    use crate::{SagaType, steps};

    #[test]
    fn the_order_has_the_limits_of_the_contract() {
        let definitions = Definitions::built_in();
        let order = definitions.get(&SagaType::ORDER_CREATION).unwrap();
        assert_eq!(order.limits.whole, Some(Duration::from_mins(10)));
        assert_eq!(
            order.limits.steps,
            [
                StepLimit {
                    step: steps::STOCK_RESERVED,
                    within: Duration::from_mins(3),
                    after: None
                },
                StepLimit {
                    step: steps::ORDER_CONFIRMED,
                    within: Duration::from_mins(2),
                    after: Some(steps::PAYMENT_COMPLETED)
                },
            ]
        );
        assert_eq!(order.owner(&steps::STOCK_RESERVATION), Some("product-service"));
    }

    #[test]
    fn every_known_step_is_known_to_the_order() {
        let definitions = Definitions::built_in();
        let order = definitions.get(&SagaType::ORDER_CREATION).unwrap();
        for step in steps::ALL {
            assert!(order.knows(step), "{step}");
        }
    }
}
