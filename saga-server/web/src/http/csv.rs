//! Lines of CSV (RFC 4180) that a spreadsheet reads as text.
//!
//! Rule of thumb: a cell that a spreadsheet would take for a formula begins with an apostrophe, so that a name or a reason that
//! somebody sent computes nothing on the machine that opens the file.

/// Characters with which a formula begins, or after which one does.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A line of these cells, with its end.
pub(crate) fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.into_iter().map(cell).collect();
    cells.join(",") + "\r\n"
}

fn cell(text: &str) -> String {
    let apostrophe = if text.starts_with(FORMULA) { "'" } else { "" };
    format!("\"{apostrophe}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formula_is_left() {
        assert_eq!(line(["a", "", "b,\"c\"\nd"]), "\"a\",\"\",\"b,\"\"c\"\"\nd\"\r\n");
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(line([formula]), format!("\"'{formula}\"\r\n"));
        }
    }
}
