//! A schema from outside, reduced to what its values depend on, and bounded before anything goes down into it.
//!
//! Rule of thumb: the library and we read a schema by recursion, and the values of it as well, so how many types stand within each
//! other is counted here before the library parses them, and by `bounds` through the names of types. What values do not depend on is
//! left out: logical types, which the library keeps apart as types of their own (a `timestamp-millis` would not resolve to a `long`),
//! and what it copies again and again (aliases, defaults, documentation). Of a document decimals stay, whose bytes say nothing without
//! their scale.

use apache_avro::Schema;
use serde_json::{Map, Value};

use super::{
    SchemaError, bounds,
    error::short,
    limits::{MOST_DEPTH, MOST_NAME_BYTES, MOST_PARSED_BYTES, MOST_TYPES},
};

/// What the values of a type depend on.
const OF_TYPES: [&str; 8] = [
    "type",
    "name",
    "namespace",
    "fields",
    "items",
    "values",
    "symbols",
    "size",
];

/// The same of bytes that are a decimal.
const OF_DECIMALS: [&str; 4] = ["type", "logicalType", "scale", "precision"];

/// The same for a record's field.
const OF_FIELDS: [&str; 2] = ["name", "type"];

/// What a type or a field takes when it is parsed, about, without its names.
const NODE_BYTES: usize = 300;

/// The same of a symbol.
const SYMBOL_BYTES: usize = 48;

/// A schema of which values may be read, with about as many bytes of memory as it takes. Whether values are bounded by their bytes is
/// for [`bounds::check`].
pub(super) fn parse(json: &str) -> Result<(Schema, usize), SchemaError> {
    let (json, parsed_bytes) = reduced(json, Decimals::LeftOut)?;
    let schema = Schema::parse(&json).map_err(|error| SchemaError::NotASchema(short(&error)))?;
    Ok((schema, parsed_bytes))
}

/// A schema as JSON, reduced to what values depend on.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BoundedSchema {
    /// The text.
    pub json: String,
    /// How much memory it takes about when it is parsed.
    pub parsed_bytes: usize,
}

/// A schema for those who read values of any schema of at most [`MAX_EVENT_BYTES`](super::MAX_EVENT_BYTES) each.
///
/// # Errors
///
/// [`SchemaError`] when it is no schema, its types stand too deeply within each other, or a few bytes could unfold to millions of
/// values.
pub fn bounded_schema(json: &str) -> Result<BoundedSchema, SchemaError> {
    let (json, parsed_bytes) = reduced(json, Decimals::Kept)?;
    let schema = Schema::parse(&json).map_err(|error| SchemaError::NotASchema(short(&error)))?;
    bounds::check(&schema)?;
    Ok(BoundedSchema {
        json: json.to_string(),
        parsed_bytes,
    })
}

/// Whether bytes that are a decimal are known as one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Decimals {
    Kept,
    LeftOut,
}

fn reduced(json: &str, decimals: Decimals) -> Result<(Value, usize), SchemaError> {
    let mut json = serde_json::from_str(json).map_err(|error| SchemaError::NotASchema(error.to_string()))?;
    let mut reduction = Reduction {
        decimals,
        types: 0,
        bytes: 0,
        longest_namespace: 0,
    };
    reduction.of(&mut json, Place { depth: 1, copies: 1 })?;
    Ok((json, reduction.bytes))
}

/// A schema that is being reduced.
struct Reduction {
    decimals: Decimals,
    /// How many types were met.
    types: usize,
    /// What they take when they are parsed, about.
    bytes: usize,
    /// Of the namespaces so far.
    longest_namespace: usize,
}

/// Where a type stands.
#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    /// How often the library has it: once, and once more with each named type around it.
    copies: usize,
}

impl Place {
    fn within(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }
}

impl Reduction {
    fn of(&mut self, schema: &mut Value, place: Place) -> Result<(), SchemaError> {
        self.types += 1;
        if place.depth > MOST_DEPTH {
            return Err(SchemaError::TooDeep);
        }
        if self.types > MOST_TYPES {
            return Err(SchemaError::TooManyTypes);
        }
        match schema {
            Value::Array(union) => {
                self.takes(NODE_BYTES, place)?;
                union
                    .iter_mut()
                    .try_for_each(|member| self.of(member, place.within()))
            }
            Value::Object(definition) => self.of_definition(definition, place),
            Value::String(name) => {
                let bytes = name_bytes(name)? + self.longest_namespace;
                self.takes(NODE_BYTES + bytes, place)
            }
            _ => Ok(()),
        }
    }

