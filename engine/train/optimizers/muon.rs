use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::arithmetic::{approach_square, mixed, root_raised};
use super::base::{check_from_0, check_share};
use super::segments::{parameters, spread};
use super::{Base, Optimizer, Slot, Start, Update};
use crate::error::Result;
use crate::graph::{Along, Graph, NodeId, Parameter, VariableId};
use crate::tensor::Shape;
use crate::train::config::Config;
use crate::train::schedules::LearningRate;

/// Keeps a matrix of zeros from being divided by its length.
const EPSILON: f64 = 1e-7;

/// Momentum made orthogonal (Jordan et al. 2024), for matrices; AdamW for all other weights.
///
/// m ← μ·m + g; the step is the nearest orthogonal matrix to μ·m + g (without Nesterov's momentum, to m), from a few
/// Newton-Schulz iterations X ← a·X + (b·A + c·A²)·X with A = X·Xᵀ, times learning_rate · rms_rate · √max(rows, columns)
/// (Liu et al. 2025). Matrices of one shape go through the iterations together.
///
/// ```
/// use gradus::Muon;
/// let optimizer = Muon::new(0.02).momentum(0.95).exclude_layers(&["dense_2"]);
/// ```
#[derive(Clone, Debug)]
pub struct Muon {
    base: Base,
    adam_beta_1: f64,
    adam_beta_2: f64,
    adam_weight_decay: Option<f64>,
    epsilon: f64,
    exclude_layers: Vec<String>,
    exclude_embeddings: bool,
    muon_a: f64,
    muon_b: f64,
    muon_c: f64,
    adam_lr_ratio: f64,
    momentum: f64,
    ns_steps: usize,
    nesterov: bool,
    rms_rate: Option<f64>,
}

impl Default for Muon {
    fn default() -> Self {
        Self::new(0.001)
    }
}

impl Muon {
    /// Muon with Keras's defaults. Its default rate is 0.001.
    pub fn new(learning_rate: impl Into<LearningRate>) -> Self {
        let mut base = Base::new(learning_rate);
        base.weight_decay = Some(0.004);
        Self {
            base,
            adam_beta_1: 0.9,
            adam_beta_2: 0.999,
            adam_weight_decay: Some(0.004),
            epsilon: 1e-7,
            exclude_layers: Vec::new(),
            exclude_embeddings: true,
            muon_a: 3.4445,
            muon_b: -4.775,
            muon_c: 2.0315,
            adam_lr_ratio: 1.0,
            momentum: 0.95,
            ns_steps: 5,
            nesterov: true,
            rms_rate: Some(0.2),
        }
    }

    /// Adam's shares: how slowly the means of gradients and of their squares forget. Default 0.9 and 0.999.
    pub fn adam_betas(mut self, beta_1: f64, beta_2: f64) -> Self {
        (self.adam_beta_1, self.adam_beta_2) = (beta_1, beta_2);
        self
    }

    /// The weight decay where AdamW works. Default 0.004.
    pub fn adam_weight_decay(mut self, decay: impl Into<Option<f64>>) -> Self {
        self.adam_weight_decay = decay.into();
        self
    }

    /// AdamW's learning rate as a multiple of Muon's. Default 1.
    pub fn adam_lr_ratio(mut self, ratio: f64) -> Self {
        self.adam_lr_ratio = ratio;
        self
    }

    /// What keeps AdamW's division from dividing by 0. Default 1e-7.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Matrices that AdamW takes: those whose name, such as `dense_2/kernel`, contains one of `parts`. Default none.
    pub fn exclude_layers(mut self, parts: &[&str]) -> Self {
        self.exclude_layers = parts.iter().map(|part| part.to_string()).collect();
        self
    }

    /// Whether AdamW takes embeddings. Default true.
    pub fn exclude_embeddings(mut self, exclude: bool) -> Self {
        self.exclude_embeddings = exclude;
        self
    }

    /// The numbers a, b and c of an iteration. Default 3.4445, −4.775 and 2.0315.
    pub fn coefficients(mut self, a: f64, b: f64, c: f64) -> Self {
        (self.muon_a, self.muon_b, self.muon_c) = (a, b, c);
        self
    }

    /// The share of the last momentum that goes into the next. Default 0.95.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// The number of Newton-Schulz iterations. Default 5.
    pub fn ns_steps(mut self, steps: usize) -> Self {
        self.ns_steps = steps;
        self
    }

