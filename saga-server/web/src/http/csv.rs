//! Lines of CSV (RFC 4180) that a spreadsheet reads as what they are.
//!
//! Rule of thumb: a text that a spreadsheet would take for a formula begins with an apostrophe, so that a name or a reason that
//! somebody sent computes nothing on the machine that opens the file. Numbers stay numbers.

use serde_json::Value;

/// Characters with which a formula begins, or after which one does.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The first line: the names of the columns.
pub(crate) fn head(columns: &[&str]) -> String {
    line(columns.iter().map(|name| text(name)))
}

/// A line of the fields that the columns name, as in `origin.topic`. The entries of a list are one cell, and so is an object, as
/// JSON.
pub(crate) fn record(columns: &[&str], record: &Value) -> String {
    line(columns.iter().map(|column| {
        let field = column.split('.').try_fold(record, |value, name| value.get(name));
        cell(field.unwrap_or(&Value::Null))
    }))
}

fn line(cells: impl Iterator<Item = String>) -> String {
    cells.collect::<Vec<_>>().join(",") + "\r\n"
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(words) => text(words),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            text(&items.join("; "))
        }
        Value::Array(items) if items.is_empty() => String::new(),
        other => text(&other.to_string()),
    }
}

fn text(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let apostrophe = if text.starts_with(FORMULA) { "'" } else { "" };
    format!("\"{apostrophe}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formula_is_left() {
        assert_eq!(head(&["a", "b.c"]), "\"a\",\"b.c\"\r\n");
        let columns = ["a", "b.c", "d", "e"];
        let value = json!({"a": "a", "b": {"c": "b,\"c\"\nd"}, "d": null});
        assert_eq!(record(&columns, &value), "\"a\",\"b,\"\"c\"\"\nd\",,\r\n");
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(
                record(&["a"], &json!({"a": formula})),
                format!("\"'{formula}\"\r\n")
            );
            assert_eq!(
                record(&["a"], &json!({"a": [formula, "x"]})),
                format!("\"'{formula}; x\"\r\n")
            );
        }
    }

    #[test]
    fn numbers_stay_numbers_and_lists_are_one_cell() {
        let columns = ["a", "b", "c", "d", "e", "f"];
        let value = json!({"a": -5, "b": 0.25, "c": true, "d": ["x", "y"], "e": [], "f": [{"x": 1}]});
        assert_eq!(
            record(&columns, &value),
            "-5,0.25,true,\"x; y\",,\"[{\"\"x\"\":1}]\"\r\n"
        );
    }
}
