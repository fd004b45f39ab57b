//! Convolutions over one to three spatial axes, plain, transposed, for each channel apart, and separable: compositions of
//! the graph's convolution over height and width.

mod forward;
mod options;
mod separable;
mod transposed;

pub use separable::{SeparableConv1D, SeparableConv2D, SeparableConvolution};

use serde_json::Value;

use super::config::with_activity;
use super::kernel_options::KernelOptions;
use super::spatial::window_counts;
use super::{Base, Context, DataFormat, Layer, Padding, Sizes, Weight};
use crate::error::{Error, Result};
use crate::graph::{Axis, NodeId};

/// A convolution over time: activation(input ∗ kernel + bias), `[None, time, channels]` to `[None, steps, filters]`.
///
/// ```
/// use gradus::layers::Conv1D;
/// let layer = Conv1D::new(32, 3).padding("causal").dilation_rate(4);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Conv1D;

/// A convolution over images: activation(input ∗ kernel + bias), `[None, height, width, channels]` to
/// `[None, rows, columns, filters]`.
///
/// ```
/// use gradus::layers::Conv2D;
/// let layer = Conv2D::new(32, (3, 3)).padding("same").activation("relu");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Conv2D;

/// A convolution over volumes: activation(input ∗ kernel + bias), `[None, depth, height, width, channels]` to
/// `[None, planes, rows, columns, filters]`.
///
/// ```
/// use gradus::layers::Conv3D;
/// let layer = Conv3D::new(8, (3, 3, 3)).strides((1, 2, 2));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Conv3D;

/// The way back of a [`Conv1D`]: each step of the input adds the kernel to the output, `strides` steps apart:
/// `[None, time, channels]` to `[None, steps, filters]`, with padding `same` `strides` times as many steps.
///
/// ```
/// use gradus::layers::Conv1DTranspose;
/// let layer = Conv1DTranspose::new(16, 4).strides(2).padding("same");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Conv1DTranspose;

/// The way back of a [`Conv2D`]: each pixel of the input adds the kernel to the output, `strides` pixels apart:
/// `[None, height, width, channels]` to `[None, rows, columns, filters]`, with padding `same` `strides` times as many of both.
/// Decoders and generators enlarge images with it.
///
/// ```
/// use gradus::layers::Conv2DTranspose;
/// let layer = Conv2DTranspose::new(16, 4).strides(2).padding("same");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Conv2DTranspose;

/// A convolution over time, each channel for itself: `[None, time, channels]` to `[None, steps, channels · depth_multiplier]`.
///
/// ```
/// use gradus::layers::DepthwiseConv1D;
/// let layer = DepthwiseConv1D::new(3).padding("same");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DepthwiseConv1D;

/// A convolution over images, each channel for itself: `[None, height, width, channels]` to
/// `[None, rows, columns, channels · depth_multiplier]`.
///
/// ```
/// use gradus::layers::DepthwiseConv2D;
/// let layer = DepthwiseConv2D::new(3).depth_multiplier(2).padding("same");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DepthwiseConv2D;

