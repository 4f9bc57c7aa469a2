//! Saga types: an open set with constants for the known ones.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::id::{NameError, check_upper_snake_case};

/// The kind of a saga, such as `ORDER_CREATION`. Two types are the same when their names are.
///
/// A team's own type needs no change here: [`SagaType::new`] takes any `UPPER_SNAKE_CASE` name, which
/// travels as `CUSTOM` with the name beside it.
///
/// ```
/// use saga_types::SagaType;
///
/// let own = SagaType::new("LOYALTY_SIGN_UP")?;
/// assert_eq!(own.as_str(), "LOYALTY_SIGN_UP");
/// assert_eq!(SagaType::new("REFUND")?, SagaType::REFUND);
/// assert!(SagaType::new("loyalty sign-up").is_err());
/// # Ok::<(), saga_types::NameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SagaType(Cow<'static, str>);

impl SagaType {
    /// An order from its creation to its confirmation.
    pub const ORDER_CREATION: Self = Self(Cow::Borrowed("ORDER_CREATION"));
    /// A payment from its initialization to its completion.
    pub const PAYMENT_COMPLETION: Self = Self(Cow::Borrowed("PAYMENT_COMPLETION"));
    /// Money going back.
    pub const REFUND: Self = Self(Cow::Borrowed("REFUND"));
    /// A store joining the market place.
    pub const STORE_REGISTRATION: Self = Self(Cow::Borrowed("STORE_REGISTRATION"));

    /// The types that have their own symbol on the wire, in the order of the Avro enum.
    pub const KNOWN: [Self; 4] = [
        Self::ORDER_CREATION,
        Self::PAYMENT_COMPLETION,
        Self::REFUND,
        Self::STORE_REGISTRATION,
    ];

    /// The symbol on the wire of a type that has only a name.
    pub(crate) const CUSTOM_SYMBOL: &str = "CUSTOM";

    /// Takes a team's own name; the name of a known type gives that type.
    ///
    /// # Errors
    ///
    /// [`NameError`] when the name is not `UPPER_SNAKE_CASE` or has more than 100 characters.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        check_upper_snake_case(&name)?;
        Ok(Self::from_checked(name))
    }

    /// A name from the wire: only what every name obeys has been checked, since a writer in another
    /// language may use another style, and its sagas must not be lost over it.
    pub(crate) fn from_checked(name: String) -> Self {
        match Self::KNOWN.into_iter().find(|known| known.0 == name) {
            Some(known) => known,
            None => Self(Cow::Owned(name)),
        }
    }

    /// Whether the name is one that [`SagaType::new`] takes; one from the wire may be written in another style.
    #[must_use]
    pub fn is_upper_snake_case(&self) -> bool {
        // Only the constants are borrowed, and they are written so.
        matches!(self.0, Cow::Borrowed(_)) || check_upper_snake_case(&self.0).is_ok()
    }

    /// The name, such as `ORDER_CREATION`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SagaType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for SagaType {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        Self::new(name)
    }
}

impl TryFrom<String> for SagaType {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, NameError> {
        crate::id::check_name(&name)?;
        Ok(Self::from_checked(name))
    }
}

impl From<SagaType> for String {
    fn from(saga_type: SagaType) -> Self {
        saga_type.0.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_known_type_gives_the_known_type() {
        assert_eq!(SagaType::new("REFUND"), Ok(SagaType::REFUND));
    }

    #[test]
    fn a_teams_own_type_must_be_upper_snake_case() {
        assert_eq!(
            SagaType::new("LOAN_APPROVAL").map(String::from),
            Ok("LOAN_APPROVAL".to_owned())
        );
        assert!(SagaType::new("loan").is_err());
    }
}
