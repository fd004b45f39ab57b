//! What a model is trained for, and how.

use super::custom_step::CustomBody;
use super::learner::Learner;
use super::objective::Objective;
use super::update::learner_scalar;
use crate::error::{Error, Result};
use crate::train::optimizers::{self, Optimizer, Slot};

/// What `compile` was given.
#[derive(Debug)]
pub(super) struct Compiled {
    pub learners: Vec<Learner>,
    pub goal: Goal,
}

/// What a model is trained for.
#[derive(Debug)]
pub(super) enum Goal {
    /// One for each output; their sum is the loss of the only learner.
    Objectives(Vec<Objective>),
    /// A step of the user's own.
    Custom(CustomBody),
}

impl Compiled {
    /// Checks an optimizer and one objective for each of `outputs`.
    pub fn new(optimizer: Box<dyn Optimizer>, objectives: Vec<Objective>, outputs: usize) -> Result<Self> {
        let learners = vec![Learner::of_all(optimizer)?];
        if objectives.len() != outputs {
            let expected = format!("{outputs}, one for each output: give them to `compile_each`");
            return Err(Error::argument("compile", "number of objectives", objectives.len(), expected));
        }
        if let Some(objective) = objectives.iter().find(|objective| !objective.weight.is_finite()) {
            return Err(Error::argument("compile", "weight", objective.weight, "a finite number"));
        }
        objectives.iter().try_for_each(Objective::check_metrics)?;
        if objectives.iter().all(|objective| objective.loss.is_none()) {
            return Err(Error::argument(
                "compile",
                "objectives",
                "without a loss",
                "a loss for one output at least",
            ));
        }
        Ok(Self { learners, goal: Goal::Objectives(objectives) })
    }

    /// What all optimizers remember of each weight.
    pub fn slots(&self) -> Vec<Slot> {
        self.learners.iter().flat_map(|learner| optimizers::slots(learner.optimizer.as_ref())).collect()
    }

    /// The numbers of step `step`, counted from 1, that the graph calls `names`.
    pub fn scalars(&self, step: u64, names: &[String]) -> Result<Vec<f32>> {
        if let [learner] = self.learners.as_slice() {
            return optimizers::scalars(learner.optimizer.as_ref(), step, names);
        }
        let mut found = Vec::with_capacity(names.len());
        for (number, learner) in self.learners.iter().enumerate() {
            let mark = learner_scalar(number, "");
            let others = |name: &&String| number == 0 && name.contains('/');
            let own = names.iter().filter(|name| name.starts_with(&mark) && !others(name));
            let own: Vec<String> = own.map(|name| name[mark.len()..].to_string()).collect();
            found.extend(optimizers::scalars(learner.optimizer.as_ref(), step, &own)?);
        }
        Ok(found)
    }

    /// The only optimizer.
    pub fn optimizer(&self, call: &str) -> Result<&dyn Optimizer> {
        match self.learners.as_slice() {
            [learner] => Ok(learner.optimizer.as_ref()),
            several => Err(several_optimizers(call, several.len())),
        }
    }

    /// The only optimizer, to be changed.
    pub fn optimizer_mut(&mut self, call: &str) -> Result<&mut dyn Optimizer> {
        match self.learners.as_mut_slice() {
            [learner] => Ok(learner.optimizer.as_mut()),
            several => Err(several_optimizers(call, several.len())),
        }
    }
}

fn several_optimizers(call: &str, count: usize) -> Error {
    let expected = "1: give optimizers of a custom step schedules of their own";
    Error::argument(call, "number of optimizers", count, expected)
}
