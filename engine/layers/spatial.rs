//! Windows over height and width: what convolution and pooling share.

use crate::error::{Error, Result};
use crate::graph::{Axis, Window};
use crate::train::by_name;

/// A height and a width: `3` for both, or `(3, 5)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size2 {
    /// Along the first spatial axis.
    pub height: usize,
    /// Along the second spatial axis.
    pub width: usize,
}

impl From<usize> for Size2 {
    fn from(side: usize) -> Self {
        Self { height: side, width: side }
    }
}

impl From<(usize, usize)> for Size2 {
    fn from((height, width): (usize, usize)) -> Self {
        Self { height, width }
    }
}

impl Size2 {
    pub(super) fn config(self) -> serde_json::Value {
        serde_json::json!([self.height, self.width])
    }

    pub(super) fn check(self, place: &str, argument: &str) -> Result<()> {
        if self.height > 0 && self.width > 0 {
            return Ok(());
        }
        let found = format!("({}, {})", self.height, self.width);
        Err(Error::argument(place, argument, found, "at least 1 in each direction"))
    }
}

/// What lies around an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Padding {
    /// Nothing: only whole windows count.
    #[default]
    Valid,
    /// As much as one window for every `stride` pixels needs, the odd pixel at the end.
    Same,
}

impl TryFrom<&str> for Padding {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        by_name("padding", "padding", name, &[("valid", Self::Valid), ("same", Self::Same)])
    }
}

impl Padding {
    /// Keras's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Same => "same",
        }
    }

    fn axis(self, length: usize, size: usize, stride: usize) -> Axis {
        let total = match self {
            Self::Valid => 0,
            Self::Same => ((length.div_ceil(stride) - 1) * stride + size).saturating_sub(length),
        };
        Axis { size, stride, dilation: 1, before: total / 2, after: total - total / 2 }
    }

    /// The window of `size` over `image`, `[height, width, channels]`, one every `strides` pixels.
    pub(super) fn window(self, image: [usize; 3], size: Size2, strides: Size2) -> Window {
        Window {
            height: self.axis(image[0], size.height, strides.height),
            width: self.axis(image[1], size.width, strides.width),
        }
    }
}

/// A sample's shape as height, width and channels.
pub(super) fn image_shape(place: &str, input: &[usize]) -> Result<[usize; 3]> {
    if let &[height, width, channels] = input
        && !input.contains(&0)
    {
        return Ok([height, width, channels]);
    }
    let remedy = "give it images, or leave out the Flatten before it";
    Err(Error::shape(place, "input", shown(input), "[None, height, width, channels]", remedy))
}

/// The number of windows down the height and along the width.
pub(super) fn window_counts(place: &str, image: [usize; 3], window: &Window) -> Result<[usize; 2]> {
    match (window.height.windows(image[0]), window.width.windows(image[1])) {
        (Some(height), Some(width)) => Ok([height, width]),
        _ => {
            let expected = format!("images of at least {}x{} pixels", window.height.size, window.width.size);
            let remedy = "use `same` padding, a smaller window or larger images";
            Err(Error::shape(place, "input", shown(&image), expected, remedy))
        }
    }
}

/// A sample's shape with the batch in front, as Keras prints it in errors: `[None, 28, 28]`.
pub(crate) fn shown(sample: &[usize]) -> String {
    let sizes = sample.iter().map(usize::to_string);
    let sizes: Vec<String> = std::iter::once("None".to_string()).chain(sizes).collect();
    format!("[{}]", sizes.join(", "))
}
