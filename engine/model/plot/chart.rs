//! Curves over a common axis.

use std::path::Path;

use super::axis::{Axis, drawable};
use super::palette::{AXIS, FIELD, GRID, LABEL, SERIES, TITLE};
use super::picture::{Align, Picture, Point, Size};
use super::series::Style;
use crate::error::{Error, Result};

const WIDTH: usize = 960;
const HEIGHT: usize = 600;
const TOP: usize = 84;
const BOTTOM: usize = HEIGHT - 62;
const RIGHT: usize = WIDTH - 28;

/// Pixels that names may take beside the label of the y axis.
const LEGEND: usize = 640;

/// Pixels of a row of names below the field, and of the stroke of each: a whole turn of all dashes.
const LEGEND_ROW: usize = 24;
const STROKE: usize = 44;

/// Width of a curve: every pixel that holds a point of it is covered whole.
const LINE: f64 = 2.6;

/// Draws one curve a series over the epochs 1, 2, … and writes them to `path`, as PNG or SVG as it ends, 960x600 pixels; more than eight
/// curves are told apart by dashes too, and their names make the picture higher.
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
    let names: Vec<&str> = series.iter().map(|(name, _)| *name).collect();
    // More names than colours stand below the field, with strokes that show their dashes.
    let below = if names.len() > SERIES.len() { legend_rows(&names, chart.left) } else { Vec::new() };
    let mut picture = Picture::new(WIDTH, HEIGHT + below.len() * LEGEND_ROW);
    let left = chart.left;
    chart.draw_field(&mut picture);
    picture.text(title, (left, 18), Align::Left, Size::Large, TITLE);
    picture.text(y_label, (left, 54), Align::Left, Size::Small, LABEL);
    picture.text(x_label, (left.midpoint(RIGHT), BOTTOM + 34), Align::Center, Size::Small, LABEL);
    match below.is_empty() {
        true => draw_legend(&mut picture, &names),
        false => draw_legend_below(&mut picture, &below, left),
    }
    for (i, (_, values)) in series.iter().enumerate() {
        let points: Vec<Point> =
            values.iter().enumerate().map(|(i, &value)| (f64::from(first) + i as f64, value)).collect();
        chart.draw_curve(&mut picture, &points, LINE, Style::of(i));
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
    pub fn draw_curve(&self, picture: &mut Picture, points: &[Point], width: f64, style: Style) {
        for run in points.split(|(_, value)| !drawable(*value)) {
            let run: Vec<Point> = run.iter().map(|&(x, y)| (self.column(x), self.row(y))).collect();
            match run.len() {
                0 => {}
                1 => style.dot(picture, run[0], 8.0),
                _ => style.curve(picture, &run, width),
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
            Style::of(first + i).curve(picture, &[(end - 24.0, row), (end, row)], 4.0);
            right = (end - 52.0).max(0.0) as usize;
        }
    }
}

/// Pixels that a name in the legend below takes with its stroke.
fn legend_width(name: &str) -> usize {
    STROKE + 10 + Size::Small.width(name) + 28
}

/// Names in rows from `left` on, as many in each as it holds.
fn legend_rows<'a>(names: &[&'a str], left: usize) -> Vec<Vec<&'a str>> {
    let (mut rows, mut end) = (Vec::<Vec<&str>>::new(), RIGHT);
    for name in names {
        end += legend_width(name);
        match rows.last_mut().filter(|_| end <= RIGHT) {
            Some(row) => row.push(name),
            None => {
                rows.push(vec![name]);
                end = left + legend_width(name);
            }
        }
    }
    rows
}

/// Strokes and names below the field.
fn draw_legend_below(picture: &mut Picture, rows: &[Vec<&str>], start: usize) {
    let mut number = 0;
    for (i, names) in rows.iter().enumerate() {
        let (top, mut left) = (HEIGHT + i * LEGEND_ROW, start);
        for name in names {
            let row = (top + Size::Small.height() / 2) as f64;
            let ends = [(left as f64, row), ((left + STROKE) as f64, row)];
            Style::of(number).curve(picture, &ends, LINE);
            picture.text(name, (left + STROKE + 10, top), Align::Left, Size::Small, LABEL);
            left += legend_width(name);
            number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::palette::{BLUE, PAPER, VERMILLION};
    use super::super::picture::Color;
    use super::super::raster::tests::read_png;
    use super::*;

    /// Draws a chart and reads the file back.
    fn draw(series: &[(&str, &[f64])]) -> anyhow::Result<Vec<Color>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("chart.png");
        line_chart(&path, "Title", "loss", series)?;
        let pixels = read_png(&path)?;
        assert_eq!((pixels.width, pixels.colors.len()), (960, 960 * 600));
        Ok(pixels.colors)
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
    fn a_dozen_curves_are_told_apart_and_named() {
        let names: Vec<String> = (0..12).map(|i| format!("series {i}")).collect();
        let values: Vec<[f64; 2]> = (0..12).map(|i| [f64::from(i); 2]).collect();
        let series: Vec<(&str, &[f64])> =
            names.iter().zip(&values).map(|(name, values)| (name.as_str(), &values[..])).collect();
        let picture = numbered("Title", ["epoch", "loss"], 1, &series);
        let pixels = picture.pixels();
        let chart = Chart::numbered(1, &series);
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        let rows = legend_rows(&known, chart.left);
        assert_eq!((pixels.width, pixels.height()), (WIDTH, HEIGHT + rows.len() * LEGEND_ROW));
        assert_eq!(rows.concat(), known);
        let width = |row: &Vec<&str>| row.iter().map(|name| legend_width(name)).sum::<usize>();
        assert!(rows.iter().all(|row| chart.left + width(row) <= RIGHT));
        // Series 8 has the colour of series 0, but gaps.
        let in_row = |row: usize| count(&pixels.colors[row * WIDTH..][..WIDTH], BLUE);
        let (whole, dashed) = (in_row(chart.row(0.0) as usize - 1), in_row(chart.row(8.0) as usize));
        assert!(dashed > whole / 2 && dashed < whole * 9 / 10, "{dashed} of {whole}");
        let svg = picture.svg().unwrap();
        assert!(names.iter().all(|name| svg.contains(&format!(">{name}</text>"))));
        for rows in legend_rows(&["a name longer than a whole row of the legend can be"; 9], 60) {
            assert!(rows.len() == 1);
        }
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
