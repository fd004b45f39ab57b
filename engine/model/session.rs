//! A model on its device: variables, and the programs loaded so far.

use super::build::BuiltLayer;
use super::device::{Engine, Opened};
use super::lower::{FROZEN, STATES, WEIGHTS};
use super::memory;
use super::network::Purpose;
use super::run::Batch;
use super::samples::Samples;
use crate::error::Result;
use crate::graph::{Graph, Parameter, SEGMENT, Variable, VariableId};
use crate::schedule::{Contraction, Cost, Options, ProgramId, schedule_tuned};
use crate::stream::Stored;
use crate::train::optimizers::Slot;

/// The variables that hold a model's weights and states.
const ARENAS: [VariableId; 3] = [WEIGHTS, FROZEN, STATES];

/// Which copy of the weights is the newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Newer {
    Host,
    Device,
    Neither,
}

/// The variable of an optimizer's slot number `slot`: they come behind the model's own.
fn slot_variable(slot: usize) -> VariableId {
    VariableId(STATES.0 + 1 + slot)
}

/// Where the weights lie in the variables, and what the optimizer remembers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    pub variables: Vec<Variable>,
    slots: Vec<Slot>,
    pub parameters: Vec<Parameter>,
}

impl Layout {
    /// The layout of the weights of `graph`, and of an optimizer with `slots`.
    pub fn new(graph: &Graph, slots: Vec<Slot>) -> Self {
        let mut variables = graph.variables[..=STATES.0].to_vec();
        let segments = variables[WEIGHTS.0].segments;
        variables.extend(slots.iter().map(|slot| Variable { name: slot.name.to_string(), segments }));
        Self { variables, slots, parameters: graph.parameters.clone() }
    }

    /// The arena of `variable`, filled with the host's weights.
    pub fn pack(&self, variable: VariableId, built: &[BuiltLayer]) -> Vec<f32> {
        let mut arena = vec![0.0; self.variables[variable.0].segments * SEGMENT];
        let values = built.iter().flat_map(|layer| &layer.values);
        for (parameter, values) in self.parameters.iter().zip(values) {
            if parameter.variable == variable {
                arena[parameter.offset..][..values.len()].copy_from_slice(values);
            }
        }
        arena
    }

    /// Puts the weights of all arenas into the host's.
    fn unpack(&self, arenas: &[Vec<f32>], built: &mut [BuiltLayer]) {
        built.iter_mut().for_each(BuiltLayer::mark_set);
        let values = built.iter_mut().flat_map(|layer| &mut layer.values);
        for (parameter, values) in self.parameters.iter().zip(values) {
            values.copy_from_slice(&arenas[parameter.variable.0][parameter.offset..][..parameter.len()]);
        }
    }
}

/// A program on the device.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    pub purpose: Purpose,
    /// The values that the model gives.
    pub values: Vec<usize>,
    pub stored: Vec<Stored>,
    pub max_batch: usize,
    pub id: ProgramId,
    /// The graph's scalars, which each step gives in this order.
    pub scalars: Vec<String>,
    /// The graph's outputs.
    pub outputs: Vec<String>,
    /// The program for people.
    pub explanation: String,
    /// What each kernel has to do.
    pub costs: Vec<Cost>,
    /// Its products and convolutions, each once.
    pub contractions: Vec<Contraction>,
    /// Whether a step leaves other weights or states behind.
    pub changes: bool,
}

/// A model on its device.
#[derive(Debug)]
pub(super) struct Session {
    pub opened: Opened,
    pub newer: Newer,
    layout: Layout,
    loaded: Vec<Loaded>,
}

impl Session {
    pub fn new(opened: Opened) -> Self {
        let layout = Layout { variables: Vec::new(), slots: Vec::new(), parameters: Vec::new() };
        Self { opened, newer: Newer::Host, layout, loaded: Vec::new() }
    }

    pub fn engine(&mut self) -> &mut Engine {
        &mut self.opened.engine
    }

    /// Brings `layout` and the newest weights to the device. With another layout than before, what the
    /// optimizer remembered is forgotten, and the programs too.
    pub async fn prepare(&mut self, layout: Layout, built: &mut [BuiltLayer]) -> Result<()> {
        if self.layout != layout {
            self.pull(built).await?;
            self.forget();
            self.opened.engine.set_variables(&layout.variables)?;
            self.layout = layout;
            self.reset_slots()?;
            self.newer = Newer::Host;
        }
        self.push(built)
    }

    /// Brings the weights to the device, if the host has newer ones.
    pub fn push(&mut self, built: &[BuiltLayer]) -> Result<()> {
        if self.newer == Newer::Host {
            for variable in ARENAS {
                let arena = self.layout.pack(variable, built);
                self.opened.engine.write_variable(variable, &arena)?;
            }
            self.newer = Newer::Neither;
        }
        Ok(())
    }

