//! From the nodes of a region to instructions. What a value needs is compiled before it; what nobody needs is not.

use std::collections::HashMap;

use super::direct::write_directly;
use super::function::{function_of, join_of};
use super::moved::Moved;
use super::{Class, Code, Function, Instruction, Leaf, Number, Partial, Region, Source, Stored, Target};
use crate::cpu::memory::{Address, address};
use crate::cpu::walk::Walk;
use crate::graph::{Element, NodeId, Op};
use crate::schedule::{self, Program};
use crate::tensor::Dim;

/// How long a region is.
#[derive(Clone, Copy, Debug)]
pub(in crate::cpu) struct Extent {
    /// Elements of a full node.
    pub(in crate::cpu) full: Dim,
    /// Rows, and elements of each, if the region has reductions along rows.
    pub(in crate::cpu) rows: Option<(Dim, Dim)>,
}

/// Turns a region, or one pass over it, into instructions.
pub(in crate::cpu) struct Compiler<'a> {
    program: &'a Program,
    extent: Extent,
    anchor: Option<NodeId>,
    loads: HashMap<NodeId, Address>,
    /// Reductions that earlier passes have finished, in the order of their numbers.
    known: &'a [NodeId],
    values: HashMap<NodeId, Source>,
    stretched: HashMap<(Leaf, Walk, Class), Source>,
    region: Region,
}

impl<'a> Compiler<'a> {
    pub(in crate::cpu) fn new(
        program: &'a Program,
        region: &schedule::Region,
        anchor: Option<NodeId>,
        extent: Extent,
        known: &'a [NodeId],
    ) -> Self {
        let loads =
            region.loads.iter().map(|&load| (program.storage(load), address(program, load))).collect();
        let (values, stretched) = (HashMap::new(), HashMap::new());
        Self { program, extent, anchor, loads, known, values, stretched, region: Region::default() }
    }

    /// Writes `node` to `to`, or over the anchor's run.
    pub(in crate::cpu) fn store(&mut self, node: NodeId, to: Option<Address>) {
        let (source, class) = (self.value(node), self.class(node));
        let to = to.map_or(Target::Anchor, Target::Memory);
        if source != Source::Anchor || to != Target::Anchor {
            self.region.stores.push(Stored { source, class, to });
        }
    }

    /// Reduces each block's part of a row; the result is the reduction's partial number `number`.
    pub(in crate::cpu) fn partial(&mut self, node: NodeId, number: usize) {
        let source = self.joined(node);
        self.region.partials.push(Partial { source, number });
    }

    /// The instructions, in as few registers as are needed at a time.
    pub(in crate::cpu) fn finish(mut self) -> Region {
        // What is written over the anchor's run comes last, and memory that is read before what is written.
        self.region.stores.sort_by_key(|s| match (s.to, s.source) {
            (Target::Anchor, _) => 2,
            (_, Source::Memory(_) | Source::Word(_)) => 0,
            _ => 1,
        });
        write_directly(&mut self.region);
        allocate(&mut self.region);
        self.region
    }

    fn class(&self, node: NodeId) -> Class {
        let count = self.program.graph.shape(node).count();
        match self.extent.rows {
            _ if count == self.extent.full => Class::Full,
            Some((rows, _)) if count == rows => Class::Row,
            _ if count.is_one() => Class::One,
            _ => panic!("node {} has {count} elements in a region of {:?}", node.0, self.extent),
        }
    }

    /// Where the value of `node` is, in its own size.
    fn value(&mut self, node: NodeId) -> Source {
        let node = self.program.storage(node);
        if let Some(&source) = self.values.get(&node) {
            return source;
        }
        let source = self.compile(node);
        self.values.insert(node, source);
        source
    }

    fn compile(&mut self, node: NodeId) -> Source {
        if self.anchor == Some(node) {
            return Source::Anchor;
        }
        if let Some(number) = self.known.iter().position(|&known| known == node) {
            return self.push(Code::Known(number), Class::Row);
        }
        if let Some(&address) = self.loads.get(&node) {
            return Source::Memory(address);
        }
        if let Some(leaf) = self.leaf(node) {
            return self.push(Code::Leaf(leaf, None), self.class(node));
        }
        let number = match self.program.graph.node(node).op {
            Op::Constant(literal) => Number::Constant(literal_word(literal)),
            Op::Scalar(id) => Number::Scalar(id.0),
            Op::BatchSize => Number::BatchSize,
            _ => return self.computed(node),
        };
        self.push(Code::Number(number), Class::One)
    }

