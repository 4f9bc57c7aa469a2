//! Tables for people: columns that are as wide as their widest cell, and colours for statuses.
//!
//! Rule of thumb: a cell is escaped when it is made, so that what is written around it is ours alone.

use super::output;
use unicode_width::UnicodeWidthStr;

/// Between two columns.
const GAP: &str = "  ";

/// A cell.
pub(super) struct Cell {
    text: String,
    colour: Option<u8>,
}

impl Cell {
    pub(super) fn text(text: &str) -> Self {
        Self {
            text: output::plain(text).into_owned(),
            colour: None,
        }
    }

    /// A dash for what is not there.
    pub(super) fn optional(text: Option<&str>) -> Self {
        Self::text(text.filter(|text| !text.is_empty()).unwrap_or("-"))
    }

    /// A status, in its colour where there are colours.
    pub(super) fn status(status: &str) -> Self {
        let colour = match status {
            "COMPLETED" => Some(32),
            "FAILED" => Some(31),
            "COMPENSATED" => Some(33),
            "STARTED" | "IN_PROGRESS" => Some(36),
            _ => None,
        };
        let text = output::plain(status).into_owned();
        Self { text, colour }
    }

    fn width(&self) -> usize {
        self.text.width()
    }

    pub(super) fn shown(&self, with_colours: bool) -> String {
        match self.colour.filter(|_| with_colours) {
            Some(colour) => format!("\u{1b}[{colour}m{}\u{1b}[0m", self.text),
            None => self.text.clone(),
        }
    }
}

/// The columns of a table, which only become wider.
pub(super) struct Columns {
    names: Vec<Cell>,
    widths: Vec<usize>,
    with_colours: bool,
}

impl Columns {
    pub(super) fn new(names: &[&str], with_colours: bool) -> Self {
        let names: Vec<Cell> = names.iter().map(|name| Cell::text(name)).collect();
        Self {
            widths: names.iter().map(Cell::width).collect(),
            names,
            with_colours,
        }
    }

    /// Makes room for rows that are not known yet.
    pub(super) fn at_least(mut self, widths: &[usize]) -> Self {
        for (width, least) in self.widths.iter_mut().zip(widths) {
            *width = (*least).max(*width);
        }
        self
    }

    /// Makes room for a row.
    pub(super) fn fit(&mut self, row: &[Cell]) {
        for (width, cell) in self.widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }

    pub(super) fn head(&self) -> String {
        self.line(&self.names)
    }

    /// One line; nothing is padded at its end.
    pub(super) fn line(&self, row: &[Cell]) -> String {
        let mut line = String::new();
        let mut padding = 0;
        for (cell, width) in row.iter().zip(&self.widths) {
            line.extend(std::iter::repeat_n(' ', padding));
            line.push_str(&cell.shown(self.with_colours));
            padding = width.saturating_sub(cell.width()) + GAP.len();
        }
        line + "\n"
    }
}

/// All rows, below the names of the columns.
pub(super) fn table(names: &[&str], rows: &[Vec<Cell>], with_colours: bool) -> String {
    let mut columns = Columns::new(names, with_colours);
    rows.iter().for_each(|row| columns.fit(row));
    let lines = rows.iter().map(|row| columns.line(row));
    columns.head() + &lines.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_cells_look() {
        let rows = [
            vec![Cell::text("\u{ae40}\u{ce58}"), Cell::text("x")],
            vec![Cell::optional(None), Cell::optional(Some("y"))],
        ];
        assert_eq!(
            table(&["A", "B"], &rows, true),
            "A     B\n\u{ae40}\u{ce58}  x\n-     y\n"
        );
    }

    #[test]
    fn only_statuses_have_colours_and_only_where_there_are_any() {
        let rows = [vec![Cell::status("FAILED"), Cell::text("\u{1b}[2J")]];
        assert_eq!(
            table(&["S", "T"], &rows, false),
            "S       T\nFAILED  \\u{1b}[2J\n"
        );
        assert_eq!(
            table(&["S", "T"], &rows, true),
            "S       T\n\u{1b}[31mFAILED\u{1b}[0m  \\u{1b}[2J\n"
        );
    }
}
