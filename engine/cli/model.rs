//! The model that a command works on, and its data.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{Device, Model, Tensor, Tensors, data};

/// A model in a file, and what goes with it.
#[derive(Args)]
pub struct ModelFile {
    /// A model: .keras, .h5, .onnx, or a bare config.json of Keras
    model: PathBuf,
    /// Weights to put over it: .weights.h5, .h5, .keras, .safetensors or .npz
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
}

/// Where a model runs.
#[derive(Args)]
pub struct DeviceName {
    /// auto, cpu, gpu, vulkan, gl, metal, dx12 or a part of an adapter's name [default: $GRADUS_DEVICE, or auto]
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
}

impl DeviceName {
    /// `model` on this device.
    pub fn take(&self, model: Model) -> Result<Model> {
        Ok(match &self.device {
            Some(name) => model.device(Device::parse(name)?.tuned_by_environment()?),
            None => model,
        })
    }

    /// The name given, if one was.
    pub fn name(&self) -> Option<&str> {
        self.device.as_deref()
    }
}

impl ModelFile {
    /// The model with its weights, on the device that the environment names.
    pub fn open(&self) -> Result<Model> {
        let mut model = Model::load(&self.model)?;
        if let Some(weights) = &self.weights {
            model.load_weights(weights)?;
        }
        Ok(model)
    }

    /// Where the model is.
    pub fn path(&self) -> &Path {
        &self.model
    }

    /// The model on `device`.
    pub fn open_on(&self, device: &DeviceName) -> Result<Model> {
        device.take(self.open()?)
    }

    /// Whether the weights come from a file, not from a seed.
    pub fn has_weights(&self) -> bool {
        let is_config = self.model.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
        self.weights.is_some() || !is_config
    }
}

/// Samples in files, one for each input of a model.
#[derive(Args)]
pub struct Samples {
    /// Samples: FILE.npy, FILE.npz:KEY, FILE.h5:DATASET, FILE.csv, an image or a folder of images; once for each input
    #[arg(long, required = true, value_name = "FILE")]
    x: Vec<String>,
    /// What all samples are multiplied by, such as 0.00392156862745098 for the bytes of images
    #[arg(long, default_value_t = 1.0, value_name = "FACTOR")]
    scale: f32,
}

impl Samples {
    /// All inputs.
    pub fn read(&self) -> Result<Vec<Tensor>> {
        self.read_others(&self.x)
    }

    /// The names of the files.
    pub fn files(&self) -> &[String] {
        &self.x
    }

    /// Those of other files, taken in the same way.
    pub fn read_others(&self, files: &[String]) -> Result<Vec<Tensor>> {
        read_all(files, self.scale)
    }
}

/// Tensors from `files`, multiplied by `scale`.
pub fn read_all(files: &[String], scale: f32) -> Result<Vec<Tensor>> {
    if !scale.is_finite() || scale == 0.0 {
        bail!("--scale is {scale}, expected a number other than 0");
    }
    let read = |file: &String| {
        let tensor = data::read_array(file)?;
        Ok(if scale == 1.0 { tensor } else { tensor.scaled(scale) })
    };
    files.iter().map(read).collect()
}

/// `rows` samples for each input of `model`, evenly spread over [0, 1).
pub fn made_up(model: &Model, rows: usize) -> Result<Tensors> {
    let shapes = model.input_shapes().context(
        "the model does not say the shape of its input: give a file that does, such as one with a build_input_shape",
    )?;
    let tensors = shapes.iter().map(|shape| {
        let shape: Vec<usize> = std::iter::once(rows).chain(shape.iter().copied()).collect();
        let count: usize = shape.iter().product();
        // Steps of the golden ratio fill an interval evenly in any order of magnitude.
        let number = |i: usize| ((i as f64 + 0.5) * 0.618_033_988_749_895).fract() as f32;
        Tensor::f32(&shape, (0..count).map(number).collect())
    });
    Ok(tensors.collect::<Result<Vec<_>, _>>()?.into())
}

/// The arrays in `files`, or `rows` made-up samples if there are none.
pub fn read_or_make_up(files: &[String], model: &Model, rows: usize) -> Result<Tensors> {
    if files.is_empty() { made_up(model, rows) } else { Ok(read_all(files, 1.0)?.into()) }
}
