//! What a model of two numbers answers over the plane.

use std::path::Path;

use super::axis::Axis;
use super::chart::{Chart, number_width};
use super::palette::{LABEL, PAPER, SERIES, Scale, TITLE, blend};
use super::picture::{Align, Color, Picture, Pixels, Point, Size};
use super::series::Style;
use super::tiles::draw_bar;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::tensor::Tensor;

/// Points along each side.
const GRID: usize = 100;
/// Pixels of each.
const PIXELS: usize = 4;
const TOP: usize = 80;
const MARGIN: usize = 28;
/// Pixels of a row of the key below.
const KEY_ROW: usize = 24;
/// Colours of a surface, so that few are needed in an animation.
const LEVELS: f64 = 48.0;

/// Draws what a model of two numbers answers over the plane around `x`, with the samples as dots, and writes it to `path`,
/// as PNG or SVG as it ends.
///
/// Of a model of one output, colours go from blue at the least target to orange at the largest, and a dark line parts
/// the two halves. Of a model of several, each place has the colour of its best class, the fuller the surer. `x` is
/// `[samples, 2]`; `y` holds numbers, or numbers of classes, `[samples]`.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("surface.png");
/// use gradus::{Dense, Sequential, Tensor, model::plot::decision_surface};
/// let x = Tensor::f32(&[4, 2], vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])?;
/// let y = Tensor::f32(&[4, 1], vec![0.0, 1.0, 1.0, 0.0])?;
/// let mut model = Sequential::new()
///     .add(Dense::new(2).activation("tanh"))
///     .add(Dense::new(1).activation("sigmoid"));
/// decision_surface(&path, "XOR", &mut model, &x, &y)?;
/// # assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If `x` and `y` have other shapes or hold NaN, the model does not take two numbers, or the file cannot be written.
pub fn decision_surface(
    path: impl AsRef<Path>,
    title: &str,
    model: &mut Model,
    x: &Tensor,
    y: &Tensor,
) -> Result<()> {
    let surface = Surface::new(x, y)?;
    let answers = model.predict(surface.places()?, GRID)?;
    surface.draw(title, &answers)?.write(path)
}

/// A part of the plane, with samples on it.
#[derive(Clone, Debug)]
pub(super) struct Surface {
    samples: Vec<Point>,
    targets: Vec<f64>,
    /// The least and the largest target.
    ends: [f64; 2],
    /// The least and the largest number of each axis.
    ranges: [[f64; 2]; 2],
}

impl Surface {
    /// The part that holds all samples, and a third more.
    pub fn new(x: &Tensor, y: &Tensor) -> Result<Self> {
        if x.shape().len() != 2 || x.row_len() != 2 || x.rows() == 0 {
            let (found, remedy) = (format!("{:?}", x.shape()), "a surface needs two numbers for each sample");
            return Err(Error::shape("plot", "x", found, "[samples, 2]", remedy));
        }
        if y.rows() != x.rows() || y.row_len() != 1 {
            let expected = format!("[{}]", x.rows());
            let remedy = "give one number, or the number of its class, for each sample";
            return Err(Error::shape("plot", "y", format!("{:?}", y.shape()), expected, remedy));
        }
        crate::data::check_finite("plot: x", x)?;
        crate::data::check_finite("plot: y", y)?;
        let numbers = x.to_f32();
        let samples: Vec<Point> =
            numbers.chunks(2).map(|row| (f64::from(row[0]), f64::from(row[1]))).collect();
        let range = |places: &dyn Fn(&Point) -> f64| {
            let [low, high] = ends(samples.iter().map(places));
            let margin = if high > low { (high - low) / 3.0 } else { 1.0 };
            [low - margin, high + margin]
        };
        let ranges = [range(&|point| point.0), range(&|point| point.1)];
        let targets: Vec<f64> = y.to_f32().into_iter().map(f64::from).collect();
        let ends = ends(targets.iter().copied());
        Ok(Self { samples, targets, ends, ranges })
    }

    /// The middle of each point of the surface, row by row from above.
    pub fn places(&self) -> Result<Tensor> {
        let [x, y] = self.ranges;
        let place =
            |[low, high]: [f64; 2], i: usize| (low + (high - low) * (i as f64 + 0.5) / GRID as f64) as f32;
        let rows = (0..GRID * GRID).flat_map(|i| [place(x, i % GRID), place(y, GRID - 1 - i / GRID)]);
        Tensor::f32(&[GRID * GRID, 2], rows.collect())
    }

