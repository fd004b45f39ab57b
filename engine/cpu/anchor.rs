//! The part of a kernel that is no elementwise arithmetic: products, convolutions, pools, sums, transpositions.

use std::ops::Range;

use super::kernels::{self, Epilogue, Images, Matmul, Window2d};
use super::memory::{Address, Context, address};
use super::movement::{Joined, Table, transpose};
use super::packs::Packs;
use super::prepare::{destination, for_each};
use super::region::{BLOCK, Region, Span};
use super::walk::Walk;
use crate::graph::{NodeId, Op, Reduction, Window};
use crate::schedule::{Kernel, Program, Work};
use crate::tensor::{Dim, Shape};

/// A node and where its operands and its result are.
pub(super) struct Anchor {
    task: Task,
    operands: Vec<(Address, Dim)>,
    out: (Address, Dim),
    bias: Option<(Address, Dim)>,
}

enum Task {
    MatMul {
        transpose_a: bool,
        transpose_b: bool,
        a: Shape,
        c: Shape,
        /// Where the right factor lies packed, if it does.
        packed: Option<Range<usize>>,
    },
    /// Convolutions and pools: what slides how over images of which shape; channels of the smaller images.
    Slide {
        op: Op,
        images: Shape,
        channels: usize,
        window: Window2d,
    },
    Columns,
    Reduce(Joined),
    Transpose(Walk),
    Gather(Table),
    ScatterAdd(Table),
}

impl Anchor {
    /// Prepares the anchor `node` of `kernel`, whose result goes to `out`.
    pub(super) fn new(program: &Program, kernel: &Kernel, packs: &Packs, node: NodeId, out: Address) -> Self {
        let graph = &program.graph;
        let count = |node: NodeId| graph.shape(node).count();
        let inputs = &graph.node(node).inputs;
        let operands = inputs.iter().map(|&input| (address(program, input), count(input))).collect();
        let beside = match kernel.work {
            Work::ConvFilterGradient { bias, .. } => bias,
            _ => None,
        };
        let bias = beside.map(|bias| {
            let store = kernel.region.stores.iter().find(|store| store.node == bias);
            let to = store.map_or_else(|| address(program, bias), |s| destination(program, bias, s.to));
            (to, count(bias))
        });
        Self { task: Task::new(program, kernel, packs, node), operands, out: (out, count(node)), bias }
    }

    /// Runs it, and `region` on what it leaves.
    pub(super) fn run(&self, context: &Context<'_>, region: &Region) {
        let batch = context.batch();
        let operand = |i: usize| {
            let (address, count) = self.operands[i];
            context.read(address, 0..count.at(batch))
        };
        let out = context.write(self.out.0, 0..self.out.1.at(batch));
        let follow = |start: usize, finished: &mut [f32]| region.follow(context, start, finished);
        let epilogue: Option<Epilogue<'_>> = if region.is_empty() { None } else { Some(&follow) };
        match &self.task {
            Task::MatMul { transpose_a, transpose_b, a, c, packed } => {
                let shape = matmul_shape(&a.0, &c.0, [*transpose_a, *transpose_b], batch);
                match packed {
                    Some(range) => {
                        kernels::matmul_packed(operand(0), context.packs.read(range), out, shape, epilogue);
                    }
                    None => run_matmul([operand(0), operand(1)], out, shape, epilogue),
                }
            }
            Task::Slide { op: Op::ConvFilterGradient(_), images, channels, window } => {
                let images = images_of(images, batch);
                let bias = self.bias.map(|(to, count)| context.write(to, 0..count.at(batch)));
                kernels::conv2d_filter_gradient(operand(0), images, operand(1), *channels, window, out, bias);
                self.follow_all(context, region);
            }
            Task::Slide { op, images, channels, window } => {
                slide(op, images_of(images, batch), *channels, window, operand, out, epilogue);
            }
            Task::Columns => {
                kernels::column_sums(operand(0), out);
                self.follow_all(context, region);
            }
            Task::Reduce(joined) => joined.run(batch, operand(0), out, epilogue),
            Task::Transpose(walk) => transpose(walk, batch, operand(0), out, epilogue),
            Task::Gather(table) => {
                table.gather(operand(0), operand(1), out);
                self.follow_all(context, region);
            }
            Task::ScatterAdd(table) => {
                table.scatter_add(operand(0), operand(1), out);
                self.follow_all(context, region);
            }
        }
    }

    /// Runs the region on the whole result.
    fn follow_all(&self, context: &Context<'_>, region: &Region) {
        let (address, count) = (self.out.0, self.out.1.at(context.batch()));
        if region.is_empty() {
            return;
        }
        for_each(count.div_ceil(BLOCK), count * region.weight(), |block| {
            let (start, end) = (block * BLOCK, count.min((block + 1) * BLOCK));
            let finished = context.write(address, start..end);
            region.run(context, Span::plain(start, end - start), finished);
        });
    }
}

