//! Enumerations whose values the database and callers write as texts.

/// Texts that stand for the values of an enumeration in the database and in answers.
macro_rules! texts {
    ($type:ident: $($value:ident = $text:literal),+) => {
        impl $type {
            /// All of them.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$value),+];

            /// As the database and callers write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $text),+
                }
            }

            pub(crate) fn read(text: &str) -> Result<Self, sqlx::error::BoxDynError> {
                let found = Self::ALL.into_iter().find(|value| value.as_str() == text);
                found.ok_or_else(|| format!("unknown value {text:?}").into())
            }
        }
    };
}

pub(crate) use texts;