    fn computed(&mut self, node: NodeId) -> Source {
        let inputs = self.program.graph.node(node).inputs.clone();
        if self.program.graph.node(node).op == Op::Gather {
            return self.lookup(node, inputs[0], inputs[1]);
        }
        let Some(function) = self.function(node) else {
            let from = self.joined(node);
            return self.push(Code::Join(join_of(&self.program.graph.node(node).op), from), self.class(node));
        };
        let mut operands = [Source::Scalar(0); 3];
        for (operand, input) in operands.iter_mut().zip(inputs) {
            *operand = self.operand(node, input);
        }
        match function {
            Function::Copy if self.class(node) != Class::One => operands[0],
            _ => self.push(Code::Apply(function, operands), self.class(node)),
        }
    }

    fn lookup(&mut self, node: NodeId, table: NodeId, numbers: NodeId) -> Source {
        let rows = self.program.graph.shape(table).0[0].factor;
        let table = address(self.program, table);
        let numbers = self.operand(node, numbers);
        self.push(Code::Lookup { table, rows, numbers }, self.class(node))
    }

    /// The function of an elementwise node; `None` for reductions.
    fn function(&self, node: NodeId) -> Option<Function> {
        let graph = &self.program.graph;
        let made = graph.node(node);
        let integers = graph.node(made.inputs[0]).element != Element::F32;
        function_of(&made.op, integers, made.element == Element::F32)
    }

    /// The input of a reduction along rows, element by element.
    fn joined(&mut self, node: NodeId) -> Source {
        let input = self.program.graph.node(node).inputs[0];
        assert_eq!(self.class(input), Class::Full, "node {} reduces what is no row", node.0);
        match self.value(input) {
            source @ (Source::Scalar(_) | Source::First(_) | Source::Word(_)) => {
                let operands = [source, source, source];
                self.push(Code::Apply(Function::Copy, operands), Class::Full)
            }
            source => source,
        }
    }

    /// Where `consumer` finds its input `node`, under broadcasting.
    fn operand(&mut self, consumer: NodeId, node: NodeId) -> Source {
        let graph = &self.program.graph;
        let (from, to) = (graph.shape(node), graph.shape(consumer));
        if from.count() == to.count() {
            return self.value(node);
        }
        let walk = Walk::broadcast(from, to);
        let (root, one) = (self.program.storage(node), from.count().is_one());
        let leaf = match self.loads.get(&root) {
            Some(&address) if one => return Source::Word(address),
            Some(&address) => Some(Leaf::Memory(address)),
            None if one => None,
            None => self.leaf(root),
        };
        match leaf {
            Some(leaf) => self.stretch(leaf, walk, self.class(consumer)),
            None => self.spread(node, &walk),
        }
    }

    /// A value from outside in the size of its consumer.
    fn stretch(&mut self, leaf: Leaf, walk: Walk, class: Class) -> Source {
        let key = (leaf, walk, class);
        if let Some(&source) = self.stretched.get(&key) {
            return source;
        }
        let source = self.push(Code::Leaf(key.0.clone(), Some(key.1.clone())), class);
        self.stretched.insert(key, source);
        source
    }

    /// A computed value in the size of its consumer: one for each row, or one for all.
    fn spread(&mut self, node: NodeId, walk: &Walk) -> Source {
        match (self.value(node), self.extent.rows) {
            (source @ (Source::Scalar(_) | Source::First(_) | Source::Word(_)), _) => source,
            (Source::Register(register), Some((rows, _))) if rows.is_one() => Source::First(register),
            (source, Some((rows, columns))) if walk.repeats_rows(rows, columns) => {
                self.push(Code::Spread(source), Class::Full)
            }
            (source, _) => panic!("node {} at {source:?} is stretched along no row", node.0),
        }
    }

