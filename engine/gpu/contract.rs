//! Products, convolutions, poolings and sums of columns: the kernels of `shaders/` with the region behind them.

use std::sync::Arc;

use super::kernels::{
    ConvPass, ConvSpec, Hooks, MatMulSpec, PoolKind, PoolSpec, Specialised, SumColumnsSpec, conv, matmul,
    pool, sum_columns, sum_partials,
};
use super::region::{Epilogue, epilogue, filters_and_bias};
use super::shader::{Grid, Resource, Shader};
use crate::error::{Error, Result};
use crate::graph::{NodeId, Op, Window};
use crate::schedule::{Kernel, LANES, Memory, Program, Target, Tile, Work};
use crate::tensor::Dim;

/// The one or two shaders of a kernel around an anchor.
pub fn shaders(program: &Program, kernel: &Kernel) -> Result<Vec<Shader>> {
    let node = kernel.work.anchor().ok_or_else(|| unknown(kernel))?;
    let operands: Vec<Resource> =
        program.graph.node(node).inputs.iter().map(|&n| operand(program, n)).collect::<Result<_>>()?;
    let join = Join { program, kernel, node, operands };
    if let Some(Tile::Subgroup { .. }) = kernel.work.division().map(|division| division.tile) {
        check_subgroups(program, kernel)?;
    }
    match kernel.work {
        Work::MatMul { tile, splits, .. } => join.matmul(tile, splits),
        Work::Conv { tile, .. } => join.conv(tile),
        Work::ConvFilterGradient { bias, tile, splits, .. } => join.filter_gradient(bias, tile, splits),
        Work::Pool { .. } => join.pool(),
        Work::Columns { rows, columns, splits, .. } => join.columns(rows, columns, splits),
        _ => Err(unknown(kernel)),
    }
}

fn unknown(kernel: &Kernel) -> Error {
    let problem = format!("kernel {} has no anchor that is known here", kernel.name);
    Error::device("gpu", problem, "report it as a bug of the schedule")
}

/// Fails unless the adapter has the subgroups of the kernel's tile.
fn check_subgroups(program: &Program, kernel: &Kernel) -> Result<()> {
    if program.target == (Target::Software { subgroups: true }) {
        return Ok(());
    }
    let problem = format!("kernel {} is to run in subgroups of {LANES} threads", kernel.name);
    let remedy = "give such tiles to software adapters alone that have these";
    Err(Error::device("gpu", problem, remedy))
}

/// Where an operand lies.
fn operand(program: &Program, id: NodeId) -> Result<Resource> {
    let storage = program.storage(id);
    let place = program.place(storage).ok_or_else(|| {
        let problem = format!("operand %{} has no place in memory", id.0);
        Error::device("gpu", problem, "report it as a bug of the schedule")
    })?;
    let count = program.graph.shape(id).count();
    Ok(Resource::Range { memory: place.memory, offset: place.offset, start: 0, count })
}

/// A kernel on its way to shaders.
struct Join<'a> {
    program: &'a Program,
    kernel: &'a Kernel,
    node: NodeId,
    operands: Vec<Resource>,
}

