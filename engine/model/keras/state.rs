//! What an optimizer remembers, and where a training stands, in files.

use std::path::Path;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::graph::{Parameter, SEGMENT};
use crate::model::lower::WEIGHTS;
use crate::model::network::Model;
use crate::tensor::Tensor;
use crate::train::optimizers;

/// In which order a file has the slots of an optimizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// All of the first weight, all of the second, …
    ByWeight,
    /// The first of all weights, the second of all, …: as TensorFlow before 2.11.
    BySlot,
}

/// What an optimizer remembers.
pub(super) struct State {
    step: Tensor,
    /// Unless a schedule gives it.
    rate: Option<Tensor>,
    slots: Vec<Tensor>,
    /// Numbers that follow from the step, which Keras keeps nevertheless.
    last: Vec<Tensor>,
}

impl State {
    /// All arrays in Keras 3's order.
    pub fn keras3(self) -> Vec<Tensor> {
        let first = std::iter::once(self.step).chain(self.rate);
        first.chain(self.slots).chain(self.last).collect()
    }

    /// All arrays in Keras 2's order, with names. The newer of its optimizers keep no rate and no last numbers.
    pub fn keras2(self, class: &str, order: Order) -> Vec<(String, Tensor)> {
        let last = if order == Order::BySlot { self.last } else { Vec::new() };
        let first = if order == Order::BySlot { ITERATIONS } else { "iteration:0" };
        let arrays = std::iter::once(self.step).chain(last).chain(self.slots).enumerate();
        let name = |number| if number == 0 { first.to_string() } else { format!("{number}:0") };
        arrays.map(|(number, array)| (format!("{class}/{}", name(number)), array)).collect()
    }
}

/// What optimizers of TensorFlow before 2.11 call the number of steps.
const ITERATIONS: &str = "iter:0";

impl Order {
    /// The order in a file whose first array is called `name`.
    pub fn of(name: &str) -> Self {
        if name.rsplit('/').next() == Some(ITERATIONS) { Self::BySlot } else { Self::ByWeight }
    }
}

