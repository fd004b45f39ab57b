//! Layers: each states its shapes, its weights and its forward pass in graph operations. Gradients, GPU and
//! CPU follow from those.

mod activation;
mod activation_function;
mod activity_regularization;
mod arithmetic;
mod augmentation;
mod base;
mod batch_normalization;
mod batch_renormalization;
mod bidirectional;
mod classes;
mod config;
mod context;
mod convolution;
mod cropping2d;
mod data_format;
mod dense;
mod draw;
mod drop_connect;
mod dropout;
mod embedding;
mod flatten;
mod group_normalization;
mod interpolation;
mod kernel_options;
mod layer_normalization;
mod masking;
mod merge;
pub(crate) mod network;
mod noise;
mod normalization;
mod permute;
mod pooling;
mod prelu;
mod rbf;
mod rectifier;
mod recurrent;
mod repeat_vector;
mod reshape;
mod rms_normalization;
mod softmax;
mod spatial;
#[cfg(test)]
mod tests;
mod time_distributed;
mod up_sampling2d;
mod weight_options;
mod zero_padding2d;

pub use activation::Activation;
pub use activation_function::ActivationFunction;
pub(crate) use activation_function::softmax;
pub use activity_regularization::ActivityRegularization;
pub use augmentation::{
    CenterCrop, Crop, Factor, FillMode, FlipMode, PerChannel, RandomBrightness, RandomContrast, RandomCrop,
    RandomFlip, RandomRotation, RandomTone, RandomTransform, RandomTranslation, RandomZoom, Rescaling,
    Resizing,
};
pub use base::Base;
pub use batch_normalization::BatchNormalization;
pub use batch_renormalization::RenormClipping;
pub use bidirectional::{Bidirectional, MergeMode};
pub use classes::from_config;
pub use config::Config;
pub use context::{Context, Variables};
pub use convolution::{
    Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose, Conv3D, Convolution, DepthwiseConv1D, DepthwiseConv2D,
    SeparableConv1D, SeparableConv2D, SeparableConvolution,
};
pub use cropping2d::Cropping2D;
pub use data_format::DataFormat;
pub use dense::Dense;
pub use drop_connect::DropConnect;
pub use dropout::{Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D};
pub use embedding::Embedding;
pub use flatten::Flatten;
pub use group_normalization::GroupNormalization;
pub use interpolation::Interpolation;
pub use layer_normalization::LayerNormalization;
pub use masking::Masking;
pub use merge::{Add, Average, Concatenate, Dot, Maximum, Merge, Minimum, Multiply, Subtract};
pub use network::Network;
pub use noise::{AlphaDropout, GaussianDropout, GaussianNoise, Noise};
pub use permute::Permute;
pub use pooling::{
    AveragePooling1D, AveragePooling2D, AveragePooling3D, GlobalAveragePooling1D, GlobalAveragePooling2D,
    GlobalAveragePooling3D, GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D, GlobalPooling,
    MaxPooling1D, MaxPooling2D, MaxPooling3D, Pooling,
};
pub use prelu::PReLU;
pub use rbf::RBF;
pub use rectifier::{ELU, LeakyReLU, ReLU, Rectifier};
pub use recurrent::{GRU, LSTM, Recurrent, SimpleRNN};
pub use repeat_vector::RepeatVector;
pub use reshape::Reshape;
pub use rms_normalization::RMSNormalization;
pub use softmax::Softmax;
pub(crate) use spatial::shown;
pub use spatial::{Padding, Sizes};
pub use time_distributed::TimeDistributed;
pub use up_sampling2d::UpSampling2D;
pub use zero_padding2d::ZeroPadding2D;

use std::fmt::Debug;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::train::constraints::Constraint;
use crate::train::initializers::Initializer;
use crate::train::regularizers::Regularizer;

/// A weight that a layer asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Weight {
    /// Its name within the layer, such as `kernel`.
    pub name: &'static str,
    /// Its shape.
    pub shape: Vec<usize>,
    /// How it starts.
    pub initializer: Initializer,
    /// What it adds to the loss, while it learns.
    pub regularizer: Option<Regularizer>,
    /// What it is brought back to after each step.
    pub constraint: Option<Constraint>,
}

