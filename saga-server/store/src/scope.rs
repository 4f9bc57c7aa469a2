//! Which saga types a reader may see.
//!
//! Rule of thumb: what has no type, or a type that is not known, is for those alone who may see all types.

use std::{collections::BTreeSet, sync::Arc};

use saga_types::SagaType;

/// Which saga types a reader may see. The type of a saga is that of its first event; its steps belong to it whatever type they
/// name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scope {
    /// All types, and what has none.
    #[default]
    All,
    /// These types, which may be none at all.
    Types(Arc<BTreeSet<SagaType>>),
}

impl Scope {
    /// These types and no others.
    #[must_use]
    pub fn of(types: impl IntoIterator<Item = SagaType>) -> Self {
        Self::Types(Arc::new(types.into_iter().collect()))
    }

    /// Whether all types may be seen, and what has none.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// The types by name; none of them for all.
    pub fn types(&self) -> impl Iterator<Item = &SagaType> {
        let types = match self {
            Self::All => None,
            Self::Types(types) => Some(types.iter()),
        };
        types.into_iter().flatten()
    }

    /// Whether sagas of a type may be seen.
    #[must_use]
    pub fn has(&self, saga_type: &SagaType) -> bool {
        match self {
            Self::All => true,
            Self::Types(types) => types.contains(saga_type),
        }
    }

    /// The same where the type may not be known.
    #[must_use]
    pub fn has_known(&self, saga_type: Option<&SagaType>) -> bool {
        saga_type.map_or(self.is_all(), |saga_type| self.has(saga_type))
    }

    /// The type and the scope that together say what a question for a type, or for any, asks for: one type without a scope where
    /// it can be. None when no type is left.
    pub(crate) fn narrowed(&self, saga_type: Option<&SagaType>) -> Option<(Option<SagaType>, Self)> {
        match (self, saga_type) {
            (Self::All, saga_type) => Some((saga_type.cloned(), Self::All)),
            (Self::Types(types), Some(saga_type)) => types
                .contains(saga_type)
                .then(|| (Some(saga_type.clone()), Self::All)),
            (Self::Types(types), None) => match types.len() {
                0 => None,
                1 => Some((types.first().cloned(), Self::All)),
                _ => Some((None, self.clone())),
            },
        }
    }

    /// The types as the database names them; none for all.
    pub(crate) fn names(&self) -> Option<Vec<String>> {
        match self {
            Self::All => None,
            Self::Types(types) => Some(types.iter().map(|name| name.as_str().to_owned()).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_known_type_is_for_those_who_may_see_all() {
        let refunds = Scope::of([SagaType::REFUND]);
        assert!(Scope::All.has_known(None) && Scope::All.has(&SagaType::ORDER_CREATION));
        assert!(refunds.has(&SagaType::REFUND) && refunds.has_known(Some(&SagaType::REFUND)));
        assert!(!refunds.has(&SagaType::ORDER_CREATION) && !refunds.has_known(None));
        assert!(!Scope::of([]).has(&SagaType::REFUND) && !Scope::of([]).is_all());
    }

    #[test]
    fn one_type_is_asked_for_without_a_scope() {
        let (refund, order) = (SagaType::REFUND, SagaType::ORDER_CREATION);
        let one = Scope::of([SagaType::REFUND]);
        let two = Scope::of([SagaType::REFUND, SagaType::ORDER_CREATION]);
        let narrow = |scope: &Scope, saga_type: Option<&SagaType>| scope.narrowed(saga_type);
        assert_eq!(narrow(&Scope::All, None), Some((None, Scope::All)));
        assert_eq!(narrow(&one, None), Some((Some(refund), Scope::All)));
        assert_eq!(narrow(&one, Some(&order)), None);
        assert_eq!(
            narrow(&two, Some(&order)),
            Some((Some(order.clone()), Scope::All))
        );
        assert_eq!(narrow(&two, None), Some((None, two.clone())));
        assert_eq!(narrow(&Scope::of([]), None), None);
    }
}
