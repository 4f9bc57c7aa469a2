//! In what two groups of sagas differ: the values whose shares differ most, with a test for each that allows for how many are
//! looked at.
//!
//! Rule of thumb: a key with very many values names sagas, and does not sort them; it is named, and its values are not compared.

use std::collections::{BTreeMap, BTreeSet};

use statrs::{
    distribution::{ContinuousCDF, Normal},
    function::factorial::ln_factorial,
};

use crate::counts::{Share, adjusted, number};

/// Of the differences that are named at most so great a share is expected to be none.
pub const FALSE_ALARMS: f64 = 0.01;

/// A key with more values is not compared.
const MAX_VALUES: usize = 200;

/// Nor is one of which more than half of the values are of one saga, from so many on.
const FEW_VALUES: usize = 20;

/// The most keys that are looked at; what comes later is left out.
const MAX_KEYS: usize = 500;

/// What a saga has: a key, such as one of its metadata, and a value.
pub type Value = (String, String);

/// What the sagas of a group have.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    sagas: u64,
    keys: BTreeMap<String, OfKey>,
    /// Keys that were more than are kept.
    has_more_keys: bool,
}

#[derive(Debug, Clone, Default)]
struct OfKey {
    /// How many sagas have it.
    sagas: u64,
    values: BTreeMap<String, u64>,
    /// Values that were more than are kept.
    has_more: bool,
}

impl Tally {
    /// Takes a saga in, with all that it has, each once.
    pub fn add(&mut self, values: &BTreeSet<Value>) {
        self.sagas += 1;
        let mut before: Option<&str> = None;
        for (key, value) in values {
            if !self.keys.contains_key(key) {
                if self.keys.len() >= MAX_KEYS {
                    self.has_more_keys = true;
                    continue;
                }
                self.keys.insert(key.clone(), OfKey::default());
            }
            let Some(of_key) = self.keys.get_mut(key) else {
                continue;
            };
            of_key.sagas += u64::from(before != Some(key.as_str()));
            before = Some(key);
            let is_full = of_key.values.len() > MAX_VALUES * 5;
            match of_key.values.get_mut(value) {
                Some(sagas) => *sagas += 1,
                None if is_full => of_key.has_more = true,
                None => _ = of_key.values.insert(value.clone(), 1),
            }
        }
    }

    /// How many sagas were taken in.
    #[must_use]
    pub fn sagas(&self) -> u64 {
        self.sagas
    }

    /// Whether it is known how many sagas have a key: one that came too late was not counted.
    fn knows(&self, key: &str) -> bool {
        !self.has_more_keys || self.keys.contains_key(key)
    }

    fn share(&self, key: &str, value: &str) -> Share {
        let of = self.keys.get(key).and_then(|of_key| of_key.values.get(value));
        Share {
            of: of.copied().unwrap_or_default(),
            all: self.sagas,
        }
    }
}

/// A value that a different share of either group has.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
    /// Sagas of the first group that have it.
    pub left: Share,
    /// Sagas of the second group that have it.
    pub right: Share,
    /// The probability of so great a difference by chance, adjusted for all the values that were compared.
    pub p_value: f64,
}

/// In what two groups differ.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Differences {
    /// The values whose shares differ most, the greatest difference first; each is hardly by chance.
    pub values: Vec<Difference>,
    /// How many values were compared.
    pub compared: usize,
    /// Keys with so many values that they name sagas.
    pub identifiers: Vec<String>,
}

