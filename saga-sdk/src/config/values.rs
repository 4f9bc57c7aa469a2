//! Values with a notation of their own, each with an error that shows it.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{
    Deserialize, Deserializer, Serializer,
    de::{Error, Unexpected, Visitor},
};

use super::Properties;

/// `true` or `false`; YAML 1.2 reads the older `on`, `yes` and their like as texts.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    deserializer.deserialize_any(FlagVisitor)
}

pub(super) fn optional_flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    struct Flag(bool);
    impl<'de> Deserialize<'de> for Flag {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            flag(deserializer).map(Self)
        }
    }
    Ok(Option::<Flag>::deserialize(deserializer)?.map(|flag| flag.0))
}

struct FlagVisitor;

impl Visitor<'_> for FlagVisitor {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("true or false")
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<bool, E> {
        Ok(flag)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
        match text {
            _ if text.eq_ignore_ascii_case("true") => Ok(true),
            _ if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(E::custom(format_args!("must be true or false, not {text:?}"))),
        }
    }
}

/// A time with its unit, such as `5s`.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    struct DurationVisitor;

    impl Visitor<'_> for DurationVisitor {
        type Value = Duration;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a time with its unit, such as 500ms, 5s or 2min")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
            let problem = |_| {
                E::custom(format_args!(
                    "must be a time such as 500ms, 5s or 2min, not {text:?}"
                ))
            };
            humantime::parse_duration(text).map_err(problem)
        }
    }

    deserializer.deserialize_any(DurationVisitor)
}

pub(super) fn duration_text<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_duration(*duration))
}

/// A number, which an environment gives as a text.
pub(super) fn number<'de, D: Deserializer<'de>, N: TryFrom<u64>>(deserializer: D) -> Result<N, D::Error> {
    struct NumberVisitor;

    impl Visitor<'_> for NumberVisitor {
        type Value = u64;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a number")
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
            Ok(number)
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
            u64::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
            let problem = |_| E::custom(format_args!("must be a number, not {text:?}"));
            text.trim().parse().map_err(problem)
        }
    }

    let number = deserializer.deserialize_any(NumberVisitor)?;
    N::try_from(number)
        .map_err(|_| D::Error::invalid_value(Unexpected::Unsigned(number), &"a smaller number"))
}

/// Enums by their names, in any case.
macro_rules! names {
    ($($type:ident { $($name:literal => $variant:ident),+ })+) => {$(
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                match () {
                    $(() if $crate::config::spelling::folded(&text) == $crate::config::spelling::folded($name) => {
                        Ok(Self::$variant)
                    })+
                    () => Err(serde::de::Error::unknown_variant(&text, &[$($name),+])),
                }
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(match self {
                    $(Self::$variant => $name),+
                })
            }
        }
    )+};
}
pub(super) use names;

/// Names and plain values: YAML reads `true` and `5` as a flag and a number, librdkafka wants texts.
pub(super) fn properties<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Properties, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "must be a text, a number, true or false")]
    enum Plain {
        Flag(bool),
        Integer(i64),
        Number(f64),
        Text(String),
    }

    let plain = Option::<BTreeMap<String, Plain>>::deserialize(deserializer)?.unwrap_or_default();
    let text = |value| match value {
        Plain::Flag(flag) => flag.to_string(),
        Plain::Integer(number) => number.to_string(),
        Plain::Number(number) => number.to_string(),
        Plain::Text(text) => text,
    };
    Ok(Properties(
        plain
            .into_iter()
            .map(|(name, value)| (name, text(value)))
            .collect(),
    ))
}

/// Any of them may be a secret.
pub(super) fn property_names<S: Serializer>(
    properties: &Properties,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(properties.0.keys().map(|name| (name, "***")))
}
