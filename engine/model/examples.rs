//! Data sets as the steps take them: checked once, in the form that the loss compares.

use std::sync::Arc;

use super::objective::Objective;
use crate::data::{check_finite, check_labels};
use crate::error::{Error, Result};
use crate::layers::shown;
use crate::stream::Stored;
use crate::tensor::{Tensor, Values};
use crate::train::losses::{Loss, Targets};

/// In which form targets are compared.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// As they were given.
    Given,
    /// As losses take them: one for each target.
    Losses(Vec<Target>),
    /// As they were given, for a custom step, whose graph follows them.
    Custom,
}

/// What a loss compares with an output.
#[derive(Clone, Debug)]
pub(super) struct Target {
    loss: String,
    targets: Targets,
    /// The shape of one sample of the output.
    output: Vec<usize>,
}

impl Form {
    /// What the losses of `objectives` compare with outputs of shapes `outputs`.
    pub fn of(objectives: &[Objective], outputs: &[&[usize]]) -> Self {
        let losses = objectives.iter().zip(outputs);
        let losses = losses.filter_map(|(objective, shape)| Some((objective.loss.as_deref()?, shape)));
        let target = |(loss, shape): (&dyn Loss, &&[usize])| Target {
            loss: loss.name().into(),
            targets: loss.targets(),
            output: shape.to_vec(),
        };
        Self::Losses(losses.map(target).collect())
    }
}

/// Samples for each input, and targets for each output that has a loss.
#[derive(Clone, Debug)]
pub(super) struct Examples {
    pub x: Vec<Arc<Tensor>>,
    pub y: Vec<Arc<Tensor>>,
    /// How much each sample counts in each loss, if not all count alike.
    pub weights: Vec<Arc<Tensor>>,
    /// Whether the graph follows the form of the targets, as a custom step's does.
    free: bool,
}

impl Examples {
    /// Checks samples for `call`.
    pub fn samples(call: &str, x: Vec<Arc<Tensor>>) -> Result<Self> {
        if x.is_empty() {
            return Err(Error::argument(call, "number of inputs", 0, "one tensor for each input"));
        }
        for (i, part) in x.iter().enumerate() {
            let name = part_name("x", i, x.len());
            if part.shape().is_empty() || part.rows() == 0 {
                let (found, remedy) = (format!("{:?}", part.shape()), "give at least one sample");
                return Err(Error::shape(call, name, found, "[samples, …]", remedy));
            }
            check_rows(call, &name, part, x[0].rows())?;
            check_finite(&format!("{call}: {name}"), part)?;
        }
        Ok(Self { x, y: Vec::new(), weights: Vec::new(), free: false })
    }

    /// The shape of one sample of each input.
    pub fn row_shapes(&self) -> Vec<Vec<usize>> {
        self.x.iter().map(|x| x.shape()[1..].to_vec()).collect()
    }

    /// Checks samples and targets for `call`.
    pub fn new(call: &str, x: Vec<Arc<Tensor>>, y: Vec<Arc<Tensor>>) -> Result<Self> {
        let examples = Self::samples(call, x)?;
        for (i, part) in y.iter().enumerate() {
            let name = part_name("y", i, y.len());
            check_rows(call, &name, part, examples.rows())?;
            check_finite(&format!("{call}: {name}"), part)?;
        }
        Ok(Self { y, ..examples })
    }

    /// The same, each sample counting in the losses as much as `weights` says: one tensor for each target.
    pub fn weighted(self, call: &str, weights: Vec<Arc<Tensor>>) -> Result<Self> {
        if weights.len() != self.y.len() {
            let expected = format!("{}, one for each target", self.y.len());
            return Err(Error::argument(call, "number of sample weights", weights.len(), expected));
        }
        let mut floats = Vec::new();
        for (i, part) in weights.iter().enumerate() {
            let name = part_name("sample_weight", i, weights.len());
            check_rows(call, &name, part, self.rows())?;
            check_finite(&format!("{call}: {name}"), part)?;
            floats.push(Tensor::f32(part.shape(), part.to_f32()).map(Arc::new)?);
        }
        Ok(Self { weights: floats, ..self })
    }

