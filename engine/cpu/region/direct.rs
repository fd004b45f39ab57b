//! Results that are stored anyway are computed where they go, not in a register that is copied there.

use super::{Class, Code, Instruction, Leaf, Region, Source, Target};

/// Lets instructions write to memory, or over the anchor's run, wherever nothing from there on reads what lies there.
/// Each instruction still has a register of its own.
pub(super) fn write_directly(region: &mut Region) {
    let mut number = 0;
    while number < region.stores.len() {
        match writer(region, number) {
            Some(writer) => redirect(region, writer, number),
            None => number += 1,
        }
    }
}

/// The instruction that can write store `number`.
fn writer(region: &Region, number: usize) -> Option<usize> {
    let stored = &region.stores[number];
    let Source::Register(register) = stored.source else { return None };
    let made = |instruction: &Instruction| instruction.class == Class::Full && instruction.to == register;
    let writer = region.code.iter().position(made)?;
    let old = from(stored.to);
    let read = region.code[writer..].iter().any(|later| later.reads(old, register))
        || region.stores.iter().any(|other| other.source == old)
        || region.partials.iter().any(|partial| partial.source == old);
    (!read).then_some(writer)
}

/// Where what was stored is found again.
fn from(target: Target) -> Source {
    match target {
        Target::Memory(address) => Source::Memory(address),
        Target::Anchor => Source::Anchor,
    }
}

/// Lets instruction `writer` write store `number`, and whoever wants the value read it there.
fn redirect(region: &mut Region, writer: usize, number: usize) {
    let stored = region.stores.remove(number);
    region.code[writer].direct = Some(stored.to);
    let mut redirect = |source: &mut Source| {
        if *source == stored.source {
            *source = from(stored.to);
        }
    };
    region.code[writer + 1..].iter_mut().for_each(|later| later.for_sources(&mut redirect));
    region.for_results(&mut redirect);
}

impl Instruction {
    /// Whether it reads what lies at `old`, or the first element of `register` for all.
    fn reads(&self, old: Source, register: usize) -> bool {
        let there = |address| old == Source::Memory(address);
        let reads = |source| match source {
            Source::Word(address) => there(address),
            _ => source == old || source == Source::First(register),
        };
        match &self.code {
            Code::Apply(function, operands) => {
                operands[..function.arity()].iter().any(|&source| reads(source))
            }
            Code::Lookup { table, numbers, .. } => there(*table) || reads(*numbers),
            Code::Spread(source) | Code::Join(_, source) => reads(*source),
            Code::Leaf(Leaf::Memory(address), _) => there(*address),
            Code::Leaf(Leaf::Moved(moved), _) => moved.parts().any(there),
            Code::Leaf(..) | Code::Number(_) | Code::Known(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::moved::Moved;
    use super::super::{Function, Partial, Stored};
    use super::*;
    use crate::cpu::memory::{Address, Space};

    fn memory(offset: usize) -> Address {
        Address { space: Space::Activations, offset }
    }

    fn add(to: usize, a: Source, b: Source) -> Instruction {
        let code = Code::Apply(Function::Add, [a, b, Source::Scalar(0)]);
        Instruction { code, class: Class::Full, to, direct: None }
    }

    /// Register 0 is stored at 64, and `later` comes after it.
    fn storing(first: Instruction, later: Vec<Instruction>) -> Region {
        let code = std::iter::once(first).chain(later).collect();
        let to = Target::Memory(memory(64));
        let stores = vec![Stored { source: Source::Register(0), class: Class::Full, to }];
        Region { code, stores, registers: 3, ..Region::default() }
    }

    fn sum() -> Instruction {
        add(0, Source::Memory(memory(0)), Source::Scalar(0))
    }

    #[test]
    fn a_result_is_computed_where_it_goes_and_read_there() {
        let later = vec![add(1, Source::Register(0), Source::Memory(memory(0)))];
        let mut region = storing(sum(), later);
        region.partials.push(Partial { source: Source::Register(0), number: 0 });
        write_directly(&mut region);
        let there = Source::Memory(memory(64));
        let direct = Some(Target::Memory(memory(64)));
        assert_eq!(region.code[0], Instruction { direct, ..sum() });
        assert_eq!(region.code[1], add(1, there, Source::Memory(memory(0))));
        assert_eq!((region.stores.len(), region.partials[0].source), (0, there));
    }

    #[test]
    fn what_is_still_read_is_not_overwritten() {
        let there = Source::Memory(memory(64));
        let leaf =
            |leaf| Instruction { code: Code::Leaf(leaf, None), class: Class::Full, to: 1, direct: None };
        let lookup = Code::Lookup { table: memory(64), rows: 1, numbers: Source::Scalar(0) };
        for (name, region) in [
            ("by itself", storing(add(0, there, Source::Scalar(0)), vec![])),
            ("later", storing(sum(), vec![add(1, Source::Scalar(0), there)])),
            ("as one word", storing(sum(), vec![add(1, Source::Word(memory(64)), Source::Scalar(0))])),
            ("by a broadcast", storing(sum(), vec![leaf(Leaf::Memory(memory(64)))])),
            ("by a slice", storing(sum(), vec![leaf(Leaf::Moved(Moved::unmoved(memory(64))))])),
            ("in a table", storing(sum(), vec![Instruction { code: lookup, to: 1, ..sum() }])),
            ("for its first element", storing(sum(), vec![add(1, Source::First(0), Source::Scalar(0))])),
        ] {
            let mut after = region.clone();
            write_directly(&mut after);
            assert_eq!(after, region, "read {name}");
        }
    }

    #[test]
    fn the_anchor_is_overwritten_once_nothing_reads_it() {
        let over = |code: Vec<Instruction>| {
            let stores = vec![Stored { source: Source::Register(1), class: Class::Full, to: Target::Anchor }];
            Region { code, stores, registers: 2, ..Region::default() }
        };
        let first = add(0, Source::Anchor, Source::Memory(memory(0)));
        let mut region = over(vec![first.clone(), add(1, Source::Register(0), Source::Scalar(0))]);
        write_directly(&mut region);
        assert_eq!((region.code[1].direct, region.stores.len()), (Some(Target::Anchor), 0));
        let mut region = over(vec![first, add(1, Source::Register(0), Source::Anchor)]);
        write_directly(&mut region);
        assert_eq!((region.code[1].direct, region.stores.len()), (None, 1));
    }
}