    /// Makes room for another optimizer and loss.
    pub fn start_over(&mut self) -> Result<()> {
        self.forget();
        self.reset_slots()
    }

    /// Sets what the optimizer remembers to what it starts from.
    fn reset_slots(&mut self) -> Result<()> {
        for (i, slot) in self.layout.slots.iter().enumerate() {
            let id = slot_variable(i);
            let start = vec![slot.start; self.layout.variables[id.0].segments * SEGMENT];
            self.opened.engine.write_variable(id, &start)?;
        }
        Ok(())
    }

    /// Lets the optimizer remember `slots`.
    pub fn remember(&mut self, slots: &[Vec<f32>]) -> Result<()> {
        let mut slots = slots.iter().enumerate();
        slots.try_for_each(|(i, slot)| self.opened.engine.write_variable(slot_variable(i), slot))
    }

    /// What the optimizer remembers.
    pub async fn slots(&mut self) -> Result<Vec<Vec<f32>>> {
        let mut slots = Vec::new();
        for i in 0..self.layout.slots.len() {
            slots.push(self.opened.engine.read_variable(slot_variable(i)).await?);
        }
        Ok(slots)
    }

    /// Lets the weights that learn become what slot number `slot` holds.
    pub async fn adopt(&mut self, slot: usize) -> Result<()> {
        let values = self.opened.engine.read_variable(slot_variable(slot)).await?;
        self.newer = Newer::Device;
        self.opened.engine.write_variable(WEIGHTS, &values)
    }

    /// Unloads all programs.
    fn forget(&mut self) {
        for loaded in self.loaded.drain(..) {
            self.opened.engine.unload(loaded.id);
        }
    }

    /// Brings the weights to the host, if the device has newer ones.
    pub async fn pull(&mut self, built: &mut [BuiltLayer]) -> Result<()> {
        if self.newer != Newer::Device {
            return Ok(());
        }
        let engine = &mut self.opened.engine;
        let mut arenas = Vec::new();
        for variable in ARENAS {
            arenas.push(engine.read_variable(variable).await?);
        }
        self.layout.unpack(&arenas, built);
        self.newer = Newer::Neither;
        Ok(())
    }

    /// The program for `purpose` over `samples` that gives `values`, loaded unless it is already.
    pub fn load(
        &mut self,
        (purpose, values): (Purpose, &[usize]),
        samples: &Samples,
        batch: Batch,
        graph: impl FnOnce(&[Stored]) -> Result<Graph>,
    ) -> Result<Loaded> {
        let (stored, max_batch) = (samples.stored(), batch.most);
        if let Some(at) = self.loaded.iter().position(|loaded| loaded.purpose == purpose) {
            let loaded = &self.loaded[at];
            if (&loaded.stored[..], loaded.max_batch, &loaded.values[..]) == (&stored[..], max_batch, values)
            {
                return Ok(loaded.clone());
            }
            let loaded = self.loaded.swap_remove(at);
            self.opened.engine.unload(loaded.id);
        }
        let graph = graph(&stored)?;
        let Opened { engine, tuning, .. } = &self.opened;
        let program = schedule_tuned(&graph, engine.target(), Options::default(), max_batch, tuning)?;
        memory::check(&self.opened, &graph, &program, &samples.volume(), batch)?;
        let (scalars, outputs) = (program.graph.scalars.clone(), &program.graph.outputs);
        let outputs = outputs.iter().map(|output| output.name.clone()).collect();
        let (explanation, costs) = (program.explain(), program.costs());
        let contractions = program.contractions().into_iter().map(|(contraction, _)| contraction).collect();
        let changes = !program.graph.assigns.is_empty();
        let id = self.opened.engine.load(program)?;
        tracing::debug!(?purpose, kernels = costs.len(), max_batch, "program loaded");
        let values = values.to_vec();
        let loaded = Loaded {
            purpose,
            values,
            stored,
            max_batch,
            id,
            scalars,
            outputs,
            explanation,
            costs,
            contractions,
            changes,
        };
        self.loaded.push(loaded.clone());
        Ok(loaded)
    }

    /// The programs loaded, for people, and what the device has done so far.
    pub fn explain(&self) -> String {
        let mut text = format!("Device: {}\n", self.opened.describe());
        for loaded in &self.loaded {
            text += &format!(
                "\n{:?}, batches of up to {}\n{}",
                loaded.purpose, loaded.max_batch, loaded.explanation
            );
        }
        if let Some(counters) = self.opened.engine.counters() {
            text += &format!("\nSo far: {counters}\n");
        }
        text
    }
}
