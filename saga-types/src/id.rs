//! Identifiers, and the rules that every name on the wire obeys.
//!
//! A value of these types has been checked, so code that takes one does not check it again.

use std::{borrow::Borrow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest identifier or step name, in characters (not bytes).
pub const MAX_NAME_CHARS: usize = 100;

/// Why a text cannot be an identifier, a step or a saga type.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// The text is empty.
    #[error("is empty")]
    Empty,
    /// The text has more than [`MAX_NAME_CHARS`] characters.
    #[error("has {chars} characters, at most {MAX_NAME_CHARS} are allowed")]
    TooLong {
        /// How many characters it has.
        chars: usize,
    },
    /// The text holds a control character, such as a line feed or U+0000.
    #[error("holds the control character U+{:04X}", u32::from(*character))]
    ControlCharacter {
        /// The first one found.
        character: char,
    },
    /// A step or saga type is not written like `STOCK_RESERVED`.
    #[error("is not UPPER_SNAKE_CASE: {name:?}")]
    NotUpperSnakeCase {
        /// The name as given.
        name: String,
    },
}

/// Checks what holds for every name: not empty, not too long, no control characters.
pub(crate) fn check_name(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    // A text of few bytes cannot have too many characters, so the count is needed only for long ones.
    if text.len() > MAX_NAME_CHARS {
        let chars = text.chars().count();
        if chars > MAX_NAME_CHARS {
            return Err(NameError::TooLong { chars });
        }
    }
    let is_plain_ascii = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if is_plain_ascii {
        return Ok(());
    }
    match text.chars().find(|character| character.is_control()) {
        Some(character) => Err(NameError::ControlCharacter { character }),
        None => Ok(()),
    }
}

/// Whether a text counts as a name where one is derived from metadata (`producerService`, `traceId`, `serviceVersion`,
/// `parentSagaId`): 1 to 100 characters, none of them a control character. Anything else stays in the metadata.
#[must_use]
pub fn is_name(text: &str) -> bool {
    check_name(text).is_ok()
}

/// Checks that a name is written like `STOCK_RESERVED`: words of `A-Z0-9`, the first starting with a
/// letter, joined by single underscores.
pub(crate) fn check_upper_snake_case(text: &str) -> Result<(), NameError> {
    check_name(text)?;
    let starts_with_letter = text.as_bytes()[0].is_ascii_uppercase();
    let words_are_upper = text.split('_').all(|word| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    });
    if starts_with_letter && words_are_upper {
        Ok(())
    } else {
        Err(NameError::NotUpperSnakeCase {
            name: text.to_owned(),
        })
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Not empty, at most [`MAX_NAME_CHARS`] characters, no control characters; anything else is
        /// refused with a [`NameError`].
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks a text and takes it.
            ///
            /// # Errors
            ///
            /// [`NameError`] when it is empty, too long or holds a control character.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                check_name(&text)?;
                Ok(Self(text))
            }

            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        // So that maps keyed by the identifier can be looked up by a plain text.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = NameError;
            fn try_from(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }
    };
}

identifier! {
    /// Names one event; the same id means the same event. The SDK makes UUIDv7s, others may use any text.
    EventId
}
identifier! {
    /// Names one saga; the key of its records on the topic.
    SagaId
}
identifier! {
    /// The business key that a saga is about, such as an order number.
    OrderId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_has_1_to_100_characters_of_any_script() {
        assert_eq!(SagaId::new(""), Err(NameError::Empty));
        assert!(SagaId::new("주".repeat(100)).is_ok());
        assert_eq!(
            SagaId::new("주".repeat(101)),
            Err(NameError::TooLong { chars: 101 })
        );
    }

    #[test]
    fn control_characters_are_refused() {
        for character in ['\0', '\n', '\u{7f}', '\u{85}'] {
            let text = format!("a{character}b");
            assert_eq!(EventId::new(text), Err(NameError::ControlCharacter { character }));
        }
    }

    #[test]
    fn upper_snake_case_is_words_joined_by_single_underscores() {
        for good in ["A", "ORDER_CREATED", "STEP_2", "V2_STEP"] {
            assert_eq!(check_upper_snake_case(good), Ok(()), "{good}");
        }
        for bad in [
            "a",
            "Order_Created",
            "_A",
            "A_",
            "A__B",
            "2_STEP",
            "A-B",
            "A B",
            "Ä",
        ] {
            assert!(check_upper_snake_case(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn errors_read_as_the_end_of_a_sentence() {
        let error = SagaId::new("a\0").unwrap_err();
        assert_eq!(
            format!("sagaId {error}"),
            "sagaId holds the control character U+0000"
        );
    }
}
