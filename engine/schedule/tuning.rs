//! Kernel choices that were measured on one adapter, in the place of the rule's: a readable file.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use super::program::{Program, Tile};
use crate::error::{Error, Result};
use crate::graph::{Axis, Graph, NodeId, Op, Window};
use crate::json;
use crate::tensor::Shape;

/// How a product or convolution is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Division {
    /// The tile.
    pub tile: Tile,
    /// Into how many partial sums the inner size is split.
    pub splits: usize,
}

/// Better divisions than the rule's, found by `gradus tune` on one adapter, each checked there against the CPU.
///
/// ```
/// use gradus::schedule::Tuning;
/// let text = r#"{ "adapter": "any", "choices": { "matmul(a, b) [64, 64] [64, 64]": { "registers": [8, 8] } } }"#;
/// let tuning: Tuning = text.parse()?;
/// assert_eq!(tuning.choices.len(), 1);
/// assert_eq!(tuning.to_string().parse::<Tuning>()?, tuning);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tuning {
    /// The adapter that they were measured on, as [`gpu::Engine::describe`](crate::gpu::Engine::describe) has it.
    pub adapter: String,
    /// Divisions by the names of [`Contraction`]s.
    pub choices: BTreeMap<String, Division>,
}

impl Tuning {
    /// The better division of `node` for batches of `max_batch` samples, if there is one.
    pub(super) fn find(&self, graph: &Graph, node: NodeId, max_batch: usize) -> Option<Division> {
        if self.choices.is_empty() {
            return None;
        }
        let contraction = Contraction::of(graph, node, max_batch)?;
        self.choices.get(&contraction.to_string()).copied()
    }
}

impl fmt::Display for Tuning {
    /// As JSON, one line a choice.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let choices = self.choices.iter().map(|(name, division)| (name.as_str(), division.to_json()));
        let value = json!({ "adapter": self.adapter, "choices": json::object(choices) });
        write!(f, "{value:#}")
    }
}

impl std::str::FromStr for Tuning {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |found: String| {
            let expected =
                r#"{ "adapter": NAME, "choices": { CONTRACTION: { "registers": [ROWS, COLUMNS] } } }"#;
            Error::argument("Tuning", "text", found, format!("what `gradus tune` writes, {expected}"))
        };
        let value: Value = json::parse(text.as_bytes()).map_err(|error| wrong(error.to_string()))?;
        let adapter = value["adapter"].as_str().ok_or_else(|| wrong("no adapter".into()))?.to_string();
        let choices = value["choices"].as_object().ok_or_else(|| wrong("no choices".into()))?;
        let choice = |(name, choice): (&String, &Value)| {
            let division = Division::from_json(choice).ok_or_else(|| wrong(choice.to_string()))?;
            Ok((name.clone(), division))
        };
        Ok(Self { adapter, choices: choices.iter().map(choice).collect::<Result<_>>()? })
    }
}

/// The most rows or columns of a tile in a file.
const LARGEST: u64 = 256;

impl Division {
    fn to_json(self) -> Value {
        let mut fields = match self.tile {
            Tile::Registers { rows, columns } => json!({ "registers": [rows, columns] }),
            Tile::Subgroup { rows, columns } => json!({ "subgroup": [rows, columns] }),
            Tile::Workgroup { rows, columns, depth } => json!({ "workgroup": [rows, columns, depth] }),
        };
        if self.splits > 1 {
            fields["splits"] = json!(self.splits);
        }
        fields
    }

    /// `None` if it is no division that the kernels know.
    fn from_json(value: &Value) -> Option<Self> {
        let sizes = |name: &str| {
            let sizes = value.get(name)?.as_array()?.iter().map(|n| n.as_u64().filter(|&n| n <= LARGEST));
            sizes.map(|n| n.map(|n| n as usize)).collect::<Option<Vec<usize>>>()
        };
        let [registers, subgroup, workgroup] = ["registers", "subgroup", "workgroup"].map(sizes);
        let tile = match (registers.as_deref(), subgroup.as_deref(), workgroup.as_deref()) {
            (Some(&[rows, columns]), None, None) => Tile::Registers { rows, columns },
            (None, Some(&[rows, columns]), None) => Tile::Subgroup { rows, columns },
            (None, None, Some(&[rows, columns, depth])) => Tile::Workgroup { rows, columns, depth },
            _ => return None,
        };
        let splits = value.get("splits").map_or(Some(1), Value::as_u64)? as usize;
        let known = [&REGISTER_TILES[..], &SUBGROUP_TILES, &WORKGROUP_TILES];
        let known = known.iter().any(|tiles| tiles.contains(&tile));
        (known && (1..=256).contains(&splits)).then_some(Self { tile, splits })
    }
}

const fn registers(rows: usize, columns: usize) -> Tile {
    Tile::Registers { rows, columns }
}

const fn subgroup(rows: usize, columns: usize) -> Tile {
    Tile::Subgroup { rows, columns }
}

const fn workgroup(rows: usize, columns: usize, depth: usize) -> Tile {
    Tile::Workgroup { rows, columns, depth }
}

/// The tiles that a search on software adapters goes through.
pub const REGISTER_TILES: [Tile; 12] = [
    registers(2, 16),
    registers(4, 4),
    registers(4, 8),
    registers(4, 16),
    registers(8, 4),
    registers(8, 8),
    registers(8, 16),
    registers(16, 4),
    registers(16, 8),
    registers(16, 16),
    registers(24, 8),
    registers(24, 16),
];

