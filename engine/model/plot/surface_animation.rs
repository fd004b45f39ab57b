//! A decision surface while its model learns.

use std::path::{Path, PathBuf};

use super::picture::Pixels;
use super::surface::Surface;
use crate::error::{Error, Result};
use crate::formats::write_file;
use crate::model::{Callback, Logs, Training};
use crate::tensor::Tensor;

/// Hundredths of a second that a frame is shown, and the last one.
const FRAME: u16 = 10;
const LAST_FRAME: u16 = 200;

/// A callback that draws the [`decision_surface`](super::decision_surface) of a model of two numbers again and again, and
/// writes all of them as an animated GIF when the training ends.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("surface.gif");
/// use gradus::{Adam, Dense, FitOptions, Sequential, Tensor, model::plot::SurfaceAnimation};
/// let x = Tensor::f32(&[4, 2], vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])?;
/// let y = Tensor::f32(&[4, 1], vec![0.0, 1.0, 1.0, 0.0])?;
/// let mut model = Sequential::new()
///     .add(Dense::new(8).activation("tanh"))
///     .add(Dense::new(1).activation("sigmoid"));
/// model.compile(Adam::new(0.05), "mean_squared_error", &[])?;
/// let animation = SurfaceAnimation::new(&path, "XOR", &x, &y)?.every(20);
/// model.fit(&x, &y, FitOptions::new().epochs(60).verbose(0).callback(animation))?;
/// # assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SurfaceAnimation {
    path: PathBuf,
    title: String,
    surface: Surface,
    every: usize,
    frames: Vec<Pixels>,
}

impl SurfaceAnimation {
    /// An animation for `path`, of the surface around `x`, `[samples, 2]`, whose targets are `y`, `[samples]`.
    ///
    /// # Errors
    /// If the shapes are others, or the numbers are not finite.
    pub fn new(path: impl AsRef<Path>, title: &str, x: &Tensor, y: &Tensor) -> Result<Self> {
        let (path, surface) = (path.as_ref().to_path_buf(), Surface::new(x, y)?);
        Ok(Self { path, title: title.to_string(), surface, every: 10, frames: Vec::new() })
    }

    /// From how many epochs to how many a frame is drawn. Default 10.
    pub fn every(mut self, epochs: usize) -> Self {
        self.every = epochs;
        self
    }

    fn draw(&mut self, epoch: usize, training: &mut Training<'_>) -> Result<()> {
        let answers = training.predict(&self.surface.places()?)?;
        let title = format!("{}: epoch {epoch}", self.title);
        self.frames.push(self.surface.draw(&title, &answers)?.pixels());
        Ok(())
    }
}

impl Callback for SurfaceAnimation {
    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        if self.every == 0 {
            return Err(Error::argument("SurfaceAnimation", "every", 0, "at least 1"));
        }
        self.frames.clear();
        self.draw(0, training)
    }

    fn on_epoch_end(&mut self, epoch: usize, _logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        let done = epoch + 1;
        if done.is_multiple_of(self.every) { self.draw(done, training) } else { Ok(()) }
    }

    fn on_train_end(&mut self, _training: &mut Training<'_>) -> Result<()> {
        write_file(&self.path, &gif(&self.frames)?)
    }
}

/// The frames, which loop for ever, on ground as wide as the widest.
fn gif(frames: &[Pixels]) -> Result<Vec<u8>> {
    let failed = |error: gif::EncodingError| {
        Error::data("GIF encoder", error.to_string(), "report this: pictures of this size can be encoded")
    };
    let width = frames.iter().map(|frame| frame.width).max().unwrap_or(1) as u16;
    let height = frames.iter().map(Pixels::height).max().unwrap_or(1) as u16;
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, width, height, &[]).map_err(failed)?;
    encoder.set_repeat(gif::Repeat::Infinite).map_err(failed)?;
    for (i, pixels) in frames.iter().enumerate() {
        let (width, height) = (pixels.width as u16, pixels.height() as u16);
        let mut frame = gif::Frame::from_rgb_speed(width, height, pixels.colors.as_flattened(), 10);
        frame.delay = if i + 1 == frames.len() { LAST_FRAME } else { FRAME };
        encoder.write_frame(&frame).map_err(failed)?;
    }
    drop(encoder);
    Ok(bytes)
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::super::palette::Scale;
    use super::*;
    use crate::layers::Dense;
    use crate::model::{Device, FitOptions, Sequential};

    /// The weights of a neuron after 40 epochs on two halves.
    fn train(
        callback: impl FnOnce(&Tensor, &Tensor) -> Result<Option<SurfaceAnimation>>,
    ) -> Result<Vec<Tensor>> {
        let x = Tensor::f32(&[4, 2], vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])?;
        let y = Tensor::f32(&[4, 1], vec![0.0, 0.0, 1.0, 1.0])?;
        let mut model = Sequential::new().device(Device::cpu()).add(Dense::new(1).activation("sigmoid"));
        model.compile(crate::Adam::new(1.0), "mean_squared_error", &[])?;
        model.build(&[2])?;
        model.set_weights(&[Tensor::f32(&[2, 1], vec![0.1, -0.1])?, Tensor::f32(&[1], vec![0.0])?])?;
        let options = FitOptions::new().epochs(40).verbose(0);
        model.fit(&x, &y, callback(&x, &y)?.into_iter().fold(options, FitOptions::callback))?;
        model.get_weights()
    }

    #[test]
    fn frames_show_how_the_answers_change() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("surface.gif");
        let seen = train(|x, y| Ok(Some(SurfaceAnimation::new(&path, "Halves", x, y)?.every(20))))?;
        assert_eq!(seen, train(|_, _| Ok(None))?, "looking changes the training");

        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(std::fs::File::open(&path)?)?;
        let mut shares = Vec::new();
        while let Some(frame) = decoder.read_next_frame()? {
            let full = [Scale::Sides.color(0.0), Scale::Sides.color(1.0)];
            let is_full = |pixel: &&[u8]| full.iter().any(|color| pixel[..3] == *color);
            shares.push(frame.buffer.chunks(4).filter(is_full).count());
        }
        // Epochs 0, 20 and 40: the first is pale, the last is sure.
        assert_eq!(shares.len(), 3);
        assert!(shares[0] < 20_000 && shares[2] > 60_000, "{shares:?}");
        Ok(())
    }
}
