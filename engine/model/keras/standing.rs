//! Where a training stands, in files: numbers as JSON, arrays as groups that Keras does not look at.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::formats::hdf5::File;
use crate::formats::keras_variables::{self, Variables};
use crate::model::checkpoint::{CallbackState, Checkpoint};
use crate::model::network::Model;
use crate::tensor::Tensor;

const REPORTS: &str = "gradus/reports";
const STATES: &str = "gradus/states";

fn of_callback(number: usize) -> String {
    format!("gradus/callbacks/{number}")
}

impl Model {
    /// Seed, step and epoch, and where within the epoch.
    pub(super) fn training_state(&self) -> Value {
        let standing = self.checkpoint.as_ref().map(|at| {
            let names: Vec<&str> = at.outputs.iter().map(|(name, _)| name.as_str()).collect();
            let callback = |state: &CallbackState| json!({ "kind": state.kind, "numbers": state.numbers });
            let callbacks: Vec<Value> = at.callbacks.iter().map(callback).collect();
            json!({
                "seed": at.seed, "shuffle": at.shuffle, "batch_size": at.batch_size, "rows": at.rows, "done": at.done,
                "reports": names, "callbacks": callbacks,
            })
        });
        json!({ "seed": self.seed, "step": self.step, "epoch": self.epoch, "standing": standing })
    }

    /// The arrays that go with [`Model::training_state`]: what the steps of the epoch have reported, what callbacks have
    /// gathered, and what stateful layers keep from batch to batch.
    pub(super) fn training_arrays(&self) -> Result<Vec<Variables>> {
        let mut groups = Vec::new();
        let mut add = |path: String, arrays: Vec<Tensor>| {
            if !arrays.is_empty() {
                groups.push(Variables { path, name: String::new(), arrays });
            }
        };
        if let Some(at) = &self.checkpoint {
            let reports = at.outputs.iter().map(|(_, values)| Tensor::f32(&[values.len()], values.clone()));
            add(REPORTS.into(), reports.collect::<Result<_>>()?);
            for (number, callback) in at.callbacks.iter().enumerate() {
                add(of_callback(number), callback.arrays.to_vec());
            }
        }
        add(STATES.into(), self.kept_states()?);
        Ok(groups)
    }

    /// Lets a training go on from where `training` and the arrays of `file` say.
    pub(super) fn take_standing(&mut self, file: &File, training: &Value) -> Result<()> {
        self.put_states(file.path(), &keras_variables::read(file, STATES)?)?;
        let at = &training["standing"];
        if at.is_null() {
            return Ok(());
        }
        let (path, whole) =
            (file.path(), |key: &str| at[key].as_u64().ok_or_else(|| damaged(file.path(), key)));
        let size = |key: &str| whole(key).map(|number| usize::try_from(number).unwrap_or(usize::MAX));
        let names: Option<Vec<String>> = at["reports"]
            .as_array()
            .map(|list| list.iter().filter_map(Value::as_str).map(String::from).collect());
        let names = names.ok_or_else(|| damaged(path, "reports"))?;
        let reports = keras_variables::read(file, REPORTS)?;
        if names.len() != reports.len() {
            return Err(damaged(path, "reports"));
        }
        let outputs = names.into_iter().zip(reports.iter().map(|values| values.to_f32())).collect();
        let mut callbacks = Vec::new();
        for (number, state) in at["callbacks"].as_array().into_iter().flatten().enumerate() {
            let kind = state["kind"].as_str().ok_or_else(|| damaged(path, "callbacks"))?.to_string();
            let arrays = Arc::new(keras_variables::read(file, &of_callback(number))?);
            callbacks.push(CallbackState { kind, numbers: state["numbers"].clone(), arrays });
        }
        self.checkpoint = Some(Checkpoint {
            seed: whole("seed")?,
            shuffle: at["shuffle"].as_bool().ok_or_else(|| damaged(path, "shuffle"))?,
            batch_size: size("batch_size")?,
            rows: size("rows")?,
            done: size("done")?,
            outputs,
            callbacks,
        });
        Ok(())
    }

    /// What stateful layers keep from batch to batch.
    fn kept_states(&self) -> Result<Vec<Tensor>> {
        let leaves = self.network.leaves().into_iter().zip(&self.built);
        let states = leaves
            .filter(|(leaf, _)| leaf.layer.is_stateful())
            .flat_map(|(_, built)| built.weights.iter().zip(&built.values).skip(built.learning));
        states.map(|(weight, values)| Tensor::f32(&weight.shape, values.clone())).collect()
    }

    /// Puts back what [`Model::kept_states`] gave. A file of no states leaves them as they are.
    fn put_states(&mut self, path: &Path, states: &[Tensor]) -> Result<()> {
        let leaves = self.network.leaves().into_iter().zip(&mut self.built);
        let own: Vec<_> = leaves
            .filter(|(leaf, _)| leaf.layer.is_stateful())
            .flat_map(|(_, built)| built.values.iter_mut().skip(built.learning))
            .collect();
        let count = |values: &Tensor| values.shape().iter().product::<usize>();
        let fits = own.iter().map(|values| values.len()).eq(states.iter().map(count));
        if !fits && !states.is_empty() {
            return Err(damaged(path, "states of layers"));
        }
        for (values, state) in own.into_iter().zip(states) {
            *values = state.to_f32().to_vec();
        }
        Ok(())
    }
}

fn damaged(path: &Path, what: &str) -> Error {
    let remedy = "load the weights alone: build the model in gradus and call `load_weights`";
    Error::file(path, format!("says nothing, or nothing right, of the training's {what}"), remedy)
}
