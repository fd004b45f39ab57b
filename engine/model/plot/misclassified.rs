//! The images that a classifier got wrong.

use std::path::Path;

use super::palette::{GREEN, GRID, LABEL, TITLE, VERMILLION};
use super::picture::{Align, Color, Picture, Pixels, Size};
use super::tiles::{MARGIN, PAGE};
use crate::data::check_labels;
use crate::error::{Error, Result};
use crate::tensor::{Tensor, Values};

/// How many images are shown, in two columns.
const SHOWN: usize = 12;
/// How many classes are shown beside each.
const BARS: usize = 6;
const TOP: usize = 112;
const SIDE: usize = 128;
const HEIGHT: usize = 176;
/// Letters of a name beside a bar, at most.
const LETTERS: usize = 11;
const BAR: usize = 76;

/// Draws the images that were taken for another class than their own, the surest mistakes first and 12 at most, with the
/// probabilities of their likeliest classes, and writes them to `path`, as PNG or SVG as it ends.
///
/// `images` are `[samples, height, width, 1 or 3]`, `labels` are class numbers, `[samples]`, `probabilities` what the
/// model gives, `[samples, classes]`, and `classes` the names.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("misclassified.png");
/// use gradus::{Dense, Flatten, Sequential, Tensor, model::plot::misclassified};
/// let images = Tensor::u8(&[2, 8, 8, 1], (0..128).collect())?.scaled(1.0 / 255.0);
/// let labels = Tensor::u32(&[2], vec![0, 1])?;
/// let mut model = Sequential::new().add(Flatten::new()).add(Dense::new(2).activation("softmax"));
/// let probabilities = model.predict(&images, None)?;
/// misclassified(&path, "Mistakes", &images, &labels, &probabilities, &["cat", "dog"])?;
/// # assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, a label is no number of a class, or the file cannot be written.
pub fn misclassified(
    path: impl AsRef<Path>,
    title: &str,
    images: &Tensor,
    labels: &Tensor,
    probabilities: &Tensor,
    classes: &[&str],
) -> Result<()> {
    let labels = check(images, labels, probabilities, classes)?;
    draw(title, images, &mistakes(&labels, probabilities), classes).write(path)
}

/// An image taken for the wrong class.
struct Mistake {
    image: usize,
    class: usize,
    taken: usize,
    probabilities: Vec<f32>,
}

/// The numbers of the classes, if all fits.
fn check(images: &Tensor, labels: &Tensor, probabilities: &Tensor, classes: &[&str]) -> Result<Vec<u32>> {
    let wrong = |what: &str, found: &Tensor, expected: String, remedy: &str| {
        Err(Error::shape("plot", what, format!("{:?}", found.shape()), expected, remedy))
    };
    let rows = images.rows();
    if !matches!(images.shape(), [_, _, _, 1 | 3]) || images.row_len() == 0 {
        let expected = "[samples, height, width, 1 or 3]".to_string();
        return wrong("images", images, expected, "give grey or coloured images");
    }
    if labels.rows() != rows || labels.row_len() != 1 {
        return wrong("labels", labels, format!("[{rows}]"), "give the number of each image's class");
    }
    if probabilities.shape() != [rows, classes.len()] || classes.is_empty() {
        let expected = format!("[{rows}, {}]", classes.len());
        return wrong("probabilities", probabilities, expected, "give what predict gives, and all names");
    }
    check_labels("plot: labels", labels, classes.len())
}

/// All mistakes, the surest first.
fn mistakes(labels: &[u32], probabilities: &Tensor) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let rows = probabilities.to_f32();
    for (image, (row, &label)) in rows.chunks(probabilities.row_len()).zip(labels).enumerate() {
        // The first of the largest, as in every metric.
        let taken = (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
        if taken != label as usize {
            mistakes.push(Mistake { image, class: label as usize, taken, probabilities: row.to_vec() });
        }
    }
    let sure = |mistake: &Mistake| mistake.probabilities[mistake.taken];
    mistakes.sort_by(|a, b| sure(b).total_cmp(&sure(a)));
    mistakes
}

