//! The flows of several types, read together.
//!
//! Rule of thumb: what is read is bounded for all types together, however many there are. What a type of few sagas leaves of its
//! share goes to the others.

use std::collections::BTreeMap;

use saga_types::SagaType;

use crate::{Scope, Span, period::drawn_below};

/// Which sagas of several types are read.
#[derive(Debug, Clone)]
pub struct FlowsQuery {
    /// The types that the reader may see.
    pub scope: Scope,
    /// Of these types.
    pub types: Vec<SagaType>,
    /// Only steps that this service recorded first in a saga, with its versions.
    pub service: Option<String>,
    /// Started within this period.
    pub span: Span,
    /// All of them, or when there are more a sample of about so many, of all types together.
    pub most: u32,
}

impl FlowsQuery {
    /// Sagas in which a service took no part are counted and not read, so that for each one that is read so many are drawn.
    const DRAWN_FOR_ONE: u64 = 2;

    fn drawn(&self) -> u64 {
        match self.service {
            Some(_) => u64::from(self.most) * Self::DRAWN_FOR_ONE,
            None => u64::from(self.most),
        }
    }
}

/// Which sagas of a type are drawn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Drawing {
    pub(crate) saga_type: SagaType,
    /// How many sagas the type has.
    pub(crate) of: u64,
    /// Those with a number below this.
    pub(crate) below: i64,
}

impl Drawing {
    /// Of types that have so many sagas.
    pub(crate) fn all(query: &FlowsQuery, counted: &BTreeMap<SagaType, u64>) -> Vec<Self> {
        let of = |saga_type: &SagaType| Some((saga_type.clone(), *counted.get(saga_type)?));
        let types: Vec<(SagaType, u64)> = query.types.iter().filter_map(of).collect();
        let counts: Vec<u64> = types.iter().map(|(_, of)| *of).collect();
        let shares = shares(&counts, query.drawn());
        let drawing = |((saga_type, of), share): ((SagaType, u64), u64)| Self {
            saga_type,
            of,
            below: drawn_below(u32::try_from(share).unwrap_or(u32::MAX), of),
        };
        types.into_iter().zip(shares).map(drawing).collect()
    }
}

/// What was drawn of a type.
#[derive(Debug)]
pub(crate) struct DrawnOfType {
    pub(crate) drawing: Drawing,
    /// Sagas that are read, with their numbers.
    pub(crate) read: Vec<(i64, String)>,
    /// The numbers of those that are only counted.
    pub(crate) others: Vec<i64>,
}

impl DrawnOfType {
    /// Leaves out the sagas with the greatest numbers, read or not, until about so many are to be read of all types.
    pub(crate) fn bound(types: &mut [Self], most: u32) {
        let counts: Vec<u64> = types.iter().map(|of_type| of_type.read.len() as u64).collect();
        for (of_type, share) in types.iter_mut().zip(shares(&counts, u64::from(most))) {
            of_type.read.sort_unstable();
            let first_left_out = usize::try_from(share)
                .ok()
                .and_then(|share| of_type.read.get(share));
            let (Some((least, _)), Some((below, _))) = (of_type.read.first(), first_left_out) else {
                continue;
            };
            // Of sagas with one number all are read or none.
            let below = (*below).max(least + 1);
            of_type.read.retain(|(number, _)| *number < below);
            of_type.others.retain(|number| *number < below);
        }
    }
}

/// So many in all, shared alike: what one needs less than its share goes to those that need more.
fn shares(counts: &[u64], most: u64) -> Vec<u64> {
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|place| counts[*place]);
    let mut shares = vec![0; counts.len()];
    let (mut left, mut takers) = (most, counts.len() as u64);
    for place in order {
        let share = counts[place].min(left / takers);
        shares[place] = share;
        left -= share;
        takers -= 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_leaves_goes_to_the_others() {
        assert!(shares(&[], 10).is_empty());
        assert_eq!(shares(&[3, 4], 10), [3, 4]);
        assert_eq!(shares(&[1_000, 10, 1_000], 100), [45, 10, 45]);
        assert_eq!(shares(&[5, 5, 5], 2), [0, 1, 1]);
    }

    #[test]
    fn a_part_of_a_sample_has_the_same_share_of_sagas_that_are_not_read() {
        let drawing = Drawing {
            saga_type: SagaType::REFUND,
            of: 10_000,
            below: 1_000,
        };
        let numbers = (0..1_000).rev();
        let (read, others) = numbers.partition::<Vec<i64>, _>(|number| number % 4 == 0);
        let read = read.into_iter().map(|number| (number, format!("saga-{number}")));
        let mut types = [DrawnOfType {
            drawing,
            read: read.collect(),
            others,
        }];
        DrawnOfType::bound(&mut types, 100);
        assert_eq!((types[0].read.len(), types[0].others.len()), (100, 300));
        DrawnOfType::bound(&mut types, 100);
        assert_eq!((types[0].read.len(), types[0].others.len()), (100, 300));
    }
}
