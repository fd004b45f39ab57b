//! What an optimizer remembers, and where a training stands, in files.

use std::path::Path;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::graph::{Parameter, SEGMENT};
use crate::model::lower::WEIGHTS;
use crate::model::network::Model;
use crate::tensor::Tensor;
use crate::train::optimizers;

impl Model {
    /// The optimizer's class in small letters, as Keras names it.
    pub(super) fn optimizer_name(&self) -> String {
        let optimizer = self.compiled.as_ref().and_then(|compiled| compiled.optimizer("save").ok());
        optimizer.map_or(String::new(), |optimizer| optimizer.class_name().to_lowercase())
    }

    /// Where the training stands, which Keras has no place for.
    pub(super) fn training_state(&self) -> Value {
        json!({ "seed": self.seed, "step": self.step, "epoch": self.epoch })
    }

    /// The optimizer's variables in Keras's order: the number of steps, the learning rate unless a schedule gives it, and,
    /// once it has stepped, for each weight all that is remembered of it. `None` if the model has not one optimizer.
    pub(super) fn optimizer_state(&mut self) -> Result<Option<Vec<Tensor>>> {
        let Some(compiled) = &self.compiled else { return Ok(None) };
        let Ok(optimizer) = compiled.optimizer("save") else { return Ok(None) };
        let mut state = vec![Tensor::u32(&[], vec![self.step as u32])?];
        if optimizers::config(optimizer)["config"]["learning_rate"].is_number() {
            state.push(Tensor::f32(&[], vec![optimizer.base().learning_rate(self.step) as f32])?);
        }
        if self.step == 0 && self.remembered.is_none() {
            return Ok(Some(state));
        }
        let every =
            optimizers::config(optimizer)["config"]["gradient_accumulation_steps"].as_u64().unwrap_or(1);
        let last = optimizer.remembered(self.step / every.max(1));
        let order = self.slot_order()?;
        let arenas = pollster::block_on(self.slot_arenas())?;
        for (parameter, slot) in order {
            let values = &arenas[slot][parameter.offset..][..parameter.len()];
            state.push(Tensor::f32(&parameter.shape, values.to_vec())?);
        }
        for number in last {
            state.push(Tensor::f32(&[], vec![number])?);
        }
        Ok(Some(state))
    }

    /// Which slot of which weight each of the optimizer's arrays is: the averages of all weights come first, then the
    /// gradients gathered, then the rule's own, weight by weight.
    fn slot_order(&self) -> Result<Vec<(Parameter, usize)>> {
        let optimizer = self.compiled("save")?.optimizer("save")?;
        let own = optimizer.slots().len();
        let all = optimizers::slots(optimizer).len();
        let parameters: Vec<Parameter> =
            self.layout()?.parameters.into_iter().filter(|parameter| parameter.variable == WEIGHTS).collect();
        let whole = |slot: usize| parameters.iter().map(move |parameter| (parameter.clone(), slot));
        let common = (own..all).rev().flat_map(whole);
        let each =
            parameters.iter().flat_map(|parameter| (0..own).map(move |slot| (parameter.clone(), slot)));
        Ok(common.chain(each).collect())
    }

    /// Lets the optimizer go on from `state`, which [`Model::optimizer_state`] or Keras has given, at the step that it says,
    /// and the training from where `training` says.
    pub(super) fn restore(
        &mut self,
        path: &Path,
        state: Vec<Tensor>,
        training: Option<&Value>,
    ) -> Result<()> {
        if self.compiled.is_none() || state.is_empty() {
            return Ok(());
        }
        let (scalars, arrays): (Vec<Tensor>, Vec<Tensor>) =
            state.into_iter().partition(|t| t.shape().is_empty());
        let step = scalars.first().map_or(0.0, |step| step.to_f32()[0]);
        if !arrays.is_empty() {
            self.remembered = Some(self.arenas_of(path, &arrays)?);
        }
        let number = |key: &str| training.and_then(|training| training.get(key)).and_then(Value::as_u64);
        self.step = number("step").unwrap_or(step as u64);
        self.epoch = number("epoch").unwrap_or(0) as u32;
        self.seed = number("seed").unwrap_or(self.seed);
        Ok(())
    }

    /// The optimizer's slots filled from `arrays`.
    fn arenas_of(&self, path: &Path, arrays: &[Tensor]) -> Result<Vec<Vec<f32>>> {
        let (order, layout) = (self.slot_order()?, self.layout()?);
        let remedy = "load the weights alone: build the model in gradus and call `load_weights`";
        if order.len() != arrays.len() {
            let problem = format!(
                "{} remembers {} arrays, gradus's {}",
                self.optimizer_name(),
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
