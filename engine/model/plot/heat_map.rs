//! Tables as pictures: the larger a value, the darker its cell.

use std::path::Path;

use super::canvas::{Align, Canvas, Color, Size};
use super::{AXIS, LABEL, PAPER, TITLE};
use crate::error::{Error, Result};
use crate::formats::write_file;

/// Colours of the least and the largest value, and of what is no number.
const LIGHT: Color = [239, 246, 255];
const DARK: Color = [29, 78, 216];
const NONE: Color = [226, 232, 240];

/// Where the table begins, below the title and the columns' label and names.
const TOP: usize = 108;
const CELL_HEIGHT: usize = 52;
const LEAST_CELL_WIDTH: usize = 96;
const MARGIN: usize = 28;

/// Draws a table of values, row by row, and writes it to `path` as a PNG that is as large as the table needs.
///
/// `labels` says what the columns and what the rows are, `columns` and `rows` are their names. Each value is written with
/// `digits` digits after the point in a cell that is the darker the larger the value. NaN and infinite values are grey.
/// Text is drawn in ASCII. The file appears whole or not at all.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("accuracy.png");
/// let values = [vec![0.81, 0.84], vec![0.90, 0.88], vec![0.93, 0.91]];
/// let (columns, rows) = (["100", "200"], ["10", "100", "1000"]);
/// gradus::model::plot::heat_map(&path, "Accuracy", ["batch size", "epochs"], &columns, &rows, &values, 2)?;
/// assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If there are other numbers of values than rows and columns, or none, or the file cannot be written.
pub fn heat_map(
    path: &Path,
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
    let map = HeatMap::new([title, labels[1]], columns, rows, values, digits);
    write_file(path, &map.draw(title, labels, values, digits).png()?)
}

/// Where the cells lie.
struct HeatMap<'a> {
    columns: &'a [&'a str],
    rows: &'a [&'a str],
    left: usize,
    cell_width: usize,
    width: usize,
    /// The least and the largest value.
    range: [f64; 2],
}

impl<'a> HeatMap<'a> {
    fn new(
        [title, label]: [&str; 2],
        columns: &'a [&'a str],
        rows: &'a [&'a str],
        values: &[Vec<f64>],
        digits: usize,
    ) -> Self {
        let advance = Size::Small.advance();
        let longest = |texts: &[&str]| texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
        let finite = || values.iter().flatten().copied().filter(|value| value.is_finite());
        let written = finite().map(|value| format!("{value:.digits$}").len()).max().unwrap_or(0);
        let left = MARGIN + longest(rows).max(label.chars().count()) * advance + 12;
        let cell_width = LEAST_CELL_WIDTH.max((longest(columns).max(written) + 3) * advance);
        let titled = left + title.chars().count() * Size::Large.advance() + MARGIN;
        let width = (left + columns.len() * cell_width + MARGIN).max(titled);
        let range = [finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max)];
        Self { columns, rows, left, cell_width, width, range }
    }

    fn draw(&self, title: &str, labels: [&str; 2], values: &[Vec<f64>], digits: usize) -> Canvas {
        let height = TOP + self.rows.len() * CELL_HEIGHT + MARGIN;
        let mut canvas = Canvas::new(self.width, height, PAPER);
        canvas.text(title, (self.left, 18), Align::Left, Size::Large, TITLE);
        canvas.text(labels[0], (self.left, 54), Align::Left, Size::Small, LABEL);
        canvas.text(labels[1], (self.left - 12, TOP - 28), Align::Right, Size::Small, LABEL);
        for (number, name) in self.columns.iter().enumerate() {
            let middle = self.left + number * self.cell_width + self.cell_width / 2;
            canvas.text(name, (middle, TOP - 28), Align::Center, Size::Small, TITLE);
        }
        for (number, (name, row)) in self.rows.iter().zip(values).enumerate() {
            let top = TOP + number * CELL_HEIGHT;
            canvas.text(name, (self.left - 12, text_top(top)), Align::Right, Size::Small, TITLE);
            for (column, &value) in row.iter().enumerate() {
                self.draw_cell(&mut canvas, (self.left + column * self.cell_width, top), value, digits);
            }
        }
        canvas
    }

    fn draw_cell(&self, canvas: &mut Canvas, (left, top): (usize, usize), value: f64, digits: usize) {
        let color = self.color(value);
        canvas.rectangle((left, top), (left + self.cell_width, top + CELL_HEIGHT), PAPER);
        canvas.rectangle((left, top), (left + self.cell_width - 2, top + CELL_HEIGHT - 2), color);
        let text = if value.is_finite() { format!("{value:.digits$}") } else { value.to_string() };
        let ink = if color == NONE || self.share(value) < 0.5 { TITLE } else { PAPER };
        let ink = if value.is_finite() { ink } else { AXIS };
        canvas.text(&text, (left + self.cell_width / 2, text_top(top)), Align::Center, Size::Small, ink);
    }

    /// Where `value` lies between the least and the largest.
    fn share(&self, value: f64) -> f64 {
        let [least, largest] = self.range;
        if largest > least { (value - least) / (largest - least) } else { 0.0 }
    }

    fn color(&self, value: f64) -> Color {
        if !value.is_finite() {
            return NONE;
        }
        let share = self.share(value);
        std::array::from_fn(|i| {
            let (light, dark) = (f64::from(LIGHT[i]), f64::from(DARK[i]));
            (light + (dark - light) * share).round() as u8
        })
    }
}

