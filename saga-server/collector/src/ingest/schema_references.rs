//! Puts the types that a schema refers to into the schema itself, each where it is first named, so that it stands alone.

use serde_json::{Map, Value};

/// The schema as one text. `named` holds the full name and the schema of each type that it refers to.
///
/// # Errors
///
/// When one of them is not JSON.
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
    put_in(&mut schema, "", &mut missing);
    Ok(schema.to_string())
}

/// Goes through all places where a type may stand.
fn put_in(schema: &mut Value, namespace: &str, missing: &mut Map<String, Value>) {
    match schema {
        Value::String(name) => {
            let full = match name.contains('.') || namespace.is_empty() {
                true => name.clone(),
                false => format!("{namespace}.{name}"),
            };
            // Taken out, so that it is defined once, and one that contains itself comes to an end.
            if let Some(definition) = missing.remove(&full).or_else(|| missing.remove(name.as_str())) {
                *schema = definition;
                put_in(schema, "", missing);
            }
        }
        Value::Array(union) => union
            .iter_mut()
            .for_each(|member| put_in(member, namespace, missing)),
        Value::Object(definition) => {
            let namespace = match namespace_of(definition) {
                Some(namespace) => namespace,
                None => namespace.to_owned(),
            };
            for place in ["type", "items", "values"] {
                if let Some(inner) = definition.get_mut(place) {
                    put_in(inner, &namespace, missing);
                }
            }
            if let Some(Value::Array(fields)) = definition.get_mut("fields") {
                let types = fields.iter_mut().filter_map(|field| field.get_mut("type"));
                types.for_each(|inner| put_in(inner, &namespace, missing));
            }
        }
        _ => {}
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
}