    /// What `node` is if it comes from outside, but for plain numbers.
    fn leaf(&self, node: NodeId) -> Option<Leaf> {
        let graph = &self.program.graph;
        let shape = graph.shape(node);
        Some(match graph.node(node).op {
            Op::Input(id) => Leaf::Gather { input: id.0, row: graph.inputs[id.0].row.iter().product() },
            Op::Slice { .. } | Op::Pad { .. } | Op::Concat { .. } => {
                Leaf::Moved(Moved::new(self.program, node))
            }
            Op::Random { stream } => Leaf::Random { stream },
            Op::Iota { axis } => {
                let stride = crate::cpu::walk::strides(shape)[axis];
                Leaf::Iota { stride, size: shape.0[axis] }
            }
            _ => return None,
        })
    }

    fn push(&mut self, code: Code, class: Class) -> Source {
        let counter = match class {
            Class::One => &mut self.region.numbers,
            Class::Full | Class::Row => &mut self.region.registers,
        };
        let to = *counter;
        *counter += 1;
        self.region.code.push(Instruction { code, class, to, direct: None });
        match class {
            Class::One => Source::Scalar(to),
            Class::Full | Class::Row => Source::Register(to),
        }
    }
}

/// The word of a constant: integers are their bits.
fn literal_word(literal: crate::graph::Literal) -> f32 {
    match literal {
        crate::graph::Literal::F32(bits) | crate::graph::Literal::U32(bits) => f32::from_bits(bits),
    }
}

/// Lets registers be used again after the last use of what they hold. No result goes over one of its operands.
fn allocate(region: &mut Region) {
    let end = region.code.len();
    let mut last = vec![0; region.registers];
    for (i, instruction) in region.code.iter_mut().enumerate() {
        instruction.for_registers(&mut |register| last[*register] = i);
    }
    region.for_results(&mut |source| source.for_register(&mut |register| last[*register] = end));
    let (mut place, mut free, mut registers) = (vec![0; last.len()], Vec::new(), 0);
    for (i, instruction) in region.code.iter_mut().enumerate() {
        let made = instruction.has_register().then_some(instruction.to);
        if let Some(register) = made {
            place[register] = free.pop().unwrap_or_else(|| {
                registers += 1;
                registers - 1
            });
            instruction.to = place[register];
        }
        let mut dying = Vec::new();
        instruction.for_registers(&mut |register| {
            if last[*register] == i {
                dying.push(*register);
            }
            *register = place[*register];
        });
        dying.sort_unstable();
        dying.dedup();
        free.extend(dying.into_iter().map(|register| place[register]));
    }
    region.for_results(&mut |source| source.for_register(&mut |register| *register = place[*register]));
    region.registers = registers;
}

impl Instruction {
    /// Whether its result goes to a register.
    fn has_register(&self) -> bool {
        self.class != Class::One && self.direct.is_none()
    }

    /// Visits where each operand is found.
    pub(super) fn for_sources(&mut self, visit: &mut impl FnMut(&mut Source)) {
        match &mut self.code {
            Code::Apply(function, operands) => operands[..function.arity()].iter_mut().for_each(visit),
            Code::Lookup { numbers: source, .. } | Code::Spread(source) | Code::Join(_, source) => {
                visit(source)
            }
            Code::Leaf(..) | Code::Number(_) | Code::Known(_) => {}
        }
    }

    fn for_registers(&mut self, visit: &mut impl FnMut(&mut usize)) {
        self.for_sources(&mut |source| source.for_register(visit));
    }
}

impl Source {
    fn for_register(&mut self, visit: &mut impl FnMut(&mut usize)) {
        if let Self::Register(register) | Self::First(register) = self {
            visit(register);
        }
    }
}

impl Region {
    /// Visits where each stored value, and each that is reduced, is found.
    pub(super) fn for_results(&mut self, visit: &mut impl FnMut(&mut Source)) {
        self.stores.iter_mut().for_each(|stored| visit(&mut stored.source));
        self.partials.iter_mut().for_each(|partial| visit(&mut partial.source));
    }
}
