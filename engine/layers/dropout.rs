use serde_json::{Value, json};

use super::config::with_base;
use super::draw::Draw;
use super::{Base, Config, Context, DataFormat, Layer};
use crate::error::{Error, Result};
use crate::graph::{Comparison, Graph, NodeId};
use crate::tensor::Dim;

/// While training, sets each number to 0 with probability `rate` and multiplies the others by 1 / (1 − rate);
/// else it changes nothing (Srivastava et al. 2014). The shape stays.
///
/// ```
/// use gradus::{Dense, Dropout, Sequential};
/// let model = Sequential::new().add(Dense::new(64).activation("relu")).add(Dropout::new(0.5)).add(Dense::new(10));
/// ```
#[derive(Clone, Debug)]
pub struct Dropout {
    base: Base,
    rate: f64,
    /// How many axes between batch and channels are dropped as one.
    spatial: Option<usize>,
    data_format: DataFormat,
    draw: Draw,
}

/// [`Dropout`] of whole channels over time, `[None, time, channels]` (Tompson et al. 2015).
///
/// ```
/// use gradus::layers::SpatialDropout1D;
/// let layer = SpatialDropout1D::new(0.2);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SpatialDropout1D;

/// [`Dropout`] of whole channels of images, `[None, height, width, channels]` (Tompson et al. 2015).
///
/// ```
/// use gradus::layers::SpatialDropout2D;
/// let layer = SpatialDropout2D::new(0.2);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SpatialDropout2D;

/// [`Dropout`] of whole channels of volumes, `[None, depth, height, width, channels]` (Tompson et al. 2015).
///
/// ```
/// use gradus::layers::SpatialDropout3D;
/// let layer = SpatialDropout3D::new(0.2);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SpatialDropout3D;

#[expect(clippy::new_ret_no_self, reason = "it is a Dropout layer that drops channels")]
impl SpatialDropout1D {
    /// Drops the share `rate` of all channels, from 0 to 1.
    pub fn new(rate: f64) -> Dropout {
        Dropout { spatial: Some(1), ..Dropout::new(rate) }
    }
}

#[expect(clippy::new_ret_no_self, reason = "it is a Dropout layer that drops channels")]
impl SpatialDropout2D {
    /// Drops the share `rate` of all channels, from 0 to 1.
    pub fn new(rate: f64) -> Dropout {
        Dropout { spatial: Some(2), ..Dropout::new(rate) }
    }
}

#[expect(clippy::new_ret_no_self, reason = "it is a Dropout layer that drops channels")]
impl SpatialDropout3D {
    /// Drops the share `rate` of all channels, from 0 to 1.
    pub fn new(rate: f64) -> Dropout {
        Dropout { spatial: Some(3), ..Dropout::new(rate) }
    }
}

impl Dropout {
    /// Drops the share `rate` of all numbers, from 0 to 1.
    pub fn new(rate: f64) -> Self {
        Self {
            base: Base::default(),
            rate,
            spatial: None,
            data_format: DataFormat::default(),
            draw: Draw::default(),
        }
    }

    /// What is dropped follows from this number, and the model's seed, whatever else the model draws: layers of one seed
    /// drop alike. Default: each layer draws by itself.
    pub fn seed(mut self, seed: u64) -> Self {
        self.draw.seed = Some(seed);
        self
    }

    /// What is dropped together: for each axis, the batch first, `None` for the input's size, or `Some(1)` for one draw
    /// along all of it. Default: each number by itself. Not for the spatial kinds, which have one already.
    ///
    /// ```
    /// use gradus::Dropout;
    /// // The same features at all time steps of a sample.
    /// let layer = Dropout::new(0.3).noise_shape(&[None, Some(1), None]);
    /// ```
    pub fn noise_shape(mut self, sizes: &[Option<usize>]) -> Self {
        if self.spatial.is_some() {
            let expected = "a Dropout: whole channels are dropped here";
            self.base.refuse(Error::argument(self.class_name(), "noise_shape", "given", expected));
        }
        self.draw.noise_shape = Some(sizes.to_vec());
        self
    }