/// Compares two groups.
#[must_use]
pub fn differences(left: &Tally, right: &Tally) -> Differences {
    let mut keys: BTreeSet<&String> = left.keys.keys().chain(right.keys.keys()).collect();
    keys.retain(|key| left.knows(key) && right.knows(key));
    let mut found = Differences::default();
    for key in keys {
        let both = [left, right].map(|tally| tally.keys.get(key));
        let values: BTreeSet<&String> = both
            .iter()
            .flatten()
            .flat_map(|of_key| of_key.values.keys())
            .collect();
        let sagas: u64 = both.iter().flatten().map(|of_key| of_key.sagas).sum();
        let has_more = both.iter().flatten().any(|of_key| of_key.has_more);
        if has_more || is_identifier(values.len(), sagas) {
            found.identifiers.push(key.clone());
            continue;
        }
        found.values.extend(values.into_iter().map(|value| {
            let (left, right) = (left.share(key, value), right.share(key, value));
            Difference {
                key: key.clone(),
                value: value.clone(),
                left,
                right,
                p_value: same_share(left, right),
            }
        }));
    }
    found.compared = found.values.len();
    let p_values: Vec<f64> = found.values.iter().map(|difference| difference.p_value).collect();
    for (difference, p_value) in found.values.iter_mut().zip(adjusted(&p_values)) {
        difference.p_value = p_value;
    }
    found
        .values
        .retain(|difference| difference.p_value <= FALSE_ALARMS);
    let distance = |difference: &Difference| (difference.left.value() - difference.right.value()).abs();
    found.values.sort_by(|one, other| {
        let by_distance = distance(other).total_cmp(&distance(one));
        by_distance.then_with(|| (&one.key, &one.value).cmp(&(&other.key, &other.value)))
    });
    found
}

fn is_identifier(values: usize, sagas: u64) -> bool {
    values > MAX_VALUES || (values >= FEW_VALUES && values as u64 * 2 > sagas)
}

/// The p-value of two shares that are the same: Fisher's exact test, both tails.
#[must_use]
pub fn same_share(left: Share, right: Share) -> f64 {
    let (of, all) = (left.of + right.of, left.all + right.all);
    if of == 0 || of == all || left.all == 0 || right.all == 0 {
        return 1.0;
    }
    let least = of.saturating_sub(right.all);
    let most = of.min(left.all);
    let choose = |all: u64, of: u64| ln_factorial(all) - ln_factorial(of) - ln_factorial(all - of);
    let whole = choose(all, of);
    let chance = |count: u64| (choose(left.all, count) + choose(right.all, of - count) - whole).exp();
    let upper = tail((left.of..=most).map(chance));
    let lower = tail((least..=left.of).rev().map(chance));
    (2.0 * upper.min(lower)).min(1.0)
}

/// A sum whose terms fall in the end.
fn tail(chances: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut before) = (0.0_f64, 0.0_f64);
    for chance in chances {
        sum += chance;
        if chance < before && chance < sum * 1e-16 {
            break;
        }
        before = chance;
    }
    sum
}

