//! Functions between layers and their derivatives.

use std::path::Path;

use super::axis::Axis;
use super::chart::{Chart, number_width};
use super::palette::{LABEL, TITLE};
use super::picture::{Align, Picture, Point, Size};
use super::series::Style;
use super::tiles::{MARGIN, PAGE};
use crate::cpu::plain::{Feed, Plain};
use crate::error::{Error, Result};
use crate::graph::{Along, Element, Graph};
use crate::layers::ActivationFunction;
use crate::tensor::Tensor;

const TOP: usize = 84;
/// Functions are drawn from −REACH to REACH.
const REACH: f64 = 4.0;
const POINTS: usize = 401;

/// Draws activation functions (blue) and their derivatives (orange) from −4 to 4, one field each, and writes them to
/// `path`, as PNG or SVG as it ends. Derivatives are those of the crate's own differentiation.
///
/// Of a function of several numbers, such as softmax, the first output for the two numbers (x, 0) is drawn.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("activations.png");
/// use gradus::{layers::ActivationFunction, model::plot::activation_functions};
/// activation_functions(&path, "Two of them", &["relu".try_into()?, ActivationFunction::Tanh])?;
/// # assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If `functions` is empty, or the file cannot be written.
pub fn activation_functions(
    path: impl AsRef<Path>,
    title: &str,
    functions: &[ActivationFunction],
) -> Result<()> {
    if functions.is_empty() {
        return Err(Error::argument("plot", "functions", "empty", "at least one function"));
    }
    draw(title, functions)?.write(path)
}

fn draw(title: &str, functions: &[ActivationFunction]) -> Result<Picture> {
    let columns = functions.len().min(3);
    let (width, height) = ((PAGE - MARGIN) / columns, [420, 300, 210][columns - 1]);
    let mut picture = Picture::new(PAGE, TOP + functions.len().div_ceil(columns) * height);
    picture.text(title, (MARGIN, 18), Align::Left, Size::Large, TITLE);
    draw_key(&mut picture);
    for (i, &function) in functions.iter().enumerate() {
        let (left, top) = (MARGIN / 2 + i % columns * width, TOP + i / columns * height);
        draw_function(&mut picture, (left, top), (width, height), function)?;
    }
    Ok(picture)
}

fn draw_key(picture: &mut Picture) {
    let mut left = MARGIN;
    for (number, meaning) in ["function", "derivative"].into_iter().enumerate() {
        Style::of(number).curve(picture, &[(left as f64, 60.0), (left as f64 + 24.0, 60.0)], 4.0);
        picture.text(meaning, (left + 36, 52), Align::Left, Size::Small, LABEL);
        left += 36 + Size::Small.width(meaning) + 28;
    }
    picture.text("across: x", (left, 52), Align::Left, Size::Small, LABEL);
}

fn draw_function(
    picture: &mut Picture,
    (left, top): (usize, usize),
    (width, height): (usize, usize),
    function: ActivationFunction,
) -> Result<()> {
    let [values, slopes] = values_and_slopes(function)?;
    let all = values.iter().chain(&slopes).map(|point| point.1);
    let y = Axis::around(all, height as f64 / 40.0);
    let x = Axis::between(-REACH, REACH, 4.0);
    let field = left + number_width(&y) + 16;
    let (right, bottom) = (left + width - 14, top + height - 36);
    let chart = Chart { x, y, left: field, top: top + 26, right, bottom };
    chart.draw_field(picture);
    let name = if is_of_several(function) {
        format!("{} of (x, 0)", function.name())
    } else {
        function.name().into()
    };
    picture.text(&name, (field, top + 4), Align::Left, Size::Small, TITLE);
    // The function is the wider line, so that it is seen below a derivative that is the same.
    for (number, (points, width)) in [(&values, 5.0), (&slopes, 2.0)].into_iter().enumerate() {
        chart.draw_curve(picture, points, width, Style::of(number));
    }
    Ok(())
}

/// Whether the function compares several numbers.
fn is_of_several(function: ActivationFunction) -> bool {
    // It then refuses a single one.
    function.output_shape("plot", &[]).is_err()
}

/// Points of the function and of its derivative, in f64.
fn values_and_slopes(function: ActivationFunction) -> Result<[Vec<Point>; 2]> {
    let place = |i: usize| -REACH + 2.0 * REACH * i as f64 / (POINTS - 1) as f64;
    let mut graph = Graph::new();
    let x = graph.input("x", &[2], Element::F32);
    let first = [Along::new(1, 0, 1)];
    let value = if is_of_several(function) {
        let all = function.apply(&mut graph, x)?;
        graph.slice(all, &first)?
    } else {
        let number = graph.slice(x, &first)?;
        function.apply(&mut graph, number)?
    };
    let sum = graph.sum_all(value)?;
    let gradient = graph.gradients(sum, &[x])?[0];
    let slope = graph.slice(gradient, &first)?;
    let rows = (0..POINTS).flat_map(|i| [place(i) as f32, 0.0]).collect();
    let feed = Feed { batch: POINTS, inputs: vec![Tensor::f32(&[POINTS, 2], rows)?], ..Feed::default() };
    let found = Plain::new(&graph).evaluate(&graph, &feed)?;
    Ok([value, slope]
        .map(|node| found[node.0].data.iter().enumerate().map(|(i, &y)| (place(i), y)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value at `x`, one of the points.
    fn at(points: &[Point], x: f64) -> f64 {
        points.iter().find(|point| (point.0 - x).abs() < 1e-9).map_or(f64::NAN, |point| point.1)
    }

    #[test]
    fn curves_are_the_function_and_its_derivative() -> Result<()> {
        let near =
            |found: f64, expected: f64| assert!((found - expected).abs() <= 1e-6, "{found} {expected}");
        let [values, slopes] = values_and_slopes(ActivationFunction::Tanh)?;
        near(at(&values, 1.0), 1f64.tanh());
        near(at(&slopes, 1.0), 1.0 - 1f64.tanh().powi(2));
        // The first of softmax (x, 0) is the sigmoid.
        let [values, slopes] = values_and_slopes(ActivationFunction::Softmax)?;
        let sigmoid = 1.0 / (1.0 + 2f64.exp());
        near(at(&values, -2.0), sigmoid);
        near(at(&slopes, -2.0), sigmoid * (1.0 - sigmoid));
        Ok(())
    }

    #[test]
    fn every_function_has_its_name_and_two_curves() -> anyhow::Result<()> {
        let all: Vec<ActivationFunction> = ActivationFunction::all().collect();
        assert_eq!(all.len(), 30);
        let svg = draw("All", &all)?.svg()?;
        let document = roxmltree::Document::parse(&svg)?;
        for function in all {
            let named = |node: roxmltree::Node<'_, '_>| {
                let words = node.text().unwrap_or_default();
                words == function.name() || words == format!("{} of (x, 0)", function.name())
            };
            assert_eq!(
                document.descendants().filter(|n| n.is_text() && named(*n)).count(),
                1,
                "{function:?}"
            );
        }
        let curves = document.descendants().filter(|node| {
            node.attribute("points").is_some_and(|points| points.split(' ').count() == POINTS)
        });
        assert_eq!(curves.count(), 2 * 30);
        Ok(())
    }

    #[test]
    fn without_functions_there_is_no_picture() {
        let message = activation_functions("x.png", "t", &[]).unwrap_err().to_string();
        assert!(message.contains("at least one function"), "{message}");
    }
}