    /// Where the channels lie, as [`DataFormat`] or by name: `channels_last` or `channels_first`. Default `channels_last`.
    /// [`SpatialDropout2D`] and [`SpatialDropout3D`] have it alone.
    pub fn data_format<D>(mut self, format: D) -> Self
    where
        D: TryInto<DataFormat, Error: Into<Error>>,
    {
        if !self.has_format() {
            let expected = "a SpatialDropout2D or SpatialDropout3D, which have it alone";
            self.base.refuse(Error::argument(self.class_name(), "data_format", "given", expected));
        }
        self.data_format = self.base.option(self.data_format, format);
        self
    }

    /// The layer's name. Default `dropout`, `dropout_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(class: &str, config: &mut Config) -> Result<Self> {
        let spatial = CLASSES.iter().position(|known| *known == class).filter(|&rank| rank > 0);
        let base = config.base()?;
        let draw = if spatial.is_some() { Draw::seeded(config)? } else { Draw::shaped(config)? };
        let mut layer = Self { base, spatial, draw, ..Self::new(config.number("rate")?) };
        if layer.has_format() {
            layer.data_format = DataFormat::from_config(config)?;
        }
        Ok(layer)
    }

    /// Keras's SpatialDropout1D has no data format.
    fn has_format(&self) -> bool {
        self.spatial.is_some_and(|rank| rank > 1)
    }

    /// What is kept of `x`, channels last.
    fn dropped(&self, graph: &mut Graph, x: NodeId) -> Result<NodeId> {
        let mut shape = self.draw.shape(graph.shape(x));
        shape.0[1..=self.spatial.unwrap_or(0)].fill(Dim::fixed(1));
        let draw = self.draw.uniform(graph, &shape, 0);
        let rate = graph.constant(self.rate as f32);
        let kept = graph.compare(Comparison::GreaterEqual, draw, rate)?;
        // At rate 1 nothing is kept, and an infinite factor would turn the gradient's zeros into NaN.
        let factor = if self.rate < 1.0 { 1.0 / (1.0 - self.rate) } else { 0.0 };
        let scaled = graph.scale(x, factor as f32)?;
        let zero = graph.constant(0.0);
        graph.select(kept, scaled, zero)
    }
}

/// The classes by the number of axes that are dropped as one.
const CLASSES: [&str; 4] = ["Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"];

impl Layer for Dropout {
    fn class_name(&self) -> &'static str {
        CLASSES[self.spatial.unwrap_or(0)]
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn title(&self) -> String {
        format!("{} {}", self.class_name(), self.rate)
    }

    fn config(&self) -> Value {
        let mut own = json!({ "rate": self.rate });
        if self.has_format() {
            own["data_format"] = json!(self.data_format.name());
        }
        self.draw.write(&mut own);
        let mut config = with_base(self, own);
        // Nor has any of them a flag for weights, of which there are none.
        if let Some(options) = config.as_object_mut().filter(|_| self.spatial.is_some()) {
            options.remove("trainable");
        }
        config
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        if !(0.0..=1.0).contains(&self.rate) {
            return Err(Error::argument(self.place(), "rate", self.rate, "a share from 0 to 1"));
        }
        self.base.check(&self.place())?;
        if self.spatial.is_some() {
            let expected = "absent, as in Keras: put an ActivityRegularization behind it";
            self.base.check_not_regularized(&self.place(), expected)?;
        }
        self.draw.check(&self.place(), input)?;
        if let Some(rank) = self.spatial {
            self.data_format.parted(&self.place(), input, rank)?;
        }
        Ok(input.to_vec())
    }

    fn passes_mask(&self) -> bool {
        true
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        if !context.training || self.rate == 0.0 {
            return Ok(input);
        }
        self.data_format.around(context, input, |context, x| self.dropped(context.graph, x))
    }
}