impl Weight {
    /// A weight that is neither regularized nor constrained.
    pub fn new(name: &'static str, shape: &[usize], initializer: Initializer) -> Self {
        Self { name, shape: shape.to_vec(), initializer, regularizer: None, constraint: None }
    }
}

/// One layer of a model.
///
/// A layer of your own needs a [`Base`] and the methods without a body; it runs on the CPU and on GPUs, and its gradient
/// follows from its forward pass. Shapes are those of one sample, without the batch.
///
/// ```
/// use gradus::layers::{Base, Context, Layer, Weight};
/// use gradus::{Adam, Dense, FitOptions, Result, Sequential, Tensor, graph::NodeId};
/// use serde_json::{Value, json};
///
/// /// x · scale, with a learned scale for each number.
/// #[derive(Debug, Default)]
/// struct Scale(Base);
///
/// impl Layer for Scale {
///     fn class_name(&self) -> &'static str {
///         "Scale"
///     }
///     fn base(&self) -> &Base {
///         &self.0
///     }
///     fn base_mut(&mut self) -> &mut Base {
///         &mut self.0
///     }
///     fn config(&self) -> Value {
///         json!({ "name": self.name() })
///     }
///     fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
///         Ok(input.to_vec())
///     }
///     fn weights(&self, input: &[usize]) -> Vec<Weight> {
///         vec![Weight::new("scale", input, gradus::train::initializers::Initializer::ones())]
///     }
///     fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
///         let scale = context.weight(0)?;
///         context.graph.multiply(input, scale)
///     }
/// }
/// let mut model = Sequential::new().add(Scale::default()).add(Dense::new(1));
/// model.compile(Adam::new(0.1), "mean_squared_error", &[])?;
/// let (x, y) = (Tensor::f32(&[4, 2], vec![0.5; 8])?, Tensor::f32(&[4, 1], vec![3.0; 4])?);
/// let losses = model.fit(x, y, FitOptions::new().epochs(50).verbose(0))?.get("loss").unwrap();
/// assert!(losses[49] < 0.1 * losses[0]);
/// # Ok::<(), gradus::Error>(())
/// ```
pub trait Layer: Send + Sync + Debug {
    /// Keras's name of the class, such as `Dense`.
    fn class_name(&self) -> &'static str;

    /// The name and whether the weights learn.
    fn base(&self) -> &Base;

    /// The same, to be changed.
    fn base_mut(&mut self) -> &mut Base;

    /// The options, under Keras's keys.
    fn config(&self) -> Value;

    /// The shape of one sample's output.
    ///
    /// # Errors
    /// If an option lies outside its range or the layer does not take such inputs.
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>>;

    /// The weights, in the order in which [`Context::weights`] holds them.
    fn weights(&self, _input: &[usize]) -> Vec<Weight> {
        Vec::new()
    }

    /// [`Layer::output_shape`] of a layer that takes several inputs. By default exactly one is taken.
    ///
    /// # Errors
    /// As [`Layer::output_shape`].
    fn output_shape_many(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        match inputs {
            [input] => self.output_shape(input),
            _ => Err(Error::argument(
                self.place(),
                "number of inputs",
                inputs.len(),
                "1: merge them first, such as by Add",
            )),
        }
    }

    /// [`Layer::weights`] of a layer that takes several inputs.
    fn weights_many(&self, inputs: &[&[usize]]) -> Vec<Weight> {
        inputs.first().map_or(Vec::new(), |input| self.weights(input))
    }

    /// [`Layer::call`] of a layer that takes several inputs.
    ///
    /// # Errors
    /// If the shapes do not fit.
    fn call_many(&self, context: &mut Context<'_>, inputs: &[NodeId]) -> Result<NodeId> {
        match inputs {
            [input] => self.call(context, *input),
            _ => Err(Error::argument(self.place(), "number of inputs", inputs.len(), "1")),
        }
    }