    /// Whether momentum looks one step ahead. Default true.
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.nesterov = nesterov;
        self
    }

    /// The size of a step's numbers as a multiple of the learning rate; with `None` steps are orthogonal matrices as
    /// they are. Default 0.2.
    pub fn rms_rate(mut self, rate: impl Into<Option<f64>>) -> Self {
        self.rms_rate = rate.into();
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        Ok(Self {
            base: default.base.configured(config)?,
            adam_beta_1: config.number_or("adam_beta_1", default.adam_beta_1)?,
            adam_beta_2: config.number_or("adam_beta_2", default.adam_beta_2)?,
            adam_weight_decay: config.number_or_null("adam_weight_decay", default.adam_weight_decay)?,
            epsilon: config.number_or("epsilon", default.epsilon)?,
            exclude_layers: config.texts("exclude_layers")?,
            exclude_embeddings: config.flag("exclude_embeddings", true)?,
            muon_a: config.number_or("muon_a", default.muon_a)?,
            muon_b: config.number_or("muon_b", default.muon_b)?,
            muon_c: config.number_or("muon_c", default.muon_c)?,
            adam_lr_ratio: config.number_or("adam_lr_ratio", default.adam_lr_ratio)?,
            momentum: config.number_or("momentum", default.momentum)?,
            ns_steps: config.count_or_none("ns_steps")?.unwrap_or(default.ns_steps),
            nesterov: config.flag("nesterov", default.nesterov)?,
            rms_rate: config.number_or_null("rms_rate", default.rms_rate)?,
        })
    }

    /// Whether AdamW takes `parameter`.
    fn leaves(&self, parameter: &Parameter) -> bool {
        let name = &parameter.name;
        parameter.shape.len() != 2
            || (self.exclude_embeddings && name.to_lowercase().contains("embedding"))
            || self.exclude_layers.iter().any(|part| name.contains(part.as_str()))
    }

    /// AdamW's change, and its slots.
    fn adam(&self, graph: &mut Graph, start: &Start<'_>) -> Result<(NodeId, [NodeId; 2])> {
        let shares = [self.adam_beta_1, 1.0 - self.adam_beta_1];
        let mean = mixed(graph, shares, [start.slots[0], start.gradient])?;
        let square = approach_square(graph, start.slots[1], start.gradient, 1.0 - self.adam_beta_2)?;
        let size = graph.scalar("adam_step_size");
        let change = graph.multiply(mean, size)?;
        let divisor = root_raised(graph, square, self.epsilon)?;
        Ok((graph.divide(change, divisor)?, [mean, square]))
    }

    /// `directions` `[segments, 256]` with each of Muon's matrices made orthogonal, and zeros elsewhere.
    fn orthogonal(&self, graph: &mut Graph, variable: VariableId, directions: NodeId) -> Result<NodeId> {
        let parameters = parameters(graph, variable);
        let flat = Shape(vec![graph.shape(directions).count()]);
        let flat = graph.reshape(directions, &flat)?;
        let mut alike: BTreeMap<[usize; 2], Vec<usize>> = BTreeMap::new();
        for (i, parameter) in parameters.iter().enumerate().filter(|(_, p)| !self.leaves(p)) {
            let [rows, columns] = [parameter.shape[0], parameter.shape[1]];
            alike.entry([rows.min(columns), rows.max(columns)]).or_default().push(i);
        }
        let zeros = |parameter: &Parameter| graph.full(0.0, &Shape::fixed(&parameter.shape));
        let mut results: Vec<NodeId> = parameters.iter().map(zeros).collect();
        for ([rows, columns], members) in alike {
            let wide = |graph: &mut Graph, &i: &usize| wide(graph, flat, &parameters[i]);
            let stack = members.iter().map(|i| wide(graph, i)).collect::<Result<Vec<_>>>()?;
            let stack = graph.concat(&stack, 0)?;
            let stack = self.iterate(graph, stack)?;
            let factor = self.rms_rate.map_or(1.0, |rate| rate * (columns as f64).sqrt());
            let stack = graph.scale(stack, factor as f32)?;
            for (place, &i) in members.iter().enumerate() {
                let one = graph.slice(stack, &[Along::new(0, place, 1)])?;
                let one = graph.reshape(one, &Shape::fixed(&[rows, columns]))?;
                let tall = parameters[i].shape[0] > parameters[i].shape[1];
                results[i] = if tall { graph.transpose(one, &[1, 0])? } else { one };
            }
        }
        graph.pack(variable, &results)
    }

    /// Newton-Schulz iterations over a stack of matrices that are not taller than wide.
    fn iterate(&self, graph: &mut Graph, stack: NodeId) -> Result<NodeId> {
        let squares = graph.multiply(stack, stack)?;
        let sum = graph.sum(squares, &[1, 2])?;
        let length = root_raised(graph, sum, EPSILON)?;
        let mut x = graph.divide(stack, length)?;
        for _ in 0..self.ns_steps {
            let square = graph.matmul(x, x, false, true)?;
            let fourth = graph.matmul(square, square, false, false)?;
            let factor = mixed(graph, [self.muon_b, self.muon_c], [square, fourth])?;
            let turned = graph.matmul(factor, x, false, false)?;
            x = mixed(graph, [self.muon_a, 1.0], [x, turned])?;
        }
        Ok(x)
    }
}

