//! Whether what a few bytes unfold to is bounded, whatever a schema says: types that contain themselves, lists of elements without
//! bytes, records that double with each type that they name, and types that stand deeply within each other by their names.
//!
//! Rule of thumb: a value may have [`NODES_PER_BYTE`] times as many parts as bytes, and some more. So each type has an excess: the most
//! parts that a value of it may have beyond that. It is added up over the fields of a record; the elements of a list must have none.

use std::collections::HashMap;

use apache_avro::{Schema, schema::Name};

use super::{MAX_EVENT_BYTES, SchemaError, limits::MOST_DEPTH};

/// What is in proportion to the bytes. An optional field that is null has two parts and one byte.
const NODES_PER_BYTE: i64 = 4;

/// What a value may have beyond that.
const MOST_EXCESS: i64 = 10_000;

/// How much of a name is a part more: each value of a record has the names of its fields, and one of an enum its symbol.
const NAME_BYTES_PER_NODE: usize = 32;

/// Refuses a schema whose values are not bounded by their bytes, or are nested too deeply.
pub(super) fn check(schema: &Schema) -> Result<(), SchemaError> {
    match Bounds::default().of(schema)?.excess {
        ..=MOST_EXCESS => Ok(()),
        _ => Err(SchemaError::Unbounded),
    }
}

/// What is known of the values of a type.
#[derive(Debug, Clone, Copy)]
struct Measured {
    excess: i64,
    /// How many levels they have, their own included.
    height: usize,
}

#[derive(Default)]
struct Bounds {
    enclosing: Vec<Name>,
    /// Of the named types so far.
    known: HashMap<Name, Measured>,
}

/// A value of at least so many bytes, without what stands within it.
fn bytes(least: usize) -> i64 {
    match i64::try_from(least) {
        Ok(least) => 1_i64.saturating_sub(least.saturating_mul(NODES_PER_BYTE)),
        Err(_) => i64::MIN,
    }
}

/// What a name adds to each value that has it.
fn name_of(name: &str) -> i64 {
    i64::try_from(name.len() / NAME_BYTES_PER_NODE).unwrap_or(i64::MAX)
}

fn leaf(least: usize) -> Measured {
    Measured {
        excess: bytes(least),
        height: 1,
    }
}

impl Bounds {
    fn of(&mut self, schema: &Schema) -> Result<Measured, SchemaError> {
        let measured = match schema {
            Schema::Null => leaf(0),
            Schema::Float => leaf(4),
            Schema::Double => leaf(8),
            // The library makes room for all of it before it looks how many bytes there are.
            Schema::Fixed(fixed) if fixed.size > MAX_EVENT_BYTES => {
                return Err(SchemaError::FixedTooLarge { bytes: fixed.size });
            }
            Schema::Fixed(fixed) => self.named(&fixed.name, leaf(fixed.size)),
            Schema::Enum(symbols) => {
                let longest = symbols.symbols.iter().map(|symbol| name_of(symbol)).max();
                let mut measured = leaf(1);
                measured.excess = measured.excess.saturating_add(longest.unwrap_or_default());
                self.named(&symbols.name, measured)
            }
            Schema::Ref { name } if self.enclosing.contains(name) => return Err(SchemaError::Recursive),
            // The library refuses names that are not defined before, but for aliases, which it does not read either.
            Schema::Ref { name } => *self.known.get(name).ok_or_else(|| {
                SchemaError::NotASchema(format!(
                    "{name} names a type by an alias, or one that is not defined before"
                ))
            })?,
            Schema::Record(record) => {
                self.enclosing.push(record.name.clone());
                let mut measured = leaf(0);
                for field in &record.fields {
                    let of_field = self.of(&field.schema)?;
                    let of_name = name_of(&field.name);
                    measured.excess = measured
                        .excess
                        .saturating_add(of_field.excess)
                        .saturating_add(of_name);
                    measured.height = measured.height.max(of_field.height + 1);
                }
                self.enclosing.pop();
                self.named(&record.name, measured)
            }
            Schema::Array(array) => self.of_list(&array.items, bytes(0))?,
            Schema::Map(map) => self.of_list(&map.types, bytes(1))?,
            Schema::Union(union) => {
                let mut most = Measured {
                    excess: i64::MIN,
                    height: 0,
                };
                for variant in union.variants() {
                    let of_variant = self.of(variant)?;
                    most.excess = most.excess.max(of_variant.excess);
                    most.height = most.height.max(of_variant.height);
                }
                Measured {
                    excess: bytes(1).saturating_add(most.excess),
                    height: most.height + 1,
                }
            }
            _ => leaf(1),
        };
        match measured.height {
            ..=MOST_DEPTH => Ok(measured),
            _ => Err(SchemaError::TooDeep),
        }
    }

    fn named(&mut self, name: &Name, measured: Measured) -> Measured {
        self.known.insert(name.clone(), measured);
        measured
    }