    /// How many values the layer gives. Default 1.
    fn output_count(&self) -> usize {
        1
    }

    /// The shapes of one sample of all outputs, for a layer that gives several; the first is that of
    /// [`Layer::output_shape_many`].
    ///
    /// # Errors
    /// As [`Layer::output_shape`].
    fn output_shapes(&self, inputs: &[&[usize]]) -> Result<Vec<Vec<usize>>> {
        Ok(vec![self.output_shape_many(inputs)?])
    }

    /// [`Layer::call`] of a layer that gives several values, [`Layer::output_count`] in all.
    ///
    /// # Errors
    /// If the shapes do not fit.
    fn call_each(&self, context: &mut Context<'_>, inputs: &[NodeId]) -> Result<Vec<NodeId>> {
        Ok(vec![self.call_many(context, inputs)?])
    }

    /// The argument of Keras's call that the inputs behind the first are, such as `initial_state`. `None` where all
    /// inputs are alike.
    fn extra_inputs(&self) -> Option<&'static str> {
        None
    }

    /// What the layer remembers from step to step without learning it, such as moving averages: behind the weights
    /// in [`Context::weights`], in files and in counts.
    fn states(&self, _input: &[usize]) -> Vec<Weight> {
        Vec::new()
    }

    /// Changes the first values of `weight`, which its initializer has given.
    fn adjust(&self, _weight: &Weight, _values: &mut [f32]) {}

    /// Whether each batch starts from what the one before has left, until the states are reset.
    fn is_stateful(&self) -> bool {
        false
    }

    /// What the output adds to the loss: the penalty over a batch, divided by the number of samples.
    fn activity_regularizer(&self) -> Option<Regularizer> {
        self.base().activity_regularizer()
    }

    /// The layer whose output adds to the loss what `regularizer`, as [`Regularizer`] or by name, makes of it over a batch,
    /// divided by the number of samples; of several outputs each does. Default nothing.
    ///
    /// ```
    /// use gradus::layers::{Layer, ReLU};
    /// let sparse = ReLU::new().with_activity_regularizer("l1");
    /// ```
    fn with_activity_regularizer<R>(mut self, regularizer: R) -> Self
    where
        R: TryInto<Regularizer, Error: Into<Error>>,
        Self: Sized,
    {
        let regularizer = self.base_mut().given(regularizer);
        self.base_mut().set_activity_regularizer(regularizer);
        self
    }

    /// Whether the output has the time steps of the input, so that a mask of some of them holds for it too.
    fn passes_mask(&self) -> bool {
        false
    }

    /// The layers of a model that is a layer of another. `None` for all other layers.
    fn network(&self) -> Option<&Network> {
        None
    }

    /// The same, to be changed.
    fn network_mut(&mut self) -> Option<&mut Network> {
        None
    }

    /// How many axes of a sample, the first ones, the layers of [`Layer::network`] do not see: they are called at each place
    /// along these by itself, as in [`TimeDistributed`]. Default 0: they are called on the inputs as they are.
    fn distributed_axes(&self) -> usize {
        0
    }

    /// Adds the forward pass for the input node `[B, …]`, whose shape [`Layer::output_shape`] has accepted.
    ///
    /// # Errors
    /// If the shapes do not fit.
    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId>;

    /// The layer's name: given, or made by the model as in Keras.
    fn name(&self) -> &str {
        self.base().name()
    }

    /// Whether the weights learn.
    fn trainable(&self) -> bool {
        self.base().is_trainable()
    }

    /// What the layer is for people: its class, and its size if it has one.
    fn title(&self) -> String {
        self.class_name().to_string()
    }

    /// Where an error lies: `layer "dense_2" (Dense 10)`.
    fn place(&self) -> String {
        format!("layer {:?} ({})", self.name(), self.title())
    }
}

impl<L: Layer + 'static> From<L> for Box<dyn Layer> {
    fn from(layer: L) -> Self {
        Box::new(layer)
    }
}
