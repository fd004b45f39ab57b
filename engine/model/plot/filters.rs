//! What a convolution looks for.

use std::path::Path;

use super::palette::Scale;
use super::picture::{Color, Picture, Pixels};
use super::tiles::{Tiles, number};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// Draws the filters of a two-dimensional convolution and writes them to `path`, as PNG or SVG as it ends.
///
/// `kernel` is the layer's, `[height, width, channels, filters]`. Three channels are red, green and blue, grey being 0. Of
/// any other number each is an image of its own, blue below 0 and orange above.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("filters.png");
/// use gradus::{Conv2D, Sequential, model::plot::filters};
/// let mut model = Sequential::new().add(Conv2D::new(8, 3));
/// model.build(&[32, 32, 3])?;
/// filters(&path, "The first convolution", &model.get_weights()?[0])?;
/// # assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If `kernel` has another number of axes or holds NaN, or the file cannot be written.
pub fn filters(path: impl AsRef<Path>, title: &str, kernel: &Tensor) -> Result<()> {
    picture(title, kernel)?.write(path)
}

/// The picture of [`filters`].
pub(in crate::model) fn picture(title: &str, kernel: &Tensor) -> Result<Picture> {
    let &[height, width, channels, filters] = kernel.shape() else {
        let (found, expected) = (format!("{:?}", kernel.shape()), "[height, width, channels, filters]");
        return Err(Error::shape("plot", "kernel", found, expected, "give the kernel of a Conv2D"));
    };
    let values = kernel.to_f32();
    if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
        return Err(Error::data(
            "plot: kernel",
            "is empty or holds NaN or infinity",
            "train with a smaller rate",
        ));
    }
    let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let share = |place: usize, channel: usize, filter: usize| {
        let value = values[(place * channels + channel) * filters + filter];
        0.5 + 0.5 * f64::from(if largest > 0.0 { value / largest } else { 0.0 })
    };
    let image =
        |color: &dyn Fn(usize) -> Color| Pixels { width, colors: (0..height * width).map(color).collect() };
    let limit = f64::from(largest);
    let (mut images, mut captions, mut note, mut bar) = (Vec::new(), Vec::new(), String::new(), None);
    if channels == 3 {
        note =
            format!("{filters} filters of {height}x{width} pixels; grey is 0, full colour {}", number(limit));
        for filter in 0..filters {
            let color = |place| std::array::from_fn(|i| (share(place, i, filter) * 255.0).round() as u8);
            images.push(image(&color));
            captions.push(filter.to_string());
        }
    } else {
        let each = if channels == 1 { String::new() } else { format!(" for each of {channels} channels") };
        note += &format!("{filters} filters of {height}x{width}{each}");
        bar = Some((Scale::Sides, -limit, limit));
        for (filter, channel) in (0..filters).flat_map(|f| (0..channels).map(move |c| (f, c))) {
            images.push(image(&|place| Scale::Sides.color(share(place, channel, filter))));
            captions.push(if channels == 1 { filter.to_string() } else { format!("{filter}.{channel}") });
        }
    }
    Ok(Tiles { title, note, images, captions, side: 64, bar }.draw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_have_their_colours() -> Result<()> {
        // One filter of 1x2 pixels: red at its most, then green and blue below 0.
        let kernel = Tensor::f32(&[1, 2, 3, 1], vec![2.0, 0.0, 0.0, 0.0, -1.0, -2.0])?;
        let colors = picture("Filters", &kernel)?.pixels().colors;
        let count = |color| colors.iter().filter(|&&found| found == color).count();
        assert_eq!([count([255, 128, 128]), count([128, 64, 0])], [32 * 32; 2]);

        let kernel = Tensor::f32(&[1, 2, 1, 2], vec![0.5, -0.5, 0.0, 0.0])?;
        let colors = picture("Filters", &kernel)?.pixels().colors;
        let count = |share| colors.iter().filter(|&&found| found == Scale::Sides.color(share)).count();
        // Beside the images themselves each colour is once in the bar, 16 pixels high.
        assert_eq!([count(1.0), count(0.0)], [32 * 32 + 16; 2]);
        assert!(count(0.5) >= 2 * 32 * 32);
        Ok(())
    }

    #[test]
    fn other_weights_are_refused() -> Result<()> {
        let message = |kernel: &Tensor| picture("t", kernel).unwrap_err().to_string();
        let dense = Tensor::f32(&[2, 2], vec![0.0; 4])?;
        assert!(message(&dense).contains("[2, 2], expected [height, width, channels, filters]"));
        assert!(message(&Tensor::f32(&[1, 1, 1, 1], vec![f32::NAN])?).contains("NaN"));
        Ok(())
    }
}
