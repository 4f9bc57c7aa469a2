//! Sets of small numbers, one bit for each.

/// A set of numbers below a fixed bound. Sets of one bound only are combined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BitSet {
    words: Vec<u64>,
}

const WORD: usize = u64::BITS as usize;

impl BitSet {
    /// The empty set of numbers below `bound`.
    pub(super) fn new(bound: usize) -> Self {
        Self {
            words: vec![0; bound.div_ceil(WORD)],
        }
    }

    pub(super) fn insert(&mut self, number: usize) {
        self.words[number / WORD] |= 1 << (number % WORD);
    }

    pub(super) fn insert_all(&mut self, others: &Self) {
        for (word, other) in self.words.iter_mut().zip(&others.words) {
            *word |= other;
        }
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        self.words[number / WORD] & (1 << (number % WORD)) != 0
    }

    pub(super) fn intersects(&self, other: &Self) -> bool {
        self.words
            .iter()
            .zip(&other.words)
            .any(|(word, other)| word & other != 0)
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        let words = self.words.iter().zip(&other.words);
        Self {
            words: words.map(|(word, other)| word & other).collect(),
        }
    }

    pub(super) fn is_subset(&self, other: &Self) -> bool {
        self.words
            .iter()
            .zip(&other.words)
            .all(|(word, other)| word & !other == 0)
    }

    /// The numbers in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(index * WORD + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn bits(numbers: &BTreeSet<usize>) -> BitSet {
        let mut bits = BitSet::new(200);
        for number in numbers {
            bits.insert(*number);
        }
        bits
    }

    proptest! {
        #[test]
        fn it_does_what_a_tree_does(
            left in prop::collection::btree_set(0_usize..200, 0..20),
            right in prop::collection::btree_set(0_usize..200, 0..20),
        ) {
            let (a, b) = (bits(&left), bits(&right));
            prop_assert!((0..200).all(|number| a.contains(number) == left.contains(&number)));
            prop_assert_eq!(a.intersects(&b), !left.is_disjoint(&right));
            prop_assert_eq!(a.intersection(&b).iter().collect::<BTreeSet<_>>(), &left & &right);
            prop_assert_eq!(a.is_subset(&b), left.is_subset(&right));
            let mut both = a.clone();
            both.insert_all(&b);
            prop_assert_eq!(both.iter().collect::<BTreeSet<_>>(), &left | &right);
            prop_assert_eq!(a.iter().collect::<BTreeSet<_>>(), left);
        }
    }
}
