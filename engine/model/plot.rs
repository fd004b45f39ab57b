//! Training curves as PNG files. Nothing of the system is needed: no font, no library.

mod canvas;
mod heat_map;

use std::path::Path;

use crate::error::{Error, Result};
use crate::formats::write_file;
pub use heat_map::heat_map;

use canvas::{Align, Canvas, Color, Point, Size};

const WIDTH: usize = 960;
const HEIGHT: usize = 600;
const TOP: usize = 84;
const BOTTOM: usize = HEIGHT - 62;
const RIGHT: usize = WIDTH - 28;

const PAPER: Color = [255, 255, 255];
const FIELD: Color = [248, 250, 252];
const GRID: Color = [222, 228, 236];
const AXIS: Color = [148, 163, 184];
const TITLE: Color = [15, 23, 42];
const LABEL: Color = [71, 85, 105];

/// Colours of the series, in order: blue, orange, green, purple, pink, cyan, brown, grey.
const SERIES: [Color; 8] = [
    [37, 99, 235],
    [234, 88, 12],
    [22, 163, 74],
    [147, 51, 234],
    [219, 39, 119],
    [8, 145, 178],
    [146, 84, 12],
    [71, 85, 105],
];

/// Pixels that names may take beside the label of the y axis.
const LEGEND: usize = 640;

/// Width of a curve: every pixel that holds a point of it is covered whole.
const LINE: f64 = 2.6;

/// Values beyond this are left out like NaN: the width of the axis would overflow.
const LARGEST: f64 = 1e300;

/// Draws one curve a series over the epochs 1, 2, … and writes them to `path` as a PNG of 960x600 pixels.
///
/// A series is a name for the legend and a value for each epoch. NaN and infinite values leave a gap; a value without
/// neighbours is drawn as a dot. Text is drawn in ASCII. The file appears whole or not at all.
///
/// Fails if `series` is empty or the file cannot be written.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("loss.png");
/// let (train, validation) = ([1.8, 1.1, 0.7], [1.9, 1.4, 1.2]);
/// gradus::model::plot::line_chart(&path, "Training", "loss", &[("train", &train), ("validation", &validation)])?;
/// assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn line_chart(path: &Path, title: &str, y_label: &str, series: &[(&str, &[f64])]) -> Result<()> {
    numbered_chart(path, title, ["epoch", y_label], 1, series)
}

/// [`line_chart`] over other numbers than epochs: `first`, `first` + 1, … along an axis called `labels[0]`, the values
/// being called `labels[1]`.
///
/// # Errors
/// If `series` is empty or the file cannot be written.
pub fn numbered_chart(
    path: &Path,
    title: &str,
    labels: [&str; 2],
    first: i32,
    series: &[(&str, &[f64])],
) -> Result<()> {
    if series.is_empty() {
        return Err(Error::argument("plot", "series", "empty", "at least one curve"));
    }
    write_file(path, &Chart::new(first, series).draw(title, labels, series).png()?)
}

/// Where values lie on the picture.
struct Chart {
    /// The number of the first value.
    first: f64,
    x: Axis,
    y: Axis,
    /// First column of the field, after the numbers of the y axis.
    left: usize,
}

impl Chart {
    fn new(first: i32, series: &[(&str, &[f64])]) -> Self {
        let count = series.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
        let y = Axis::around(series.iter().flat_map(|(_, values)| values.iter().copied()));
        let digits = y.ticks().map(|tick| y.number(tick).len()).max().unwrap_or(0);
        Self {
            x: Axis::numbers(first.into(), count),
            first: first.into(),
            y,
            left: 28 + digits * Size::Small.advance(),
        }
    }

    fn draw(&self, title: &str, [x_label, y_label]: [&str; 2], series: &[(&str, &[f64])]) -> Canvas {
        let mut canvas = Canvas::new(WIDTH, HEIGHT, PAPER);
        canvas.rectangle((self.left, TOP), (RIGHT, BOTTOM), FIELD);
        self.draw_grid(&mut canvas);
        canvas.text(title, (self.left, 18), Align::Left, Size::Large, TITLE);
        canvas.text(y_label, (self.left, 54), Align::Left, Size::Small, LABEL);
        let middle = self.left.midpoint(RIGHT);
        canvas.text(x_label, (middle, BOTTOM + 34), Align::Center, Size::Small, LABEL);
        draw_legend(&mut canvas, series);
        for (i, (_, values)) in series.iter().enumerate() {
            self.draw_curve(&mut canvas, values, SERIES[i % SERIES.len()]);
        }
        canvas
    }

