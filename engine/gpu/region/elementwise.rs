//! Kernels that compute one element, or four, a thread; and the ends of other kernels.

use super::emit::Emitter;
use super::functions::{head, library};
use super::index::{Index, Level};
use super::{entry, indented};
use crate::error::Result;
use crate::gpu::shader::{Grid, Shader};
use crate::schedule::{Kernel, Program, Store};
use crate::tensor::Dim;

const WORKGROUP: usize = 256;

/// The shader of a kernel of elementwise work over `count` elements.
///
/// # Errors
/// If the region reads or writes more buffers than adapters allow, or a value that is in none.
pub fn elementwise(program: &Program, kernel: &Kernel, count: Dim) -> Result<Shader> {
    if count.factor.is_multiple_of(4)
        && let Some(shader) = generate(program, kernel, count, 4)?
    {
        return Ok(shader);
    }
    Ok(generate(program, kernel, count, 1)?.expect("single elements are always possible"))
}

/// The shader with `lanes` elements a thread, if that is possible.
fn generate(program: &Program, kernel: &Kernel, count: Dim, lanes: usize) -> Result<Option<Shader>> {
    let mut emitter = Emitter::new(program, &kernel.region, lanes);
    let index = Index::new("i", Level::Element, lanes == 4);
    store_all(&mut emitter, &kernel.region.stores, count, &index)?;
    if emitter.spoiled && lanes > 1 {
        return Ok(None);
    }
    emitter.check_bindings(&kernel.name, 0)?;
    let mut body = match lanes {
        4 => format!("    let quad = group_index * {WORKGROUP}u + lane;\n    let i = quad * 4u;\n"),
        _ => format!("    let i = group_index * {WORKGROUP}u + lane;\n"),
    };
    body += &format!("    if (i >= {}) {{ return; }}\n", super::index::size(count));
    body += &indented(&emitter.take(Level::Row), 1);
    body += &indented(&emitter.take(Level::Element), 1);
    let comment = format!("{}: elementwise, {count} elements, {lanes} a thread.", kernel.name);
    let wgsl = format!(
        "{}{}\n{}{}",
        head(&comment),
        emitter.bindings.declarations(0, 1),
        library(&body, lanes),
        entry(WORKGROUP, &body)
    );
    let grid = Grid::Linear { count, each: WORKGROUP * lanes };
    Ok(Some(Shader { name: kernel.name.clone(), wgsl, bindings: emitter.bindings.numbered(0, 1), grid }))
}

/// Writes the stores of a kernel whose threads know `index` of `count` elements. All values come before
/// the first store: it may take the place of what another still reads.
pub(super) fn store_all(
    emitter: &mut Emitter<'_>,
    stores: &[Store],
    count: Dim,
    index: &Index,
) -> Result<()> {
    let single = |e: &Emitter<'_>, s: &Store| e.count_of(s.node).is_one() && !count.is_one();
    let mut values = Vec::with_capacity(stores.len());
    for store in stores {
        let index = if single(emitter, store) { &Index::zero() } else { index };
        values.push(emitter.value(store.node, index)?);
    }
    for (store, value) in stores.iter().zip(values) {
        let text = if single(emitter, store) {
            let text = emitter.store(store, &Index::zero(), &value)?;
            format!("if ({} == 0u) {{ {text} }}", index.text)
        } else {
            emitter.store(store, index, &value)?
        };
        emitter.line(Level::Element, text);
    }
    Ok(())
}