    /// The surface of `answers`, one row for each place.
    pub fn draw(&self, title: &str, answers: &Tensor) -> Result<Picture> {
        if answers.rows() != GRID * GRID || answers.row_len() == 0 {
            let (found, expected) = (format!("{:?}", answers.shape()), "[samples, outputs]");
            return Err(Error::shape(
                "plot",
                "the model's output",
                found,
                expected,
                "let it give rows of numbers",
            ));
        }
        let [x, y] = self.ranges.map(|[low, high]| Axis::between(low, high, 6.0));
        let (left, side) = (MARGIN + 12 + number_width(&y), GRID * PIXELS);
        let chart = Chart { x, y, left, top: TOP, right: left + side, bottom: TOP + side };
        let (rows, outputs) = (answers.to_f32(), answers.row_len());
        let width = (chart.right + MARGIN).max(left + Size::Large.width(title) + MARGIN);
        let key_rows = if outputs == 1 { 1 } else { outputs.div_ceil(SERIES.len()) };
        let mut picture = Picture::new(width, chart.bottom + 64 + key_rows * KEY_ROW);
        chart.draw_field(&mut picture);
        picture.text(title, (left, 18), Align::Left, Size::Large, TITLE);
        picture.text("x2", (left, TOP - 26), Align::Left, Size::Small, LABEL);
        picture.text("x1", (left + side / 2, chart.bottom + 32), Align::Center, Size::Small, LABEL);
        let colors = rows.chunks(outputs).enumerate().map(|(i, row)| self.color(row, i)).collect();
        picture.image((left, TOP), Pixels { width: GRID, colors }, PIXELS);
        let key = (left, chart.bottom + 60);
        if outputs == 1 {
            self.draw_border(&mut picture, &chart, &rows);
            draw_bar(&mut picture, key, Scale::Sides, self.ends);
        } else {
            draw_classes(&mut picture, key, outputs);
        }
        self.draw_samples(&mut picture, &chart, outputs);
        Ok(picture)
    }

    fn draw_samples(&self, picture: &mut Picture, chart: &Chart, outputs: usize) {
        for (&(x, y), &target) in self.samples.iter().zip(&self.targets) {
            let place = [(chart.column(x), chart.row(y))];
            for (width, color) in [(16.0, TITLE), (13.0, PAPER)] {
                picture.line(&place, width, color);
            }
            match outputs {
                1 => picture.line(&place, 10.0, Scale::Sides.color(self.share(target))),
                _ => Style::of(target.max(0.0) as usize).dot(picture, place[0], 10.0),
            }
        }
    }

    /// Where a number lies between the targets.
    fn share(&self, value: f64) -> f64 {
        let [low, high] = self.ends;
        if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 }
    }

    /// The colour of answer number `at`.
    fn color(&self, row: &[f32], at: usize) -> Color {
        let stepped = |share: f64| (share * LEVELS).round() / LEVELS;
        if let [value] = *row {
            return Scale::Sides.color(stepped(self.share(value.into())));
        }
        let best = (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
        let sure = stepped(f64::from(row[best]).clamp(0.0, 1.0));
        let style = Style::of(best);
        if style.is_stripe(at / GRID, at % GRID) {
            return PAPER;
        }
        blend(PAPER, style.color, 0.15 + 0.6 * sure)
    }

    /// The line between the halves, square by square.
    fn draw_border(&self, picture: &mut Picture, chart: &Chart, values: &[f32]) {
        let middle = |i: usize| (i as f64 + 0.5) * PIXELS as f64;
        for (row, column) in (0..GRID - 1).flat_map(|row| (0..GRID - 1).map(move |column| (row, column))) {
            let corners = [(0, 0), (0, 1), (1, 1), (1, 0)].map(|(down, right)| {
                let (row, column) = (row + down, column + right);
                let place = (chart.left as f64 + middle(column), chart.top as f64 + middle(row));
                (place, self.share(values[row * GRID + column].into()) - 0.5)
            });
            let crossings: Vec<Point> =
                (0..4).filter_map(|i| crossing(corners[i], corners[(i + 1) % 4])).collect();
            crossings.as_chunks::<2>().0.iter().for_each(|ends| picture.line(ends, 2.0, TITLE));
        }
    }
}

/// The classes' dots and their numbers, as many in a row as there are colours.
fn draw_classes(picture: &mut Picture, (left, top): (usize, usize), classes: usize) {
    let advance = 22 + Size::Small.width(&classes.to_string()) + 18;
    for class in 0..classes {
        let (row, column) = (class / SERIES.len(), class % SERIES.len());
        let (left, top) = (left + column * advance, top + row * KEY_ROW);
        Style::of(class).dot(picture, (left as f64 + 8.0, top as f64 + 8.0), 16.0);
        picture.text(&class.to_string(), (left + 22, top), Align::Left, Size::Small, LABEL);
    }
}

