//! A JSON object, field by field, with the text of each value as it came: numbers keep every digit.
//!
//! Rule of thumb: all that is wrong with an object is said at once.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The longest text of one problem, in characters: it may repeat what came.
const PROBLEM_CHARS: usize = 300;

/// The most problems of one object that are said.
const MAX_PROBLEMS: usize = 20;

/// A text that may repeat what came, not longer than an answer should be.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(PROBLEM_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Reads an object. What is none is not repeated, since the reason may stand where its text may not.
pub(crate) fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    if !text.trim_start().starts_with('{') {
        return Err("is not a JSON object".to_owned());
    }
    serde_json::from_str(text).map_err(|error| cut(&format!("is not a JSON object: {error}")))
}

/// The fields of an object, and what is wrong with them so far.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    fields: BTreeMap<String, &'a RawValue>,
    problems: Vec<String>,
}

impl<'a> Document<'a> {
    /// Reads an object.
    pub(crate) fn read(text: &'a str) -> Result<Self, String> {
        let Fields(fields) = object(text)?;
        Ok(Self {
            fields,
            problems: Vec::new(),
        })
    }

    /// Takes the text of a value; `null` counts as missing.
    pub(crate) fn raw(&mut self, name: &str) -> Option<&'a RawValue> {
        self.fields.remove(name).filter(|value| value.get() != "null")
    }

    /// Takes a value that may be missing; what is wrong is kept for [`Document::finish`].
    pub(crate) fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a RawValue) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.raw(name)?;
        read(value).map_err(|problem| self.refuse(problem)).ok()
    }

    /// Takes a text that may be missing.
    pub(crate) fn optional_text<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(String) -> Result<T, String>,
    ) -> Option<T> {
        self.optional(name, |value| match serde_json::from_str(value.get()) {
            Ok(text) => read(text),
            Err(_) => Err(format!("{name} must be a text")),
        })
    }

    /// Says that something is wrong.
    pub(crate) fn refuse(&mut self, problem: impl Into<String>) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(cut(&problem.into()));
        }
    }

    /// Says that a field is missing, unless it was there and wrong.
    pub(crate) fn require<T>(&mut self, name: &str, value: Option<T>) -> Option<T> {
        let is_wrong = self.problems.iter().any(|problem| {
            problem
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(' '))
        });
        if value.is_none() && !is_wrong {
            self.refuse(format!("{name} is missing"));
        }
        value
    }

    /// The values of all fields but these, which stay.
    pub(crate) fn others(&self, without: &[&str]) -> serde_json::Map<String, serde_json::Value> {
        let fields = self
            .fields
            .iter()
            .filter(|(name, _)| !without.contains(&name.as_str()));
        fields
            .filter_map(|(name, value)| Some((name.clone(), serde_json::from_str(value.get()).ok()?)))
            .collect()
    }

    /// Leaves out all fields that were not taken.
    pub(crate) fn ignore_rest(&mut self) {
        self.fields.clear();
    }

    /// Gives what was taken, unless something was wrong, or an unknown field is left.
    pub(crate) fn finish<T>(mut self, taken: Option<T>) -> Result<T, String> {
        for name in std::mem::take(&mut self.fields).into_keys() {
            self.refuse(format!("{:?} is not known here", cut(&name)));
        }
        taken
            .filter(|_| self.problems.is_empty())
            .ok_or_else(|| self.problems.join("; "))
    }
}

/// An object in which no field stands twice: which of the two was meant is undefined.
struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    if fields.insert(name, value).is_some() {
                        return Err(A::Error::custom("a field is given more than once"));
                    }
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}