    /// The same, each sample counting as much as its class: 1 where `classes` does not name it. The targets are in the
    /// form that the loss compares.
    pub fn weighted_by_class(self, classes: &[(usize, f32)]) -> Result<Self> {
        if classes.is_empty() {
            return Ok(self);
        }
        if self.free {
            let expected = "none: weigh the loss in the custom step";
            return Err(Error::argument("fit", "class_weight", "given", expected));
        }
        let [y] = self.y.as_slice() else {
            let expected = "1: weigh the samples of several outputs by `sample_weight`";
            return Err(Error::argument("fit: class_weight", "number of targets", self.y.len(), expected));
        };
        if !self.weights.is_empty() {
            let expected = "without `class_weight`: multiply the two";
            return Err(Error::argument("fit", "sample_weight", "given", expected));
        }
        if y.shape().len() > 2 {
            let (found, remedy) = (shown(&y.shape()[1..]), "weigh the samples by `sample_weight`");
            return Err(Error::shape("fit: class_weight", "y", found, "one class for each sample", remedy));
        }
        let weight =
            |class: usize| classes.iter().find(|(known, _)| *known == class).map_or(1.0, |&(_, w)| w);
        let weights: Vec<f32> = class_numbers(y).into_iter().map(weight).collect();
        let weights = Tensor::f32(&[y.rows()], weights).map(Arc::new)?;
        Ok(Self { weights: vec![weights], ..self })
    }

    /// The same, the targets in `form`.
    pub fn in_form(self, call: &str, form: &Form) -> Result<Self> {
        match form {
            Form::Given => Ok(self),
            Form::Losses(targets) => self.for_losses(call, targets),
            Form::Custom => self.for_custom_step(call),
        }
    }

    fn for_losses(self, call: &str, targets: &[Target]) -> Result<Self> {
        if targets.len() != self.y.len() {
            let expected = format!("{}, one for each output with a loss", targets.len());
            return Err(Error::argument(call, "number of targets", self.y.len(), expected));
        }
        let fitted = targets.iter().zip(&self.y).map(|(target, y)| match target.targets {
            Targets::Values => values(call, &target.loss, y, &target.output),
            Targets::Labels => labels(call, y, &target.output),
            Targets::Sequences => sequences(call, y, &target.output),
        });
        let y = fitted.collect::<Result<Vec<_>>>()?;
        Ok(Self { y, ..self })
    }

    /// A custom step takes targets as they are.
    fn for_custom_step(self, call: &str) -> Result<Self> {
        if self.weights.is_empty() {
            return Ok(Self { free: true, ..self });
        }
        let expected = "none: give weights as targets, and multiply the loss in the custom step";
        Err(Error::argument(call, "number of sample weights", self.weights.len(), expected))
    }

    /// The rows before `at`, and the others.
    pub fn part(&self, at: usize) -> Result<[Self; 2]> {
        let rows = |tensors: &[Arc<Tensor>], range: std::ops::Range<usize>| {
            tensors
                .iter()
                .map(|tensor| tensor.slice_rows(range.clone()).map(Arc::new))
                .collect::<Result<Vec<_>>>()
        };
        let part = |range: std::ops::Range<usize>| {
            let weights = rows(&self.weights, range.clone())?;
            Ok::<_, Error>(Self {
                x: rows(&self.x, range.clone())?,
                y: rows(&self.y, range)?,
                weights,
                ..*self
            })
        };
        Ok([part(0..at)?, part(at..self.rows())?])
    }

    pub fn rows(&self) -> usize {
        self.x[0].rows()
    }

    /// How samples are stored, and behind them what else the graph depends on: weights, or the targets of a custom step.
    pub fn stored(&self) -> Vec<Stored> {
        let others = if self.free { &self.y } else { &self.weights };
        self.x.iter().chain(others).map(|part| Stored::of(part)).collect()
    }

    /// The tensors in the order of the graph's inputs: a target's weights behind it.
    pub fn tensors(&self) -> Vec<Arc<Tensor>> {
        let mut tensors = self.x.clone();
        for (i, y) in self.y.iter().enumerate() {
            tensors.push(Arc::clone(y));
            tensors.extend(self.weights.get(i).cloned());
        }
        tensors
    }
}

/// The class of each sample: a number, the place of the largest of several, or whether a lone one is nearer to 1.
fn class_numbers(y: &Tensor) -> Vec<usize> {
    let largest = |row: &[f32]| (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0);
    match y.values() {
        Values::U32(labels) => labels.iter().map(|&label| label as usize).collect(),
        _ if y.row_len() == 1 => y.to_f32().iter().map(|&value| value.round().max(0.0) as usize).collect(),
        _ => y.to_f32().chunks(y.row_len()).map(largest).collect(),
    }
}

