//! What does not fit the device is refused before anything is made for it.

use super::device::Opened;
use super::run::Batch;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::schedule::{Options, Program, schedule};
use crate::stream::Volume;

/// Fails if `program`, which is that of `graph`, does not fit beside what the device holds already: with what it needs, what
/// there is, and the largest batch that would fit.
pub(super) fn check(
    opened: &Opened,
    graph: &Graph,
    program: &Program,
    data: &Volume,
    batch: Batch,
) -> Result<()> {
    let Err(error) = fits(opened, program, data, batch.size) else { return Ok(()) };
    let Error::Device { device, problem, remedy } = error else { return Err(error) };
    let smaller = |size: usize| {
        let program = schedule(graph, opened.engine.target(), Options::default(), size);
        program.and_then(|program| fits(opened, &program, data, size)).is_ok()
    };
    let remedy = match largest(batch.most, smaller) {
        0 => format!("{remedy}: not even a batch of 1 fits"),
        size => format!("use a batch size of at most {size}"),
    };
    Err(Error::device(device, format!("batches of {}: {problem}", batch.most), remedy))
}

fn fits(opened: &Opened, program: &Program, data: &Volume, size: usize) -> Result<()> {
    let engine = &opened.engine;
    engine.check_bindings(program)?;
    let (held, limit) = engine.memory();
    let Some(limit) = opened.memory_limit.or(limit) else { return Ok(()) };
    let need = engine.bytes(program, data, data.rows.div_ceil(size));
    if held.saturating_add(need) <= limit {
        return Ok(());
    }
    let problem = format!("they need {need} bytes of memory, {held} are taken, and there are {limit}");
    Err(Error::device(opened.describe(), problem, "use a smaller model, or another device"))
}

/// The largest size below `refused` that `fits`; 0 if none does.
fn largest(refused: usize, fits: impl Fn(usize) -> bool) -> usize {
    let (mut fitting, mut refused) = (0, refused);
    while refused - fitting > 1 {
        let size = fitting.midpoint(refused);
        if fits(size) { fitting = size } else { refused = size }
    }
    fitting
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_that_fits_is_found() {
        for bound in [0, 1, 2, 63, 64, 99] {
            assert_eq!(largest(100, |size| size <= bound), bound);
        }
        assert_eq!(largest(1, |_| true), 0);
    }
}