    fn draw_grid(&self, canvas: &mut Canvas) {
        for tick in self.y.ticks() {
            let row = self.row(tick) as usize;
            canvas.rectangle((self.left, row), (RIGHT, row + 1), GRID);
            let top = row - Size::Small.height() / 2;
            canvas.text(&self.y.number(tick), (self.left - 10, top), Align::Right, Size::Small, LABEL);
        }
        for tick in self.x.ticks() {
            let column = self.column(tick) as usize;
            canvas.rectangle((column, TOP), (column + 1, BOTTOM), GRID);
            canvas.rectangle((column, BOTTOM), (column + 1, BOTTOM + 6), AXIS);
            canvas.text(&self.x.number(tick), (column, BOTTOM + 10), Align::Center, Size::Small, LABEL);
        }
        canvas.rectangle((self.left, TOP), (self.left + 1, BOTTOM), AXIS);
        canvas.rectangle((self.left, BOTTOM), (RIGHT, BOTTOM + 1), AXIS);
    }

    /// Draws each run of drawable values.
    fn draw_curve(&self, canvas: &mut Canvas, values: &[f64], color: Color) {
        let mut run: Vec<Point> = Vec::new();
        for (i, &value) in values.iter().enumerate() {
            if drawable(value) {
                run.push((self.column(self.first + i as f64), self.row(value)));
            } else {
                draw_run(canvas, &run, color);
                run.clear();
            }
        }
        draw_run(canvas, &run, color);
    }

    fn column(&self, number: f64) -> f64 {
        self.left as f64 + self.x.fraction(number) * (RIGHT - self.left) as f64
    }

    fn row(&self, value: f64) -> f64 {
        BOTTOM as f64 - self.y.fraction(value) * (BOTTOM - TOP) as f64
    }
}

fn draw_run(canvas: &mut Canvas, run: &[Point], color: Color) {
    match run {
        [] => {}
        [_] => canvas.polyline(run, 8.0, color),
        _ => canvas.polyline(run, LINE, color),
    }
}

/// Names beside short strokes, right of the y label.
fn draw_legend(canvas: &mut Canvas, series: &[(&str, &[f64])]) {
    let width = |(name, _): &(&str, &[f64])| name.chars().count() * Size::Small.advance() + 62;
    // Many names take the title's row too.
    let crowded = series.iter().map(width).sum::<usize>() > LEGEND;
    let upper = if crowded { series.len() / 2 } else { 0 };
    for (names, first, top) in [(&series[..upper], 0, 26), (&series[upper..], upper, 54)] {
        let mut right = RIGHT;
        for (i, (name, _)) in names.iter().enumerate().rev() {
            canvas.text(name, (right, top), Align::Right, Size::Small, LABEL);
            let end = right.saturating_sub(name.chars().count() * Size::Small.advance() + 10) as f64;
            let row = (top + Size::Small.height() / 2) as f64;
            canvas.polyline(&[(end - 24.0, row), (end, row)], 4.0, SERIES[(first + i) % SERIES.len()]);
            right = (end - 52.0).max(0.0) as usize;
        }
    }
}

fn drawable(value: f64) -> bool {
    value.abs() <= LARGEST
}