impl Model {
    /// The optimizer's class, as Keras names it.
    pub(super) fn optimizer_class(&self) -> &'static str {
        let optimizer = self.compiled.as_ref().and_then(|compiled| compiled.optimizer("save").ok());
        optimizer.map_or("", |optimizer| optimizer.class_name())
    }

    /// What the optimizer remembers. `None` if the model has not one optimizer.
    pub(super) fn optimizer_state(&mut self, order: Order) -> Result<Option<State>> {
        let Some(compiled) = &self.compiled else { return Ok(None) };
        let Ok(optimizer) = compiled.optimizer("save") else { return Ok(None) };
        let step = Tensor::u32(&[], vec![self.step as u32])?;
        let config = &optimizers::config(optimizer)["config"];
        let rate = config["learning_rate"].is_number().then(|| optimizer.base().learning_rate(self.step));
        let rate = rate.map(|rate| Tensor::f32(&[], vec![rate as f32])).transpose()?;
        let mut state = State { step, rate, slots: Vec::new(), last: Vec::new() };
        if self.step == 0 && self.remembered.is_none() {
            return Ok(Some(state));
        }
        let every = config["gradient_accumulation_steps"].as_u64().unwrap_or(1);
        let last = optimizer.remembered(self.step / every.max(1));
        state.last = last.into_iter().map(|number| Tensor::f32(&[], vec![number])).collect::<Result<_>>()?;
        let slots = self.slot_order(order)?;
        let arenas = pollster::block_on(self.slot_arenas())?;
        for (parameter, slot) in slots {
            let values = &arenas[slot][parameter.offset..][..parameter.len()];
            state.slots.push(Tensor::f32(&parameter.shape, values.to_vec())?);
        }
        Ok(Some(state))
    }

    /// Which slot of which weight each of the optimizer's arrays is: the averages of all weights come first, then the
    /// gradients gathered, then the rule's own.
    fn slot_order(&self, order: Order) -> Result<Vec<(Parameter, usize)>> {
        let optimizer = self.compiled("save")?.optimizer("save")?;
        let own = optimizer.slots().len();
        let all = optimizers::slots(optimizer).len();
        let parameters: Vec<Parameter> =
            self.layout()?.parameters.into_iter().filter(|parameter| parameter.variable == WEIGHTS).collect();
        let whole = |slot: usize| parameters.iter().map(move |parameter| (parameter.clone(), slot));
        let common = (own..all).rev().flat_map(whole);
        let each =
            parameters.iter().flat_map(|parameter| (0..own).map(move |slot| (parameter.clone(), slot)));
        let kept = each.filter(|(parameter, slot)| optimizer.keeps(*slot, parameter));
        let mut kept: Vec<(Parameter, usize)> = kept.collect();
        // Ftrl alone went weight by weight before, too.
        let together = match order {
            Order::BySlot if optimizer.class_name() != "Ftrl" => 1,
            _ => optimizer.slots_together(),
        };
        kept.sort_by_key(|(_, slot)| (slot + 1).saturating_sub(together));
        Ok(common.chain(kept).collect())
    }

    /// Lets the optimizer go on from `state`, which [`Model::optimizer_state`] or Keras has given, at the step that it says,
    /// and the training from where `training` says.
    pub(super) fn restore(
        &mut self,
        path: &Path,
        (state, order): (Vec<Tensor>, Order),
        training: Option<&Value>,
    ) -> Result<()> {
        if self.compiled.is_none() || state.is_empty() {
            return Ok(());
        }
        let (scalars, arrays): (Vec<Tensor>, Vec<Tensor>) =
            state.into_iter().partition(|t| t.shape().is_empty());
        let step = scalars.first().map_or(0.0, |step| step.to_f32()[0]);
        if !arrays.is_empty() {
            self.remembered = Some(self.arenas_of(path, &arrays, order)?);
        }
        let number = |key: &str| training.and_then(|training| training.get(key)).and_then(Value::as_u64);
        self.step = number("step").unwrap_or(step as u64);
        self.epoch = number("epoch").unwrap_or(0) as u32;
        self.seed = number("seed").unwrap_or(self.seed);
        Ok(())
    }

    /// The optimizer's slots filled from `arrays`.
    fn arenas_of(&self, path: &Path, arrays: &[Tensor], order: Order) -> Result<Vec<Vec<f32>>> {
        let (order, layout) = (self.slot_order(order)?, self.layout()?);
        let remedy = "load the weights alone: build the model in gradus and call `load_weights`";
        if order.len() != arrays.len() {
            let problem = format!(
                "{} remembers {} arrays, gradus's {}",
                self.optimizer_class(),
                arrays.len(),
                order.len()
            );
            return Err(Error::file(path, problem, remedy));
        }
        let words = layout.variables[WEIGHTS.0].segments * SEGMENT;
        let slots = optimizers::slots(self.compiled("load")?.optimizer("load")?);
        let mut arenas: Vec<Vec<f32>> = slots.iter().map(|slot| vec![slot.start; words]).collect();
        for ((parameter, slot), array) in order.iter().zip(arrays) {
            if array.shape() != parameter.shape {
                let (found, expected) = (array.shape(), &parameter.shape);
                let problem =
                    format!("{}: remembered with shape {found:?}, expected {expected:?}", parameter.name);
                return Err(Error::file(path, problem, remedy));
            }
            arenas[*slot][parameter.offset..][..parameter.len()].copy_from_slice(&array.to_f32());
        }
        Ok(arenas)
    }

    /// The optimizer's slots as they are on the device.
    async fn slot_arenas(&mut self) -> Result<Vec<Vec<f32>>> {
        if let Some(arenas) = &self.remembered {
            return Ok(arenas.clone());
        }
        let mut session = self.start_session().await?;
        let arenas = session.slots().await;
        self.keep(session);
        arenas
    }
}