/// The part of `flat` that belongs to `parameter`, transposed if it is taller than wide: `[1, rows, columns]`.
fn wide(graph: &mut Graph, flat: NodeId, parameter: &Parameter) -> Result<NodeId> {
    let [rows, columns] = [parameter.shape[0], parameter.shape[1]];
    let part = graph.slice(flat, &[Along::new(0, parameter.offset, parameter.len())])?;
    let matrix = graph.reshape(part, &Shape::fixed(&[1, rows, columns]))?;
    if rows > columns { graph.transpose(matrix, &[0, 2, 1]) } else { Ok(matrix) }
}

impl Optimizer for Muon {
    fn class_name(&self) -> &'static str {
        "Muon"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn options(&self) -> Value {
        json!({
            "adam_beta_1": self.adam_beta_1,
            "adam_beta_2": self.adam_beta_2,
            "adam_weight_decay": self.adam_weight_decay,
            "epsilon": self.epsilon,
            "exclude_layers": self.exclude_layers,
            "exclude_embeddings": self.exclude_embeddings,
            "muon_a": self.muon_a,
            "muon_b": self.muon_b,
            "muon_c": self.muon_c,
            "adam_lr_ratio": self.adam_lr_ratio,
            "momentum": self.momentum,
            "ns_steps": self.ns_steps,
            "nesterov": self.nesterov,
            "rms_rate": self.rms_rate,
        })
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::new("momentum"), Slot::new("velocity")]
    }

    /// Velocities are AdamW's alone.
    fn keeps(&self, slot: usize, parameter: &Parameter) -> bool {
        slot == 0 || self.leaves(parameter)
    }

    fn scalars(&self, update: u64, rate: f64) -> Vec<(&'static str, f32)> {
        let [one, two] = [self.adam_beta_1, self.adam_beta_2].map(|beta| 1.0 - beta.powf(update as f64));
        vec![("adam_step_size", (rate * self.adam_lr_ratio * two.sqrt() / one) as f32)]
    }

    fn update(&self, graph: &mut Graph, start: &Start<'_>) -> Result<Update> {
        let (adam_change, [adam_mean, square]) = self.adam(graph, start)?;
        let sums =
            |graph: &mut Graph, momentum| mixed(graph, [self.momentum, 1.0], [momentum, start.gradient]);
        let momentum = sums(graph, start.slots[0])?;
        let direction = if self.nesterov { sums(graph, momentum)? } else { momentum };
        let change = self.orthogonal(graph, start.variable, direction)?;
        let rate = graph.scalar("learning_rate");
        let change = graph.multiply(change, rate)?;
        let left = spread(graph, start.variable, |p| if self.leaves(p) { 1.0 } else { 0.0 })?;
        let change = graph.select(left, adam_change, change)?;
        let momentum = graph.select(left, adam_mean, momentum)?;
        Ok(Update { weights: graph.subtract(start.weights, change)?, slots: vec![momentum, square] })
    }

    fn decay(&self, parameter: &Parameter) -> f64 {
        let decay = if self.leaves(parameter) { self.adam_weight_decay } else { self.base.weight_decay };
        decay.filter(|_| self.base.decays(parameter)).unwrap_or(0.0)
    }

    fn check(&self) -> Result<()> {
        check_share("Muon", "adam_beta_1", self.adam_beta_1)?;
        check_share("Muon", "adam_beta_2", self.adam_beta_2)?;
        check_share("Muon", "momentum", self.momentum)?;
        check_from_0("Muon", "epsilon", self.epsilon)?;
        check_from_0("Muon", "adam_lr_ratio", self.adam_lr_ratio)?;
        check_from_0("Muon", "adam_weight_decay", self.adam_weight_decay.unwrap_or(0.0))?;
        check_from_0("Muon", "rms_rate", self.rms_rate.unwrap_or(0.0))
    }
}
