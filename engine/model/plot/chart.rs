//! Curves over a common axis.

use std::path::Path;

use super::axis::{Axis, drawable};
use super::palette::{AXIS, FIELD, GRID, LABEL, SERIES, TITLE};
use super::picture::{Align, Color, Picture, Point, Size};
use crate::error::{Error, Result};

const WIDTH: usize = 960;
const HEIGHT: usize = 600;
const TOP: usize = 84;
const BOTTOM: usize = HEIGHT - 62;
const RIGHT: usize = WIDTH - 28;

/// Pixels that names may take beside the label of the y axis.
const LEGEND: usize = 640;

/// Width of a curve: every pixel that holds a point of it is covered whole.
const LINE: f64 = 2.6;

/// Draws one curve a series over the epochs 1, 2, … and writes them to `path`, as PNG or SVG as it ends, 960x600 pixels.
///
/// A series is a name for the legend and a value for each epoch. NaN and infinite values leave a gap; a value without
/// neighbours is drawn as a dot. The file appears whole or not at all.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("loss.png");
/// use gradus::model::plot::line_chart;
/// let (train, validation) = ([1.8, 1.1, 0.7], [1.9, 1.4, 1.2]);
/// line_chart(&path, "Training", "loss", &[("train", &train), ("validation", &validation)])?;
/// # assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If `series` is empty, or the file cannot be written.
pub fn line_chart(
    path: impl AsRef<Path>,
    title: &str,
    y_label: &str,
    series: &[(&str, &[f64])],
) -> Result<()> {
    numbered_chart(path, title, ["epoch", y_label], 1, series)
}

/// [`line_chart`] over other numbers than epochs: `first`, `first` + 1, … along an axis called `labels[0]`, the values
/// being called `labels[1]`.
///
/// # Errors
/// If `series` is empty, or the file cannot be written.
pub fn numbered_chart(
    path: impl AsRef<Path>,
    title: &str,
    labels: [&str; 2],
    first: i32,
    series: &[(&str, &[f64])],
) -> Result<()> {
    if series.is_empty() {
        return Err(Error::argument("plot", "series", "empty", "at least one curve"));
    }
    numbered(title, labels, first, series).write(path)
}

/// The picture of [`numbered_chart`].
pub(in crate::model) fn numbered(
    title: &str,
    [x_label, y_label]: [&str; 2],
    first: i32,
    series: &[(&str, &[f64])],
) -> Picture {
    let chart = Chart::numbered(first, series);
    let mut picture = Picture::new(WIDTH, HEIGHT);
    let left = chart.left;
    chart.draw_field(&mut picture);
    picture.text(title, (left, 18), Align::Left, Size::Large, TITLE);
    picture.text(y_label, (left, 54), Align::Left, Size::Small, LABEL);
    picture.text(x_label, (left.midpoint(RIGHT), BOTTOM + 34), Align::Center, Size::Small, LABEL);
    let names: Vec<&str> = series.iter().map(|(name, _)| *name).collect();
    draw_legend(&mut picture, &names);
    for (i, (_, values)) in series.iter().enumerate() {
        let points: Vec<Point> =
            values.iter().enumerate().map(|(i, &value)| (f64::from(first) + i as f64, value)).collect();
        chart.draw_curve(&mut picture, &points, LINE, SERIES[i % SERIES.len()]);
    }
    picture
}

/// A field of a picture between two axes.
pub(super) struct Chart {
    pub x: Axis,
    pub y: Axis,
    pub left: usize,
    pub top: usize,
    pub right: usize,
    pub bottom: usize,
}

impl Chart {
    /// The field that a whole picture has.
    fn numbered(first: i32, series: &[(&str, &[f64])]) -> Self {
        let count = series.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
        let x = Axis::numbers(first.into(), count);
        let y = Axis::around(series.iter().flat_map(|(_, values)| values.iter().copied()), 8.0);
        Self { x, left: 28 + number_width(&y), y, top: TOP, right: RIGHT, bottom: BOTTOM }
    }

