//! What a layer makes of an image.

use std::path::Path;

use super::palette::Scale;
use super::picture::{Picture, Pixels};
use super::tiles::Tiles;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// Draws what a layer gives for one image, channel by channel, and writes it to `path`, as PNG or SVG as it ends.
///
/// `maps`, `[1, height, width, channels]`, is what [`Model::layer_output`](crate::Model::layer_output) gives. All
/// channels share one scale of colours, from dark for the least number to yellow for the largest. A layer whose channels
/// come first gives `[1, channels, height, width]`: ask for what a `Permute::new(&[2, 3, 1])` behind it gives.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("feature_maps.png");
/// use gradus::{Conv2D, Dense, Flatten, Sequential, Tensor, model::plot::feature_maps};
/// let mut model = Sequential::new()
///     .add(Conv2D::new(4, 3).name("edges"))
///     .add(Flatten::new())
///     .add(Dense::new(2));
/// let image = Tensor::f32(&[1, 16, 16, 3], vec![0.5; 768])?;
/// feature_maps(&path, "Edges", &model.layer_output("edges", &image, None)?)?;
/// # assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If `maps` has another number of axes, holds more than one sample or NaN, or the file cannot be written.
pub fn feature_maps(path: impl AsRef<Path>, title: &str, maps: &Tensor) -> Result<()> {
    picture(title, maps)?.write(path)
}

fn picture(title: &str, maps: &Tensor) -> Result<Picture> {
    let &[1, height, width, channels] = maps.shape() else {
        let (found, expected) = (format!("{:?}", maps.shape()), "[1, height, width, channels]");
        let remedy = "give what a layer of images makes of one image";
        return Err(Error::shape("plot", "maps", found, expected, remedy));
    };
    let values = maps.to_f32();
    if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
        return Err(Error::data(
            "plot: maps",
            "is empty or holds NaN or infinity",
            "look for NaN in the weights",
        ));
    }
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let share = |value: f32| if high > low { f64::from((value - low) / (high - low)) } else { 0.0 };
    let image = |channel: usize| {
        let colors = values.iter().skip(channel).step_by(channels).map(|&v| Scale::Night.color(share(v)));
        Pixels { width, colors: colors.collect() }
    };
    let images = (0..channels).map(image).collect();
    let captions = (0..channels).map(|channel| channel.to_string()).collect();
    let note = format!("{channels} maps of {height}x{width}");
    let bar = Some((Scale::Night, f64::from(low), f64::from(high)));
    Ok(Tiles { title, note, images, captions, side: 128, bar }.draw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_is_an_image_on_a_common_scale() -> Result<()> {
        // Two maps of 2x1: 0 and 4, 1 and 2.
        let picture = picture("Maps", &Tensor::f32(&[1, 2, 1, 2], vec![0.0, 1.0, 4.0, 2.0])?)?;
        let colors = picture.pixels().colors;
        for share in [0.0, 0.25, 0.5, 1.0] {
            let count = colors.iter().filter(|&&found| found == Scale::Night.color(share)).count();
            assert!((128 * 128..128 * 128 + 64).contains(&count), "{share}: {count}");
        }
        assert!(picture.svg()?.contains(">4</text>"));
        Ok(())
    }

    #[test]
    fn anything_but_one_image_is_refused() -> Result<()> {
        let message = picture("t", &Tensor::f32(&[2, 1, 1, 1], vec![0.0; 2])?).unwrap_err().to_string();
        assert!(message.contains("expected [1, height, width, channels]"), "{message}");
        Ok(())
    }
}
