//! Elementwise arithmetic as WGSL: each node of a region becomes a `let`, in the scope of its index.

use std::collections::HashMap;

use super::bindings::Bindings;
use super::functions::is_plain;
use super::index::{self, Index, Level, Term};
use crate::error::{Error, Result};
use crate::gpu::shader::{MAX_BINDINGS, Resource};
use crate::graph::{Binary, Comparison, Element, Literal, Node, NodeId, Op, Unary};
use crate::schedule::{Destination, Memory, Place, Program, Region, Store};
use crate::tensor::{Dim, Shape};

/// Statements of one block, and the values they name.
#[derive(Default)]
struct Scope {
    lines: Vec<String>,
    names: HashMap<(NodeId, Index), String>,
}

/// Writes the arithmetic of one region.
pub struct Emitter<'a> {
    program: &'a Program,
    region: &'a Region,
    /// Elements that one thread computes together: 1 or 4.
    pub lanes: usize,
    /// The storage bindings so far.
    pub bindings: Bindings,
    /// Values computed by other means: the anchor, reductions.
    pub given: HashMap<NodeId, String>,
    /// Set when four elements at a time turn out to be impossible.
    pub spoiled: bool,
    /// How the index of a row follows from that of an element, where the kernel knows rows.
    pub row: Option<Vec<Term>>,
    scopes: [Scope; 2],
    count: usize,
}

impl<'a> Emitter<'a> {
    /// An empty kernel for `region`.
    pub fn new(program: &'a Program, region: &'a Region, lanes: usize) -> Self {
        Self {
            program,
            region,
            lanes,
            bindings: Bindings::new(program.max_batch),
            given: HashMap::new(),
            spoiled: false,
            row: None,
            scopes: Default::default(),
            count: 0,
        }
    }

