//! Decimals as Kafka Connect writes them: the whole number in bytes, and how many of its digits stand behind the point.
//!
//! How many is part of the schema, or stands beside the bytes where it differs from value to value. So only where one of both comes along a
//! decimal can be read: by the JSON converter with its schemas, and in Avro.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine, engine::general_purpose::STANDARD};
use saga_types::avro::decimal_digits;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::document::{self, Fields};

/// What the schema of a decimal is called.
const DECIMAL: &str = "org.apache.kafka.connect.data.Decimal";

/// The same of one that has its scale beside it: a column of numbers of any scale.
const VARIABLE_SCALE_DECIMAL: &str = "io.debezium.data.VariableScaleDecimal";

/// The value of a text with its schema around it, its decimals as numbers; any other text as it is.
pub(super) fn without_schema(text: &str) -> Cow<'_, str> {
    let Some((schema, payload)) = document::with_schema(text) else {
        return text.into();
    };
    let names_decimals = [DECIMAL, VARIABLE_SCALE_DECIMAL]
        .iter()
        .any(|name| schema.get().contains(name));
    let read = names_decimals
        .then(|| serde_json::from_str::<Schema>(schema.get()).ok()?.read(payload))
        .flatten();
    read.map_or_else(|| payload.get().into(), Cow::Owned)
}

/// A schema of Kafka Connect, as its JSON converter writes it; of a field with its name.
#[derive(Deserialize)]
struct Schema {
    field: Option<String>,
    name: Option<String>,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    #[serde(default)]
    fields: Vec<Schema>,
    items: Option<Box<Schema>>,
}

#[derive(Deserialize)]
struct Variable {
    scale: i64,
    value: String,
}

impl Schema {
    /// A value in which decimals are numbers; `None` for one that stays as it is.
    fn read(&self, value: &RawValue) -> Option<String> {
        match self.name.as_deref() {
            Some(DECIMAL) => {
                let scale = self.parameters.get("scale")?.parse().ok()?;
                packed(serde_json::from_str(value.get()).ok()?, scale)
            }
            Some(VARIABLE_SCALE_DECIMAL) => {
                let Variable { scale, value } = serde_json::from_str(value.get()).ok()?;
                packed(&value, scale)
            }
            _ if !self.fields.is_empty() => self.fields_of(value),
            _ => self.elements_of(value),
        }
    }

    fn fields_of(&self, value: &RawValue) -> Option<String> {
        let fields: Fields<'_> = serde_json::from_str(value.get()).ok()?;
        let read: BTreeMap<&str, String> = self
            .fields
            .iter()
            .filter_map(|schema| {
                let name = schema.field.as_deref()?;
                Some((name, schema.read(fields.get(name)?)?))
            })
            .collect();
        let all = fields.iter().map(|(name, value)| {
            let read = read.get(name.as_str()).map(String::as_str);
            (name.as_str(), read.unwrap_or(value.get()))
        });
        (!read.is_empty()).then(|| document::written(all))
    }

    fn elements_of(&self, value: &RawValue) -> Option<String> {
        let schema = self.items.as_ref()?;
        let elements: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
        let read: Vec<Option<String>> = elements.iter().map(|element| schema.read(element)).collect();
        read.iter().any(Option::is_some).then(|| {
            let all = read.iter().zip(&elements);
            let all: Vec<&str> = all
                .map(|(read, element)| read.as_deref().unwrap_or(element.get()))
                .collect();
            format!("[{}]", all.join(","))
        })
    }
}

/// Of bytes in Base64.
fn packed(text: &str, scale: i64) -> Option<String> {
    decimal_digits(&STANDARD.decode(text).ok()?, scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_schema(payload: &str) -> String {
        let decimal = r#""type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2","connect.decimal.precision":"12"}"#;
        format!(
            r#"{{"schema":{{"type":"struct","fields":[{{"type":"struct","fields":[{{"type":"int64","optional":false,"field":"id"}},
            {{{decimal},"field":"total"}},{{"type":"struct","fields":[{{"type":"int32","optional":false,"field":"scale"}},
            {{"type":"bytes","optional":false,"field":"value"}}],"optional":true,"name":"io.debezium.data.VariableScaleDecimal","version":1,
            "doc":"Variable scaled decimal","field":"weight"}},{{"type":"array","items":{{{decimal}}},"optional":true,"field":"amounts"}},
            {{"type":"bytes","optional":true,"field":"raw"}}],"optional":true,"name":"shop.public.orders.Value","field":"after"}},
            {{"type":"string","optional":false,"field":"op"}}],"optional":false,"name":"shop.public.orders.Envelope","version":2}},
            "payload":{payload}}}"#
        )
    }

    #[test]
    fn decimals_are_numbers_where_their_schema_comes_along() {
        let read = |payload: &str| without_schema(&with_schema(payload)).into_owned();
        let row = r#"{"after":{"id":5,"total":"BOI=","weight":{"scale":4,"value":"MDk="},"amounts":["AJY=",null,"AOE="],"raw":"3q2+7w=="},"op":"c"}"#;
        assert_eq!(
            read(row),
            r#"{"after":{"amounts":[1.50,null,2.25],"id":5,"raw":"3q2+7w==","total":12.50,"weight":1.2345},"op":"c"}"#
        );
        // Nothing to be read: no value, a number already (`decimal.format` NUMERIC), a text that is none of bytes.
        for kept in [
            r#"{"after":null,"op":"d"}"#,
            r#"{"after":{"id":5,"total":null,"weight":null,"amounts":null},"op":"c"}"#,
            r#"{"after":{"id":5,"total":12.50,"amounts":[]},"op":"c"}"#,
            r#"{"after":{"id":5,"total":"12,50"},"op":"c"}"#,
            "null",
        ] {
            assert_eq!(read(kept), kept);
        }
        assert_eq!(without_schema(row), row, "without its schema it is a text");
    }
}