#[expect(clippy::new_ret_no_self, reason = "Keras has seven names for what is one layer here")]
impl Conv1D {
    /// `filters` filters over `kernel_size` steps, one for every step, without padding.
    pub fn new(filters: usize, kernel_size: impl Into<Sizes>) -> Convolution {
        Convolution::new(Form::Plain, 1, filters, kernel_size.into())
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras has seven names for what is one layer here")]
impl Conv2D {
    /// `filters` filters of `kernel_size` (a number, or height and width), one for every pixel, without padding.
    pub fn new(filters: usize, kernel_size: impl Into<Sizes>) -> Convolution {
        Convolution::new(Form::Plain, 2, filters, kernel_size.into())
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras has seven names for what is one layer here")]
impl Conv3D {
    /// `filters` filters of `kernel_size` (a number, or depth, height and width), one for every voxel, without padding.
    pub fn new(filters: usize, kernel_size: impl Into<Sizes>) -> Convolution {
        Convolution::new(Form::Plain, 3, filters, kernel_size.into())
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras has seven names for what is one layer here")]
impl Conv1DTranspose {
    /// `filters` filters of `kernel_size` steps.
    pub fn new(filters: usize, kernel_size: impl Into<Sizes>) -> Convolution {
        Convolution::new(Form::Transposed, 1, filters, kernel_size.into())
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras has seven names for what is one layer here")]
impl Conv2DTranspose {
    /// `filters` filters of `kernel_size` (a number, or height and width).
    pub fn new(filters: usize, kernel_size: impl Into<Sizes>) -> Convolution {
        Convolution::new(Form::Transposed, 2, filters, kernel_size.into())
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras has seven names for what is one layer here")]
impl DepthwiseConv1D {
    /// A filter of `kernel_size` steps for each channel.
    pub fn new(kernel_size: impl Into<Sizes>) -> Convolution {
        Convolution::new(Form::Depthwise, 1, 1, kernel_size.into())
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras has seven names for what is one layer here")]
impl DepthwiseConv2D {
    /// A filter of `kernel_size` (a number, or height and width) for each channel.
    pub fn new(kernel_size: impl Into<Sizes>) -> Convolution {
        Convolution::new(Form::Depthwise, 2, 1, kernel_size.into())
    }
}

/// What is done with the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    Transposed,
    Depthwise,
}

/// The layers there are.
const CLASSES: [(&str, Form, usize); 7] = [
    ("Conv1D", Form::Plain, 1),
    ("Conv2D", Form::Plain, 2),
    ("Conv3D", Form::Plain, 3),
    ("Conv1DTranspose", Form::Transposed, 1),
    ("Conv2DTranspose", Form::Transposed, 2),
    ("DepthwiseConv1D", Form::Depthwise, 1),
    ("DepthwiseConv2D", Form::Depthwise, 2),
];

/// A convolution: [`Conv1D`], [`Conv2D`], [`Conv3D`], [`Conv1DTranspose`], [`Conv2DTranspose`], [`DepthwiseConv1D`] or
/// [`DepthwiseConv2D`].
#[derive(Clone, Debug)]
pub struct Convolution {
    base: Base,
    form: Form,
    rank: usize,
    /// Of a depthwise convolution: for each channel.
    filters: usize,
    kernel_size: Sizes,
    strides: Sizes,
    padding: Padding,
    dilation: Sizes,
    groups: usize,
    data_format: DataFormat,
    /// Pixels more at the end of a transposed convolution's output.
    output_padding: Option<Sizes>,
    kernel: KernelOptions,
}

impl Convolution {
    /// The kernel's shape for inputs of `channels` channels.
    fn kernel_shape(&self, channels: usize) -> Vec<usize> {
        let last = match self.form {
            Form::Plain => [channels / self.groups.max(1), self.filters],
            Form::Transposed => [self.filters, channels],
            Form::Depthwise => [channels, self.filters],
        };
        [self.kernel_size.of_rank(self.rank).as_slice(), &last].concat()
    }

    /// Channels of the output.
    fn outputs(&self, channels: usize) -> usize {
        if self.form == Form::Depthwise { channels * self.filters } else { self.filters }
    }

    /// The windows over inputs of `sizes`.
    fn axes(&self, sizes: &[usize]) -> Vec<Axis> {
        let [kernel, strides, dilation] =
            [&self.kernel_size, &self.strides, &self.dilation].map(|sizes| sizes.of_rank(self.rank));
        let axis = |i: usize| self.padding.axis(sizes[i], kernel[i], strides[i], dilation[i]);
        (0..self.rank).map(axis).collect()
    }

    fn check(&self, place: &str, channels: usize) -> Result<()> {
        self.base.check(place)?;
        if self.filters == 0 {
            let argument = if self.form == Form::Depthwise { "depth_multiplier" } else { "filters" };
            return Err(Error::argument(place, argument, 0, "at least 1"));
        }
        self.kernel_size.check(place, "kernel_size", self.rank)?;
        self.strides.check(place, "strides", self.rank)?;
        self.dilation.check(place, "dilation_rate", self.rank)?;
        if self.strides.largest() > 1 && self.dilation.largest() > 1 {
            let found = self.dilation.title(self.rank);
            return Err(Error::argument(place, "dilation_rate", found, "1 where strides are larger than 1"));
        }
        if self.padding == Padding::Causal && (self.rank > 1 || self.form == Form::Transposed) {
            return Err(Error::argument(
                place,
                "padding",
                "causal",
                "valid or same: only Conv1D can be causal",
            ));
        }
        let divides = |n: usize| self.groups > 0 && n.is_multiple_of(self.groups);
        if !divides(channels) || !divides(self.filters) {
            let expected = format!("a divisor of the {channels} channels and the {} filters", self.filters);
            return Err(Error::argument(place, "groups", self.groups, expected));
        }
        Ok(())
    }
}

impl Layer for Convolution {
    fn class_name(&self) -> &'static str {
        let own = |(_, form, rank): &&(&str, Form, usize)| (*form, *rank) == (self.form, self.rank);
        CLASSES.iter().find(own).map_or("Conv2D", |(name, ..)| name)
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn title(&self) -> String {
        let (class, size) = (self.class_name(), self.kernel_size.title(self.rank));
        if self.form == Form::Depthwise {
            return format!("{class} {size}");
        }
        format!("{class} {}, {size}", self.filters)
    }

    fn config(&self) -> Value {
        with_activity(self, self.options())
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        let (sizes, channels) = self.data_format.parted(&place, input, self.rank)?;
        self.check(&place, channels)?;
        let sizes = match self.form {
            Form::Transposed => self.transposed_sizes(&place, sizes)?,
            _ => window_counts(&place, input, sizes, &self.axes(sizes))?,
        };
        let shape = self.data_format.joined(&sizes, self.outputs(channels));
        self.kernel.activation.output_shape(&place, &shape)
    }

    fn weights(&self, input: &[usize]) -> Vec<Weight> {
        let channels = self.data_format.channels(input);
        self.kernel.weights(&self.kernel_shape(channels), self.outputs(channels))
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let sums = self.data_format.around(context, input, |context, images| {
            let sums = self.sums(context, images)?;
            self.kernel.biased(context, sums)
        })?;
        // Softmax is along the last axis, wherever the channels lie, as in Keras.
        context.activate(self.kernel.activation, sums)
    }
}
