//! Tables as pictures: the larger a value, the darker its cell.

use std::path::Path;

use super::palette::Scale;
use super::picture::{Color, Picture, Size};
use super::table::{Cell, Table, longest};
use crate::error::{Error, Result};

/// The colour of what is no number.
const NONE: Color = [226, 232, 240];

const LEAST_CELL_WIDTH: usize = 96;

/// Draws a table of values, row by row, and writes it to `path`, as PNG or SVG as it ends, as large as the table needs.
///
/// `labels` says what the columns and what the rows are, `columns` and `rows` are their names. Each value is written with
/// `digits` digits after the point in a cell that is the darker the larger the value. NaN and infinite values are grey.
/// The file appears whole or not at all.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("accuracy.png");
/// use gradus::model::plot::heat_map;
/// let values = [vec![0.81, 0.84], vec![0.90, 0.88], vec![0.93, 0.91]];
/// let (columns, rows) = (["100", "200"], ["10", "100", "1000"]);
/// heat_map(&path, "Accuracy", ["batch size", "epochs"], &columns, &rows, &values, 2)?;
/// # assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If there are other numbers of values than rows and columns, or none, or the file cannot be written.
pub fn heat_map(
    path: impl AsRef<Path>,
    title: &str,
    labels: [&str; 2],
    columns: &[&str],
    rows: &[&str],
    values: &[Vec<f64>],
    digits: usize,
) -> Result<()> {
    let whole = values.len() == rows.len() && values.iter().all(|row| row.len() == columns.len());
    if !whole || rows.is_empty() || columns.is_empty() {
        let found = format!("{:?}", values.iter().map(Vec::len).collect::<Vec<_>>());
        let expected = format!("{} rows of {}, at least one of each", rows.len(), columns.len());
        return Err(Error::argument("plot", "values", found, expected));
    }
    let finite = || values.iter().flatten().copied().filter(|value| value.is_finite());
    let written = finite().map(|value| Size::Small.width(&format!("{value:.digits$}"))).max().unwrap_or(0);
    let cell_width = LEAST_CELL_WIDTH.max(longest(columns).max(written) + 3 * Size::Small.advance());
    let range = [finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max)];
    draw(&Table { title, labels, columns, rows, cell_width }, values, range, digits).write(path)
}

fn draw(table: &Table<'_>, values: &[Vec<f64>], [least, largest]: [f64; 2], digits: usize) -> Picture {
    table.draw(|row, column| match values[row][column] {
        value if value.is_finite() => {
            let share = if largest > least { (value - least) / (largest - least) } else { 0.0 };
            Cell { text: format!("{value:.digits$}"), color: Scale::Blues.color(share) }
        }
        value => Cell { text: value.to_string(), color: NONE },
    })
}

#[cfg(test)]
mod tests {
    use super::super::raster::tests::read_png;
    use super::*;

    const NAMES: [&str; 3] = ["name 0", "name 1", "name 2"];

    fn table(columns: usize, rows: usize) -> Table<'static> {
        let (columns, rows) = (&NAMES[..columns], &NAMES[..rows]);
        Table { title: "Map", labels: ["x", "y"], columns, rows, cell_width: LEAST_CELL_WIDTH }
    }

    #[test]
    fn cells_are_the_darker_the_larger_their_values() -> anyhow::Result<()> {
        let values = [vec![0.0, 1.0, 0.25], vec![0.5, f64::NAN, 0.75]];
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("map.png");
        heat_map(&path, "Map", ["x", "y"], &NAMES, &NAMES[..2], &values, 2)?;
        let pixels = read_png(&path)?;
        let table = table(3, 2);
        let corner = |row, column| {
            let (x, y) = table.corner(row, column);
            pixels.colors[(y + 3) * pixels.width + x + 3]
        };
        let ends = [Scale::Blues.color(0.0), Scale::Blues.color(1.0), NONE];
        assert_eq!([corner(0, 0), corner(0, 1), corner(1, 1)], ends);
        let red = [(0, 0), (0, 2), (1, 0), (1, 2), (0, 1)].map(|(row, column)| corner(row, column)[0]);
        assert!(red.windows(2).all(|pair| pair[0] > pair[1]), "{red:?}");
        Ok(())
    }

    #[test]
    fn equal_values_can_be_drawn() {
        let colors = |value: f64| draw(&table(2, 1), &[vec![value; 2]], [value, value], 2).pixels().colors;
        let equal = colors(2.0);
        assert!(equal.contains(&Scale::Blues.color(0.0)) && !equal.contains(&Scale::Blues.color(1.0)));
        assert!(colors(f64::NAN).contains(&NONE));
    }

    #[test]
    fn tables_that_do_not_fit_are_refused() {
        let message = |columns: &[&str], values: &[Vec<f64>]| {
            heat_map("/missing/x.png", "t", ["x", "y"], columns, &["a"], values, 1).unwrap_err().to_string()
        };
        assert!(message(&["a", "b"], &[vec![1.0]]).contains("1 rows of 2"));
        assert!(message(&[], &[vec![]]).contains("at least one of each"));
        assert!(message(&["a"], &[vec![1.0]]).contains("/missing/x.png"));
    }
}
