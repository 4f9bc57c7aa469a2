//! Why an expression has no value, in words that repeat nothing of the document.
//!
//! Rule of thumb: the reason stands in dead letters, answers and logs, also where the document holds what is hidden
//! (`redaction.metadataKeys`). So what came is named by its type only.

use cel::ExecutionError;

/// The reason of an error.
pub(super) fn without_values(error: &ExecutionError) -> String {
    use ExecutionError as E;
    match error {
        E::InvalidArgumentCount { .. }
        | E::NoSuchOverload(_)
        | E::UndeclaredReference(_)
        | E::MissingArgumentOrTarget
        | E::FunctionError { .. } => error.to_string(),
        E::UnexpectedType { want, .. } => format!("an argument is no {want}"),
        E::NotSupportedAsMethod { method, target } => {
            format!("{method} cannot be called on {}", target.type_of())
        }
        E::ValuesNotComparable(left, right) => {
            format!("{} and {} cannot be compared", left.type_of(), right.type_of())
        }
        E::UnsupportedBinaryOperator(operator, left, right) => {
            format!("{operator} takes no {} and {}", left.type_of(), right.type_of())
        }
        E::UnsupportedIndex(index, of) => format!("{} is no index of {}", index.type_of(), of.type_of()),
        E::Overflow(operator, ..) => format!("the result of {operator} is too large"),
        E::DivisionByZero(_) | E::RemainderByZero(_) => "a number is divided by zero".to_owned(),
        E::IndexOutOfBounds(_) => "the list has no element at this index".to_owned(),
        E::DuplicateKey(_) => "a map would have a key twice".to_owned(),
        _ => "it cannot be computed from this document".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use cel::{Context, Value};

    use crate::mapping::expression::Expression;

    #[test]
    fn why_there_is_no_value_repeats_nothing_of_the_document() {
        const SECRET: &str = "4111-1111";
        let fields: HashMap<String, Value> = [
            ("card".to_owned(), SECRET.into()),
            ("cards".to_owned(), vec![Value::from(SECRET)].into()),
            ("long".to_owned(), Value::Int(i64::MAX - 41_111_111)),
        ]
        .into();
        let mut context = Context::default();
        context.add_variable_from_value("event", Value::from(fields));
        for (source, said) in [
            ("event.card + 1", ""),
            ("event.card > 1", ""),
            ("-event.card", ""),
            ("event.card.a", ""),
            ("event.card['a']", ""),
            ("event.cards[event.card]", ""),
            ("event.cards[7]", "the list has no element at this index"),
            ("{event.card: 1, event.card: 2}.size()", "a key twice"),
            ("event.card.size().contains(event.card)", ""),
            ("size(event.long)", ""),
            ("min(event.card, 1)", ""),
            ("int(event.card)", "Error executing function 'int'"),
            ("event.card ? 1 : 2", ""),
            ("event.card || true == 1", ""),
            ("event.long / 0", "a number is divided by zero"),
            ("event.long % 0", "a number is divided by zero"),
            ("event.long * event.long", "is too large"),
            ("event.card in event.long", ""),
            ("event.long.map(x, x)", ""),
        ] {
            let Err(reason) = Expression::new(source).unwrap().value(&context) else {
                panic!("{source} has a value, or asks for a field that is not there");
            };
            assert!(!reason.is_empty(), "{source}");
            assert!(reason.contains(said), "{source}: {reason}");
            for hidden in ["4111", "9223372036"] {
                assert!(!reason.contains(hidden), "{source}: {reason}");
            }
        }
    }
}