/// The top of a line of text in the middle of a cell.
fn text_top(top: usize) -> usize {
    top + (CELL_HEIGHT - 2 - Size::Small.height()) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The picture's size and pixels, read back from the file.
    fn drawn(values: &[Vec<f64>]) -> anyhow::Result<(usize, Vec<Color>)> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("map.png");
        let names: Vec<String> = (0..9).map(|i| format!("name {i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        heat_map(&path, "Map", ["x", "y"], &names[..values[0].len()], &names[..values.len()], values, 2)?;
        let decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(&path)?));
        let mut reader = decoder.read_info()?;
        let mut bytes = vec![0; reader.output_buffer_size().unwrap_or(0)];
        let info = reader.next_frame(&mut bytes)?;
        let pixels = bytes.chunks_exact(3).map(|c| [c[0], c[1], c[2]]).collect();
        Ok((info.width as usize, pixels))
    }

    #[test]
    fn cells_are_the_darker_the_larger_their_values() -> anyhow::Result<()> {
        let values = [vec![0.0, 1.0, 0.25], vec![0.5, f64::NAN, 0.75]];
        let (width, pixels) = drawn(&values)?;
        let names = ["name 0", "name 1", "name 2"];
        let map = HeatMap::new(["Map", "y"], &names, &names[..2], &values, 2);
        assert_eq!(map.width, width);
        let corner = |row: usize, column: usize| {
            pixels[(TOP + row * CELL_HEIGHT + 3) * width + map.left + column * map.cell_width + 3]
        };
        assert_eq!([corner(0, 0), corner(0, 1), corner(1, 1)], [LIGHT, DARK, NONE]);
        let red = [(0, 0), (0, 2), (1, 0), (1, 2), (0, 1)].map(|(row, column)| corner(row, column)[0]);
        assert!(red.windows(2).all(|pair| pair[0] > pair[1]), "{red:?}");
        Ok(())
    }

    #[test]
    fn equal_values_can_be_drawn() -> anyhow::Result<()> {
        let (_, pixels) = drawn(&[vec![2.0, 2.0]])?;
        assert!(pixels.contains(&LIGHT) && !pixels.contains(&DARK));
        drawn(&[vec![f64::NAN]])?;
        Ok(())
    }

    #[test]
    fn tables_that_do_not_fit_are_refused() {
        let path = Path::new("/missing/x.png");
        let message = |columns: &[&str], values: &[Vec<f64>]| {
            heat_map(path, "t", ["x", "y"], columns, &["a"], values, 1).unwrap_err().to_string()
        };
        assert!(message(&["a", "b"], &[vec![1.0]]).contains("1 rows of 2"));
        assert!(message(&[], &[vec![]]).contains("at least one of each"));
        assert!(message(&["a"], &[vec![1.0]]).contains("/missing/x.png"));
    }
}
