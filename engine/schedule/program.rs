//! What both executors run: kernels in order, and where every value lies.

use super::tuning::Division;
use crate::graph::random::Key;
use crate::graph::{Graph, NodeId, VariableId};
use crate::tensor::Dim;

/// Kinds of device differ in the kernels that are chosen for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Host threads.
    Cpu,
    /// A GPU through wgpu.
    Gpu,
    /// An adapter that is a program on the CPU, which gains nothing from workgroup memory.
    Software {
        /// Whether its subgroups have [`LANES`] threads, which can tell each other values.
        subgroups: bool,
    },
}

impl Target {
    /// Whether it is an adapter that is a program on the CPU.
    pub fn is_software(self) -> bool {
        matches!(self, Self::Software { .. })
    }
}

/// Threads of a subgroup that kernels for software adapters count on: numbers of a vector in the CPU.
pub const LANES: usize = 8;

/// Which passes run. Results with a pass off agree with those with it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Folds constants, drops dead nodes, joins common subexpressions.
    pub simplify: bool,
    /// Joins elementwise regions with each other and with what they follow.
    pub fuse: bool,
    /// Lets values share memory when their lives do not overlap.
    pub reuse: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { simplify: true, fuse: true, reuse: true }
    }
}

/// One training step, evaluation or prediction, ready to run for any batch up to `max_batch`.
#[derive(Clone, Debug)]
pub struct Program {
    /// The nodes that the kernels name.
    pub graph: Graph,
    /// What is run, in order.
    pub kernels: Vec<Kernel>,
    /// For each node, where its value lies while it lives; `None` if it never is in memory.
    pub places: Vec<Option<Place>>,
    /// The largest batch that fits the plan.
    pub max_batch: usize,
    /// Words of the arena that values share.
    pub activation_words: usize,
    /// The least number of words that any plan for this order of kernels needs.
    pub liveness_words: usize,
    /// The variables whose gradients lie packed, and how many words each takes.
    pub gradients: Vec<(VariableId, usize)>,
    /// The device it was made for.
    pub target: Target,
}

/// Where a value starts: a word is four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Which memory.
    pub memory: Memory,
    /// First word; a multiple of 64, the 256 bytes that GPUs ask for.
    pub offset: usize,
}

/// The memories of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    /// The arena whose words are used again and again within a step.
    Activations,
    /// A variable: weights, or an optimizer's slot.
    Variable(VariableId),
    /// The packed gradients of a variable's parameters; zero between them.
    Gradients(VariableId),
}

/// One unit of work: on the GPU one dispatch, or two when its sum is split.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Layer and operation, unique in the program: `conv2d.conv`.
    pub name: String,
    /// The part that is no elementwise arithmetic.
    pub work: Work,
    /// The elementwise arithmetic around it.
    pub region: Region,
    /// Words of scratch memory for partial sums, and where they lie in the activations.
    pub scratch: Option<Scratch>,
    /// Why this kernel, for people.
    pub reason: String,
}

/// Memory that lives as long as one kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scratch {
    /// How many words.
    pub words: usize,
    /// The first, in [`Memory::Activations`].
    pub offset: usize,
}

/// The part of a kernel that is no elementwise arithmetic.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Nothing but the region: its nodes have `count` elements, or one.
    Elementwise {
        /// Elements of every full node of the region.
        count: Dim,
    },
    /// A region with reductions along rows: nodes have `rows · columns` elements, `rows`, or one.
    ///
    /// [`Op::Reduce`](crate::graph::Op::Reduce) and [`Op::ArgMax`](crate::graph::Op::ArgMax) nodes of the
    /// region join the `columns` consecutive elements of each row; nodes that follow them may use their
    /// results, one value a row, under broadcasting.
    Rows {
        /// Number of rows.
        rows: Dim,
        /// Elements of a row, consecutive in memory.
        columns: Dim,
    },
    /// A sum over leading axes, `[rows, columns]` to `[columns]`; the region follows it.
    Columns {
        /// The [`Op::Reduce`](crate::graph::Op::Reduce) node.
        node: NodeId,
        /// Number of rows summed.
        rows: Dim,
        /// Number of sums.
        columns: Dim,
        /// Into how many partial sums the rows are split.
        splits: usize,
    },
    /// Any other reduction or argmax: an element of the result a thread; the region follows it.
    Reduce {
        /// The node.
        node: NodeId,
    },
    /// A transposition; the region follows it.
    Transpose {
        /// The node.
        node: NodeId,
    },
    /// Rows of a table by their numbers; the region follows it.
    Gather {
        /// The node.
        node: NodeId,
    },
    /// Sums of rows by their numbers; the region follows it.
    ScatterAdd {
        /// The node.
        node: NodeId,
    },
    /// A product of matrices; the region follows it.
    MatMul {
        /// The node.
        node: NodeId,
        /// How the GPU divides it.
        tile: Tile,
        /// Into how many partial sums the inner size is split.
        splits: usize,
    },
    /// A convolution or the gradient for its images; the region follows it.
    Conv {
        /// The node.
        node: NodeId,
        /// How the GPU divides it.
        tile: Tile,
    },
    /// The gradient of a convolution for its filters; the region follows it.
    ConvFilterGradient {
        /// The node.
        node: NodeId,
        /// The sum of the same gradient over batch, height and width: the bias's gradient.
        bias: Option<NodeId>,
        /// How the GPU divides it.
        tile: Tile,
        /// Into how many partial sums the inner size is split.
        splits: usize,
    },
    /// Max or average pooling, or a gradient of one; the region follows it.
    Pool {
        /// The node.
        node: NodeId,
    },
}

