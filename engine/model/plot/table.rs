//! Tables of coloured cells with names along two sides.

use super::palette::{LABEL, TITLE, ink};
use super::picture::{Align, Color, Picture, Size};

const CELL_HEIGHT: usize = 52;
const MARGIN: usize = 28;
/// Where the columns' label stands, below the title.
const LABEL_TOP: usize = 54;

/// What stands around the cells.
pub(super) struct Table<'a> {
    pub title: &'a str,
    /// What the columns and what the rows are.
    pub labels: [&'a str; 2],
    pub columns: &'a [&'a str],
    pub rows: &'a [&'a str],
    pub cell_width: usize,
}

/// What stands in a cell.
pub(super) struct Cell {
    pub text: String,
    pub color: Color,
}

impl Table<'_> {
    /// The upper left corner of a cell.
    pub fn corner(&self, row: usize, column: usize) -> (usize, usize) {
        (self.left() + column * self.cell_width, self.top() + row * CELL_HEIGHT)
    }

    fn left(&self) -> usize {
        MARGIN + longest(self.rows).max(Size::Small.width(self.labels[1])) + 12
    }

    /// Names that are wider than a column stand upright.
    fn stands(&self) -> bool {
        longest(self.columns) + Size::Small.advance() > self.cell_width
    }

    fn top(&self) -> usize {
        LABEL_TOP + 26 + if self.stands() { longest(self.columns) + 10 } else { 28 }
    }

    /// The picture, in which `cell` is asked for each row and column.
    pub fn draw(&self, cell: impl Fn(usize, usize) -> Cell) -> Picture {
        let (left, top) = (self.left(), self.top());
        let titled = left + Size::Large.width(self.title) + MARGIN;
        let labelled = left + Size::Small.width(self.labels[0]) + MARGIN;
        let width = (left + self.columns.len() * self.cell_width + MARGIN).max(titled).max(labelled);
        let mut picture = Picture::new(width, top + self.rows.len() * CELL_HEIGHT + MARGIN);
        picture.text(self.title, (left, 18), Align::Left, Size::Large, TITLE);
        picture.text(self.labels[0], (left, LABEL_TOP), Align::Left, Size::Small, LABEL);
        picture.text(self.labels[1], (left - 12, top - 28), Align::Right, Size::Small, LABEL);
        self.draw_column_names(&mut picture);
        for (row, name) in self.rows.iter().enumerate() {
            let at = (left - 12, text_top(self.corner(row, 0).1));
            picture.text(name, at, Align::Right, Size::Small, TITLE);
            for column in 0..self.columns.len() {
                let Cell { text, color } = cell(row, column);
                let (x, y) = self.corner(row, column);
                picture.rectangle((x, y), (x + self.cell_width - 2, y + CELL_HEIGHT - 2), color);
                let middle = (x + self.cell_width / 2, text_top(y));
                picture.text(&text, middle, Align::Center, Size::Small, ink(color));
            }
        }
        picture
    }

    fn draw_column_names(&self, picture: &mut Picture) {
        for (column, name) in self.columns.iter().enumerate() {
            let (x, top) = self.corner(0, column);
            let middle = x + self.cell_width / 2;
            if self.stands() {
                picture.text_upwards(name, (middle - Size::Small.height() / 2, top - 8), TITLE);
            } else {
                picture.text(name, (middle, top - 28), Align::Center, Size::Small, TITLE);
            }
        }
    }
}

/// The width of the widest of some names.
pub(super) fn longest(names: &[&str]) -> usize {
    names.iter().map(|name| Size::Small.width(name)).max().unwrap_or(0)
}

/// The top of a line of text in the middle of a cell.
fn text_top(top: usize) -> usize {
    top + (CELL_HEIGHT - 2 - Size::Small.height()) / 2
}
