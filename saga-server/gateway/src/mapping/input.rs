//! A JSON document as expressions see it.

use std::collections::HashMap;

use cel::{Context, ExecutionError, Value};
use serde_json::{Map, Value as Json};

use super::expression::{JSON, VARIABLES};
use crate::document;

/// The longest document that a mapping takes, in bytes.
pub(crate) const MAX_DOCUMENT_BYTES: usize = 64 * 1024;

/// The longest list and the largest map of a document.
const MAX_ELEMENTS: usize = 1_000;

/// A document, with what came around it.
#[derive(Debug, Default)]
pub struct Input<'a> {
    /// The text of the document: a JSON object.
    pub event: &'a str,
    /// Attributes of its envelope.
    pub attributes: Map<String, Json>,
    /// Attributes of where it comes from.
    pub resource: Map<String, Json>,
}

impl Input<'_> {
    /// The variables of expressions.
    pub(super) fn context(&self) -> Result<Context<'static, 'static>, String> {
        if self.event.len() > MAX_DOCUMENT_BYTES {
            return Err(format!(
                "has {} bytes, a mapping takes at most {MAX_DOCUMENT_BYTES}",
                self.event.len()
            ));
        }
        let event: Map<String, Json> = document::object(self.event)?;
        let mut context = Context::default();
        let parts = [event, self.attributes.clone(), self.resource.clone()];
        for (name, fields) in VARIABLES.into_iter().zip(parts) {
            context.add_variable_from_value(name, value(Json::Object(fields))?);
        }
        context
            .add_function(JSON, json)
            .map_err(|error| format!("cannot be mapped: {error}"))?;
        Ok(context)
    }
}

/// What a text holds that is JSON, as a column of this type comes. A text that is missing holds none, and what is no text is read already.
fn json(text: Value) -> Result<Value, ExecutionError> {
    let failed = |reason: String| ExecutionError::function_error(JSON, reason);
    match text {
        Value::String(text) => {
            let json = serde_json::from_str(text.as_str());
            value(json.map_err(|_| failed("the text is no JSON".to_owned()))?).map_err(failed)
        }
        Value::Null => Err(ExecutionError::no_such_key(JSON)),
        other => Ok(other),
    }
}

fn value(json: Json) -> Result<Value, String> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(flag),
        Json::String(text) => text.into(),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::Int(whole),
            (None, Some(whole)) => Value::UInt(whole),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::Array(elements) => {
            bounded(elements.len())?;
            let elements: Result<Vec<Value>, String> = elements.into_iter().map(value).collect();
            elements?.into()
        }
        Json::Object(fields) => {
            bounded(fields.len())?;
            let fields: Result<HashMap<String, Value>, String> = fields
                .into_iter()
                .map(|(name, field)| Ok((name, value(field)?)))
                .collect();
            fields?.into()
        }
    })
}

fn bounded(elements: usize) -> Result<(), String> {
    match elements <= MAX_ELEMENTS {
        true => Ok(()),
        false => Err(format!(
            "holds a list or an object of {elements} elements, a mapping takes at most {MAX_ELEMENTS}"
        )),
    }
}