/// A range of values and the distance between its ticks.
struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    /// `count` numbers from `first` on; a single one stands in the middle.
    fn numbers(first: f64, count: usize) -> Self {
        if count < 2 {
            return Self { low: first - 0.5, high: first + 0.5, step: 1.0 };
        }
        let high = first + (count - 1) as f64;
        Self { low: first, high, step: round_step(high - first, 10.0).max(1.0) }
    }

    /// All drawable values with a margin; from 0 on where that costs little of the height.
    fn around(values: impl Iterator<Item = f64>) -> Self {
        let ends = (f64::INFINITY, f64::NEG_INFINITY);
        let (low, high) =
            values.filter(|&v| drawable(v)).fold(ends, |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            return Self { low: 0.0, high: 1.0, step: 0.2 };
        }
        // Ticks need distinct numbers: a (nearly) constant curve gets a range of a tenth of its value.
        let least = (high.abs().max(low.abs()) * 1e-9).max(f64::MIN_POSITIVE * 1e16);
        let margin = match high - low {
            spread if spread > least => spread * 0.06,
            _ if high == 0.0 => 1.0,
            _ => high.abs().max(least) * 0.05,
        };
        let from_zero = low >= 0.0 && low <= 0.4 * high;
        let (low, high) = (if from_zero { 0.0 } else { low - margin }, high + margin);
        Self { low, high, step: round_step(high - low, 8.0) }
    }

    fn fraction(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let first = (self.low / self.step).ceil();
        let last = (self.high / self.step).floor();
        (0..=(last - first) as usize).map(move |i| (first + i as f64) * self.step)
    }

    /// A tick in as many digits as tell it from its neighbours.
    fn number(&self, tick: f64) -> String {
        if tick == 0.0 && self.step < 1e-6 {
            return "0".into();
        }
        let tick = tick + 0.0; // -0.0 becomes 0.0
        let largest = self.low.abs().max(self.high.abs());
        let exponent = self.step.log10().floor();
        if (-5.0..7.0).contains(&largest.log10()) && exponent >= -6.0 {
            return format!("{tick:.*}", (-exponent).max(0.0) as usize);
        }
        let digits = (largest.log10().floor() - exponent).max(0.0) as usize;
        format!("{tick:.digits$e}")
    }
}

/// 1, 2 or 5 times a power of ten, so that `span` holds at most `count` steps.
fn round_step(span: f64, count: f64) -> f64 {
    let least = span / count;
    let power = 10f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= least);
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLUE: Color = SERIES[0];
    const ORANGE: Color = SERIES[1];

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
        assert!(in_field(&pixels, BLUE) > 800 && in_field(&pixels, ORANGE) > 800);
        assert!(count(&pixels, PAPER) + count(&pixels, FIELD) > WIDTH * HEIGHT * 8 / 10);
        let dark = pixels.iter().filter(|[r, g, b]| r.max(g).max(b) < &140).count();
        assert!(dark > 400, "title or numbers are missing: {dark}");
        Ok(())
    }

    #[test]
    fn a_curve_passes_through_its_values() -> anyhow::Result<()> {
        let values = [0.0, 3.0, 1.0, 2.0, 2.0];
        let pixels = draw(&[("train", &values)])?;
        let chart = Chart::new(1, &[("train", &values)]);
        for (i, &value) in values.iter().enumerate() {
            let column = (chart.column((i + 1) as f64) as usize).min(RIGHT - 1);
            assert_eq!(pixels[chart.row(value) as usize * WIDTH + column], BLUE, "epoch {}", i + 1);
        }
        Ok(())
    }

    #[test]
    fn one_epoch_is_a_dot() -> anyhow::Result<()> {
        let dots = draw(&[("train", &[0.7]), ("validation", &[0.9])])?;
        assert!((20..80).contains(&in_field(&dots, BLUE)) && (20..80).contains(&in_field(&dots, ORANGE)));
        Ok(())
    }

    #[test]
    fn nan_and_infinity_leave_gaps() -> anyhow::Result<()> {
        let values = [3.0, 2.0, f64::NAN, f64::INFINITY, 1.0, 0.5];
        let pixels = draw(&[("train", &values)])?;
        let chart = Chart::new(1, &[("train", &values)]);
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
    fn ticks_are_round_and_told_apart() {
        let axis = Axis::around([0.12, 1.83].into_iter());
        let numbers: Vec<String> = axis.ticks().map(|tick| axis.number(tick)).collect();
        assert_eq!(numbers, ["0.0", "0.5", "1.0", "1.5"]);
        let axis = Axis::around([-3e-9, 8e-9].into_iter());
        let numbers: Vec<String> = axis.ticks().map(|tick| axis.number(tick)).collect();
        assert_eq!(numbers, ["-2e-9", "0", "2e-9", "4e-9", "6e-9", "8e-9"]);
        let axis = Axis::around([-1.0, 1.0].into_iter());
        assert!(axis.ticks().all(|tick| axis.number(tick) != "-0.0"));
        for (low, high) in [(0.9931, 0.9932), (-3e-9, 8e-9), (1e7, 1.5e9), (100.0, 100.3)] {
            let axis = Axis::around([low, high].into_iter());
            let numbers: Vec<String> = axis.ticks().map(|tick| axis.number(tick)).collect();
            let distinct: std::collections::BTreeSet<_> = numbers.iter().collect();
            assert!(numbers.len() >= 3 && distinct.len() == numbers.len(), "{numbers:?}");
        }
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
