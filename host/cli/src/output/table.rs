//! Tables: rows of cells in aligned columns.

use crate::output::style::Style;
use crate::output::ui::Ui;

/// The text of one column in one row. Guest text must be escaped before.
pub(crate) struct Cell {
    text: String,
    style: Style,
    right: bool,
}

impl Cell {
    /// Plain text, aligned to the left.
    pub(crate) fn new(text: impl Into<String>) -> Cell {
        Cell::styled(text, Style::Plain)
    }

    /// Text in a colour, aligned to the left.
    pub(crate) fn styled(text: impl Into<String>, style: Style) -> Cell {
        Cell {
            text: text.into(),
            style,
            right: false,
        }
    }

    /// A number, aligned to the right.
    pub(crate) fn number(text: impl Into<String>) -> Cell {
        Cell {
            right: true,
            ..Cell::new(text)
        }
    }

    /// The same cell in a colour.
    pub(crate) fn in_style(self, style: Style) -> Cell {
        Cell { style, ..self }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// The rows as text, with two spaces between columns and `indent` spaces before the first.
pub(crate) fn lines(ui: &Ui, indent: usize, rows: &[Vec<Cell>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(Cell::width).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = " ".repeat(indent);
        for (i, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let space = " ".repeat(width - cell.width());
            let painted = ui.paint(cell.style, &cell.text);
            let last = i + 1 == row.len();
            match (cell.right, last) {
                (true, _) => line.extend([space.as_str(), &painted]),
                (false, true) => line.push_str(&painted),
                (false, false) => line.extend([painted.as_str(), &space]),
            }
            if !last {
                line.push_str("  ");
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
