use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId};
use crate::layers::config::with_base;
use crate::layers::{Base, Config, Context, Layer};
use crate::tensor::Shape;

/// x · scale + offset, in training and after, such as bytes of images brought to numbers from 0 to 1.
///
/// ```
/// use gradus::layers::Rescaling;
/// let from_0_to_1 = Rescaling::new(1.0 / 255.0);
/// let from_minus_1_to_1 = Rescaling::new(1.0 / 127.5).offset(-1.0);
/// let by_color = Rescaling::new(vec![0.017, 0.018, 0.017]).offset(vec![-2.12, -2.04, -1.8]);
/// ```
#[derive(Clone, Debug)]
pub struct Rescaling {
    base: Base,
    scale: PerChannel,
    offset: PerChannel,
}

/// One number for all, or one for each element of the last axis.
#[derive(Clone, Debug, PartialEq)]
pub struct PerChannel(Vec<f64>);

impl From<f64> for PerChannel {
    fn from(number: f64) -> Self {
        Self(vec![number])
    }
}

impl From<Vec<f64>> for PerChannel {
    fn from(numbers: Vec<f64>) -> Self {
        Self(numbers)
    }
}

impl PerChannel {
    /// What `config` has under `key`, unless there is nothing.
    fn from_config(config: &mut Config, key: &'static str) -> Result<Option<Self>> {
        let Some(value) = config.take(key) else { return Ok(None) };
        let list = value.as_array().map(|list| list.iter().map(Value::as_f64).collect());
        let numbers = list.unwrap_or_else(|| value.as_f64().map(|number| vec![number]));
        let expected = "a number, or a list of one for each channel";
        numbers.map(|numbers| Some(Self(numbers))).ok_or_else(|| config.wrong(key, &value, expected))
    }

    fn config(&self) -> Value {
        match self.0.as_slice() {
            [number] => json!(number),
            numbers => json!(numbers),
        }
    }

    fn check(&self, place: &str, argument: &str, input: &[usize]) -> Result<()> {
        let fits = self.0.len() == 1 || Some(&self.0.len()) == input.last();
        if fits && self.0.iter().all(|number| number.is_finite()) {
            return Ok(());
        }
        let expected = "a finite number, or one for each element of the last axis";
        Err(Error::argument(place, argument, format!("{:?}", self.0), expected))
    }

    /// The numbers as a value that stretches along all axes but the last.
    fn node(&self, graph: &mut Graph) -> Result<NodeId> {
        let number = |graph: &mut Graph, number: f64| {
            let constant = graph.constant(number as f32);
            graph.reshape(constant, &Shape::fixed(&[1]))
        };
        let parts = self.0.iter().map(|&n| number(graph, n)).collect::<Result<Vec<_>>>()?;
        graph.concat(&parts, 0)
    }
}

impl Rescaling {
    /// What the numbers are multiplied by: one for all, or one for each element of the last axis.
    pub fn new(scale: impl Into<PerChannel>) -> Self {
        Self { base: Base::default(), scale: scale.into(), offset: 0.0.into() }
    }

    /// What is added then: one number, or one for each element of the last axis. Default 0.
    pub fn offset(mut self, offset: impl Into<PerChannel>) -> Self {
        self.offset = offset.into();
        self
    }

    /// The layer's name. Default `rescaling`, `rescaling_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(in crate::layers) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let missing = config.wrong("scale", &Value::Null, "a number, or a list of one for each channel");
        let scale = PerChannel::from_config(config, "scale")?.ok_or(missing)?;
        let offset = PerChannel::from_config(config, "offset")?.unwrap_or(0.0.into());
        Ok(Self { base, scale, offset })
    }
}

impl Layer for Rescaling {
    fn class_name(&self) -> &'static str {
        "Rescaling"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        with_base(self, json!({ "scale": self.scale.config(), "offset": self.offset.config() }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.scale.check(&place, "scale", input)?;
        self.offset.check(&place, "offset", input)?;
        Ok(input.to_vec())
    }

    fn passes_mask(&self) -> bool {
        true
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let graph = &mut *context.graph;
        let (scale, offset) = (self.scale.node(graph)?, self.offset.node(graph)?);
        let scaled = graph.multiply(input, scale)?;
        graph.add(scaled, offset)
    }
}