    fn of_definition(
        &mut self,
        definition: &mut Map<String, Value>,
        mut place: Place,
    ) -> Result<(), SchemaError> {
        let is = |key: &str, value: &str| definition.get(key).is_some_and(|of_key| of_key == value);
        let kept = match is("type", "bytes") && is("logicalType", "decimal") {
            true if self.decimals == Decimals::Kept => &OF_DECIMALS[..],
            _ => &OF_TYPES,
        };
        definition.retain(|key, _| kept.contains(&key.as_str()));
        place.copies += usize::from(definition.contains_key("name"));
        self.names(definition, place)?;
        let place = place.within();
        if let Some(inner @ (Value::Array(_) | Value::Object(_))) = definition.get_mut("type") {
            self.of(inner, place)?;
        }
        for key in ["items", "values"] {
            if let Some(inner) = definition.get_mut(key) {
                self.of(inner, place)?;
            }
        }
        let Some(Value::Array(fields)) = definition.get_mut("fields") else {
            return Ok(());
        };
        for field in fields.iter_mut().filter_map(Value::as_object_mut) {
            field.retain(|key, _| OF_FIELDS.contains(&key.as_str()));
            let name = field.get("name").and_then(Value::as_str).unwrap_or_default();
            self.takes(NODE_BYTES + name_bytes(name)?, place)?;
            if let Some(inner) = field.get_mut("type") {
                self.of(inner, place)?;
            }
        }
        Ok(())
    }

    /// Counts the names of a type, and its symbols.
    fn names(&mut self, definition: &Map<String, Value>, place: Place) -> Result<(), SchemaError> {
        let text = |key: &str| definition.get(key).and_then(Value::as_str).unwrap_or_default();
        let namespace = name_bytes(text("namespace"))?;
        let name = name_bytes(text("name"))?;
        // A name may have its namespace before it, which names within inherit, too.
        self.longest_namespace = self.longest_namespace.max(namespace).max(name);
        let mut bytes = NODE_BYTES + name_bytes(text("type"))? + name + self.longest_namespace;
        for symbol in definition
            .get("symbols")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            bytes += SYMBOL_BYTES + name_bytes(symbol.as_str().unwrap_or_default())?;
        }
        self.takes(bytes, place)
    }

    fn takes(&mut self, bytes: usize, place: Place) -> Result<(), SchemaError> {
        self.bytes = self.bytes.saturating_add(bytes.saturating_mul(place.copies));
        match self.bytes {
            ..=MOST_PARSED_BYTES => Ok(()),
            _ => Err(SchemaError::TooLarge),
        }
    }
}