/// The p-value of two sets of numbers that are as great as each other: the test of Mann and Whitney, with ties.
#[must_use]
pub fn same_size(left: &[i64], right: &[i64]) -> f64 {
    if left.is_empty() || right.is_empty() {
        return 1.0;
    }
    let tagged = left
        .iter()
        .map(|number| (*number, true))
        .chain(right.iter().map(|number| (*number, false)));
    let mut all: Vec<(i64, bool)> = tagged.collect();
    all.sort_unstable();
    let (mut ranks, mut ties, mut place) = (0.0, 0.0, 0);
    for equal in all.chunk_by(|one, other| one.0 == other.0) {
        let many = crate::counts::count(equal.len());
        let middle = crate::counts::count(place) + (many + 1.0) / 2.0;
        ranks += middle * crate::counts::count(equal.iter().filter(|(_, is_left)| *is_left).count());
        ties += many.powi(3) - many;
        place += equal.len();
    }
    let (one, other) = (number(left.len() as u64), number(right.len() as u64));
    let both = one + other;
    let excess = ranks - one * (both + 1.0) / 2.0;
    let variance = one * other / 12.0 * ((both + 1.0) - ties / (both * (both - 1.0).max(1.0)));
    if variance <= 0.0 {
        return 1.0;
    }
    let distance = (excess.abs() - 0.5).max(0.0) / variance.sqrt();
    (2.0 * Normal::standard().sf(distance)).min(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(of: u64, all: u64) -> Share {
        Share { of, all }
    }

    fn saga(values: &[(&str, String)]) -> BTreeSet<Value> {
        values
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect()
    }

    #[test]
    fn shares_are_compared_exactly() {
        // The lady tasting tea: 4 of 4 and 0 of 4.
        assert!((same_share(share(4, 4), share(0, 4)) - 2.0 / 70.0).abs() < 1e-12);
        assert!((same_share(share(10, 100), share(10, 100)) - 1.0).abs() < 1e-12);
        assert!(same_share(share(0, 0), share(10, 100)) >= 1.0);
        assert!(same_share(share(1_900, 2_000), share(100, 2_000)) < 1e-300);
    }

    #[test]
    fn sizes_are_compared_by_their_ranks() {
        let numbers: Vec<i64> = (0..200).collect();
        let greater: Vec<i64> = (60..260).collect();
        assert!(same_size(&numbers, &numbers) > 0.9);
        assert!(same_size(&numbers, &greater) < 1e-6);
        assert!((same_size(&[5; 10], &[5; 20]) - 1.0).abs() < 1e-12);
        assert!((same_size(&[], &[1]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_differs_comes_first_and_ids_are_named_only() {
        let (mut left, mut right) = (Tally::default(), Tally::default());
        for number in 0..1_000_u64 {
            let version = |is_new: bool| if is_new { "2.8.0" } else { "2.7.0" };
            let others = |group: &str| {
                [
                    ("orderId", format!("{group}{number}")),
                    ("day", (number % 7).to_string()),
                ]
            };
            let [id, day] = others("l");
            left.add(&saga(&[
                id,
                day,
                ("version", version(number % 10 > 0).to_owned()),
            ]));
            let [id, day] = others("r");
            right.add(&saga(&[
                id,
                day,
                ("version", version(number % 3 == 0).to_owned()),
            ]));
        }
        let found = differences(&left, &right);
        assert_eq!(found.identifiers, ["orderId"]);
        assert_eq!(found.compared, 9);
        let named: Vec<&str> = found
            .values
            .iter()
            .map(|difference| difference.value.as_str())
            .collect();
        assert_eq!(named, ["2.7.0", "2.8.0"]);
        assert_eq!((found.values[1].left.of, found.values[1].right.of), (900, 334));
    }

    #[test]
    fn groups_of_nothing_or_of_one_saga_do_not_differ() {
        let empty = Tally::default();
        let mut one = Tally::default();
        one.add(&saga(&[("a", "1".to_owned())]));
        for (left, right) in [(&empty, &empty), (&one, &empty), (&one, &one)] {
            assert!(differences(left, right).values.is_empty());
        }
    }

    #[test]
    fn a_key_that_one_group_has_too_many_to_count_is_no_difference() {
        let tally = |prefix: &str| {
            let mut tally = Tally::default();
            let many: Vec<(String, String)> = (0..600)
                .map(|key| (format!("{prefix}-{key}"), "1".to_owned()))
                .collect();
            tally.add(&many.into_iter().collect());
            for _ in 0..500 {
                tally.add(&saga(&[("region", "eu".to_owned())]));
            }
            tally
        };
        let mut few = Tally::default();
        for _ in 0..500 {
            few.add(&saga(&[("region", "eu".to_owned())]));
        }
        for (left, right) in [
            (&tally("a"), &few),
            (&few, &tally("a")),
            (&tally("a"), &tally("b")),
        ] {
            assert!(differences(left, right).values.is_empty());
        }
    }

    /// Two draws of the same sagas with 300 values, 100 times.
    #[test]
    fn between_draws_of_the_same_sagas_hardly_anything_differs() {
        let mut random = fastrand::Rng::with_seed(3);
        let mut alarms = 0;
        for _ in 0..100 {
            let mut tally = || {
                let mut tally = Tally::default();
                for _ in 0..150 {
                    let values: Vec<(String, String)> = (0..30)
                        .map(|key| (format!("key-{key}"), random.u8(0..10).to_string()))
                        .collect();
                    tally.add(&values.into_iter().collect());
                }
                tally
            };
            let (left, right) = (tally(), tally());
            alarms += usize::from(!differences(&left, &right).values.is_empty());
        }
        assert!(alarms <= 4, "{alarms} of 100");
    }

    proptest! {
        #[test]
        fn p_values_are_probabilities(left in 0_u64..300, more in 0_u64..300, right in 0_u64..300, others in 0_u64..300) {
            let (left, right) = (share(left, left + more), share(right, right + others));
            let p = same_share(left, right);
            prop_assert!((0.0..=1.0).contains(&p));
            prop_assert!((p - same_share(right, left)).abs() < 1e-9);
        }
    }
}
