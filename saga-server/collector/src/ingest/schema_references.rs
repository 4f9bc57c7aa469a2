//! Puts the types that a schema refers to into the schema itself, each where it is first named, so that it stands alone.

use serde_json::{Map, Value};

/// How many types may stand within each other when all are put together. Fewer can be read; beyond that the walk itself, which
/// goes down by recursion, would take the stack.
const MOST_DEPTH: usize = 64;

/// The schema as one text. `named` holds the full name and the schema of each type that it refers to.
///
/// # Errors
///
/// When one of them is not JSON, or too many would stand within each other.
pub(super) fn inline(schema: &str, named: &[(String, String)]) -> Result<String, String> {
    if named.is_empty() {
        return Ok(schema.to_owned());
    }
    let parse = |what: &str, text: &str| {
        serde_json::from_str::<Value>(text).map_err(|error| format!("{what} is not JSON: {error}"))
    };
    let mut missing = Map::new();
    for (name, text) in named {
        missing.insert(name.clone(), parse(name, text)?);
    }
    let mut schema = parse("it", schema)?;
    put_in(&mut schema, "", &mut missing, 1)?;
    Ok(schema.to_string())
}

/// Goes through all places where a type may stand.
fn put_in(
    schema: &mut Value,
    namespace: &str,
    missing: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), String> {
    if depth > MOST_DEPTH {
        return Err(format!(
            "with the schemas that it refers to more than {MOST_DEPTH} types stand within each other"
        ));
    }
    match schema {
        Value::String(name) => {
            let full = match name.contains('.') || namespace.is_empty() {
                true => name.clone(),
                false => format!("{namespace}.{name}"),
            };
            // Taken out, so that it is defined once, and one that contains itself comes to an end.
            let definition = missing.remove(&full).or_else(|| missing.remove(name.as_str()));
            let Some(definition) = definition else {
                return Ok(());
            };
            *schema = definition;
            // One that is a name again goes on by recursion, too.
            put_in(schema, "", missing, depth + 1)
        }
        Value::Array(union) => union
            .iter_mut()
            .try_for_each(|member| put_in(member, namespace, missing, depth + 1)),
        Value::Object(definition) => {
            let namespace = match namespace_of(definition) {
                Some(namespace) => namespace,
                None => namespace.to_owned(),
            };
            for place in ["type", "items", "values"] {
                if let Some(inner) = definition.get_mut(place) {
                    put_in(inner, &namespace, missing, depth + 1)?;
                }
            }
            let Some(Value::Array(fields)) = definition.get_mut("fields") else {
                return Ok(());
            };
            let mut types = fields.iter_mut().filter_map(|field| field.get_mut("type"));
            types.try_for_each(|inner| put_in(inner, &namespace, missing, depth + 1))
        }
        _ => Ok(()),
    }
}

fn namespace_of(definition: &Map<String, Value>) -> Option<String> {
    let name = definition.get("name")?.as_str()?;
    if let Some((namespace, _)) = name.rsplit_once('.') {
        return Some(namespace.to_owned());
    }
    Some(definition.get("namespace")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use saga_types::avro::{SchemaVersion, WriterSchema};

    use super::*;

    /// The event's schema with both enums as schemas of their own.
    fn divided() -> (String, Vec<(String, String)>) {
        let mut schema: Value = serde_json::from_str(SchemaVersion::V2.json()).unwrap();
        let namespace = schema["namespace"].as_str().unwrap().to_owned();
        let mut named = Vec::new();
        for field in schema["fields"].as_array_mut().unwrap() {
            if field["type"]["type"] == "enum" {
                let mut definition = field["type"].take();
                let name = format!("{namespace}.{}", definition["name"].as_str().unwrap());
                definition["namespace"] = namespace.clone().into();
                field["type"] = match named.is_empty() {
                    true => name.clone().into(),
                    false => definition["name"].clone(),
                };
                named.push((name, definition.to_string()));
            }
        }
        (schema.to_string(), named)
    }

    #[test]
    fn a_schema_that_refers_to_others_is_the_one_that_holds_them() {
        let (schema, named) = divided();
        assert_eq!(named.len(), 2);
        assert!(WriterSchema::parse(&schema).is_err(), "it does not stand alone");
        let whole = inline(&schema, &named).unwrap();
        assert!(matches!(
            WriterSchema::parse(&whole),
            Ok(WriterSchema::Version(SchemaVersion::V2))
        ));
    }

    #[test]
    fn what_refers_to_itself_comes_to_an_end() {
        let itself = r#"{"type":"record","name":"a.B","fields":[{"name":"b","type":"a.B"}]}"#;
        let whole = inline(r#"["null","a.B"]"#, &[("a.B".to_owned(), itself.to_owned())]).unwrap();
        assert!(whole.contains(r#""type":"a.B""#), "{whole}");
    }

    #[test]
    fn what_is_put_together_does_not_take_the_stack() {
        let nested = |levels: usize, innermost: String| {
            (0..levels).fold(innermost, |inner, _| {
                format!(r#"{{"type":"array","items":{inner}}}"#)
            })
        };
        let referring = |number: usize| nested(100, format!(r#""a.N{number}""#));
        for count in [1, 10, 64] {
            let named: Vec<_> = (1..=count)
                .map(|number| (format!("a.N{number}"), referring(number + 1)))
                .collect();
            let schema = referring(1);
            let put = std::thread::Builder::new()
                .stack_size(1024 * 1024)
                .spawn(move || inline(&schema, &named));
            let refused = put.unwrap().join().unwrap().unwrap_err();
            assert!(refused.contains("more than 64 types"), "{refused}");
        }
        let flat: Vec<_> = (1..=64)
            .map(|number| (format!("a.N{number}"), r#""string""#.to_owned()))
            .collect();
        let union: Vec<String> = flat.iter().map(|(name, _)| format!("{name:?}")).collect();
        assert!(inline(&format!("[{}]", union.join(",")), &flat).is_ok());
    }
}
