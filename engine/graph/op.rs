//! The operations: few, each complete. The shape rule and the derivative of each stand side by side in
//! [`elementwise`](super::elementwise), [`reduce`](super::reduce), [`contract`](super::contract),
//! [`window`](super::window) and [`movement`](super::movement).

use super::{InputId, ParameterId, ScalarId, VariableId};

/// What one element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// A 32-bit float.
    F32,
    /// A 32-bit unsigned integer: labels, indices.
    U32,
    /// A byte; only inputs are bytes, packed four to a word.
    U8,
}

/// A function of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unary {
    /// −x
    Negate,
    /// |x|
    Abs,
    /// −1, 0 or 1
    Sign,
    /// eˣ
    Exp,
    /// ln x
    Log,
    /// eˣ − 1, as accurate near 0 as anywhere
    Expm1,
    /// ln(1 + x), as accurate near 0 as anywhere
    Log1p,
    /// the error function, 2/√π · ∫₀ˣ e^−t² dt
    Erf,
    /// 1 − erf x, as accurate far above 0 as anywhere
    Erfc,
    /// √x
    Sqrt,
    /// tanh x
    Tanh,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// ln(1 + eˣ)
    Softplus,
    /// max(x, 0)
    Relu,
    /// x, through which no gradient flows
    Detach,
}

/// A function of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// a + b
    Add,
    /// a − b
    Subtract,
    /// a · b
    Multiply,
    /// a / b
    Divide,
    /// the larger; NaN if either is
    Maximum,
    /// the smaller; NaN if either is
    Minimum,
}

/// A comparison: 1.0 where it holds, 0.0 elsewhere. With NaN none holds but `NotEqual`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// a = b
    Equal,
    /// a ≠ b
    NotEqual,
    /// a < b
    Less,
    /// a ≤ b
    LessEqual,
    /// a > b
    Greater,
    /// a ≥ b
    GreaterEqual,
}

/// How a reduction joins values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// Σ
    Sum,
    /// the largest; NaN if any is
    Max,
    /// the smallest; NaN if any is
    Min,
}

/// How a window slides along one spatial axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Axis {
    /// Taps of the window.
    pub size: usize,
    /// Pixels from one window to the next.
    pub stride: usize,
    /// Pixels from one tap to the next.
    pub dilation: usize,
    /// Padding before the first pixel.
    pub before: usize,
    /// Padding after the last pixel.
    pub after: usize,
}

impl Axis {
    /// The pixels that one window spans.
    pub const fn span(&self) -> usize {
        (self.size - 1) * self.dilation + 1
    }

    /// The number of windows over `length` pixels; `None` if not one fits.
    pub const fn windows(&self, length: usize) -> Option<usize> {
        let padded = length + self.before + self.after;
        if padded < self.span() { None } else { Some((padded - self.span()) / self.stride + 1) }
    }

    /// Whether a tap of window `index` lies on one of `length` pixels: not all are padding.
    pub fn sees(&self, index: usize, length: usize) -> bool {
        let pixels = self.before..self.before + length;
        (0..self.size).any(|tap| pixels.contains(&(index * self.stride + tap * self.dilation)))
    }
}

/// A window over height and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Down the height.
    pub height: Axis,
    /// Along the width.
    pub width: Axis,
}

/// Which positions along an axis are meant: `start`, `start + step`, `start + 2·step` and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stride {
    /// The first.
    pub start: usize,
    /// From one to the next; negative to go backwards, never 0.
    pub step: isize,
}

impl Stride {
    /// Every position, in order.
    pub const ALL: Self = Self { start: 0, step: 1 };

    /// The position number `index`; `None` before the first of the axis.
    pub fn position(&self, index: usize) -> Option<usize> {
        index.checked_mul(self.step.unsigned_abs()).and_then(|distance| {
            if self.step > 0 { self.start.checked_add(distance) } else { self.start.checked_sub(distance) }
        })
    }
}

/// A constant of one element. Compared by its bits, so that equal constants are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Literal {
    /// The bits of a 32-bit float.
    F32(u32),
    /// An integer.
    U32(u32),
}

impl Literal {
    /// The value as a float.
    pub fn to_f32(self) -> f32 {
        match self {
            Self::F32(bits) => f32::from_bits(bits),
            Self::U32(n) => n as f32,
        }
    }
}

