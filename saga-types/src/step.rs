//! Step names: an open set with constants for the known ones.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::id::{NameError, check_name, check_upper_snake_case};

/// What happened in a saga, such as `STOCK_RESERVED`. Constants stand in [`steps`].
///
/// ```
/// use saga_types::{Step, steps};
///
/// assert_eq!(steps::STOCK_RESERVED.as_str(), "STOCK_RESERVED");
/// let own = Step::new("POINTS_GRANTED")?;
/// assert!(own.is_upper_snake_case());
/// assert!(Step::new("points granted").is_err());
/// # Ok::<(), saga_types::NameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Step(Cow<'static, str>);

impl Step {
    /// Takes a team's own step name.
    ///
    /// # Errors
    ///
    /// [`NameError`] when the name is not `UPPER_SNAKE_CASE` or has more than 100 characters.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        check_upper_snake_case(&name)?;
        Ok(Self(Cow::Owned(name)))
    }

    /// Takes a name that another writer chose: any style, at most 100 characters, no control characters.
    ///
    /// Readers use this one, because an event must not be lost over the style of its step.
    ///
    /// # Errors
    ///
    /// [`NameError`] when the name is empty, too long or holds a control character.
    pub fn from_wire(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        check_name(&name)?;
        Ok(Self(Cow::Owned(name)))
    }

    /// Whether this step marks a status that an operator set by hand.
    #[must_use]
    pub fn is_manual_override(&self) -> bool {
        *self == steps::MANUAL_STATUS_OVERRIDE
    }

    /// Whether the name is one that [`Step::new`] takes; one from the wire may be written in another style.
    #[must_use]
    pub fn is_upper_snake_case(&self) -> bool {
        // Only the constants are borrowed, and they are written so.
        matches!(self.0, Cow::Borrowed(_)) || check_upper_snake_case(&self.0).is_ok()
    }

    /// The name, such as `STOCK_RESERVED`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for Step {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        Self::new(name)
    }
}

impl TryFrom<String> for Step {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, NameError> {
        Self::from_wire(name)
    }
}

impl TryFrom<&str> for Step {
    type Error = NameError;

    fn try_from(name: &str) -> Result<Self, NameError> {
        Self::new(name)
    }
}

impl From<Step> for String {
    fn from(step: Step) -> Self {
        step.0.into_owned()
    }
}

impl PartialEq<str> for Step {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

/// The known steps.
pub mod steps {
    use super::{Cow, Step};

    macro_rules! known_steps {
        ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
            $($(#[$doc])* pub const $name: Step = Step(Cow::Borrowed(stringify!($name)));)+

            /// Every step of this module.
            pub const ALL: &[Step] = &[$($name),+];
        };
    }

    known_steps! {
        /// An order was placed.
        ORDER_CREATED,
        /// The order is confirmed; the saga succeeded.
        ORDER_CONFIRMED,
        /// The order was cancelled.
        ORDER_CANCELLED,
        /// The order was not confirmed in time.
        ORDER_TIMEOUT,
        /// Stock is being reserved.
        STOCK_RESERVATION,
        /// Stock is reserved.
        STOCK_RESERVED,
        /// Stock could not be reserved.
        STOCK_RESERVATION_FAILED,
        /// Reserved stock was given back.
        STOCK_RELEASED,
        /// A payment is being set up.
        PAYMENT_INITIALIZATION,
        /// A payment is set up.
        PAYMENT_INITIALIZED,
        /// The money was received.
        PAYMENT_COMPLETED,
        /// The payment failed.
        PAYMENT_FAILED,
        /// The payment was cancelled.
        PAYMENT_CANCELLED,
        /// The money was given back.
        PAYMENT_REFUNDED,
        /// Stock is compensated for.
        COMPENSATION_STOCK,
        /// The payment is compensated for.
        COMPENSATION_PAYMENT,
        /// The order is compensated for.
        COMPENSATION_ORDER,
        /// An operator set the status by hand.
        MANUAL_STATUS_OVERRIDE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_step_passes_the_check_of_new_ones() {
        for step in steps::ALL {
            assert_eq!(Step::new(step.as_str()).as_ref(), Ok(step));
        }
    }

    #[test]
    fn readers_take_steps_in_any_style_but_writers_do_not() {
        assert!(Step::new("stock.reserved").is_err());
        assert!(Step::from_wire("stock.reserved").is_ok());
        assert!(Step::from_wire("A".repeat(101)).is_err());
    }
}
