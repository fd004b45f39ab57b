//! Running a region's instructions over one block.

use std::cell::RefCell;

use super::{Class, Code, Instruction, Number, Region, Source, Stored, Target};
use crate::cpu::kernels::{Level, Operand, apply, gather};
use crate::cpu::memory::Context;

/// Elements of a register: eight of them fill a first-level cache of 32 KiB.
pub(in crate::cpu) const BLOCK: usize = 1024;

/// The elements that one block covers.
#[derive(Clone, Copy, Debug)]
pub(in crate::cpu) struct Span {
    /// The first full element.
    pub(in crate::cpu) start: usize,
    /// Full elements.
    pub(in crate::cpu) len: usize,
    /// The first row.
    pub(in crate::cpu) row: usize,
    /// Rows, all of them whole unless there is only one.
    pub(in crate::cpu) rows: usize,
    /// Whether it is the first to cover its rows.
    pub(in crate::cpu) leads: bool,
}

impl Span {
    /// A block without rows.
    #[inline]
    pub(in crate::cpu) fn plain(start: usize, len: usize) -> Self {
        Self { start, len, row: 0, rows: 0, leads: start == 0 }
    }

    #[inline]
    fn of(&self, class: Class) -> (usize, usize) {
        match class {
            Class::Full => (self.start, self.len),
            Class::Row => (self.row, self.rows),
            Class::One => (0, 1),
        }
    }
}

/// The registers of one thread, kept from region to region.
#[derive(Default)]
struct Frame {
    registers: Vec<Vec<f32>>,
    numbers: Vec<f32>,
}

thread_local! {
    static FRAME: RefCell<Frame> = RefCell::default();
}

/// Lets this thread have room for `region`, so that no step has to make it.
pub(in crate::cpu) fn reserve(region: &Region) {
    FRAME.with_borrow_mut(|frame| frame.grow(region));
}

impl Frame {
    fn grow(&mut self, region: &Region) {
        while self.registers.len() < region.registers {
            self.registers.push(vec![0.0; BLOCK]);
        }
        self.numbers.resize(self.numbers.len().max(region.numbers), 0.0);
    }
}

/// One block of a region on its way.
struct Run<'a> {
    context: &'a Context<'a>,
    frame: &'a mut Frame,
    span: Span,
    anchor: &'a mut [f32],
    known: &'a [f32],
    level: Level,
}

impl Region {
    /// Runs over `span`, behind the finished elements `anchor` of the anchor if there is one.
    pub(in crate::cpu) fn run(&self, context: &Context<'_>, span: Span, anchor: &mut [f32]) {
        self.run_pass(context, span, anchor, &[], |_, _| {});
    }

    /// Runs one pass over a part of a row: `known` holds the results of the reductions that earlier passes finished;
    /// `partial` gets the number of each reduction of this pass, and the values it is to join.
    pub(in crate::cpu) fn run_pass(
        &self,
        context: &Context<'_>,
        span: Span,
        anchor: &mut [f32],
        known: &[f32],
        mut partial: impl FnMut(usize, &[f32]),
    ) {
        debug_assert!(span.len <= BLOCK && span.rows <= BLOCK, "{span:?} is longer than a register");
        FRAME.with_borrow_mut(|frame| {
            frame.grow(self);
            let mut run = Run { context, frame, span, anchor, known, level: Level::current() };
            self.code.iter().for_each(|instruction| run.instruction(instruction));
            self.stores.iter().for_each(|stored| run.store(stored));
            for part in &self.partials {
                partial(part.number, run.row(part.source));
            }
        });
    }

    /// Runs over elements `start..` of the anchor, block by block.
    pub(in crate::cpu) fn follow(&self, context: &Context<'_>, start: usize, finished: &mut [f32]) {
        for (i, block) in finished.chunks_mut(BLOCK).enumerate() {
            self.run(context, Span::plain(start + i * BLOCK, block.len()), block);
        }
    }
}

