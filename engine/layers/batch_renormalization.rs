//! Batch renormalization: what [`BatchNormalization`](super::BatchNormalization) does under Keras's `renorm`.

use serde_json::{Value, json};

use super::normalization::{deviation, follow};
use super::{Config, Context};
use crate::error::{Error, Result};
use crate::graph::{Binary, Graph, NodeId, Unary};
use crate::json;

/// How far batch renormalization may correct a batch: x · r + d, with r between `rmin` and `rmax`, d between −`dmax` and `dmax`.
/// What is `None` is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RenormClipping {
    /// The largest r.
    pub rmax: Option<f64>,
    /// The smallest r.
    pub rmin: Option<f64>,
    /// The largest |d|.
    pub dmax: Option<f64>,
}

impl RenormClipping {
    fn from_config(config: &mut Config) -> Result<Option<Self>> {
        let Some(value) = config.take("renorm_clipping") else { return Ok(None) };
        let mut bounds = Config::new("renorm_clipping", &value)?;
        let [rmax, rmin, dmax] = ["rmax", "rmin", "dmax"].map(|key| bounds.number_or_none(key));
        let clipping = Self { rmax: rmax?, rmin: rmin?, dmax: dmax? };
        bounds.finish()?;
        Ok(Some(clipping))
    }

    /// The bounds that there are.
    fn config(self) -> Value {
        let bounds = [("rmax", self.rmax), ("rmin", self.rmin), ("dmax", self.dmax)];
        let given = bounds.into_iter().filter_map(|(key, bound)| Some((key, json!(bound?))));
        json::object(given)
    }

    fn check(self, place: &str) -> Result<()> {
        if self.rmin.zip(self.rmax).is_some_and(|(rmin, rmax)| !(rmin <= rmax)) {
            let found = format!("{self:?}");
            return Err(Error::argument(
                place,
                "renorm_clipping",
                found,
                "an rmax that is no less than rmin",
            ));
        }
        if self.dmax.is_some_and(|dmax| !(dmax >= 0.0)) {
            return Err(Error::argument(
                place,
                "renorm_clipping",
                format!("{self:?}"),
                "a dmax of at least 0",
            ));
        }
        Ok(())
    }
}

/// The options of batch renormalization.
#[derive(Clone, Copy, Debug)]
pub(super) struct Renorm {
    pub on: bool,
    pub clipping: Option<RenormClipping>,
    pub momentum: f64,
}

impl Default for Renorm {
    fn default() -> Self {
        Self { on: false, clipping: None, momentum: 0.99 }
    }
}

/// The states, behind the averages of mean and variance.
pub(super) const STATES: [&str; 3] = ["moving_stddev", "renorm_mean", "renorm_stddev"];

impl Renorm {
    pub fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self {
            on: config.flag("renorm", false)?,
            clipping: RenormClipping::from_config(config)?,
            momentum: config.number_or("renorm_momentum", 0.99)?,
        })
    }

    pub fn config(&self) -> Value {
        json!({
            "renorm": self.on,
            "renorm_clipping": self.clipping.map(RenormClipping::config),
            "renorm_momentum": self.momentum,
        })
    }

    pub fn check(&self, place: &str) -> Result<()> {
        if !(0.0..=1.0).contains(&self.momentum) {
            return Err(Error::argument(place, "renorm_momentum", self.momentum, "a share from 0 to 1"));
        }
        self.clipping.map_or(Ok(()), |clipping| clipping.check(place))
    }

    /// r = σ / σ' and d = (μ − μ') / σ' within the bounds, from the batch's mean μ and deviation σ and the averages μ' and σ'. No
    /// gradient flows through either.
    fn corrections(
        &self,
        graph: &mut Graph,
        [mean, stddev]: [NodeId; 2],
        [known_mean, known_stddev]: [NodeId; 2],
        epsilon: f64,
    ) -> Result<[NodeId; 2]> {
        let least = graph.constant(epsilon.sqrt() as f32);
        let divisor = graph.binary(Binary::Maximum, known_stddev, least)?;
        let distance = graph.subtract(mean, known_mean)?;
        let (mut r, mut d) = (graph.divide(stddev, divisor)?, graph.divide(distance, divisor)?);
        let clipping = self.clipping.unwrap_or_default();
        let mut bounded = |x: &mut NodeId, operation, bound: Option<f64>| -> Result<()> {
            let Some(bound) = bound else { return Ok(()) };
            let bound = graph.constant(bound as f32);
            *x = graph.binary(operation, *x, bound)?;
            Ok(())
        };
        bounded(&mut r, Binary::Maximum, clipping.rmin)?;
        bounded(&mut r, Binary::Minimum, clipping.rmax)?;
        bounded(&mut d, Binary::Maximum, clipping.dmax.map(|most| -most))?;
        bounded(&mut d, Binary::Minimum, clipping.dmax)?;
        Ok([graph.detach(r), graph.detach(d)])
    }

    /// Moves the averages, which start at weight `first`, and returns r and d, from the averages before.
    pub fn correct(
        &self,
        context: &mut Context<'_>,
        first: usize,
        [mean, variance]: [NodeId; 2],
        (momentum, epsilon): (f64, f64),
    ) -> Result<[NodeId; 2]> {
        let along = context.graph.shape(mean).clone();
        let stddev = deviation(context.graph, variance, epsilon)?;
        let [known_mean, known_stddev] = [context.weight(first + 3)?, context.weight(first + 4)?];
        let known_mean = context.graph.reshape(known_mean, &along)?;
        let known_stddev = context.graph.reshape(known_stddev, &along)?;
        let corrections =
            self.corrections(context.graph, [mean, stddev], [known_mean, known_stddev], epsilon)?;
        follow(context, first + 3, mean, self.momentum)?;
        follow(context, first + 4, stddev, self.momentum)?;
        follow(context, first, mean, momentum)?;
        let moved = follow(context, first + 2, stddev, momentum)?;
        // The variance of inference is that of the averaged deviation.
        let graph = &mut *context.graph;
        let square = graph.multiply(moved, moved)?;
        let epsilon = graph.constant(epsilon as f32);
        let variance = graph.subtract(square, epsilon)?;
        let variance = graph.unary(Unary::Relu, variance);
        context.update(first + 1, variance)?;
        Ok(corrections)
    }
}