/// Those that it goes through besides, where subgroups have [`LANES`](super::LANES) threads.
pub const SUBGROUP_TILES: [Tile; 9] = [
    subgroup(8, 16),
    subgroup(8, 32),
    subgroup(16, 16),
    subgroup(16, 32),
    subgroup(24, 16),
    subgroup(32, 16),
    subgroup(32, 32),
    subgroup(48, 32),
    subgroup(64, 16),
];

/// The tiles of real GPUs, the smallest first: the rule chooses among them, and a search goes through them.
pub const WORKGROUP_TILES: [Tile; 4] =
    [workgroup(32, 32, 16), workgroup(64, 64, 16), workgroup(128, 64, 16), workgroup(128, 128, 8)];

/// A product or convolution of fixed sizes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Contraction {
    op: Op,
    operands: [Vec<usize>; 2],
    result: Vec<usize>,
}

impl Contraction {
    /// The product of matrices `[m, k]` and `[k, n]`.
    pub fn matmul(m: usize, n: usize, k: usize) -> Self {
        let op = Op::MatMul { transpose_a: false, transpose_b: false };
        Self { op, operands: [vec![m, k], vec![k, n]], result: vec![m, n] }
    }

    /// The three passes of a convolution of `images` `[n, height, width, channels]` with `filters`
    /// `[height, width, channels, filters]`.
    ///
    /// # Errors
    /// If the shapes do not fit each other.
    pub fn convolution(images: [usize; 4], filters: [usize; 4], window: Window) -> Result<[Self; 3]> {
        let mut graph = Graph::new();
        let variable = graph.variable("operands");
        let x = graph.parameter("images", &images, variable);
        let w = graph.parameter("filters", &filters, variable);
        let y = graph.conv(x, w, window)?;
        let (x, w, y) = (images.to_vec(), filters.to_vec(), graph.shape(y).at(1));
        Ok([
            Self { op: Op::Conv(window), operands: [x.clone(), w.clone()], result: y.clone() },
            Self { op: Op::ConvInputGradient(window), operands: [y.clone(), w.clone()], result: x.clone() },
            Self { op: Op::ConvFilterGradient(window), operands: [x, y], result: w },
        ])
    }

    /// What `node` contracts for batches of `max_batch` samples; `None` if it is neither product nor convolution.
    pub fn of(graph: &Graph, node: NodeId, max_batch: usize) -> Option<Self> {
        let made = graph.node(node);
        let fits = matches!(
            made.op,
            Op::MatMul { .. } | Op::Conv(_) | Op::ConvInputGradient(_) | Op::ConvFilterGradient(_)
        );
        let [a, b] = made.inputs[..] else { return None };
        let shape = |node| graph.shape(node).at(max_batch);
        fits.then(|| Self { op: made.op.clone(), operands: [shape(a), shape(b)], result: shape(node) })
    }

    /// It alone, of two parameters, each in a variable of its own; its result is the only output.
    ///
    /// # Errors
    /// If the shapes do not fit each other.
    pub fn graph(&self) -> Result<Graph> {
        let mut graph = Graph::new();
        let variables = ["a", "b"].map(|name| graph.variable(name));
        let [a, b] = [0, 1].map(|i| graph.parameter("operand", &self.operands[i], variables[i]));
        let result = Shape::fixed(&self.result);
        let node = match self.op {
            Op::MatMul { transpose_a, transpose_b } => graph.matmul(a, b, transpose_a, transpose_b)?,
            Op::Conv(window) => graph.conv(a, b, window)?,
            Op::ConvInputGradient(window) => graph.conv_input_gradient(a, b, window, &result)?,
            Op::ConvFilterGradient(window) => graph.conv_filter_gradient(a, b, window, &result)?,
            ref other => unreachable!("{} is no contraction", other.name()),
        };
        graph.output("result", node)?;
        Ok(graph)
    }

    /// Terms of each sum.
    pub fn terms(&self) -> usize {
        let [a, b] = &self.operands;
        match self.op {
            Op::MatMul { transpose_a: true, .. } => a[a.len() - 2],
            Op::MatMul { .. } => a[a.len() - 1],
            Op::Conv(_) => b[..3].iter().product(),
            Op::ConvInputGradient(_) => b[0] * b[1] * b[3],
            _ => b[..3].iter().product(),
        }
    }

    /// Whether its sums can be split into partial sums.
    pub fn splits(&self) -> bool {
        self.is_product() || matches!(self.op, Op::ConvFilterGradient(_))
    }

    /// Whether it is a product of matrices.
    fn is_product(&self) -> bool {
        matches!(self.op, Op::MatMul { .. })
    }
}

impl fmt::Display for Contraction {
    /// Its name in a file: operation, operands, and window.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b] = &self.operands;
        write!(f, "{} {a:?} {b:?}", self.op.name())?;
        let window = match self.op {
            Op::Conv(window) | Op::ConvInputGradient(window) | Op::ConvFilterGradient(window) => window,
            _ => return Ok(()),
        };
        [("height", window.height), ("width", window.width)].into_iter().try_for_each(|(name, axis)| {
            let Axis { size, stride, dilation, before, after } = axis;
            write!(f, ", {name} {size} stride {stride} dilation {dilation} padding {before}+{after}")
        })
    }
}

impl Program {
    /// The products and convolutions among its kernels for the largest batch, each once, and how they are divided.
    pub fn contractions(&self) -> Vec<(Contraction, Division)> {
        let mut found: Vec<(Contraction, Division)> = Vec::new();
        for kernel in &self.kernels {
            let contraction =
                kernel.work.anchor().and_then(|n| Contraction::of(&self.graph, n, self.max_batch));
            if let (Some(contraction), Some(division)) = (contraction, kernel.work.division())
                && found.iter().all(|(known, _)| *known != contraction)
            {
                found.push((contraction, division));
            }
        }
        found
    }
}