impl Work {
    /// The node computed before the region starts, if there is one.
    pub fn anchor(&self) -> Option<NodeId> {
        match *self {
            Self::Elementwise { .. } | Self::Rows { .. } => None,
            Self::Columns { node, .. }
            | Self::Reduce { node }
            | Self::Transpose { node }
            | Self::Gather { node }
            | Self::ScatterAdd { node }
            | Self::MatMul { node, .. }
            | Self::Conv { node, .. }
            | Self::ConvFilterGradient { node, .. }
            | Self::Pool { node } => Some(node),
        }
    }
}

impl Work {
    /// How a GPU divides it, if it is a product or convolution.
    pub fn division(&self) -> Option<Division> {
        match *self {
            Self::MatMul { tile, splits, .. } | Self::ConvFilterGradient { tile, splits, .. } => {
                Some(Division { tile, splits })
            }
            Self::Conv { tile, .. } => Some(Division { tile, splits: 1 }),
            _ => None,
        }
    }
}

/// How a GPU kernel divides a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tile {
    /// Results of `rows` by `columns` a thread, operands straight from memory: for software adapters.
    Registers {
        /// Rows a thread.
        rows: usize,
        /// Columns a thread.
        columns: usize,
    },
    /// Tiles of `rows` by `columns` results a subgroup of [`LANES`] threads, which share what they load.
    Subgroup {
        /// Rows a subgroup.
        rows: usize,
        /// Columns a subgroup.
        columns: usize,
    },
    /// Tiles of `rows` by `columns` results a workgroup, `depth` terms at a time in workgroup memory.
    Workgroup {
        /// Rows a workgroup.
        rows: usize,
        /// Columns a workgroup.
        columns: usize,
        /// Terms of the sum held at a time.
        depth: usize,
    },
}

/// Elementwise arithmetic: nodes of the graph computed without memory between them.
///
/// A full node's element i depends on element i of its full operands, whatever their shapes; loads of
/// another size are stretched by the shapes of load and consumer. Behind an anchor, full nodes have as
/// many elements as the anchor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Region {
    /// The nodes computed, in order: elementwise operations, immediates
    /// ([`Op::is_immediate`](crate::graph::Op::is_immediate)), movements of what lies in memory
    /// ([`Op::is_movement`](crate::graph::Op::is_movement)), single numbers looked up in a table there
    /// ([`Op::Gather`](crate::graph::Op::Gather)), reshapes and inputs, which are gathered from the data set by the batch's permutation. A reshape of the anchor, a load or another node of
    /// the region is not listed where [`Program::storage`] leads to its source.
    pub nodes: Vec<NodeId>,
    /// The nodes read from memory, each at its [`Place`]. The anchor is not among them.
    pub loads: Vec<NodeId>,
    /// What is written.
    pub stores: Vec<Store>,
}

/// A value written by a kernel. The node is the kernel's anchor or one of its region's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Store {
    /// The value.
    pub node: NodeId,
    /// Where it goes.
    pub to: Destination,
}

/// Where a kernel writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// The node's own place.
    Place,
    /// Its part of a value that several kernels put together ([`Op::Assemble`](crate::graph::Op::Assemble)): element i is
    /// element `start + i / row · stride + i % row` there.
    Part {
        /// The value put together.
        whole: NodeId,
        /// Where the part's first row starts.
        start: usize,
        /// Consecutive elements.
        row: usize,
        /// From the start of one row to that of the next.
        stride: usize,
    },
    /// The variable, from its start: the step's assignment.
    Variable(VariableId),
    /// Output number i of the graph: a step's numbers go to row `step.row`, rows of samples to rows
    /// `step.offset..` of the output buffer.
    Output(usize),
}

/// A program that an executor has loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProgramId(pub usize);

/// A loaded program together with the data sets it runs on and room for its outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BindingId(pub usize);

/// Puts `value` into a slot that is free, so that loading and binding again and again take no more room.
pub(crate) fn into_free_slot<T>(slots: &mut Vec<Option<T>>, value: T) -> usize {
    let free = slots.iter().position(Option::is_none).unwrap_or(slots.len());
    if free == slots.len() {
        slots.push(None);
    }
    slots[free] = Some(value);
    free
}

/// What the host says about one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Number of samples.
    pub batch: usize,
    /// Where they start in the order of samples.
    pub offset: usize,
    /// Which row of the outputs with one row a step the step writes.
    pub row: usize,
    /// What random nodes depend on.
    pub key: Key,
    /// The graph's scalars, in order.
    pub scalars: Vec<f32>,
}

impl Program {
    /// The node whose memory `node` uses: reshapes hold none of their own.
    pub fn storage(&self, node: NodeId) -> NodeId {
        storage(&self.graph, node)
    }

    /// The place of a node that is in memory.
    pub fn place(&self, node: NodeId) -> Option<Place> {
        self.places[node.0]
    }

    /// The kernels' dispatches on a GPU: a split sum takes two.
    pub fn dispatches(&self) -> usize {
        self.kernels.iter().map(Kernel::dispatches).sum()
    }
}

impl Kernel {
    /// Dispatches on a GPU.
    pub fn dispatches(&self) -> usize {
        1 + usize::from(self.scratch.is_some())
    }
}

/// The node whose memory `node` uses, through any reshapes.
pub(crate) fn storage(graph: &Graph, mut node: NodeId) -> NodeId {
    while graph.node(node).op == crate::graph::Op::Reshape {
        node = graph.node(node).inputs[0];
    }
    node
}
