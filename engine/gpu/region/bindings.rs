//! What a generated kernel binds.

use crate::gpu::shader::Resource;
use crate::graph::Element;
use crate::schedule::{ALIGNMENT, Memory};

/// A storage binding of the kernel.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Its name in the text.
    pub name: String,
    /// What stands behind it.
    pub resource: Resource,
    /// What the text takes its elements for.
    pub element: Element,
    /// Whether the text reads it by fours.
    pub fours: bool,
    /// What it holds, for people.
    note: String,
}

/// All bindings of a kernel, in order.
#[derive(Default)]
pub struct Bindings {
    all: Vec<Binding>,
    /// The binding and the first element of every place that is read from there on.
    shifts: Vec<(String, usize)>,
    max_batch: usize,
}

impl Bindings {
    /// None yet.
    pub fn new(max_batch: usize) -> Self {
        Self { max_batch, ..Self::default() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// The binding of this name.
    pub fn get(&self, name: &str) -> Option<&Binding> {
        self.all.iter().find(|b| b.name == name)
    }

    /// The name of the binding of `resource`, made if there is none: one place is one binding, whatever is read
    /// there and written.
    pub fn bind(&mut self, resource: Resource, element: Element, fours: bool, note: String) -> String {
        let resource = aligned(resource);
        if let Some(found) = self.all.iter_mut().find(|b| same_place(b.resource, resource)) {
            found.resource = joined(found.resource, resource, self.max_batch);
            return found.name.clone();
        }
        let name = match resource {
            Resource::Range { memory: Memory::Activations, .. } => format!("values_{}", self.all.len()),
            Resource::Range { .. } => format!("variable_{}", self.all.len()),
            Resource::Data(input) => format!("data_{}", input.0),
            Resource::Order => "order".into(),
            Resource::Output(n) => format!("output_{n}"),
        };
        self.all.push(Binding { name: name.clone(), resource, element, fours, note });
        name
    }

    /// Appends a binding of single elements whose name and declaration are the shader file's.
    pub fn push(&mut self, name: String, resource: Resource, element: Element) {
        self.all.push(Binding { name, resource, element, fours: false, note: String::new() });
    }

    /// The name of the distance of element `start` of a binding from where the binding will start, which is known
    /// when all places are.
    pub fn shift(&mut self, binding: &str, start: usize) -> String {
        let shift = (binding.to_string(), start);
        let known = self.shifts.iter().position(|known| *known == shift);
        let number = known.unwrap_or_else(|| {
            self.shifts.push(shift);
            self.shifts.len() - 1
        });
        format!("shift_{number}")
    }

    /// The declarations of all bindings but the first `given`, numbered from `number` on, and of the distances.
    pub fn declarations(&self, given: usize, number: u32) -> String {
        let bindings = (number..).zip(&self.all[given..]).map(|(number, b)| declaration(number, b));
        let shift = |(n, (name, start)): (usize, &(String, usize))| {
            let first = self.get(name).map_or(0, |b| first_element(b.resource));
            format!("const shift_{n}: u32 = {}u;\n", start - first)
        };
        bindings.chain(self.shifts.iter().enumerate().map(shift)).collect()
    }

    /// What all bindings but the first `given` hold, numbered from `number` on.
    pub fn numbered(&self, given: usize, number: u32) -> Vec<(u32, Resource)> {
        (number..).zip(self.all[given..].iter().map(|b| b.resource)).collect()
    }
}

fn declaration(number: u32, binding: &Binding) -> String {
    let access = if binding.resource.is_read_only() { "read" } else { "read_write" };
    let scalar = if binding.element == Element::F32 { "f32" } else { "u32" };
    let element = if binding.fours { format!("vec4<{scalar}>") } else { scalar.to_string() };
    let Binding { name, note, .. } = binding;
    format!("@group(0) @binding({number}) var<storage, {access}> {name}: array<{element}>; // {note}\n")
}

fn first_element(resource: Resource) -> usize {
    if let Resource::Range { start, .. } = resource { start } else { 0 }
}

/// It, from the last place before its start where a binding may start.
fn aligned(resource: Resource) -> Resource {
    match resource {
        Resource::Range { memory, offset, start, count } => {
            Resource::Range { memory, offset, start: start / ALIGNMENT * ALIGNMENT, count }
        }
        other => other,
    }
}

fn same_place(a: Resource, b: Resource) -> bool {
    match (a, b) {
        (Resource::Range { memory: m, offset: o, .. }, Resource::Range { memory: n, offset: p, .. }) => {
            m == n && o == p
        }
        _ => a == b,
    }
}

/// Two ranges of one place as one.
fn joined(a: Resource, b: Resource, max_batch: usize) -> Resource {
    match (a, b) {
        (
            Resource::Range { memory, offset, start: first, count: few },
            Resource::Range { start, count, .. },
        ) => {
            let count = if few.at(max_batch) < count.at(max_batch) { count } else { few };
            Resource::Range { memory, offset, start: first.min(start), count }
        }
        _ => a,
    }
}
