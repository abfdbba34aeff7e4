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

/// Characters of a line.
const WIDTH: usize = 80;
/// Characters of the widest cell that others are aligned with: the first of these with which the table fits.
const COLUMN: [usize; 5] = [40, 32, 24, 16, 8];

/// The rows as text, with two spaces between columns and `indent` spaces before the first. A row that is wider than a
/// terminal continues in the next line; no cell is cut, so that each can be copied.
pub(crate) fn lines(ui: &Ui, indent: usize, rows: &[Vec<Cell>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths = |most: usize| -> Vec<usize> {
        let width = |column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let aligned = cells.map(Cell::width).filter(|width| *width <= most);
            aligned.max().unwrap_or(0)
        };
        (0..columns).map(width).collect()
    };
    // Nothing comes after the last column, so it needs no width, except for numbers, which end there.
    let last_of =
        |row: &Vec<Cell>| row.len() == columns && row.last().is_some_and(|cell| cell.right);
    let aligned = match rows.iter().any(last_of) {
        true => columns,
        false => columns.saturating_sub(1),
    };
    let gaps = columns.saturating_sub(1).saturating_mul(2);
    let fits = |widths: &Vec<usize>| {
        let all = widths.iter().copied().take(aligned);
        all.fold(gaps.saturating_add(indent), usize::saturating_add) <= WIDTH
    };
    let mut tried = COLUMN.into_iter().map(widths);
    let widths = tried.find(fits).unwrap_or_else(|| widths(0));
    let mut text = String::new();
    for row in rows {
        push_row(ui, indent, row, &widths, &mut text);
    }
    text
}

/// One row. If it is too wide, it continues below with each cell that fits there.
fn push_row(ui: &Ui, indent: usize, row: &[Cell], widths: &[usize], text: &mut String) {
    let last = row.len().saturating_sub(1);
    let space = |i: usize, cell: &Cell, width: usize| match i == last && !cell.right {
        true => 0,
        false => width.saturating_sub(cell.width()),
    };
    let below = indent.saturating_add(4);
    let (mut line, mut taken) = (" ".repeat(indent), indent);
    for (i, (cell, width)) in row.iter().zip(widths).enumerate() {
        let mut space = space(i, cell, *width);
        let ends = taken.saturating_add(space).saturating_add(cell.width());
        if i > 0 && ends > WIDTH && below.saturating_add(cell.width()) <= WIDTH {
            text.push_str(line.trim_end());
            text.push('\n');
            (line, taken, space) = (" ".repeat(below), below, 0);
        }
        let (blank, painted) = (" ".repeat(space), ui.paint(cell.style, &cell.text));
        match cell.right {
            true => line.extend([blank.as_str(), &painted]),
            false => line.extend([painted.as_str(), &blank]),
        }
        line.push_str("  ");
        let grown = [space, cell.width(), 2];
        taken = grown.into_iter().fold(taken, usize::saturating_add);
    }
    text.push_str(line.trim_end());
    text.push('\n');
}