impl Join<'_> {
    fn end(&self) -> Result<Epilogue> {
        epilogue(self.program, self.kernel, self.node, self.operands.len())
    }

    fn matmul(&self, tile: Tile, splits: usize) -> Result<Vec<Shader>> {
        let graph = &self.program.graph;
        let Op::MatMul { transpose_a, transpose_b } = graph.node(self.node).op else {
            return Err(unknown(self.kernel));
        };
        let (c, a) = (&graph.shape(self.node).0, &graph.shape(graph.node(self.node).inputs[0]).0);
        let rank = c.len();
        let end = self.end()?;
        let spec = MatMulSpec {
            stack: if rank == 3 { c[0] } else { Dim::fixed(1) },
            m: c[rank - 2],
            n: c[rank - 1],
            k: if transpose_a { a[rank - 2] } else { a[rank - 1] },
            transpose_a,
            transpose_b,
            tile,
            splits,
            hooks: hooks(&end, splits),
        };
        self.finish(matmul(&spec), end, graph.shape(self.node).count(), splits)
    }

    fn conv(&self, tile: Tile) -> Result<Vec<Shader>> {
        let graph = &self.program.graph;
        let node = graph.node(self.node);
        let (pass, window, images) = match node.op {
            Op::Conv(window) => (ConvPass::Forward, window, node.inputs[0]),
            Op::ConvInputGradient(window) => (ConvPass::InputGradient, window, self.node),
            _ => return Err(unknown(self.kernel)),
        };
        let end = self.end()?;
        let filters = graph.shape(node.inputs[1]).0[3].factor;
        let spec = self.conv_spec(pass, window, (images, filters), (tile, 1), end.hooks.clone());
        self.finish(conv(&spec), end, node.shape.count(), 1)
    }

    fn filter_gradient(&self, bias: Option<NodeId>, tile: Tile, splits: usize) -> Result<Vec<Shader>> {
        let node = self.program.graph.node(self.node);
        let Op::ConvFilterGradient(window) = node.op else { return Err(unknown(self.kernel)) };
        let end = match bias {
            Some(bias) => {
                filters_and_bias(self.program, self.kernel, [self.node, bias], self.operands.len())?
            }
            None => self.end()?,
        };
        let pass = ConvPass::FilterGradient { bias: bias.is_some() };
        let filters = node.shape.0[3].factor;
        let results = node.shape.count().factor + if bias.is_some() { filters } else { 0 };
        let hooks = hooks(&end, splits);
        let spec = self.conv_spec(pass, window, (node.inputs[0], filters), (tile, splits), hooks);
        self.finish(conv(&spec), end, Dim::fixed(results), splits)
    }

    fn conv_spec(
        &self,
        pass: ConvPass,
        window: Window,
        (images, filters): (NodeId, usize),
        (tile, splits): (Tile, usize),
        hooks: Hooks,
    ) -> ConvSpec {
        let [images, height, width, channels] = self.image_sizes(images);
        let (height, width, channels) = (height.factor, width.factor, channels.factor);
        ConvSpec { pass, images, height, width, channels, filters, window, tile, splits, hooks }
    }

    fn image_sizes(&self, images: NodeId) -> [Dim; 4] {
        let shape = self.program.graph.shape(images);
        std::array::from_fn(|axis| shape.0[axis])
    }

    fn pool(&self) -> Result<Vec<Shader>> {
        let node = self.program.graph.node(self.node);
        let (kind, window, images) = match node.op {
            Op::MaxPool(window) => (PoolKind::Max, window, node.inputs[0]),
            Op::MaxPoolGradient(window) => (PoolKind::MaxGradient, window, self.node),
            Op::AveragePool(window) => (PoolKind::Average, window, node.inputs[0]),
            Op::AveragePoolGradient(window) => (PoolKind::AverageGradient, window, self.node),
            _ => return Err(unknown(self.kernel)),
        };
        let [images, height, width, channels] = self.image_sizes(images);
        let (height, width, channels) = (height.factor, width.factor, channels.factor);
        let end = self.end()?;
        let hooks = end.hooks.clone();
        let spec = PoolSpec { kind, images, height, width, channels, window, hooks };
        self.finish(pool(&spec), end, node.shape.count(), 1)
    }

    fn columns(&self, rows: Dim, columns: Dim, splits: usize) -> Result<Vec<Shader>> {
        let end = self.end()?;
        let spec = SumColumnsSpec { rows, columns, splits, hooks: hooks(&end, splits) };
        self.finish(sum_columns(&spec), end, columns, splits)
    }

    /// The shader of `first`, and of the sum of its partial sums if it has any, with the end on the last.
    fn finish(&self, first: Specialised, end: Epilogue, count: Dim, splits: usize) -> Result<Vec<Shader>> {
        let name = self.kernel.name.clone();
        let mut bindings: Vec<(u32, Resource)> = (1..).zip(self.operands.iter().copied()).collect();
        if splits == 1 {
            return Ok(vec![shader(name, first, bindings, end)]);
        }
        let scratch = self.kernel.scratch.ok_or_else(|| unknown(self.kernel))?;
        let count_in_all = Dim::fixed(scratch.words);
        let partials = Resource::Range {
            memory: Memory::Activations,
            offset: scratch.offset,
            start: 0,
            count: count_in_all,
        };
        bindings.push((3, partials));
        let second = sum_partials(count, splits, &end.hooks);
        let first = compiled(name.clone(), first, bindings);
        Ok(vec![first, shader(format!("{name}.sum"), second, vec![(1, partials)], end)])
    }
}

/// What the kernel itself does at its end: nothing, if the sum of its partial sums does it.
fn hooks(end: &Epilogue, splits: usize) -> Hooks {
    if splits == 1 { end.hooks.clone() } else { Hooks::default() }
}

fn shader(name: String, kernel: Specialised, mut bindings: Vec<(u32, Resource)>, end: Epilogue) -> Shader {
    // Without a result of its own the kernel never writes binding 3, but declares it: an operand will do.
    bindings.push((3, end.result.unwrap_or(bindings[0].1)));
    bindings.extend(end.bindings);
    compiled(name, kernel, bindings)
}

fn compiled(name: String, mut kernel: Specialised, bindings: Vec<(u32, Resource)>) -> Shader {
    let threads: u32 = kernel.workgroup.iter().product();
    let head = format!("// {name}: {}, {threads} threads a workgroup.", kernel.name);
    let wgsl = format!("{head}\n{}", std::mem::take(&mut kernel.wgsl));
    Shader { name, wgsl, bindings, grid: Grid::Tiles(Arc::new(kernel)) }
}
