//! What happens to an order: every scenario, as acts of customers, clocks and deaths between which the services work.

use crate::{
    delivery::Delivery,
    event::{DomainEvent, ServiceName},
    orders::Wanted,
    shop::Shop,
    spans::Tracing,
};

/// What happens next to all orders of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// The services work until nothing is left to be delivered.
    Work(Delivery),
    /// The customer cancels.
    Cancel,
    /// The order took too long.
    Expire,
    /// The money of a transfer comes.
    Settle,
}

/// What happens to some orders.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// For people.
    pub name: &'static str,
    /// What is ordered.
    pub wanted: Wanted,
    /// What happens then.
    pub acts: &'static [Act],
    /// Where the saga stands in the end.
    pub status: &'static str,
    /// The step that it awaits then, if any.
    pub awaits: Option<&'static str>,
}

const BOOK: Wanted = of("book", "card");
const DECLINED: Wanted = of("book", "declined");
const TRANSFER: Wanted = of("book", "transfer");

const fn of(sku: &'static str, payment_method: &'static str) -> Wanted {
    Wanted {
        sku,
        amount: 30_000,
        payment_method,
    }
}

const fn scenario(
    name: &'static str,
    wanted: Wanted,
    acts: &'static [Act],
    status: &'static str,
    awaits: Option<&'static str>,
) -> Scenario {
    Scenario {
        name,
        wanted,
        acts,
        status,
        awaits,
    }
}

use Act::{Cancel, Expire, Settle};
use ServiceName::{Order, Payment, Product};

const WORK: Act = Act::Work(Delivery::Once);
const ON_REPEATS: Act = Act::Work(Delivery::Twice);
const BACKWARDS: Act = Act::Work(Delivery::Backwards);
const WITHOUT_ORDER: Act = Act::Work(Delivery::Without(Order));
const WITHOUT_PRODUCT: Act = Act::Work(Delivery::Without(Product));
const WITHOUT_PAYMENT: Act = Act::Work(Delivery::Without(Payment));
const UNTIL_PAYMENT_DIES: Act = Act::Work(Delivery::UntilPaymentDies);

/// Every one.
pub const SCENARIOS: [Scenario; 20] = [
    scenario("success", BOOK, &[WORK], "COMPLETED", None),
    scenario(
        "success, each event twice",
        BOOK,
        &[ON_REPEATS],
        "COMPLETED",
        None,
    ),
    scenario(
        "success, events in disorder",
        BOOK,
        &[WITHOUT_ORDER, BACKWARDS],
        "COMPLETED",
        None,
    ),
    scenario(
        "success by a transfer",
        TRANSFER,
        &[WORK, Settle, WORK],
        "COMPLETED",
        None,
    ),
    scenario("out of stock", of("lamp", "card"), &[WORK], "FAILED", None),
    scenario(
        "payment refused, stock released",
        DECLINED,
        &[WORK],
        "COMPENSATED",
        None,
    ),
    scenario(
        "over the limit, each event twice",
        Wanted {
            amount: 2_000_000,
            ..BOOK
        },
        &[ON_REPEATS],
        "COMPENSATED",
        None,
    ),
    scenario(
        "payment refused, stock not released",
        of("piano", "declined"),
        &[WORK],
        "FAILED",
        Some("STOCK_RELEASED"),
    ),
    scenario(
        "timeout of a transfer",
        TRANSFER,
        &[WORK, Expire, WORK],
        "COMPENSATED",
        None,
    ),
    scenario(
        "timeout before anything was done",
        BOOK,
        &[Expire],
        "FAILED",
        None,
    ),
    scenario(
        "cancelled after payment, refunded",
        BOOK,
        &[WORK, Cancel, WORK],
        "COMPENSATED",
        None,
    ),
    scenario(
        "cancelled before the reservation",
        BOOK,
        &[WITHOUT_PRODUCT, Cancel, WORK],
        "COMPENSATED",
        None,
    ),
    scenario(
        "transfer awaited",
        TRANSFER,
        &[WORK],
        "IN_PROGRESS",
        Some("PAYMENT_COMPLETED"),
    ),
    scenario(
        "product-service died before it reserved",
        BOOK,
        &[WITHOUT_PRODUCT],
        "STARTED",
        Some("STOCK_RESERVATION"),
    ),
    scenario(
        "payment-service died before it charged",
        BOOK,
        &[WITHOUT_PAYMENT],
        "IN_PROGRESS",
        Some("PAYMENT_INITIALIZATION"),
    ),
    scenario(
        "payment-service died while it charged",
        BOOK,
        &[UNTIL_PAYMENT_DIES],
        "IN_PROGRESS",
        Some("PAYMENT_COMPLETED"),
    ),
    scenario(
        "the same, and came back",
        BOOK,
        &[UNTIL_PAYMENT_DIES, WORK],
        "COMPLETED",
        None,
    ),
    scenario(
        "order-service died before it confirmed",
        BOOK,
        &[WITHOUT_ORDER],
        "IN_PROGRESS",
        Some("ORDER_CONFIRMED"),
    ),
    scenario(
        "refund owed",
        BOOK,
        &[WORK, Cancel, WITHOUT_PAYMENT],
        "FAILED",
        Some("PAYMENT_REFUNDED"),
    ),
    scenario(
        "release owed",
        BOOK,
        &[WORK, Cancel, WITHOUT_PRODUCT],
        "FAILED",
        Some("STOCK_RELEASED"),
    ),
];

/// How many orders of each scenario there are when there are so many of all.
#[must_use]
pub fn shares(orders: usize) -> [usize; SCENARIOS.len()] {
    let few = orders / SCENARIOS.len();
    let more = orders % SCENARIOS.len();
    std::array::from_fn(|scenario| few + usize::from(scenario < more))
}

/// Orders of a scenario, and what the services published about them.
pub struct Played {
    /// The ids of the orders.
    pub orders: Vec<String>,
    /// The domain events, in the order in which they happened.
    pub events: Vec<DomainEvent>,
}

/// Plays a scenario for so many orders, which are placed together, in a shop of their own.
#[must_use]
pub fn play(tracing: &Tracing, scenario: &Scenario, orders: usize) -> Played {
    let mut shop = Shop::new(tracing);
    let orders: Vec<String> = (0..orders).map(|_| shop.orders.place(&scenario.wanted)).collect();
    for act in scenario.acts {
        match act {
            Act::Work(delivery) => shop.work(*delivery),
            Cancel => orders.iter().for_each(|order| shop.orders.cancel(order)),
            Expire => orders.iter().for_each(|order| shop.orders.expire(order)),
            Settle => orders.iter().for_each(|order| shop.payments.settle(order)),
        }
    }
    Played {
        orders,
        events: shop.published(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_are_all_orders() {
        assert_eq!(shares(1_000), [50; SCENARIOS.len()]);
        assert_eq!(shares(7).iter().sum::<usize>(), 7);
    }
}