    /// The ground, grid, axes and their numbers.
    pub fn draw_field(&self, picture: &mut Picture) {
        let Self { left, top, right, bottom, .. } = *self;
        picture.rectangle((left, top), (right, bottom), FIELD);
        for tick in self.y.ticks() {
            let row = self.row(tick) as usize;
            picture.rectangle((left, row), (right, row + 1), GRID);
            let number = self.y.number(tick);
            let above = row.saturating_sub(Size::Small.height() / 2);
            picture.text(&number, (left - 10, above), Align::Right, Size::Small, LABEL);
        }
        for tick in self.x.ticks() {
            let column = self.column(tick) as usize;
            picture.rectangle((column, top), (column + 1, bottom), GRID);
            picture.rectangle((column, bottom), (column + 1, bottom + 6), AXIS);
            let number = self.x.number(tick);
            picture.text(&number, (column, bottom + 10), Align::Center, Size::Small, LABEL);
        }
        picture.rectangle((left, top), (left + 1, bottom), AXIS);
        picture.rectangle((left, bottom), (right, bottom + 1), AXIS);
    }

    /// Draws each run of drawable values.
    pub fn draw_curve(&self, picture: &mut Picture, points: &[Point], width: f64, color: Color) {
        for run in points.split(|(_, value)| !drawable(*value)) {
            let run: Vec<Point> = run.iter().map(|&(x, y)| (self.column(x), self.row(y))).collect();
            match run.len() {
                0 => {}
                1 => picture.line(&run, 8.0, color),
                _ => picture.line(&run, width, color),
            }
        }
    }

    pub fn column(&self, number: f64) -> f64 {
        self.left as f64 + self.x.fraction(number) * (self.right - self.left) as f64
    }

    pub fn row(&self, value: f64) -> f64 {
        self.bottom as f64 - self.y.fraction(value) * (self.bottom - self.top) as f64
    }
}

/// Pixels that the numbers of `axis` take beside it.
pub(super) fn number_width(axis: &Axis) -> usize {
    axis.ticks().map(|tick| Size::Small.width(&axis.number(tick))).max().unwrap_or(0)
}

