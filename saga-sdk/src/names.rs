//! Names that are checked when they are compiled.

use saga_types::{MAX_NAME_CHARS, SagaType, Step};

/// A step's name that the compiler has checked; made by [`step!`](crate::step).
///
/// Goes wherever a step does: to a handle's methods as it is, elsewhere by `Step::from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StepName(&'static str);

/// A saga type's name that the compiler has checked; made by [`saga_type!`](crate::saga_type).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SagaTypeName(&'static str);

impl StepName {
    /// Checks a name; for [`step!`](crate::step), which does so when it is compiled.
    ///
    /// # Panics
    ///
    /// When the name is not `UPPER_SNAKE_CASE` or has more than 100 characters.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        assert!(
            is_upper_snake_case(name),
            "a step is named in UPPER_SNAKE_CASE, with at most 100 characters"
        );
        Self(name)
    }

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl SagaTypeName {
    /// Checks a name; for [`saga_type!`](crate::saga_type), which does so when it is compiled.
    ///
    /// # Panics
    ///
    /// When the name is not `UPPER_SNAKE_CASE` or has more than 100 characters.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        assert!(
            is_upper_snake_case(name),
            "a saga type is named in UPPER_SNAKE_CASE, with at most 100 characters"
        );
        Self(name)
    }

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl From<StepName> for Step {
    fn from(name: StepName) -> Self {
        Self::new(name.0).expect("the name was checked when it was made")
    }
}

impl From<SagaTypeName> for SagaType {
    fn from(name: SagaTypeName) -> Self {
        Self::new(name.0).expect("the name was checked when it was made")
    }
}

/// A step of the team's own, checked when it is compiled. [`steps`](crate::steps) has the known ones.
///
/// ```
/// use saga_sdk::{SagaConfig, SagaType, StepName, step};
///
/// const POINTS_GRANTED: StepName = step!("POINTS_GRANTED");
///
/// # let tracker = saga_sdk::connect(&SagaConfig::default())?;
/// let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
/// drop(saga.complete(POINTS_GRANTED).record());
/// # Ok::<(), saga_sdk::ConnectError>(())
/// ```
///
/// Another name does not compile:
///
/// ```compile_fail
/// const BAD: saga_sdk::StepName = saga_sdk::step!("points granted");
/// ```
#[macro_export]
macro_rules! step {
    ($name:expr) => {
        const { $crate::StepName::new($name) }
    };
}

/// A saga type of the team's own, checked when it is compiled.
///
/// ```
/// use saga_sdk::{SagaType, SagaTypeName, saga_type};
///
/// const LOYALTY: SagaTypeName = saga_type!("LOYALTY");
/// assert_eq!(SagaType::from(LOYALTY).as_str(), "LOYALTY");
/// ```
///
/// Another name does not compile:
///
/// ```compile_fail
/// const BAD: saga_sdk::SagaTypeName = saga_sdk::saga_type!("Loyalty");
/// ```
#[macro_export]
macro_rules! saga_type {
    ($name:expr) => {
        const { $crate::SagaTypeName::new($name) }
    };
}

/// Words of `A-Z0-9`, the first beginning with a letter, joined by single underscores.
const fn is_upper_snake_case(name: &str) -> bool {
    let name = name.as_bytes();
    if name.is_empty() || name.len() > MAX_NAME_CHARS || !name[0].is_ascii_uppercase() {
        return false;
    }
    let mut index = 0;
    while index < name.len() {
        let is_last = index + 1 == name.len();
        let is_allowed = match name[index] {
            b'_' => !is_last && name[index + 1] != b'_',
            letter => letter.is_ascii_uppercase() || letter.is_ascii_digit(),
        };
        if !is_allowed {
            return false;
        }
        index += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compilers_check_is_that_of_the_event() {
        let longest = "A".repeat(MAX_NAME_CHARS);
        let too_long = "A".repeat(MAX_NAME_CHARS + 1);
        for name in [
            "A", "A1", "A_1", "A_B_C", "", "_A", "A_", "A__B", "1A", "a", "A-B", "A B", "Ä", &longest,
            &too_long,
        ] {
            assert_eq!(is_upper_snake_case(name), Step::new(name).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn a_checked_name_is_a_step_and_a_type() {
        assert_eq!(
            Step::from(StepName::new("STOCK_RESERVED")),
            saga_types::steps::STOCK_RESERVED
        );
        assert_eq!(SagaType::from(SagaTypeName::new("REFUND")), SagaType::REFUND);
    }
}