/// How many bytes a name has, if it may have as many.
fn name_bytes(name: &str) -> Result<usize, SchemaError> {
    match name.len() {
        bytes @ ..=MOST_NAME_BYTES => Ok(bytes),
        bytes => Err(SchemaError::NameTooLong { bytes }),
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use serde_json::json;

    use super::*;
    use crate::avro::{SchemaVersion, WriterSchema};

    /// Half of what the threads of a server have; the rest is for those who call.
    const STACK: usize = 1024 * 1024;

    fn on_a_small_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let thread = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
            thread.unwrap().join().unwrap()
        })
    }

    /// A field's type of so many levels of JSON, made by this from the one within.
    fn nested(levels: usize, around: impl Fn(usize, String) -> String) -> String {
        (0..levels).fold(r#""string""#.to_owned(), |inner, level| around(level, inner))
    }

    /// The event's schema with a field of another type.
    fn with_field(of_type: &str) -> String {
        SchemaVersion::V2.json().replacen(
            r#""fields": ["#,
            &format!(r#""fields": [{{"name":"other","type":{of_type}}},"#),
            1,
        )
    }

    fn list(_: usize, inner: String) -> String {
        format!(r#"{{"type":"array","items":{inner}}}"#)
    }

    fn wrapped(_: usize, inner: String) -> String {
        format!(r#"{{"type":{inner}}}"#)
    }

    fn record(level: usize, inner: String) -> String {
        format!(r#"{{"type":"record","name":"R{level}","fields":[{{"name":"f","type":{inner}}}]}}"#)
    }

    fn optional(level: usize, inner: String) -> String {
        format!(r#"["null",{}]"#, record(level, inner))
    }

    #[test]
    fn whatever_the_nesting_a_schema_is_read_or_refused_on_a_small_stack() {
        let shapes: [fn(usize, String) -> String; 4] = [list, wrapped, record, optional];
        for around in shapes {
            let (mut taken, mut refused) = (0, 0);
            for levels in (1..=200).chain([1_000]) {
                let schema = with_field(&nested(levels, around));
                match on_a_small_stack(|| WriterSchema::parse(&schema).map(drop)) {
                    Ok(()) => taken = levels,
                    Err(error) => {
                        refused += 1;
                        let reason = error.to_string();
                        assert!(reason.len() < 400, "{reason}");
                    }
                }
            }
            assert!(taken >= 30 && refused > 100, "{taken} taken, {refused} refused");
        }
    }

    #[test]
    fn names_do_not_hide_how_deep_types_are() {
        let chain = |types: usize| {
            let further = (1..types).map(|level| record(level, format!(r#""R{}""#, level - 1)));
            let all: Vec<String> = [record(0, r#""string""#.to_owned())]
                .into_iter()
                .chain(further)
                .collect();
            with_field(&format!("[{}]", all.join(",")))
        };
        let read = |types: usize| {
            let schema = chain(types);
            on_a_small_stack(move || WriterSchema::parse(&schema).map(drop))
        };
        assert_eq!(read(60), Ok(()));
        for types in [65, 100, 3_000] {
            assert_eq!(read(types), Err(SchemaError::TooDeep), "{types}");
        }
        assert_eq!(read(6_000), Err(SchemaError::TooManyTypes));
    }

    /// The library copies all that stands within a named type, and a namespace into each name within it.
    #[test]
    fn what_the_library_would_copy_again_and_again_is_refused() {
        let wide = |fields: usize| {
            let fields: Vec<Value> = (0..fields)
                .map(|field| json!({"name": format!("f{field}"), "type": ["null", "long"]}))
                .collect();
            json!({"type": "record", "name": "Wide", "fields": fields}).to_string()
        };
        let within = |records: usize, inner: String| {
            with_field(&(0..records).fold(inner, |inner, n| record(n, inner)))
        };
        // As the change of a row is, with the row before and after it.
        assert_eq!(read(&within(2, wide(1_000))), Ok(()));
        assert_eq!(read(&within(30, wide(3_000))), Err(SchemaError::TooLarge));
        let symbols: Vec<String> = (0..50_000).map(|symbol| format!("S{symbol}")).collect();
        let symbols = json!({"type": "enum", "name": "E", "symbols": symbols}).to_string();
        assert_eq!(read(&within(30, symbols)), Err(SchemaError::TooLarge));
        for key in ["name", "namespace"] {
            let mut long = json!({"type": "fixed", "name": "F", "size": 1});
            long[key] = "n".repeat(600_000).into();
            let refused = read(&with_field(&long.to_string()));
            assert_eq!(refused, Err(SchemaError::NameTooLong { bytes: 600_000 }), "{key}");
        }
    }

    fn read(schema: &str) -> Result<(), SchemaError> {
        on_a_small_stack(|| WriterSchema::parse(schema).map(drop))
    }

    #[test]
    fn a_fixed_size_that_no_value_has_is_refused() {
        for size in [256 * 1024 + 1, 1 << 40, u64::MAX >> 1, u64::MAX] {
            let fixed = json!({"type": "fixed", "name": "F", "size": size});
            let read = WriterSchema::parse(&with_field(&fixed.to_string()));
            assert!(matches!(read, Err(SchemaError::FixedTooLarge { .. })), "{read:?}");
        }
    }

    #[test]
    fn what_values_do_not_depend_on_is_left_out() {
        let schema = r#"{"type":"record","name":"A","doc":"d","aliases":["B","C"],"fields":[
            {"name":"at","type":{"type":"long","logicalType":"timestamp-millis","connect.version":1},"default":0,"order":"ignore"},
            {"name":"type","type":["null",{"type":"enum","name":"E","symbols":["doc"],"default":"doc"}]}]}"#;
        let reduced: Value = serde_json::from_str(&bounded_schema(schema).unwrap().json).unwrap();
        let expected = json!({"type": "record", "name": "A", "fields": [
            {"name": "at", "type": {"type": "long"}},
            {"name": "type", "type": ["null", {"type": "enum", "name": "E", "symbols": ["doc"]}]}]});
        assert_eq!(reduced, expected);

        let decimal =
            r#"{"type":"bytes","scale":2,"precision":12,"connect.version":1,"logicalType":"decimal"}"#;
        let of_a_document: Value = serde_json::from_str(&bounded_schema(decimal).unwrap().json).unwrap();
        let expected = json!({"type": "bytes", "scale": 2, "precision": 12, "logicalType": "decimal"});
        assert_eq!(of_a_document, expected);
        assert_eq!(parse(decimal).unwrap().0, Schema::Bytes);
    }

    #[test]
    fn a_reason_is_short_whatever_the_schema_is() {
        let fields: Vec<Value> = (0..2_000)
            .map(|field| json!({"name": format!("f{field}"), "type": "long"}))
            .collect();
        let large = json!({"type": "record", "name": "Large", "fields": fields});
        let mut schema: Value = serde_json::from_str(SchemaVersion::V2.json()).unwrap();
        let order_id = schema["fields"].as_array_mut().unwrap().iter_mut();
        order_id
            .filter(|field| field["name"] == "orderId")
            .for_each(|field| field["type"] = large.clone());
        let reason = WriterSchema::parse(&schema.to_string()).unwrap_err().to_string();
        assert!(reason.contains("orderId") && reason.len() < 600, "{reason}");
    }
}
