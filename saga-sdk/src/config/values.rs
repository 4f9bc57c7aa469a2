//! Values that are written in a way of their own, each with an error that says how.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
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
        Err(E::custom(format_args!(
            "must be true or false, without quotes, not the text {text:?}"
        )))
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