fn draw(title: &str, images: &Tensor, mistakes: &[Mistake], classes: &[&str]) -> Picture {
    let shown = &mistakes[..mistakes.len().min(SHOWN)];
    let mut picture = Picture::new(PAGE, TOP + shown.len().div_ceil(2) * HEIGHT + MARGIN / 2);
    picture.text(title, (MARGIN, 18), Align::Left, Size::Large, TITLE);
    let count = format!("{} of {} images are taken for another class", mistakes.len(), images.rows());
    let which =
        if shown.len() < mistakes.len() { format!("; the {SHOWN} surest mistakes") } else { String::new() };
    picture.text(&(count + &which), (MARGIN, 50), Align::Left, Size::Small, LABEL);
    if !shown.is_empty() {
        draw_key(&mut picture, (MARGIN, 76));
    }
    for (number, mistake) in shown.iter().enumerate() {
        let at = (MARGIN + number % 2 * (PAGE - MARGIN) / 2, TOP + number / 2 * HEIGHT);
        draw_mistake(&mut picture, at, mistake, images, classes);
    }
    picture
}

fn draw_key(picture: &mut Picture, (mut left, top): (usize, usize)) {
    for (color, meaning) in [(GREEN, "its class"), (VERMILLION, "taken for")] {
        picture.rectangle((left, top + 1), (left + 24, top + 15), color);
        picture.text(meaning, (left + 32, top), Align::Left, Size::Small, LABEL);
        left += 32 + Size::Small.width(meaning) + 28;
    }
}

fn draw_mistake(
    picture: &mut Picture,
    (left, top): (usize, usize),
    mistake: &Mistake,
    images: &Tensor,
    classes: &[&str],
) {
    let words = format!("{} taken for {}", classes[mistake.class], classes[mistake.taken]);
    picture.text(&words, (left, top), Align::Left, Size::Small, TITLE);
    let pixels = image(images, mistake.image);
    let scale = (SIDE / pixels.width.max(pixels.height())).max(1);
    picture.image((left, top + 24), pixels, scale);
    let mut order: Vec<usize> = (0..classes.len()).collect();
    order.sort_by(|&a, &b| mistake.probabilities[b].total_cmp(&mistake.probabilities[a]));
    // The true class is shown, however unlikely.
    let place = order.iter().position(|&class| class == mistake.class).unwrap_or(0);
    if place >= BARS {
        order.swap(BARS - 1, place);
    }
    let letters = classes.iter().map(|name| name.chars().count()).max().unwrap_or(0).min(LETTERS);
    let start = left + SIDE + 16 + letters * Size::Small.advance();
    for (row, &class) in order.iter().take(BARS).enumerate() {
        let at = (start, top + 26 + row * 21);
        draw_bar(picture, at, classes[class], mistake.probabilities[class], mistake.color(class));
    }
}

impl Mistake {
    fn color(&self, class: usize) -> Color {
        match class {
            class if class == self.class => GREEN,
            class if class == self.taken => VERMILLION,
            _ => LABEL,
        }
    }
}

/// A name, a bar from `start` on, and percents.
fn draw_bar(picture: &mut Picture, (start, top): (usize, usize), name: &str, probability: f32, color: Color) {
    let name: String = name.chars().take(LETTERS).collect();
    picture.text(&name, (start - 6, top), Align::Right, Size::Small, TITLE);
    picture.rectangle((start, top + 2), (start + BAR, top + 14), GRID);
    let length = (probability.clamp(0.0, 1.0) * BAR as f32).round() as usize;
    picture.rectangle((start, top + 2), (start + length, top + 14), color);
    let percents = format!("{:.0}%", probability * 100.0);
    picture.text(&percents, (start + BAR + 6, top), Align::Left, Size::Small, TITLE);
}