impl Run<'_> {
    fn instruction(&mut self, instruction: &Instruction) {
        let (start, len) = self.span.of(instruction.class);
        if instruction.class == Class::One {
            let mut number = [0.0];
            self.compute(&instruction.code, start, &mut number);
            self.frame.numbers[instruction.to] = number[0];
            return;
        }
        match instruction.direct {
            None => {
                let mut register = std::mem::take(&mut self.frame.registers[instruction.to]);
                self.compute(&instruction.code, start, &mut register[..len]);
                self.frame.registers[instruction.to] = register;
            }
            Some(Target::Memory(to)) => {
                self.compute(&instruction.code, start, self.context.write(to, start..start + len));
            }
            Some(Target::Anchor) => {
                let words = std::mem::take(&mut self.anchor);
                self.compute(&instruction.code, start, words);
                self.anchor = words;
            }
        }
    }

    fn compute(&self, code: &Code, start: usize, out: &mut [f32]) {
        match code {
            Code::Apply(function, sources) => {
                let used = function.arity();
                let mut operands: [Operand<'_>; 3] = [&[]; 3];
                for (operand, &source) in operands.iter_mut().zip(&sources[..used]) {
                    *operand = self.operand(source, start, out.len());
                }
                apply(self.level, *function, operands, out);
            }
            Code::Leaf(leaf, walk) => leaf.fill(self.context, walk.as_ref(), start, out),
            Code::Number(number) => out[0] = self.number(*number),
            Code::Lookup { table, rows, numbers } => {
                let numbers = self.operand(*numbers, start, out.len());
                lookup(self.context.read(*table, 0..*rows), numbers, out);
            }
            Code::Spread(source) => self.spread(*source, out),
            Code::Join(join, source) => {
                let columns = self.span.len / self.span.rows;
                for (out, row) in out.iter_mut().zip(self.row(*source).chunks_exact(columns)) {
                    *out = join.apply(row);
                }
            }
            Code::Known(number) => out[0] = self.known[*number],
        }
    }

    #[inline]
    fn operand(&self, source: Source, start: usize, len: usize) -> Operand<'_> {
        match source {
            Source::Register(register) => &self.frame.registers[register][..len],
            Source::First(register) => &self.frame.registers[register][..1],
            Source::Scalar(number) => &self.frame.numbers[number..=number],
            Source::Memory(address) => self.context.read(address, start..start + len),
            Source::Word(address) => self.context.read(address, 0..1),
            Source::Anchor => self.anchor,
        }
    }

    /// All full elements of the block.
    fn row(&self, source: Source) -> &[f32] {
        let row = self.operand(source, self.span.start, self.span.len);
        assert_eq!(row.len(), self.span.len, "what is reduced was copied to a register");
        row
    }

    fn number(&self, number: Number) -> f32 {
        match number {
            Number::Constant(value) => value,
            Number::Scalar(scalar) => self.context.step.scalars[scalar],
            Number::BatchSize => self.context.batch() as f32,
        }
    }

    fn spread(&self, source: Source, out: &mut [f32]) {
        let columns = out.len() / self.span.rows;
        match *self.operand(source, self.span.row, self.span.rows) {
            [value] => out.fill(value),
            ref rows => out.chunks_exact_mut(columns).zip(rows).for_each(|(out, &value)| out.fill(value)),
        }
    }

    fn store(&mut self, stored: &Stored) {
        let (start, len) = self.span.of(stored.class);
        let first = match stored.class {
            Class::Full => true,
            Class::Row => self.span.leads,
            Class::One => self.span.start == 0,
        };
        match stored.to {
            Target::Memory(to) if first && stored.source != Source::Memory(to) => {
                let words = self.context.write(to, start..start + len);
                copy(self.operand(stored.source, start, len), words);
            }
            Target::Memory(_) => {}
            Target::Anchor => {
                let words = std::mem::take(&mut self.anchor);
                copy(self.operand(stored.source, start, len), words);
                self.anchor = words;
            }
        }
    }
}

/// The numbers of `table` at the rows `numbers`, which are the bits of integers; NaN where there is none.
fn lookup(table: &[f32], numbers: Operand<'_>, out: &mut [f32]) {
    match numbers {
        [_] => {
            gather(table, numbers, 1, &mut out[..1]);
            let first = out[0];
            out.fill(first);
        }
        _ => gather(table, numbers, 1, out),
    }
}

fn copy(from: Operand<'_>, to: &mut [f32]) {
    match *from {
        [value] => to.fill(value),
        _ => to.copy_from_slice(from),
    }
}
