use std::path::{Path, PathBuf};

use super::Callback;
use crate::error::Result;
use crate::formats::event_file::{EventFile, GraphNode};
use crate::model::{Logs, Model, Training};

/// Writes what TensorBoard shows (`tensorboard --logdir FOLDER`), under the names of
/// [Keras](https://keras.io/api/callbacks/tensorboard/): `epoch_loss` and so on in the folders `train` and `validation`,
/// `epoch_learning_rate`, the graph of layers, and if asked for, `batch_loss` and so on, histograms of all weights, and the
/// filters of convolutions as images.
///
/// ```
/// use gradus::{FitOptions, TensorBoard};
/// let options = FitOptions::new().epochs(10).callback(TensorBoard::new("logs").histogram_freq(1));
/// ```
#[derive(Debug)]
pub struct TensorBoard {
    folder: PathBuf,
    histogram_freq: usize,
    write_graph: bool,
    #[cfg(feature = "plots")]
    write_images: bool,
    /// Steps from one report to the next; 0 for none within an epoch.
    update_freq: usize,
    /// Steps of this epoch, and of all before.
    done: usize,
    before: u64,
    train: Option<EventFile>,
    validation: Option<EventFile>,
}

impl TensorBoard {
    /// Writes to new files in `folder`.
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self {
            folder: folder.as_ref().to_path_buf(),
            histogram_freq: 0,
            write_graph: true,
            #[cfg(feature = "plots")]
            write_images: false,
            update_freq: 0,
            done: 0,
            before: 0,
            train: None,
            validation: None,
        }
    }

    /// From how many epochs to how many histograms of the weights are written. Default 0: never.
    pub fn histogram_freq(mut self, epochs: usize) -> Self {
        self.histogram_freq = epochs;
        self
    }

    /// Whether the graph of layers is written. Default true.
    pub fn write_graph(mut self, write_graph: bool) -> Self {
        self.write_graph = write_graph;
        self
    }

    /// Whether the kernels of two-dimensional convolutions are drawn, as often as histograms are. Default false.
    #[cfg(feature = "plots")]
    pub fn write_images(mut self, write_images: bool) -> Self {
        self.write_images = write_images;
        self
    }

    /// From how many steps to how many the means of the epoch so far are written, which waits for the device. Default 0:
    /// only at the end of each epoch.
    pub fn update_freq(mut self, steps: usize) -> Self {
        self.update_freq = steps;
        self
    }

    fn train(&mut self) -> Result<&mut EventFile> {
        open(&mut self.train, &self.folder.join("train"))
    }

    fn write_weights(&mut self, epoch: usize, training: &mut Training<'_>) -> Result<()> {
        let weights = training.weights()?;
        let names: Vec<String> = training
            .model
            .named_weights()
            .into_iter()
            .map(|(layer, weight)| format!("{layer}/{}", weight.name))
            .collect();
        for (name, weight) in names.iter().zip(&weights) {
            self.train()?.histogram(&format!("{name}/histogram"), epoch as u64, &weight.to_f32())?;
            #[cfg(feature = "plots")]
            if self.write_images && weight.shape().len() == 4 {
                let pixels = crate::model::plot::filter_picture(name, weight)?.pixels();
                let (size, png) = ((pixels.width, pixels.height()), pixels.png()?);
                self.train()?.image(&format!("{name}/image"), epoch as u64, size, &png)?;
            }
        }
        Ok(())
    }
}

/// The file of `place`, made if there is none yet.
fn open<'a>(place: &'a mut Option<EventFile>, folder: &Path) -> Result<&'a mut EventFile> {
    let file = match place.take() {
        Some(file) => file,
        None => EventFile::create(folder)?,
    };
    Ok(place.insert(file))
}

/// The model's inputs and calls of layers, each under a name of its own.
fn graph_of(model: &Model) -> Vec<GraphNode> {
    let mut nodes: Vec<GraphNode> = Vec::new();
    for (port, shape) in model.network.inputs.iter().zip(&model.shapes) {
        let (name, op) = (port.name.clone(), "InputLayer".to_string());
        nodes.push(GraphNode { name, op, inputs: Vec::new(), shape: shape.clone() });
    }
    for (number, call) in model.network.calls.iter().enumerate() {
        let layer = model.network.layers[call.layer].as_ref();
        let earlier = model.network.calls[..number].iter().filter(|other| other.layer == call.layer).count();
        let name =
            if earlier == 0 { layer.name().to_string() } else { format!("{}_call_{earlier}", layer.name()) };
        let from = |&value: &usize| match model.network.origin(value) {
            Some((call, _)) => nodes[model.network.inputs.len() + call].name.clone(),
            None => nodes[value].name.clone(),
        };
        let inputs = call.inputs.iter().map(from).collect();
        let shape = model.shapes[call.first].clone();
        nodes.push(GraphNode { name, op: layer.class_name().to_string(), inputs, shape });
    }
    nodes
}

impl Callback for TensorBoard {
    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        (self.train, self.validation, self.before) = (None, None, training.model.step);
        if self.write_graph {
            let nodes = graph_of(training.model);
            self.train()?.graph(&nodes)?;
        }
        Ok(())
    }

    fn on_epoch_begin(&mut self, _epoch: usize, training: &mut Training<'_>) -> Result<()> {
        (self.done, self.before) = (0, training.model.step);
        Ok(())
    }

    fn on_epoch_resume(&mut self, epoch: usize, done: usize, training: &mut Training<'_>) -> Result<()> {
        self.on_epoch_begin(epoch, training)?;
        (self.done, self.before) = (done, self.before.saturating_sub(done as u64));
        Ok(())
    }

    fn next_batch(&self) -> Option<usize> {
        (self.update_freq > 0).then(|| self.update_freq - self.done % self.update_freq)
    }

    fn on_batch_end(&mut self, done: usize, training: &mut Training<'_>) -> Result<()> {
        self.done = done;
        if self.update_freq == 0 || !done.is_multiple_of(self.update_freq) {
            return Ok(());
        }
        let step = self.before + done as u64;
        for (name, value) in training.logs()?.iter() {
            self.train()?.scalar(&format!("batch_{name}"), step, value)?;
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: usize, logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        for (name, value) in logs.iter() {
            let (file, name) = match name.strip_prefix("val_") {
                Some(name) => (open(&mut self.validation, &self.folder.join("validation"))?, name),
                None => (self.train()?, name),
            };
            file.scalar(&format!("epoch_{name}"), epoch as u64, value)?;
        }
        // Custom steps with several optimizers have several rates.
        if let Ok(rate) = training.learning_rate() {
            self.train()?.scalar("epoch_learning_rate", epoch as u64, rate)?;
        }
        if self.histogram_freq > 0 && epoch.is_multiple_of(self.histogram_freq) {
            self.write_weights(epoch, training)?;
        }
        Ok(())
    }

    fn on_train_end(&mut self, _training: &mut Training<'_>) -> Result<()> {
        (self.train, self.validation) = (None, None);
        Ok(())
    }
}