    /// The node `id`.
    pub fn node(&self, id: NodeId) -> &'a Node {
        self.program.graph.node(id)
    }

    /// How many elements node `id` has.
    pub fn count_of(&self, id: NodeId) -> Dim {
        self.node(id).shape.count()
    }

    /// Elements of `size` for the largest batch.
    pub fn most(&self, size: Dim) -> usize {
        size.at(self.program.max_batch)
    }

    /// The statements written for `level` since the last call; their names are forgotten for elements,
    /// whose block ends with them.
    pub fn take(&mut self, level: Level) -> Vec<String> {
        let scope = &mut self.scopes[level as usize];
        if level == Level::Element {
            scope.names.clear();
        }
        std::mem::take(&mut scope.lines)
    }

    /// A number that no other name of this kernel has. Names do not tell of the node, so that kernels that compute
    /// alike have one text, and one pipeline.
    pub fn fresh(&mut self) -> usize {
        self.count += 1;
        self.count - 1
    }

    /// Appends a statement.
    pub fn line(&mut self, level: Level, text: String) {
        self.scopes[level as usize].lines.push(text);
    }

    /// The name of the value of `id` at `index`, computed where it is needed first.
    pub fn value(&mut self, id: NodeId, index: &Index) -> Result<String> {
        if let Some(name) = self.given.get(&id) {
            return Ok(name.clone());
        }
        let key = (id, index.clone());
        if let Some(name) = self.scopes[index.level as usize].names.get(&key) {
            return Ok(name.clone());
        }
        let loaded = self.region.loads.contains(&id);
        let text = if loaded { self.load(id, index)? } else { self.expression(id, index)? };
        if !loaded && self.is_renaming(id) {
            return Ok(text);
        }
        let name = format!("v{}", self.fresh());
        let node = self.node(id);
        self.line(index.level, format!("let {name} = {text}; // {} {}", node.op.name(), node.shape));
        self.scopes[index.level as usize].names.insert(key, name.clone());
        Ok(name)
    }

    /// Whether the node's text is short enough to stand where it is used.
    fn is_renaming(&self, id: NodeId) -> bool {
        matches!(self.node(id).op, Op::Constant(_) | Op::Broadcast | Op::Reshape | Op::Unary(Unary::Detach))
    }

    /// The index of operand `from` that belongs to `index` of its consumer `to`.
    fn operand_index(&mut self, index: &Index, from: &Shape, to: &Shape) -> Index {
        if from.count() == to.count() {
            return index.clone();
        }
        if from.count().is_one() {
            return Index::zero();
        }
        let terms = index::broadcast(from, to);
        if index.is_element() && self.row.as_ref() == Some(&terms) {
            return Index::new("row", Level::Row, false);
        }
        self.spoiled |= index.spread && !index::keeps_fours(&terms) && !index::joins_fours(&terms);
        let spread = index.spread && index::keeps_fours(&terms);
        let from = if index::wraps(&terms, index.start) { index.text.clone() } else { index.whole() };
        Index::new(index::text(&terms, &parenthesised(&from)), index.level, spread)
    }

    fn operand(&mut self, id: NodeId, n: usize, index: &Index) -> Result<String> {
        let node = self.node(id);
        let operand = node.inputs[n];
        let index = self.operand_index(index, &self.node(operand).shape, &node.shape);
        self.value(operand, &index)
    }

    fn expression(&mut self, id: NodeId, index: &Index) -> Result<String> {
        let node = self.node(id);
        Ok(match &node.op {
            Op::Unary(function) => unary(*function, &self.operand(id, 0, index)?),
            Op::Binary(function) => {
                binary(*function, &self.operand(id, 0, index)?, &self.operand(id, 1, index)?)
            }
            Op::Compare(comparison) => {
                let (a, b) = (self.operand(id, 0, index)?, self.operand(id, 1, index)?);
                match comparison {
                    // Drivers take `!=` to be false for NaN, which equals nothing.
                    Comparison::NotEqual => format!("select(Real(1.0), Real(0.0), {a} == {b})"),
                    other => format!("select(Real(0.0), Real(1.0), {a} {} {b})", operator(*other)),
                }
            }
            Op::Select => {
                let condition = self.operand(id, 0, index)?;
                let (a, b) = (self.operand(id, 1, index)?, self.operand(id, 2, index)?);
                format!("select({a}, {b}, {condition} == Real(0.0))")
            }
            Op::Cast => self.cast(id, index)?,
            Op::Broadcast | Op::Reshape => self.operand(id, 0, index)?,
            op if op.is_movement() => self.moved(id, index)?,
            op if op.is_immediate() => self.immediate(node, index),
            Op::Input(_) => self.gather(id, index)?,
            Op::Gather => self.lookup(id, index)?,
            op => {
                let problem = format!("%{} ({}) is in no memory and in no kernel", id.0, op.name());
                return Err(Error::device("gpu", problem, "report it as a bug of the schedule"));
            }
        })
    }

    fn cast(&mut self, id: NodeId, index: &Index) -> Result<String> {
        let (node, from) = (self.node(id), self.node(self.node(id).inputs[0]).element);
        let x = self.operand(id, 0, index)?;
        Ok(match (from, node.element) {
            (Element::F32, Element::F32) => x,
            (_, Element::F32) => format!("Real({x})"),
            // Conversions out of range differ between compilers: bound the value first.
            (Element::F32, Element::U8) => format!("Bits(clamp({x}, Real(0.0), Real(255.0)))"),
            (Element::F32, Element::U32) => format!("Bits(clamp({x}, Real(0.0), Real(4294967040.0)))"),
            (_, Element::U8) => format!("min({x}, Bits(255u))"),
            (_, Element::U32) => x,
        })
    }

    /// An element of a slice, a padded array or a concatenation: of the part that holds it, or zero.
    fn moved(&mut self, id: NodeId, index: &Index) -> Result<String> {
        let pieces = self.program.graph.pieces(id);
        let kind = if self.node(id).element == Element::F32 { "Real(0.0)" } else { "Bits(0u)" };
        let mut text = kind.to_string();
        for piece in &pieces {
            self.spoiled |= index.spread && !index::moves_fours(&piece.axes);
            let (at, inside) = index::moved(&piece.axes, &parenthesised(&index.whole()));
            let condition = inside.join(" && ");
            let mut at = Index { level: index.level, spread: index.spread, ..at };
            if !inside.is_empty() {
                at = Index { text: format!("select(0u, {}, {condition})", at.whole()), start: 0, ..at };
            }
            let value = self.value(self.node(id).inputs[piece.input], &at)?;
            text = if inside.is_empty() { value } else { format!("select({text}, {value}, {condition})") };
        }
        Ok(text)
    }

    /// The number that a table holds at a row, NaN if that is none of its.
    fn lookup(&mut self, id: NodeId, index: &Index) -> Result<String> {
        self.spoiled |= index.spread;
        let number = parenthesised(&self.operand(id, 1, index)?);
        let row = if self.lanes == 1 { number.clone() } else { format!("{number}.x") };
        let table = self.node(id).inputs[0];
        let rows = self.node(table).shape.0[0].factor;
        let at = format!("min({row}, {}u)", rows - 1);
        let value = self.value(table, &Index::new(at, index.level, false))?;
        Ok(format!("select(real_from(0x7fc00000u), {value}, {number} < Bits({rows}u))"))
    }

    fn immediate(&self, node: &Node, index: &Index) -> String {
        match &node.op {
            Op::Constant(Literal::U32(n)) => format!("Bits({n}u)"),
            Op::Constant(Literal::F32(bits)) => literal(*bits),
            Op::Scalar(id) => format!("Real(step.scalars[{}][{}])", id.0 / 4, id.0 % 4),
            Op::Iota { axis } => self.iota(node, *axis, index),
            Op::Random { stream } => self.random(*stream, index),
            // The one that is left: BatchSize.
            _ => "Real(f32(step.batch))".into(),
        }
    }

    fn iota(&self, node: &Node, axis: usize, index: &Index) -> String {
        let terms = index::iota(&node.shape, axis);
        if index.spread {
            let four = format!("(Bits({}) + Bits(0u, 1u, 2u, 3u))", index.whole());
            return format!("Bits({})", index::text(&terms, &four));
        }
        format!("Bits({})", index::text(&terms, &parenthesised(&index.whole())))
    }

    fn random(&self, stream: u32, index: &Index) -> String {
        if index.spread {
            return format!("random_uniforms({}, {stream}u)", index.whole());
        }
        format!("Real(random_uniform({}, {stream}u))", index.whole())
    }

    /// An element of the batch: a row of the data set, found through the order of samples.
    fn gather(&mut self, id: NodeId, index: &Index) -> Result<String> {
        let Op::Input(input) = self.node(id).op else { unreachable!("only inputs are gathered") };
        let declared = &self.program.graph.inputs[input.0];
        let row: usize = declared.row.iter().product();
        self.spoiled |= index.spread && !row.is_multiple_of(4);
        let fours = self.lanes == 4 && row.is_multiple_of(4) && declared.element != Element::U8;
        let order = self.bind(Resource::Order, Element::U32, false, "order of the samples".into())?;
        let note = format!("data set {:?}", declared.name);
        let data = self.bind(Resource::Data(input), word(declared.element), fours, note)?;
        let i = parenthesised(&index.whole());
        let at = match row {
            1 => format!("{order}[step.offset + {i}]"),
            _ => format!("({order}[step.offset + {i} / {row}u] * {row}u + {i} % {row}u)"),
        };
        Ok(match (declared.element, index.spread) {
            (Element::U8, true) => format!("unpack_bytes({data}[{at} / 4u])"),
            (Element::U8, false) => format!("Bits(({data}[{at} / 4u] >> ({at} % 4u * 8u)) & 0xffu)"),
            (element, spread) => self.read(&data, fours, element, &at, spread),
        })
    }

    /// The text that reads element `index` of a node in memory.
    pub fn load(&mut self, id: NodeId, index: &Index) -> Result<String> {
        let node = self.node(id);
        let place = self.place_of(id)?;
        let fours = self.lanes == 4 && node.shape.count().factor.is_multiple_of(4);
        self.spoiled |= index.spread && !fours;
        let Place { memory, offset } = place;
        let resource = Resource::Range { memory, offset, start: index.start, count: node.shape.count() };
        let note = format!("%{} {}", id.0, node.shape);
        let name = self.bind(resource, word(node.element), fours, note)?;
        let at = match index.start {
            0 => index.text.clone(),
            start => format!("{} + {}", index.text, self.bindings.shift(&name, start)),
        };
        Ok(self.read(&name, fours, node.element, &at, index.spread))
    }

    fn read(&self, name: &str, fours: bool, element: Element, at: &str, spread: bool) -> String {
        let (at, fours) = (parenthesised(at), self.bindings.get(name).map_or(fours, |b| b.fours));
        let text = match (fours, spread) {
            (true, true) if at == "i" => format!("{name}[quad]"),
            (true, true) => format!("{name}[{at} / 4u]"),
            (true, false) => format!("{name}[{at} / 4u][{at} % 4u]"),
            (false, _) => format!("{name}[{at}]"),
        };
        let held = self.bindings.get(name).map_or(element, |b| b.element);
        let kind = |e: Element| if e == Element::F32 { "Real" } else { "Bits" };
        let splat = if spread || self.lanes == 1 { text } else { format!("{}({text})", kind(held)) };
        if kind(held) == kind(element) { splat } else { format!("bitcast<{}>({splat})", kind(element)) }
    }

    /// Where a node lies in memory.
    fn place_of(&self, id: NodeId) -> Result<Place> {
        let storage = self.program.storage(id);
        self.program.place(id).or_else(|| self.program.place(storage)).ok_or_else(|| {
            let problem = format!("%{} ({}) has no place in memory", id.0, self.node(id).op.name());
            Error::device("gpu", problem, "report it as a bug of the schedule")
        })
    }

    /// The name of the binding of `resource`, made if there is none.
    pub fn bind(
        &mut self,
        resource: Resource,
        element: Element,
        fours: bool,
        note: String,
    ) -> Result<String> {
        let name = self.bindings.bind(resource, element, fours, note);
        self.spoiled |= self.bindings.get(&name).is_some_and(|b| b.fours != fours);
        Ok(name)
    }

    /// Fails if the kernel binds more than adapters allow, `reserved` of its own included.
    pub fn check_bindings(&self, kernel: &str, reserved: usize) -> Result<()> {
        let found = self.bindings.count() + reserved;
        if found <= MAX_BINDINGS {
            return Ok(());
        }
        let problem = format!("kernel {kernel} reads and writes {found} buffers, more than {MAX_BINDINGS}");
        Err(Error::device("gpu", problem, "switch fusion off, and report it as a bug of the schedule"))
    }

    /// Writes `value` at `index` to where `store` says.
    pub fn store(&mut self, store: &Store, index: &Index, value: &str) -> Result<String> {
        let node = self.node(store.node);
        let count = node.shape.count();
        let target = self.target(store)?;
        let fours = self.lanes == 4 && self.comes_in_fours(store);
        self.spoiled |= index.spread && !fours;
        let note = format!("%{} {} is written", store.node.0, node.shape);
        let name = self.bind(target, word(node.element), fours, note)?;
        let at = match store.to {
            Destination::Output(_) => index.in_output(count),
            Destination::Part { start, row, stride, .. } => {
                let at =
                    if count == Dim::fixed(row) { index.text.clone() } else { index.in_rows([row, stride]) };
                format!("{at} + {}", self.bindings.shift(&name, start))
            }
            Destination::Place | Destination::Variable(_) => index.text.clone(),
        };
        Ok(self.write(&name, node.element, &at, value))
    }

    /// Whether what a store writes can be bound by fours.
    fn comes_in_fours(&self, store: &Store) -> bool {
        let sizes = match store.to {
            Destination::Part { start, row, stride, .. } => vec![start, row, stride],
            _ => vec![self.count_of(store.node).factor],
        };
        sizes.iter().all(|size| size.is_multiple_of(4))
    }

    /// What a store writes.
    fn target(&self, store: &Store) -> Result<Resource> {
        let count = self.count_of(store.node);
        Ok(match store.to {
            Destination::Place => {
                let Place { memory, offset } = self.place_of(store.node)?;
                Resource::Range { memory, offset, start: 0, count }
            }
            Destination::Part { whole, start, .. } => {
                let Place { memory, offset } = self.place_of(whole)?;
                Resource::Range { memory, offset, start, count: self.count_of(whole) }
            }
            Destination::Variable(v) => {
                Resource::Range { memory: Memory::Variable(v), offset: 0, start: 0, count }
            }
            Destination::Output(n) => Resource::Output(n),
        })
    }

    /// Makes the target of `store` the kernel's first binding, `result`.
    pub fn bind_result(&mut self, store: &Store) -> Result<Resource> {
        let resource = self.target(store)?;
        self.bindings.push("result".into(), resource, Element::F32);
        Ok(resource)
    }

    fn write(&self, name: &str, element: Element, at: &str, value: &str) -> String {
        let (held, fours) = self.bindings.get(name).map_or((element, false), |b| (b.element, b.fours));
        let value = match (held == Element::F32, element == Element::F32) {
            (true, false) => format!("bitcast<Real>({value})"),
            (false, true) => format!("bitcast<Bits>({value})"),
            _ => value.to_string(),
        };
        // A single value in a kernel of fours is four times the same.
        let value = if self.lanes == 4 && !fours { format!("{value}.x") } else { value };
        match fours {
            true if at == "i" => format!("{name}[quad] = {value};"),
            true => format!("{name}[({at}) / 4u] = {value};"),
            false => format!("{name}[{at}] = {value};"),
        }
    }
}

