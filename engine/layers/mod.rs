//! Layers: each states its shapes, its weights and its forward pass in graph operations. Gradients, GPU and
//! CPU follow from those.

mod activation;
mod activation_function;
mod average_pooling2d;
mod base;
mod batch_normalization;
mod bidirectional;
mod config;
mod context;
mod conv2d;
mod cropping2d;
mod dense;
mod drop_connect;
mod dropout;
mod embedding;
mod flatten;
mod global_average_pooling2d;
mod global_max_pooling2d;
mod group_normalization;
mod kernel_options;
mod layer_normalization;
mod masking;
mod max_pooling2d;
mod merge;
mod normalization;
mod permute;
mod pooling;
mod recurrent;
mod repeat_vector;
mod reshape;
mod rms_normalization;
mod spatial;
#[cfg(test)]
mod tests;
mod time_distributed;
mod up_sampling2d;
mod zero_padding2d;

pub use activation::Activation;
pub use activation_function::ActivationFunction;
pub use average_pooling2d::AveragePooling2D;
pub use base::Base;
pub use batch_normalization::BatchNormalization;
pub use bidirectional::{Bidirectional, MergeMode};
pub use config::Config;
pub use context::{Context, Variables};
pub use conv2d::Conv2D;
pub use cropping2d::Cropping2D;
pub use dense::Dense;
pub use drop_connect::DropConnect;
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use flatten::Flatten;
pub use global_average_pooling2d::GlobalAveragePooling2D;
pub use global_max_pooling2d::GlobalMaxPooling2D;
pub use group_normalization::GroupNormalization;
pub use layer_normalization::LayerNormalization;
pub use masking::Masking;
pub use max_pooling2d::MaxPooling2D;
pub use merge::{Add, Average, Concatenate, Dot, Maximum, Merge, Minimum, Multiply, Subtract};
pub use permute::Permute;
pub use recurrent::{GRU, LSTM, Recurrent, SimpleRNN};
pub use repeat_vector::RepeatVector;
pub use reshape::Reshape;
pub use rms_normalization::RMSNormalization;
pub(crate) use spatial::shown;
pub use spatial::{Padding, Size2};
pub use time_distributed::TimeDistributed;
pub use up_sampling2d::UpSampling2D;
pub use zero_padding2d::ZeroPadding2D;

use std::fmt::Debug;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::train::by_name;
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
/// A layer of your own needs a [`Base`] and the methods without a body. Shapes are those of one sample,
/// without the batch.
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
        None
    }

    /// Whether the output has the time steps of the input, so that a mask of some of them holds for it too.
    fn passes_mask(&self) -> bool {
        false
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

type Make = fn(&mut Config) -> Result<Box<dyn Layer>>;

const CLASSES: [(&str, Make); 35] = [
    ("Dense", |c| Dense::from_config(c).map(Into::into)),
    ("Conv2D", |c| Conv2D::from_config(c).map(Into::into)),
    ("MaxPooling2D", |c| MaxPooling2D::from_config(c).map(Into::into)),
    ("AveragePooling2D", |c| AveragePooling2D::from_config(c).map(Into::into)),
    ("Flatten", |c| Flatten::from_config(c).map(Into::into)),
    ("Dropout", |c| Dropout::from_config(c).map(Into::into)),
    ("Activation", |c| Activation::from_config(c).map(Into::into)),
    ("Cropping2D", |c| Cropping2D::from_config(c).map(Into::into)),
    ("GlobalAveragePooling2D", |c| GlobalAveragePooling2D::from_config(c).map(Into::into)),
    ("GlobalMaxPooling2D", |c| GlobalMaxPooling2D::from_config(c).map(Into::into)),
    ("Permute", |c| Permute::from_config(c).map(Into::into)),
    ("Reshape", |c| Reshape::from_config(c).map(Into::into)),
    ("UpSampling2D", |c| UpSampling2D::from_config(c).map(Into::into)),
    ("ZeroPadding2D", |c| ZeroPadding2D::from_config(c).map(Into::into)),
    ("RepeatVector", |c| RepeatVector::from_config(c).map(Into::into)),
    ("DropConnect", |c| DropConnect::from_config(c).map(Into::into)),
    ("SimpleRNN", |c| Recurrent::from_config("SimpleRNN", c).map(Into::into)),
    ("LSTM", |c| Recurrent::from_config("LSTM", c).map(Into::into)),
    ("GRU", |c| Recurrent::from_config("GRU", c).map(Into::into)),
    ("Bidirectional", |c| Bidirectional::from_config(c).map(Into::into)),
    ("TimeDistributed", |c| TimeDistributed::from_config(c).map(Into::into)),
    ("Masking", |c| Masking::from_config(c).map(Into::into)),
    ("Embedding", |c| Embedding::from_config(c).map(Into::into)),
    ("BatchNormalization", |c| BatchNormalization::from_config(c).map(Into::into)),
    ("LayerNormalization", |c| LayerNormalization::from_config(c).map(Into::into)),
    ("GroupNormalization", |c| GroupNormalization::from_config(c).map(Into::into)),
    ("RMSNormalization", |c| RMSNormalization::from_config(c).map(Into::into)),
    ("Add", |c| Merge::from_config("Add", c).map(Into::into)),
    ("Subtract", |c| Merge::from_config("Subtract", c).map(Into::into)),
    ("Multiply", |c| Merge::from_config("Multiply", c).map(Into::into)),
    ("Average", |c| Merge::from_config("Average", c).map(Into::into)),
    ("Maximum", |c| Merge::from_config("Maximum", c).map(Into::into)),
    ("Minimum", |c| Merge::from_config("Minimum", c).map(Into::into)),
    ("Concatenate", |c| Concatenate::from_config(c).map(Into::into)),
    ("Dot", |c| Dot::from_config(c).map(Into::into)),
];

/// The layer of Keras's class `class_name` with the options of `config`.
///
/// ```
/// let config = serde_json::json!({ "name": "scores", "units": 10, "activation": "softmax" });
/// let layer = gradus::layers::from_config("Dense", &config)?;
/// assert_eq!(layer.name(), "scores");
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// If there is no such class, or an option is missing, unknown, or not of the right kind.
pub fn from_config(class_name: &str, config: &Value) -> Result<Box<dyn Layer>> {
    let make = by_name("from_config", "class_name", class_name, &CLASSES)?;
    let mut config = Config::new(class_name, config)?;
    let layer = make(&mut config)?;
    config.finish()?;
    Ok(layer)
}