/// `x`, or `x[1]` where there are several.
fn part_name(name: &str, number: usize, count: usize) -> String {
    if count == 1 { name.to_string() } else { format!("{name}[{number}]") }
}

fn check_rows(call: &str, name: &str, tensor: &Tensor, rows: usize) -> Result<()> {
    if !tensor.shape().is_empty() && tensor.rows() == rows {
        return Ok(());
    }
    let (found, expected) = (format!("{:?}", tensor.shape()), format!("{rows} rows, as x"));
    Err(Error::shape(call, name, found, expected, "give one target for each sample"))
}

/// Floats of the output's shape. One number a sample may come without its axis.
fn values(call: &str, loss: &str, y: &Arc<Tensor>, output: &[usize]) -> Result<Arc<Tensor>> {
    let row = y.shape().get(1..).unwrap_or_default();
    if row != output && !(row.is_empty() && output == [1]) {
        let remedy = match row {
            [] | [1] => {
                "one-hot encode class numbers (data::one_hot), or use sparse_categorical_crossentropy"
            }
            _ => "make the last layer as large as a target",
        };
        let expected = format!("{}, as the model's output, for {}", shown(output), loss);
        return Err(Error::shape(call, "y", shown(row), expected, remedy));
    }
    if row == output && matches!(y.values(), Values::F32(_)) {
        return Ok(Arc::clone(y));
    }
    Tensor::f32(&[&[y.rows()], output].concat(), y.to_f32()).map(Arc::new)
}

/// Class numbers, one for each row of scores.
fn labels(call: &str, y: &Arc<Tensor>, output: &[usize]) -> Result<Arc<Tensor>> {
    let Some((&classes, places)) = output.split_last() else {
        let remedy = "end the model with as many outputs as there are classes";
        return Err(Error::shape(call, "the model's output", "[None]", "[None, classes]", remedy));
    };
    let row = y.shape().get(1..).unwrap_or_default();
    if row != places && row != [places, &[1]].concat() {
        let remedy = "give class numbers, or use categorical_crossentropy for one-hot targets";
        return Err(Error::shape(
            call,
            "y",
            shown(row),
            format!("{}, one class number each", shown(places)),
            remedy,
        ));
    }
    let count = y.rows() * y.row_len();
    let flat = Tensor::new(&[count], whole(y))?;
    let numbers = check_labels(&format!("{call}: y"), &flat, classes)?;
    Tensor::u32(&[&[y.rows()], places, &[1]].concat(), numbers).map(Arc::new)
}

/// Class numbers in rows, filled up with zeros to the output's time steps.
fn sequences(call: &str, y: &Arc<Tensor>, output: &[usize]) -> Result<Arc<Tensor>> {
    let (&[_, length], &[time, classes]) = (y.shape(), output) else {
        let found = format!("{} for an output {}", shown(&y.shape()[1..]), shown(output));
        let remedy = "give one row of labels for each sample of time steps";
        return Err(Error::shape(call, "y", found, "[None, labels] for [None, time, classes]", remedy));
    };
    if length > time {
        let (expected, remedy) = (format!("at most {time} labels"), "a time step spells one label at most");
        return Err(Error::shape(call, "y", shown(&y.shape()[1..]), expected, remedy));
    }
    let flat = Tensor::new(&[y.rows() * length], whole(y))?;
    let numbers = check_labels(&format!("{call}: y"), &flat, classes)?;
    let mut rows = Vec::with_capacity(y.rows() * time);
    for row in numbers.chunks(length.max(1)) {
        rows.extend_from_slice(row);
        rows.resize(rows.len() + time - length, 0);
    }
    Tensor::u32(&[y.rows(), time], rows).map(Arc::new)
}

/// Class numbers that came as floats, as NumPy's often do, where every one is whole.
fn whole(y: &Tensor) -> Values {
    match y.values() {
        Values::F32(v) if v.iter().all(|&x| x >= 0.0 && x.fract() == 0.0 && x < 16_777_216.0) => {
            Values::U32(v.iter().map(|&x| x as u32).collect())
        }
        other => other.clone(),
    }
}