/// One image. Bytes are shown as they are, and floats as shares of 255 if they lie between 0 and 1, else stretched to that.
fn image(images: &Tensor, number: usize) -> Pixels {
    let (width, channels) = (images.shape()[2], images.shape()[3]);
    let at = number * images.row_len()..(number + 1) * images.row_len();
    let bytes: Vec<u8> = match images.values() {
        Values::U8 { bytes, .. } => bytes[at].to_vec(),
        _ => {
            let values = &images.to_f32()[at];
            let (low, high) = values.iter().fold((0.0f32, 1.0f32), |(l, h), &v| (l.min(v), h.max(v)));
            values.iter().map(|v| ((v - low) / (high - low) * 255.0).round() as u8).collect()
        }
    };
    let colors = match channels {
        1 => bytes.iter().map(|&grey| [grey; 3]).collect(),
        _ => bytes.as_chunks().0.to_vec(),
    };
    Pixels { width, colors }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["cat", "dog", "owl"];

    /// Three images of 2x2: the second and third are wrong, the third more surely.
    fn samples() -> Result<(Tensor, Tensor, Tensor)> {
        let images = Tensor::u8(&[3, 2, 2, 1], vec![10, 10, 10, 10, 20, 20, 20, 20, 30, 30, 30, 30])?;
        let labels = Tensor::u32(&[3], vec![0, 1, 2])?;
        let rows = vec![0.9, 0.1, 0.0, 0.6, 0.3, 0.1, 0.2, 0.75, 0.05];
        Ok((images, labels, Tensor::f32(&[3, 3], rows)?))
    }

    #[test]
    fn only_mistakes_are_shown_and_the_surest_first() -> anyhow::Result<()> {
        let (images, _, probabilities) = samples()?;
        let picture = draw("Test", &images, &mistakes(&[0, 1, 2], &probabilities), &NAMES);
        let svg = picture.svg()?;
        let document = roxmltree::Document::parse(&svg)?;
        let texts: Vec<&str> =
            document.descendants().filter(|n| n.is_text()).filter_map(|n| n.text()).collect();
        assert!(texts.contains(&"2 of 3 images are taken for another class"), "{texts:?}");
        let place = |text: &str| texts.iter().position(|found| *found == text).unwrap_or(usize::MAX);
        assert!(place("owl taken for dog") < place("dog taken for cat"), "{texts:?}");
        for percents in ["75%", "20%", "5%", "60%", "30%", "10%"] {
            assert!(texts.contains(&percents), "{percents}");
        }
        let pixels = picture.pixels();
        let count = |color: Color| pixels.colors.iter().filter(|&&found| found == color).count();
        assert_eq!([count([10; 3]), count([20; 3]), count([30; 3])], [0, SIDE * SIDE, SIDE * SIDE]);
        // Bars of 5 % and 30 % for the true classes, beside the key.
        let bars = (0.05f32 * BAR as f32).round() + (0.3f32 * BAR as f32).round();
        assert_eq!(count(GREEN), bars as usize * 12 + 24 * 14);
        Ok(())
    }

    #[test]
    fn without_mistakes_the_picture_says_so() -> Result<()> {
        let (images, ..) = samples()?;
        let right = Tensor::f32(&[3, 3], vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0])?;
        let svg = draw("Test", &images, &mistakes(&[0, 1, 2], &right), &NAMES).svg()?;
        assert!(svg.contains(">0 of 3 images"), "{svg}");
        Ok(())
    }

    #[test]
    fn what_does_not_fit_is_refused() -> Result<()> {
        let (images, labels, probabilities) = samples()?;
        let message = |i: &Tensor, l: &Tensor, p: &Tensor| check(i, l, p, &NAMES).unwrap_err().to_string();
        assert!(message(&labels, &labels, &probabilities).contains("1 or 3"));
        assert!(message(&images, &images, &probabilities).contains("labels has shape"));
        assert!(message(&images, &labels, &images).contains("expected [3, 3]"));
        let four = Tensor::u32(&[3], vec![0, 4, 1])?;
        assert!(message(&images, &four, &probabilities).contains("label 4 at index 1 is out of range"));
        Ok(())
    }
}