impl Task {
    fn new(program: &Program, kernel: &Kernel, packs: &Packs, node: NodeId) -> Self {
        let graph = &program.graph;
        let shape = |i: usize| graph.shape(graph.node(node).inputs[i]).clone();
        let op = graph.node(node).op.clone();
        match op {
            Op::MatMul { transpose_a, transpose_b } => {
                let (a, c, packed) = (shape(0), graph.shape(node).clone(), packs.find(program, node));
                Self::MatMul { transpose_a, transpose_b, a, c, packed }
            }
            Op::Transpose { order } => Self::Transpose(Walk::transpose(&shape(0), &order)),
            Op::Gather => Self::Gather(Table::new(&shape(0), &shape(1))),
            Op::ScatterAdd => Self::ScatterAdd(Table::new(graph.shape(node), &shape(1))),
            Op::Reduce { kind: Reduction::Sum, .. } if matches!(kernel.work, Work::Columns { .. }) => {
                Self::Columns
            }
            Op::Reduce { .. } | Op::ArgMax { .. } => {
                Self::Reduce(Joined::new(&op, &shape(0), graph.shape(node)))
            }
            Op::Conv(w) | Op::MaxPool(w) | Op::AveragePool(w) => {
                Self::slide(op, shape(0), graph.shape(node), &w)
            }
            Op::ConvFilterGradient(w) => Self::slide(op, shape(0), &shape(1), &w),
            Op::ConvInputGradient(w) | Op::AveragePoolGradient(w) => {
                Self::slide(op, graph.shape(node).clone(), &shape(0), &w)
            }
            Op::MaxPoolGradient(w) => Self::slide(op, shape(0), &shape(1), &w),
            other => panic!("{}: no kernel for {}", kernel.name, other.name()),
        }
    }

    fn slide(op: Op, images: Shape, windows: &Shape, window: &Window) -> Self {
        let axes = [&window.height, &window.width];
        let window = Window2d {
            kernel: axes.map(|axis| axis.size),
            stride: axes.map(|axis| axis.stride),
            dilation: axes.map(|axis| axis.dilation),
            pad_before: axes.map(|axis| axis.before),
            pad_after: axes.map(|axis| axis.after),
        };
        Self::Slide { op, images, channels: windows.0[3].factor, window }
    }
}

fn images_of(shape: &Shape, batch: usize) -> Images {
    let at = |i: usize| shape.0[i].at(batch);
    Images { batch: at(0), height: at(1), width: at(2), channels: at(3) }
}

fn slide<'a>(
    op: &Op,
    images: Images,
    channels: usize,
    window: &Window2d,
    operand: impl Fn(usize) -> &'a [f32],
    out: &mut [f32],
    epilogue: Option<Epilogue<'_>>,
) {
    match op {
        Op::Conv(_) => kernels::conv2d(operand(0), images, operand(1), window, out, channels, epilogue),
        Op::ConvInputGradient(_) => {
            kernels::conv2d_input_gradient(operand(0), channels, operand(1), window, out, images, epilogue);
        }
        Op::MaxPool(_) => kernels::max_pool(operand(0), images, window, out, epilogue),
        Op::AveragePool(_) => kernels::average_pool(operand(0), images, window, out, epilogue),
        Op::MaxPoolGradient(_) => {
            kernels::max_pool_gradient(operand(0), images, window, operand(1), out, epilogue);
        }
        Op::AveragePoolGradient(_) => {
            kernels::average_pool_gradient(images, window, operand(0), out, epilogue)
        }
        other => unreachable!("{} slides no window", other.name()),
    }
}

fn matmul_shape(a: &[Dim], c: &[Dim], [transpose_a, transpose_b]: [bool; 2], batch: usize) -> Matmul {
    let rank = c.len();
    let k = if transpose_a { a[rank - 2] } else { a[rank - 1] };
    let [m, n, k] = [c[rank - 2], c[rank - 1], k].map(|dim| dim.at(batch));
    Matmul { m, n, k, transpose_a, transpose_b }
}

/// One product for each matrix of the stack.
fn run_matmul([a, b]: [&[f32]; 2], out: &mut [f32], shape: Matmul, epilogue: Option<Epilogue<'_>>) {
    let [of_a, of_b, of_c] = [shape.m * shape.k, shape.k * shape.n, shape.m * shape.n];
    for (i, c) in out.chunks_exact_mut(of_c).enumerate() {
        let (a, b) = (&a[i * of_a..][..of_a], &b[i * of_b..][..of_b]);
        let follow = |start: usize, finished: &mut [f32]| {
            if let Some(epilogue) = epilogue {
                epilogue(i * of_c + start, finished);
            }
        };
        let after: Option<Epilogue<'_>> = if epilogue.is_some() { Some(&follow) } else { None };
        kernels::matmul(a, b, c, shape, after);
    }
}