/// Names beside short strokes, right of the y label.
fn draw_legend(picture: &mut Picture, names: &[&str]) {
    // Many names take the title's row too.
    let crowded = names.iter().map(|name| Size::Small.width(name) + 62).sum::<usize>() > LEGEND;
    let upper = if crowded { names.len() / 2 } else { 0 };
    for (names, first, top) in [(&names[..upper], 0, 26), (&names[upper..], upper, 54)] {
        let mut right = RIGHT;
        for (i, name) in names.iter().enumerate().rev() {
            picture.text(name, (right, top), Align::Right, Size::Small, LABEL);
            let end = right.saturating_sub(Size::Small.width(name) + 10) as f64;
            let row = (top + Size::Small.height() / 2) as f64;
            picture.line(&[(end - 24.0, row), (end, row)], 4.0, SERIES[(first + i) % SERIES.len()]);
            right = (end - 52.0).max(0.0) as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::palette::{BLUE, PAPER, VERMILLION};
    use super::*;

    /// Draws a chart and reads the file back.
    fn draw(series: &[(&str, &[f64])]) -> anyhow::Result<Vec<Color>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("chart.png");
        line_chart(&path, "Title", "loss", series)?;
        let file = std::io::BufReader::new(std::fs::File::open(&path)?);
        let mut reader = png::Decoder::new(file).read_info()?;
        assert_eq!((reader.info().width, reader.info().height), (960, 600));
        let mut bytes = vec![0; WIDTH * HEIGHT * 3];
        reader.next_frame(&mut bytes)?;
        Ok(bytes.as_chunks().0.to_vec())
    }

    fn count(pixels: &[Color], color: Color) -> usize {
        pixels.iter().filter(|&&pixel| pixel == color).count()
    }

    /// Pixels of a colour inside the field, so that the legend does not count.
    fn in_field(pixels: &[Color], color: Color) -> usize {
        count(&pixels[TOP * WIDTH..BOTTOM * WIDTH], color)
    }

    #[test]
    fn both_curves_are_drawn_on_a_light_page() -> anyhow::Result<()> {
        let pixels = draw(&[("train", &[2.0, 1.0, 0.5, 0.1]), ("validation", &[2.1, 1.6, 1.4, 1.3])])?;
        assert!(in_field(&pixels, BLUE) > 800 && in_field(&pixels, VERMILLION) > 800);
        assert!(count(&pixels, PAPER) + count(&pixels, FIELD) > WIDTH * HEIGHT * 8 / 10);
        let dark = pixels.iter().filter(|[r, g, b]| r.max(g).max(b) < &140).count();
        assert!(dark > 400, "title or numbers are missing: {dark}");
        Ok(())
    }

    #[test]
    fn a_curve_passes_through_its_values() -> anyhow::Result<()> {
        let values = [0.0, 3.0, 1.0, 2.0, 2.0];
        let pixels = draw(&[("train", &values)])?;
        let chart = Chart::numbered(1, &[("train", &values)]);
        for (i, &value) in values.iter().enumerate() {
            let column = (chart.column((i + 1) as f64) as usize).min(RIGHT - 1);
            assert_eq!(pixels[chart.row(value) as usize * WIDTH + column], BLUE, "epoch {}", i + 1);
        }
        Ok(())
    }

    #[test]
    fn one_epoch_is_a_dot() -> anyhow::Result<()> {
        let dots = draw(&[("train", &[0.7]), ("validation", &[0.9])])?;
        assert!((20..80).contains(&in_field(&dots, BLUE)) && (20..80).contains(&in_field(&dots, VERMILLION)));
        Ok(())
    }

    #[test]
    fn nan_and_infinity_leave_gaps() -> anyhow::Result<()> {
        let values = [3.0, 2.0, f64::NAN, f64::INFINITY, 1.0, 0.5];
        let pixels = draw(&[("train", &values)])?;
        let chart = Chart::numbered(1, &[("train", &values)]);
        let columns = chart.column(2.0) as usize + 3..chart.column(5.0) as usize - 3;
        let gap = (TOP..BOTTOM).flat_map(|y| columns.clone().map(move |x| y * WIDTH + x));
        assert_eq!(gap.filter(|&i| pixels[i] == BLUE).count(), 0);
        assert!(in_field(&pixels, BLUE) > 300);
        Ok(())
    }

    #[test]
    fn any_values_can_be_drawn() -> anyhow::Result<()> {
        let long = (0..3000).map(|i| f64::from(i).sin()).collect::<Vec<_>>();
        let cases: [&[f64]; 11] = [
            &[],
            &[f64::NAN],
            &[0.0, 0.0],
            &[-5.0, -5.0],
            &[1e9, 1e9 + 1e-7],
            &[f64::MAX, f64::MIN],
            &[-1e300, 1e300],
            &[5e-324, 1e-310],
            &[1e-12, 3e-12],
            &[1234567.0, 7654321.0],
            &long,
        ];
        for values in cases {
            let pixels = draw(&[("a", values)])?;
            let curve = values.iter().any(|&v| drawable(v));
            assert_eq!(in_field(&pixels, BLUE) > 0, curve, "{:?}", &values[..values.len().min(3)]);
        }
        Ok(())
    }

    #[test]
    fn bad_calls_say_what_is_wrong() {
        let message = line_chart(Path::new("/x.png"), "t", "y", &[]).unwrap_err().to_string();
        assert!(message.contains("at least one curve"), "{message}");
        let message =
            line_chart(Path::new("/missing/x.png"), "t", "y", &[("a", &[1.0])]).unwrap_err().to_string();
        assert!(message.contains("/missing/x.png"), "{message}");
    }
}
