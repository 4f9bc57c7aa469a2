//! The ways in which an order of the examples can end, and how often each does.

use std::{fmt, str::FromStr};

use fastrand::Rng;
use saga_types::{
    SagaStatus::{self, Compensated, Completed, Failed, InProgress, Started},
    Step, steps,
};

/// Who recorded which step, and how it ended.
pub(crate) type Recorded = (&'static str, Step, SagaStatus);

/// How an order ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Confirmed.
    Success,
    /// Nothing to reserve.
    OutOfStock,
    /// Payment refused, stock released.
    PaymentRefused,
    /// No answer from payment in time; stock released, payment cancelled.
    Timeout,
    /// Confirmed, then cancelled by the customer; stock released, payment refunded.
    Cancelled,
}

const ORDER: &str = "order-service";
const PRODUCT: &str = "product-service";
const PAYMENT: &str = "payment-service";

const CREATED: Recorded = (ORDER, steps::ORDER_CREATED, Started);
const RESERVING: Recorded = (PRODUCT, steps::STOCK_RESERVATION, InProgress);
const PAYING: [Recorded; 6] = [
    CREATED,
    RESERVING,
    (PRODUCT, steps::STOCK_RESERVED, Completed),
    (ORDER, steps::STOCK_RESERVED, InProgress),
    (PAYMENT, steps::PAYMENT_INITIALIZATION, InProgress),
    (PAYMENT, steps::PAYMENT_INITIALIZED, InProgress),
];
const CONFIRMED: [Recorded; 3] = [
    (PAYMENT, steps::PAYMENT_COMPLETED, Completed),
    (ORDER, steps::PAYMENT_COMPLETED, InProgress),
    (ORDER, steps::ORDER_CONFIRMED, Completed),
];
const CANCELLED: Recorded = (ORDER, steps::ORDER_CANCELLED, Failed);
const RELEASED: Recorded = (PRODUCT, steps::STOCK_RELEASED, Compensated);

impl Shape {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Success, "success"),
        (Self::OutOfStock, "out-of-stock"),
        (Self::PaymentRefused, "payment-refused"),
        (Self::Timeout, "timeout"),
        (Self::Cancelled, "cancelled"),
    ];

    /// What is recorded, in order.
    pub(crate) fn steps(self) -> Vec<Recorded> {
        let end = match self {
            Self::OutOfStock => {
                let failed = (PRODUCT, steps::STOCK_RESERVATION_FAILED, Failed);
                return vec![CREATED, RESERVING, failed, CANCELLED];
            }
            Self::Success => CONFIRMED.to_vec(),
            Self::PaymentRefused => vec![(PAYMENT, steps::PAYMENT_FAILED, Failed), CANCELLED, RELEASED],
            Self::Timeout => vec![
                (ORDER, steps::ORDER_TIMEOUT, Failed),
                RELEASED,
                (PAYMENT, steps::PAYMENT_CANCELLED, Compensated),
            ],
            Self::Cancelled => {
                let refunded = (PAYMENT, steps::PAYMENT_REFUNDED, Compensated);
                [&CONFIRMED[..], &[CANCELLED, RELEASED, refunded]].concat()
            }
        };
        [&PAYING[..], &end].concat()
    }
}

/// How often each shape occurs: weights, such as `success=70,timeout=5`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mix(Vec<(Shape, u32)>);

impl Mix {
    /// The shape that chance picks.
    pub(crate) fn pick(&self, rng: &mut Rng) -> Shape {
        let total: u32 = self.0.iter().map(|(_, weight)| weight).sum();
        let mut rest = rng.u32(..total);
        for (shape, weight) in &self.0 {
            if rest < *weight {
                return *shape;
            }
            rest -= weight;
        }
        Shape::Success
    }
}

impl Default for Mix {
    fn default() -> Self {
        let weights = [70, 10, 10, 5, 5];
        Self(
            Shape::ALL
                .into_iter()
                .map(|(shape, _)| shape)
                .zip(weights)
                .collect(),
        )
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (shape, weight)) in self.0.iter().enumerate() {
            let name = Shape::ALL.iter().find(|(known, _)| known == shape);
            let comma = if index == 0 { "" } else { "," };
            write!(formatter, "{comma}{}={weight}", name.map_or("", |(_, name)| name))?;
        }
        Ok(())
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let weights = text.split(',').map(weight).collect::<Result<Vec<_>, _>>()?;
        let total = weights
            .iter()
            .try_fold(0_u32, |sum, (_, weight)| sum.checked_add(*weight));
        match total {
            None | Some(0) => Err("the weights must add up to at least 1, and to less than 2^32".to_owned()),
            Some(_) => Ok(Self(weights)),
        }
    }
}

fn weight(text: &str) -> Result<(Shape, u32), String> {
    let (name, weight) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?} is not SHAPE=WEIGHT"))?;
    let shape = Shape::ALL.iter().find(|(_, known)| *known == name.trim());
    let (shape, _) = shape.ok_or_else(|| {
        let names = Shape::ALL.map(|(_, name)| name).join(", ");
        format!("{name:?} is no shape: there are {names}")
    })?;
    let weight = weight
        .trim()
        .parse()
        .map_err(|error| format!("{weight:?}: {error}"))?;
    Ok((*shape, weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_read_as_it_is_shown() {
        let mix = Mix::default();
        assert_eq!(mix.to_string().parse::<Mix>().unwrap(), mix);
    }

    #[test]
    fn only_shapes_that_there_are_are_picked_as_often_as_they_weigh() {
        let mix: Mix = "success=3,timeout=1".parse().unwrap();
        let mut rng = Rng::with_seed(1);
        let timeouts = (0..4_000)
            .filter(|_| mix.pick(&mut rng) == Shape::Timeout)
            .count();
        assert!((900..1_100).contains(&timeouts), "{timeouts}");
    }

    #[test]
    fn a_bad_mix_is_refused_with_the_reason() {
        for (text, reason) in [
            ("success", "is not SHAPE=WEIGHT"),
            ("lost=1", "there are success"),
            ("success=-1", "invalid digit"),
            ("success=0", "at least 1"),
        ] {
            let refused = text.parse::<Mix>().unwrap_err();
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
