//! Where the channels lie. Everything is computed with the channels last; a layer that has them first turns its input around
//! before and its output after, and neighbouring turns cancel in the schedule.

use super::spatial::shown;
use super::{Config, Context};
use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId};
use crate::train::by_name;

/// Where the channels lie among the axes of images, time series and volumes: Keras's `data_format`.
///
/// ```
/// use gradus::layers::{Conv2D, Layer};
/// let layer = Conv2D::new(8, 3).data_format("channels_first");
/// assert_eq!(layer.output_shape(&[3, 32, 48])?, [8, 30, 46]);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataFormat {
    /// Behind the spatial axes: `[None, height, width, channels]`.
    #[default]
    ChannelsLast,
    /// Before the spatial axes: `[None, channels, height, width]`.
    ChannelsFirst,
}

const FORMATS: [(&str, DataFormat); 2] =
    [("channels_last", DataFormat::ChannelsLast), ("channels_first", DataFormat::ChannelsFirst)];

impl TryFrom<&str> for DataFormat {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        by_name("data_format", "data_format", name, &FORMATS)
    }
}

/// The names of the spatial axes, by their number.
const AXES: [&str; 4] = ["", "time", "height, width", "depth, height, width"];

impl DataFormat {
    /// Keras's name.
    pub fn name(self) -> &'static str {
        FORMATS.iter().find(|(_, format)| *format == self).map_or("channels_last", |(name, _)| name)
    }

    /// The format of `config`. Default the channels last.
    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let name = config.text("data_format")?;
        name.map_or(Ok(Self::ChannelsLast), |name| config.placed(name.as_str().try_into()))
    }

    /// The spatial sizes of a sample of shape `input`, which has `rank` of them, and its channels.
    pub(super) fn parted<'a>(
        self,
        place: &str,
        input: &'a [usize],
        rank: usize,
    ) -> Result<(&'a [usize], usize)> {
        let parts = match self {
            Self::ChannelsLast => input.split_last(),
            Self::ChannelsFirst => input.split_first(),
        };
        if let Some((&channels, sizes)) = parts
            && sizes.len() == rank
            && !input.contains(&0)
        {
            return Ok((sizes, channels));
        }
        let axes = AXES[rank.min(3)];
        let expected = match self {
            Self::ChannelsLast => format!("[None, {axes}, channels]"),
            Self::ChannelsFirst => format!("[None, channels, {axes}]"),
        };
        let remedy = "give it images, or leave out the Flatten before it";
        Err(Error::shape(place, "input", shown(input), expected, remedy))
    }

    /// A sample's height, width and channels.
    pub(super) fn image(self, place: &str, input: &[usize]) -> Result<[usize; 3]> {
        let (sizes, channels) = self.parted(place, input, 2)?;
        Ok([sizes[0], sizes[1], channels])
    }

    /// The shape of a sample of `sizes` and `channels`.
    pub(super) fn joined(self, sizes: &[usize], channels: usize) -> Vec<usize> {
        match self {
            Self::ChannelsLast => [sizes, &[channels]].concat(),
            Self::ChannelsFirst => [&[channels], sizes].concat(),
        }
    }

    /// The channels of a sample; 1 where there are no axes.
    pub(super) fn channels(self, input: &[usize]) -> usize {
        let axis = match self {
            Self::ChannelsLast => input.last(),
            Self::ChannelsFirst => input.first(),
        };
        axis.copied().unwrap_or(1)
    }

    /// `x` with the channels last.
    pub(super) fn last(self, graph: &mut Graph, x: NodeId) -> Result<NodeId> {
        let rank = graph.shape(x).rank();
        if self == Self::ChannelsLast || rank < 3 {
            return Ok(x);
        }
        let order: Vec<usize> = std::iter::once(0).chain(2..rank).chain([1]).collect();
        graph.transpose(x, &order)
    }

    /// `x`, which has the channels last, in this format.
    pub(super) fn back(self, graph: &mut Graph, x: NodeId) -> Result<NodeId> {
        let rank = graph.shape(x).rank();
        if self == Self::ChannelsLast || rank < 3 {
            return Ok(x);
        }
        let order: Vec<usize> = [0, rank - 1].into_iter().chain(1..rank - 1).collect();
        graph.transpose(x, &order)
    }

    /// What `call` makes of `input` with the channels last, in this format.
    pub(super) fn around(
        self,
        context: &mut Context<'_>,
        input: NodeId,
        call: impl FnOnce(&mut Context<'_>, NodeId) -> Result<NodeId>,
    ) -> Result<NodeId> {
        let images = self.last(context.graph, input)?;
        let output = call(context, images)?;
        self.back(context.graph, output)
    }
}
