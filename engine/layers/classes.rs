//! Layers by the names of Keras's classes.

use serde_json::Value;

use super::{
    Activation, ActivityRegularization, BatchNormalization, Bidirectional, Concatenate, Config, Convolution,
    Crop, Cropping2D, Dense, Dot, DropConnect, Dropout, Embedding, Flatten, GlobalPooling,
    GroupNormalization, Layer, LayerNormalization, Masking, Merge, Noise, PReLU, Permute, Pooling, RBF,
    RMSNormalization, RandomFlip, RandomTone, RandomTransform, Rectifier, Recurrent, RepeatVector, Rescaling,
    Reshape, Resizing, SeparableConvolution, Softmax, TimeDistributed, UpSampling2D, ZeroPadding2D,
};
use crate::error::{Error, Result};
use crate::train::by_name;

type Make = fn(&str, &mut Config) -> Result<Box<dyn Layer>>;

const CLASSES: &[(&str, Make)] = &[
    ("Dense", |_, c| Dense::from_config(c).map(Into::into)),
    ("Flatten", |_, c| Flatten::from_config(c).map(Into::into)),
    ("Dropout", |class, c| Dropout::from_config(class, c).map(Into::into)),
    ("Activation", |_, c| Activation::from_config(c).map(Into::into)),
    ("Cropping2D", |_, c| Cropping2D::from_config(c).map(Into::into)),
    ("Permute", |_, c| Permute::from_config(c).map(Into::into)),
    ("Reshape", |_, c| Reshape::from_config(c).map(Into::into)),
    ("UpSampling2D", |_, c| UpSampling2D::from_config(c).map(Into::into)),
    ("ZeroPadding2D", |_, c| ZeroPadding2D::from_config(c).map(Into::into)),
    ("RepeatVector", |_, c| RepeatVector::from_config(c).map(Into::into)),
    ("DropConnect", |_, c| DropConnect::from_config(c).map(Into::into)),
    ("SimpleRNN", |class, c| Recurrent::from_config(class, c).map(Into::into)),
    ("LSTM", |class, c| Recurrent::from_config(class, c).map(Into::into)),
    ("GRU", |class, c| Recurrent::from_config(class, c).map(Into::into)),
    ("Bidirectional", |_, c| Bidirectional::from_config(c).map(Into::into)),
    ("TimeDistributed", |_, c| TimeDistributed::from_config(c).map(Into::into)),
    ("Masking", |_, c| Masking::from_config(c).map(Into::into)),
    ("Embedding", |_, c| Embedding::from_config(c).map(Into::into)),
    ("BatchNormalization", |_, c| BatchNormalization::from_config(c).map(Into::into)),
    ("LayerNormalization", |_, c| LayerNormalization::from_config(c).map(Into::into)),
    ("GroupNormalization", |_, c| GroupNormalization::from_config(c).map(Into::into)),
    ("RMSNormalization", |_, c| RMSNormalization::from_config(c).map(Into::into)),
    ("CenterCrop", |class, c| Crop::from_config(class, c).map(Into::into)),
    ("RandomCrop", |class, c| Crop::from_config(class, c).map(Into::into)),
    ("RandomFlip", |_, c| RandomFlip::from_config(c).map(Into::into)),
    ("RandomBrightness", |class, c| RandomTone::from_config(class, c).map(Into::into)),
    ("RandomContrast", |class, c| RandomTone::from_config(class, c).map(Into::into)),
    ("RandomRotation", |class, c| RandomTransform::from_config(class, c).map(Into::into)),
    ("RandomTranslation", |class, c| RandomTransform::from_config(class, c).map(Into::into)),
    ("RandomZoom", |class, c| RandomTransform::from_config(class, c).map(Into::into)),
    ("Rescaling", |_, c| Rescaling::from_config(c).map(Into::into)),
    ("Resizing", |_, c| Resizing::from_config(c).map(Into::into)),
    ("Add", |class, c| Merge::from_config(class, c).map(Into::into)),
    ("Subtract", |class, c| Merge::from_config(class, c).map(Into::into)),
    ("Multiply", |class, c| Merge::from_config(class, c).map(Into::into)),
    ("Average", |class, c| Merge::from_config(class, c).map(Into::into)),
    ("Maximum", |class, c| Merge::from_config(class, c).map(Into::into)),
    ("Minimum", |class, c| Merge::from_config(class, c).map(Into::into)),
    ("Concatenate", |_, c| Concatenate::from_config(c).map(Into::into)),
    ("Dot", |_, c| Dot::from_config(c).map(Into::into)),
    ("Conv1D", |class, c| Convolution::from_config(class, c).map(Into::into)),
    ("Conv2D", |class, c| Convolution::from_config(class, c).map(Into::into)),
    ("Conv3D", |class, c| Convolution::from_config(class, c).map(Into::into)),
    ("Conv1DTranspose", |class, c| Convolution::from_config(class, c).map(Into::into)),
    ("Conv2DTranspose", |class, c| Convolution::from_config(class, c).map(Into::into)),
    ("DepthwiseConv1D", |class, c| Convolution::from_config(class, c).map(Into::into)),
    ("DepthwiseConv2D", |class, c| Convolution::from_config(class, c).map(Into::into)),
    ("SeparableConv1D", |class, c| SeparableConvolution::from_config(class, c).map(Into::into)),
    ("SeparableConv2D", |class, c| SeparableConvolution::from_config(class, c).map(Into::into)),
    ("MaxPooling1D", |class, c| Pooling::from_config(class, c).map(Into::into)),
    ("MaxPooling2D", |class, c| Pooling::from_config(class, c).map(Into::into)),
    ("MaxPooling3D", |class, c| Pooling::from_config(class, c).map(Into::into)),
    ("AveragePooling1D", |class, c| Pooling::from_config(class, c).map(Into::into)),
    ("AveragePooling2D", |class, c| Pooling::from_config(class, c).map(Into::into)),
    ("AveragePooling3D", |class, c| Pooling::from_config(class, c).map(Into::into)),
    ("GlobalMaxPooling1D", |class, c| GlobalPooling::from_config(class, c).map(Into::into)),
    ("GlobalMaxPooling2D", |class, c| GlobalPooling::from_config(class, c).map(Into::into)),
    ("GlobalMaxPooling3D", |class, c| GlobalPooling::from_config(class, c).map(Into::into)),
    ("GlobalAveragePooling1D", |class, c| GlobalPooling::from_config(class, c).map(Into::into)),
    ("GlobalAveragePooling2D", |class, c| GlobalPooling::from_config(class, c).map(Into::into)),
    ("GlobalAveragePooling3D", |class, c| GlobalPooling::from_config(class, c).map(Into::into)),
    ("SpatialDropout1D", |class, c| Dropout::from_config(class, c).map(Into::into)),
    ("SpatialDropout2D", |class, c| Dropout::from_config(class, c).map(Into::into)),
    ("SpatialDropout3D", |class, c| Dropout::from_config(class, c).map(Into::into)),
    ("ReLU", |class, c| Rectifier::from_config(class, c).map(Into::into)),
    ("LeakyReLU", |class, c| Rectifier::from_config(class, c).map(Into::into)),
    ("ELU", |class, c| Rectifier::from_config(class, c).map(Into::into)),
    ("GaussianNoise", |class, c| Noise::from_config(class, c).map(Into::into)),
    ("GaussianDropout", |class, c| Noise::from_config(class, c).map(Into::into)),
    ("AlphaDropout", |class, c| Noise::from_config(class, c).map(Into::into)),
    ("PReLU", |_, c| PReLU::from_config(c).map(Into::into)),
    ("Softmax", |_, c| Softmax::from_config(c).map(Into::into)),
    ("ActivityRegularization", |_, c| ActivityRegularization::from_config(c).map(Into::into)),
    ("RBF", |_, c| RBF::from_config(c).map(Into::into)),
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
    let make = by_name("from_config", "class_name", class_name, CLASSES)?;
    let name = config.get("name").and_then(Value::as_str);
    let make = || {
        let mut config = Config::new(class_name, config)?;
        let layer = make(class_name, &mut config)?;
        config.finish()?;
        Ok(layer)
    };
    make().map_err(|error| in_layer(error, name))
}

/// An error of an option, with the name of the layer that has it.
fn in_layer(error: Error, name: Option<&str>) -> Error {
    match (error, name) {
        (Error::Argument { place, argument, found, expected }, Some(name)) if !place.contains(name) => {
            Error::argument(format!("layer {name:?}: {place}"), argument, found, expected)
        }
        (other, _) => other,
    }
}