/// How memory holds an element: bytes take a word each outside of data sets.
fn word(element: Element) -> Element {
    if element == Element::F32 { Element::F32 } else { Element::U32 }
}

fn parenthesised(text: &str) -> String {
    if is_plain(text) { text.to_string() } else { format!("({text})") }
}

fn unary(function: Unary, x: &str) -> String {
    match function {
        Unary::Negate => format!("-{x}"),
        Unary::Abs => format!("abs({x})"),
        Unary::Sign => format!("sign_of({x})"),
        Unary::Exp => format!("exponential({x})"),
        Unary::Log => format!("logarithm({x})"),
        Unary::Expm1 => format!("exponential_minus_one({x})"),
        Unary::Log1p => format!("logarithm_of_one_plus({x})"),
        Unary::Erf => format!("error_function({x})"),
        Unary::Erfc => format!("complementary_error_function({x})"),
        Unary::Sqrt => format!("sqrt({x})"),
        Unary::Tanh => format!("hyperbolic_tangent({x})"),
        Unary::Sigmoid => format!("sigmoid({x})"),
        Unary::Softplus => format!("softplus({x})"),
        Unary::Relu => format!("relu({x})"),
        Unary::Detach => x.to_string(),
    }
}

fn binary(function: Binary, a: &str, b: &str) -> String {
    match function {
        Binary::Add => format!("{a} + {b}"),
        Binary::Subtract => format!("{a} - {b}"),
        Binary::Multiply => format!("{a} * {b}"),
        Binary::Divide => format!("{a} / {b}"),
        Binary::Maximum => format!("maximum({a}, {b})"),
        Binary::Minimum => format!("minimum({a}, {b})"),
    }
}

fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal | Comparison::NotEqual => "==",
        Comparison::Less => "<",
        Comparison::LessEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterEqual => ">=",
    }
}

/// A float in WGSL; one that has no literal, or may be flushed, by its bits.
fn literal(bits: u32) -> String {
    let value = f32::from_bits(bits);
    if value.is_normal() || bits == 0 { format!("Real({value:?})") } else { format!("real_from({bits:#x}u)") }
}