/// One operation of the graph.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// The batch of one input: features or labels.
    Input(InputId),
    /// A layer's weight: a range of a variable.
    Parameter(ParameterId),
    /// A whole variable, `[segments, 256]`.
    Variable(VariableId),
    /// A number that the host gives for each step, such as the learning rate.
    Scalar(ScalarId),
    /// The number of samples in the batch, as a float.
    BatchSize,
    /// The same number everywhere.
    Constant(Literal),
    /// The index along `axis`, as an integer.
    Iota {
        /// The axis counted.
        axis: usize,
    },
    /// Uniform numbers in [0, 1), a function of seed, step, `stream` and index alone.
    Random {
        /// Tells the random nodes of one graph apart.
        stream: u32,
    },
    /// A function of each element.
    Unary(Unary),
    /// A function of two elements, under NumPy's broadcasting.
    Binary(Binary),
    /// A comparison of two elements, under NumPy's broadcasting.
    Compare(Comparison),
    /// `select(condition, a, b)`: a where the condition is not 0, else b.
    Select,
    /// The same numbers as another element type.
    Cast,
    /// The same elements stretched along axes of size 1.
    Broadcast,
    /// A reduction over axes, which stay with size 1.
    Reduce {
        /// How values are joined.
        kind: Reduction,
        /// The axes, ascending.
        axes: Vec<usize>,
    },
    /// The index of the first largest value along an axis, which stays with size 1.
    ArgMax {
        /// The axis searched.
        axis: usize,
    },
    /// A product of matrices, or of two stacks of matrices.
    MatMul {
        /// Whether the first is transposed.
        transpose_a: bool,
        /// Whether the second is transposed.
        transpose_b: bool,
    },
    /// Convolution of images `[N, H, W, C]` with filters `[kh, kw, C, F]`.
    Conv(Window),
    /// The gradient of [`Op::Conv`] for its images, from (gradient, filters).
    ConvInputGradient(Window),
    /// The gradient of [`Op::Conv`] for its filters, from (images, gradient).
    ConvFilterGradient(Window),
    /// The largest value of each window.
    MaxPool(Window),
    /// The gradient of [`Op::MaxPool`], from (images, gradient): the first largest takes all.
    MaxPoolGradient(Window),
    /// The mean of the valid pixels of each window.
    AveragePool(Window),
    /// The gradient of [`Op::AveragePool`], from (gradient).
    AveragePoolGradient(Window),
    /// The same elements in another shape.
    Reshape,
    /// The axes in another order: axis i of the result is axis `order[i]` of the input.
    Transpose {
        /// Where each axis comes from.
        order: Vec<usize>,
    },
    /// Some positions of each axis: element i of the result is element `start + i·step` of the input.
    Slice {
        /// Which positions, axis by axis.
        axes: Vec<Stride>,
    },
    /// The reverse of [`Op::Slice`]: element i of the input becomes element `start + i·step`, with zeros elsewhere.
    Pad {
        /// Which positions, axis by axis.
        axes: Vec<Stride>,
    },
    /// Values side by side along an axis.
    Concat {
        /// The axis along which they follow each other.
        axis: usize,
    },
    /// The same, put together by the kernels that compute the values: schedules make it of long concatenations.
    Assemble {
        /// The axis along which they follow each other.
        axis: usize,
    },
    /// Rows of a table `[rows, …]` by their numbers `[…]`, or of each sample's own table `[B, rows, …]` by its numbers
    /// `[B, …]`; NaN for a number that is no row.
    Gather,
    /// The gradient of [`Op::Gather`] for its table, from (gradient, numbers): each row the sum of what was read there.
    ScatterAdd,
    /// Gradients of the parameters of one variable, each at its parameter's offset: `[segments, 256]`.
    Pack {
        /// The parameter each input belongs to.
        parameters: Vec<ParameterId>,
    },
}

impl Op {
    /// Whether each element of the result depends on one element of each input alone.
    pub fn is_elementwise(&self) -> bool {
        matches!(
            self,
            Self::Unary(_) | Self::Binary(_) | Self::Compare(_) | Self::Select | Self::Cast | Self::Broadcast
        )
    }

    /// Whether elements are moved within a kernel: read from memory at another place, or replaced by zero.
    pub fn is_movement(&self) -> bool {
        matches!(self, Self::Slice { .. } | Self::Pad { .. } | Self::Concat { .. })
    }

    /// Whether the kernels that compute the inputs write them where the value lies: it is no work of its own.
    pub fn is_put_together(&self) -> bool {
        matches!(self, Self::Assemble { .. } | Self::Pack { .. })
    }

    /// Whether the value needs no memory of its own: it is computed where it is read.
    pub fn is_immediate(&self) -> bool {
        matches!(
            self,
            Self::Constant(_) | Self::Scalar(_) | Self::BatchSize | Self::Iota { .. } | Self::Random { .. }
        )
    }

    /// The operation's name, as printed forms show it.
    pub fn name(&self) -> String {
        match self {
            Self::Unary(f) => snake_case(&format!("{f:?}")),
            Self::Binary(f) => snake_case(&format!("{f:?}")),
            Self::Compare(f) => snake_case(&format!("{f:?}")),
            Self::Reduce { kind, axes } => format!("{}{axes:?}", format!("{kind:?}").to_lowercase()),
            Self::Constant(Literal::F32(bits)) => format!("{:?}", f32::from_bits(*bits)),
            Self::Constant(Literal::U32(n)) => format!("{n}u"),
            Self::MatMul { transpose_a, transpose_b } => {
                let mark = |t: &bool| if *t { "ᵀ" } else { "" };
                format!("matmul(a{}, b{})", mark(transpose_a), mark(transpose_b))
            }
            other => {
                let text = format!("{other:?}");
                let end = text.find(['(', ' ']).unwrap_or(text.len());
                snake_case(&text[..end])
            }
        }
    }
}

/// `MaxPool` as `max_pool`.
fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}
