//! Windows over one to three spatial axes: what convolution and pooling share.

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::graph::{Axis, Window};
use crate::train::by_name;

/// A number for each spatial axis: one for all, or one each, such as `(3, 5)` for a height and a width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes(Vec<usize>);

impl From<usize> for Sizes {
    fn from(size: usize) -> Self {
        Self(vec![size])
    }
}

impl From<(usize, usize)> for Sizes {
    fn from((height, width): (usize, usize)) -> Self {
        Self(vec![height, width])
    }
}

impl From<(usize, usize, usize)> for Sizes {
    fn from((depth, height, width): (usize, usize, usize)) -> Self {
        Self(vec![depth, height, width])
    }
}

impl From<Vec<usize>> for Sizes {
    fn from(sizes: Vec<usize>) -> Self {
        Self(sizes)
    }
}

impl Sizes {
    /// One number for each of `rank` axes; as they are where there are others than one or `rank`.
    pub(super) fn of_rank(&self, rank: usize) -> Vec<usize> {
        if self.0.len() == 1 { vec![self.0[0]; rank] } else { self.0.clone() }
    }

    pub(super) fn config(&self, rank: usize) -> Value {
        json!(self.of_rank(rank))
    }

    /// The largest.
    pub(super) fn largest(&self) -> usize {
        self.0.iter().copied().max().unwrap_or(0)
    }

    /// `3x3`
    pub(super) fn title(&self, rank: usize) -> String {
        self.of_rank(rank).iter().map(usize::to_string).collect::<Vec<_>>().join("x")
    }

    /// Fails unless there is a number of at least 1 for each of `rank` axes.
    pub(super) fn check(&self, place: &str, argument: &str, rank: usize) -> Result<()> {
        if self.of_rank(rank).len() == rank && !self.0.contains(&0) {
            return Ok(());
        }
        let expected = match rank {
            1 => "one number of at least 1".to_string(),
            _ => format!("one number of at least 1, or {rank}"),
        };
        Err(Error::argument(place, argument, format!("{:?}", self.0), expected))
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
    /// As much before the first step that no output sees a later step than its own: for
    /// [`Conv1D`](super::Conv1D) alone.
    Causal,
}

const PADDINGS: [(&str, Padding); 3] =
    [("valid", Padding::Valid), ("same", Padding::Same), ("causal", Padding::Causal)];

impl TryFrom<&str> for Padding {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        by_name("padding", "padding", name, &PADDINGS)
    }
}

impl Padding {
    /// Keras's name.
    pub fn name(self) -> &'static str {
        PADDINGS.iter().find(|(_, padding)| *padding == self).map_or("valid", |(name, _)| name)
    }

    /// Windows of `size` taps over `length` pixels.
    pub(crate) fn axis(self, length: usize, size: usize, stride: usize, dilation: usize) -> Axis {
        let span = (size - 1) * dilation + 1;
        let same = || ((length.div_ceil(stride) - 1) * stride + span).saturating_sub(length);
        let (before, after) = match self {
            Self::Valid => (0, 0),
            Self::Same => (same() / 2, same() - same() / 2),
            Self::Causal => (span - 1, 0),
        };
        Axis { size, stride, dilation, before, after }
    }
}

/// The window of one tap.
pub(super) const POINT: Axis = Axis { size: 1, stride: 1, dilation: 1, before: 0, after: 0 };

/// The window over height and width: of the last two of `axes`, or of one where the height is 1.
pub(super) fn window(axes: &[Axis]) -> Window {
    match *axes {
        [.., height, width] => Window { height, width },
        [width] => Window { height: POINT, width },
        [] => Window { height: POINT, width: POINT },
    }
}

/// The number of windows along each axis of `sizes`.
pub(super) fn window_counts(
    place: &str,
    input: &[usize],
    sizes: &[usize],
    axes: &[Axis],
) -> Result<Vec<usize>> {
    let counts: Option<Vec<usize>> = axes.iter().zip(sizes).map(|(axis, &size)| axis.windows(size)).collect();
    counts.ok_or_else(|| {
        let spans: Vec<String> = axes.iter().map(|axis| axis.span().to_string()).collect();
        let expected = format!("images of at least {} pixels", spans.join("x"));
        let remedy = "use `same` padding, a smaller window or larger images";
        Error::shape(place, "input", shown(input), expected, remedy)
    })
}

/// A sample's shape with the batch in front, as Keras prints it in errors: `[None, 28, 28]`.
pub(crate) fn shown(sample: &[usize]) -> String {
    let sizes = sample.iter().map(usize::to_string);
    let sizes: Vec<String> = std::iter::once("None".to_string()).chain(sizes).collect();
    format!("[{}]", sizes.join(", "))
}
