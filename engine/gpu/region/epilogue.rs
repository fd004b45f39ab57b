//! The ends of products, convolutions and poolings: what becomes of each result, as a hook of their kernels.

use super::elementwise::store_all;
use super::emit::Emitter;
use super::functions::library;
use super::indented;
use super::index::{Index, Level};
use crate::error::Result;
use crate::gpu::kernels::Hooks;
use crate::gpu::shader::Resource;
use crate::graph::{Element, NodeId};
use crate::schedule::{Destination, Kernel, Program, Store};
use crate::tensor::Dim;

/// The first binding of a hook's own.
const FIRST: u32 = 4;

/// What becomes of a kernel's results.
pub struct Epilogue {
    /// The hook and what it declares.
    pub hooks: Hooks,
    /// What the kernel's own binding for results holds; `None` if the hook alone writes.
    pub result: Option<Resource>,
    /// What the hook's bindings hold, with their numbers.
    pub bindings: Vec<(u32, Resource)>,
}

/// The end of a kernel around `anchor` that reads `operands` buffers of its own.
///
/// # Errors
/// If the kernel would bind more buffers than adapters allow.
pub fn epilogue(program: &Program, kernel: &Kernel, anchor: NodeId, operands: usize) -> Result<Epilogue> {
    let mut emitter = Emitter::new(program, &kernel.region, 1);
    let count = program.graph.shape(anchor).count();
    let index = Index::new("index", Level::Element, false);
    emitter.given.insert(anchor, "value".into());
    let stores = &kernel.region.stores;
    let main = stores.iter().position(|s| fits_result(&emitter, s, count));
    let mut returned = String::from("value");
    let mut result = None;
    if let Some(main) = main {
        // The binding comes first, so that loads from the same place share it.
        result = Some(emitter.bind_result(&stores[main])?);
        returned = emitter.value(stores[main].node, &index)?;
    }
    let others: Vec<Store> =
        stores.iter().enumerate().filter(|(i, _)| Some(*i) != main).map(|(_, s)| *s).collect();
    store_all(&mut emitter, &others, count, &index)?;
    let lines = [emitter.take(Level::Row), emitter.take(Level::Element)].concat();
    finish(&emitter, kernel, operands, &lines, &returned, result)
}

/// The end of a filter gradient with its bias's gradient: the results from number `count` on are the bias's.
///
/// # Errors
/// If the kernel would bind more buffers than adapters allow.
pub fn filters_and_bias(
    program: &Program,
    kernel: &Kernel,
    [filters, bias]: [NodeId; 2],
    operands: usize,
) -> Result<Epilogue> {
    let mut emitter = Emitter::new(program, &kernel.region, 1);
    let count = program.graph.shape(filters).count().factor;
    let mut lines = Vec::new();
    for (node, condition, at) in [
        (filters, format!("index < {count}u"), "index".to_string()),
        (bias, format!("index >= {count}u"), format!("index - {count}u")),
    ] {
        let index = Index::new(at, Level::Element, false);
        for store in kernel.region.stores.iter().filter(|s| s.node == node) {
            let text = emitter.store(store, &index, "value")?;
            lines.push(format!("if ({condition}) {{ {text} }}"));
        }
    }
    finish(&emitter, kernel, operands, &lines, "value", None)
}

fn finish(
    emitter: &Emitter<'_>,
    kernel: &Kernel,
    operands: usize,
    lines: &[String],
    returned: &str,
    result: Option<Resource>,
) -> Result<Epilogue> {
    let own = usize::from(result.is_some());
    emitter.check_bindings(&kernel.name, operands + 1 - own)?;
    let declared = emitter.bindings.declarations(own, FIRST);
    let body = format!("\n{}    return {returned};\n", indented(lines, 1));
    let bindings = emitter.bindings.numbered(own, FIRST);
    let hooks = Hooks {
        declarations: format!("{declared}\n{}", library(&body, 1)),
        epilogue: Some(body),
        store_result: result.is_some(),
        ..Hooks::default()
    };
    Ok(Epilogue { hooks, result, bindings })
}

/// Whether a store may be the kernel's own: floats, to a place of their own or a variable.
fn fits_result(emitter: &Emitter<'_>, store: &Store, count: Dim) -> bool {
    !matches!(store.to, Destination::Output(_) | Destination::Part { .. })
        && emitter.count_of(store.node) == count
        && emitter.node(store.node).element == Element::F32
}