    /// Of a list, whose elements have keys perhaps.
    fn of_list(&mut self, element: &Schema, key: i64) -> Result<Measured, SchemaError> {
        let element = self.of(element)?;
        match element.excess.saturating_add(key.min(0)) {
            ..=0 => Ok(Measured {
                excess: bytes(1),
                height: element.height + 1,
            }),
            _ => Err(SchemaError::Unbounded),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(schema: &Value) -> Result<(), SchemaError> {
        check(&Schema::parse(schema).unwrap())
    }

    fn record(name: &str, fields: &[Value]) -> Value {
        let fields: Vec<Value> = fields
            .iter()
            .enumerate()
            .map(|(number, schema)| json!({"name": format!("f{number}"), "type": schema}))
            .collect();
        json!({"type": "record", "name": name, "fields": fields})
    }

    fn list(of: &Value) -> Value {
        json!({"type": "array", "items": of})
    }

    /// Each record has the one before twice.
    fn doubled(leaf: Value, times: usize) -> Value {
        (0..times).fold(leaf, |inner, number| {
            let name = format!("R{number}");
            let again = inner["name"]
                .as_str()
                .map_or_else(|| inner.clone(), |name| json!(name));
            record(&name, &[inner, again])
        })
    }

    #[test]
    fn what_services_write_is_bounded() {
        let optional = json!(["null", "string"]);
        let item = record(
            "Item",
            &[json!("string"), json!("int"), optional.clone(), optional.clone()],
        );
        for schema in [
            json!("null"),
            item.clone(),
            list(&item),
            list(&optional),
            list(&record("All", &[optional.clone(), optional.clone(), optional])),
            json!({"type": "map", "values": "double"}),
            json!({"type": "map", "values": list(&json!("long"))}),
            json!([
                "null",
                record(
                    "Order",
                    &[list(&json!({"type": "enum", "name": "E", "symbols": ["A"]}))]
                )
            ]),
            doubled(json!("string"), 10),
            doubled(json!("null"), 10),
        ] {
            assert_eq!(checked(&schema), Ok(()), "{schema}");
        }
    }

    #[test]
    fn what_unfolds_without_bytes_is_refused() {
        let empty = json!({"type": "fixed", "name": "F", "size": 0});
        for schema in [
            list(&json!("null")),
            list(&empty),
            list(&list(&json!("null"))),
            list(&record("Nulls", &[json!("null"), json!("null")])),
            json!({"type": "map", "values": record("Nulls", &[json!("null"), json!("null"), json!("null")])}),
            json!(["null", list(&json!("null"))]),
            doubled(json!("null"), 40),
            json!(["string", doubled(json!("null"), 40)]),
            list(&json!(["string", doubled(json!("null"), 5)])),
        ] {
            assert_eq!(checked(&schema), Err(SchemaError::Unbounded), "{schema}");
        }
    }

    /// Each element has them again, and may be one byte.
    #[test]
    fn long_names_within_lists_are_refused() {
        let name = |length: usize| "n".repeat(length);
        let named = |length: usize| json!({"name": name(length), "type": "boolean"});
        let fields = |length: usize| json!({"type": "record", "name": "E", "fields": [named(length)]});
        let symbols = |length: usize| json!({"type": "enum", "name": "E", "symbols": [name(length)]});
        for element in [fields(30), fields(60), symbols(60)] {
            assert_eq!(checked(&record("All", &[list(&element)])), Ok(()), "{element}");
        }
        for element in [fields(200), symbols(200)] {
            let all = record("All", &[list(&element)]);
            assert_eq!(checked(&all), Err(SchemaError::Unbounded), "{element}");
            assert_eq!(checked(&record("All", &[element])), Ok(()), "once");
        }
    }

    /// What stands behind an alias is not counted, so that it must not be named.
    #[test]
    fn a_type_that_is_named_by_an_alias_is_refused() {
        let mut empty = record("E", &[]);
        empty["aliases"] = json!(["Z"]);
        for schema in [
            record("All", &[empty.clone(), list(&json!("Z"))]),
            record("All", &[empty, json!("Z")]),
        ] {
            let checked = checked(&schema);
            assert!(
                matches!(checked, Err(SchemaError::NotASchema(_))),
                "{schema}: {checked:?}"
            );
        }
    }

    #[test]
    fn types_are_the_same_within_their_namespace() {
        let within = |schema: Value| {
            let mut outer = record("Outer", &[schema]);
            outer["namespace"] = json!("shop.events");
            outer
        };
        let leaf = json!({"type": "fixed", "name": "F", "size": 0});
        for name in ["F", "shop.events.F"] {
            let unfolding = within(record("Inner", &[leaf.clone(), list(&json!(name))]));
            assert_eq!(checked(&unfolding), Err(SchemaError::Unbounded), "{unfolding}");
        }
        for name in ["Outer", "shop.events.Outer"] {
            let recursive = within(record("Inner", &[json!(["null", name])]));
            assert_eq!(checked(&recursive), Err(SchemaError::Recursive), "{recursive}");
        }
    }

    #[test]
    fn a_type_that_contains_itself_is_refused() {
        let list =
            json!({"type": "record", "name": "L", "fields": [{"name": "next", "type": ["null", "L"]}]});
        assert_eq!(checked(&list), Err(SchemaError::Recursive));
    }
}