/// Where between two places a value is 0.
fn crossing((from, a): (Point, f64), (to, b): (Point, f64)) -> Option<Point> {
    let part = a / (a - b);
    ((a < 0.0) != (b < 0.0)).then_some((from.0 + part * (to.0 - from.0), from.1 + part * (to.1 - from.1)))
}

/// The least and the largest of some numbers.
fn ends(values: impl Iterator<Item = f64>) -> [f64; 2] {
    values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| [low.min(value), high.max(value)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four samples, those right of ½ of class 1.
    fn surface() -> Result<Surface> {
        let x = Tensor::f32(&[4, 2], vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])?;
        Surface::new(&x, &Tensor::u32(&[4], vec![0, 0, 1, 1])?)
    }

    /// An answer for each place from its two numbers.
    fn answers(surface: &Surface, outputs: usize, answer: impl Fn(&[f32]) -> Vec<f32>) -> Result<Tensor> {
        let places = surface.places()?.to_f32();
        Tensor::f32(&[GRID * GRID, outputs], places.chunks(2).flat_map(answer).collect())
    }

    #[test]
    fn both_sides_have_their_colours_and_a_line_between() -> Result<()> {
        let surface = surface()?;
        // Orange on the upper right alone.
        let answers =
            answers(&surface, 1, |place| vec![if place[0] < 0.5 || place[1] < 0.5 { 0.0 } else { 1.0 }])?;
        let picture = surface.draw("Quarters", &answers)?;
        let pixels = picture.pixels();
        let [x, y] = surface.ranges.map(|[low, high]| Axis::between(low, high, 6.0));
        let left = MARGIN + 12 + number_width(&y);
        let chart = Chart { x, y, left, top: TOP, right: left + 400, bottom: TOP + 400 };
        let color =
            |x: f64, y: f64| pixels.colors[chart.row(y) as usize * pixels.width + chart.column(x) as usize];
        assert_eq!([color(-0.2, 1.2), color(1.2, -0.2), color(0.3, 0.3)], [Scale::Sides.color(0.0); 3]);
        assert_eq!([color(0.7, 1.2), color(1.2, 0.7)], [Scale::Sides.color(1.0); 2]);
        assert_eq!([color(0.5, 0.9), color(0.9, 0.5)], [TITLE; 2]);
        // A sample's dot.
        assert_eq!([color(0.0, 0.0), color(1.0, 1.0)], [Scale::Sides.color(0.0), Scale::Sides.color(1.0)]);
        Ok(())
    }

    #[test]
    fn classes_have_colours_of_their_own() -> Result<()> {
        let surface = surface()?;
        let answers = answers(&surface, 3, |place| {
            let right = f32::from(u8::from(place[0] > 0.5));
            vec![1.0 - right, right, 0.0]
        })?;
        let colors = surface.draw("Classes", &answers)?.pixels().colors;
        for class in [0, 1] {
            let color = blend(PAPER, SERIES[class], 0.75);
            let count = colors.iter().filter(|&&found| found == color).count();
            assert!((75_000..80_001).contains(&count), "class {class}: {count}");
        }
        Ok(())
    }

    #[test]
    fn a_dozen_classes_have_a_key_of_two_rows_and_stripes() -> Result<()> {
        let surface = surface()?;
        let of = |class: usize| {
            answers(&surface, 12, |_| (0..12).map(|i| f32::from(u8::from(i == class))).collect())
        };
        let [plain, striped] = [surface.draw("Classes", &of(0)?)?, surface.draw("Classes", &of(8)?)?];
        let color = blend(PAPER, SERIES[0], 0.75);
        let count =
            |picture: &Picture| picture.pixels().colors.iter().filter(|&&found| found == color).count();
        let (plain, striped_count) = (count(&plain), count(&striped));
        // One point of six is paper.
        assert!(striped_count.abs_diff(plain * 5 / 6) < plain / 50, "{striped_count} of {plain}");
        assert!(
            (0..12).all(|class| striped.svg().is_ok_and(|svg| svg.contains(&format!(">{class}</text>"))))
        );
        Ok(())
    }

    #[test]
    fn other_data_are_refused() -> Result<()> {
        let (two, three) = (Tensor::f32(&[3, 2], vec![0.0; 6])?, Tensor::f32(&[2, 3], vec![0.0; 6])?);
        let message = |x: &Tensor, y: &Tensor| Surface::new(x, y).unwrap_err().to_string();
        assert!(message(&three, &three).contains("[2, 3], expected [samples, 2]"));
        assert!(message(&two, &three).contains("[2, 3], expected [3]"));
        Ok(())
    }
}
