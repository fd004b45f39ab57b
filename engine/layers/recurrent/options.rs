//! The options of recurrent layers, one after the other and as Keras's configs hold them.

use serde_json::{Value, json};

use super::super::config::{Config, merged};
use super::super::draw::Draw;
use super::super::weight_options::{BIAS, KERNEL, RECURRENT, WeightOptions};
use super::super::{ActivationFunction, Base, Layer};
use super::{Cell, Recurrent};
use crate::error::{Error, Result};
use crate::train::constraints::Constraint;
use crate::train::initializers::Initializer;
use crate::train::regularizers::Regularizer;

impl Recurrent {
    pub(super) fn new(cell: Cell, units: usize) -> Self {
        Self {
            base: Base::default(),
            cell,
            units,
            activation: ActivationFunction::Tanh,
            recurrent_activation: ActivationFunction::Sigmoid,
            use_bias: true,
            kernel: WeightOptions::new(Initializer::glorot_uniform()),
            recurrent: WeightOptions::new(Initializer::orthogonal(1.0)),
            bias: WeightOptions::new(Initializer::zeros()),
            dropout: 0.0,
            recurrent_dropout: 0.0,
            draw: Draw::default(),
            return_sequences: false,
            return_state: false,
            go_backwards: false,
            stateful: None,
            zero_output_for_mask: false,
        }
    }

    /// The function of the candidate and of the output, as [`ActivationFunction`] or by name. Default tanh.
    pub fn activation<A>(mut self, activation: A) -> Self
    where
        A: TryInto<ActivationFunction, Error: Into<Error>>,
    {
        self.activation = self.base.option(self.activation, activation);
        self
    }

    /// The function of the gates. Default sigmoid. A [`SimpleRNN`](super::SimpleRNN) has none.
    pub fn recurrent_activation<A>(mut self, activation: A) -> Self
    where
        A: TryInto<ActivationFunction, Error: Into<Error>>,
    {
        self.recurrent_activation = self.base.option(self.recurrent_activation, activation);
        let missing = self.cell == Cell::Simple;
        self.refuse("recurrent_activation", missing)
    }

    /// Whether a bias is added. Default true.
    pub fn use_bias(mut self, use_bias: bool) -> Self {
        self.use_bias = use_bias;
        self
    }

    /// How the kernel starts. Default `glorot_uniform`.
    pub fn kernel_initializer<I>(mut self, initializer: I) -> Self
    where
        I: TryInto<Initializer, Error: Into<Error>>,
    {
        self.kernel.initializer = self.base.option(self.kernel.initializer, initializer);
        self
    }

    /// What the kernel adds to the loss. Default nothing.
    pub fn kernel_regularizer<R>(mut self, regularizer: R) -> Self
    where
        R: TryInto<Regularizer, Error: Into<Error>>,
    {
        self.kernel.regularizer = self.base.given(regularizer);
        self
    }

    /// What the kernel is brought back to after each step. Default nothing.
    pub fn kernel_constraint<C>(mut self, constraint: C) -> Self
    where
        C: TryInto<Constraint, Error: Into<Error>>,
    {
        self.kernel.constraint = self.base.given(constraint);
        self
    }

    /// How the recurrent kernel starts. Default `orthogonal`.
    pub fn recurrent_initializer<I>(mut self, initializer: I) -> Self
    where
        I: TryInto<Initializer, Error: Into<Error>>,
    {
        self.recurrent.initializer = self.base.option(self.recurrent.initializer, initializer);
        self
    }

    /// What the recurrent kernel adds to the loss. Default nothing.
    pub fn recurrent_regularizer<R>(mut self, regularizer: R) -> Self
    where
        R: TryInto<Regularizer, Error: Into<Error>>,
    {
        self.recurrent.regularizer = self.base.given(regularizer);
        self
    }

    /// What the recurrent kernel is brought back to after each step. Default nothing.
    pub fn recurrent_constraint<C>(mut self, constraint: C) -> Self
    where
        C: TryInto<Constraint, Error: Into<Error>>,
    {
        self.recurrent.constraint = self.base.given(constraint);
        self
    }

    /// How the bias starts. Default `zeros`.
    pub fn bias_initializer<I>(mut self, initializer: I) -> Self
    where
        I: TryInto<Initializer, Error: Into<Error>>,
    {
        self.bias.initializer = self.base.option(self.bias.initializer, initializer);
        self
    }

    /// What the bias adds to the loss. Default nothing.
    pub fn bias_regularizer<R>(mut self, regularizer: R) -> Self
    where
        R: TryInto<Regularizer, Error: Into<Error>>,
    {
        self.bias.regularizer = self.base.given(regularizer);
        self
    }

    /// What the bias is brought back to after each step. Default nothing.
    pub fn bias_constraint<C>(mut self, constraint: C) -> Self
    where
        C: TryInto<Constraint, Error: Into<Error>>,
    {
        self.bias.constraint = self.base.given(constraint);
        self
    }

    /// What the output adds to the loss, divided by the number of samples. Default nothing.
    pub fn activity_regularizer<R>(self, regularizer: R) -> Self
    where
        R: TryInto<Regularizer, Error: Into<Error>>,
    {
        self.with_activity_regularizer(regularizer)
    }

    /// An [`LSTM`](super::LSTM)'s forget gates start open, with a bias of 1. Default true.
    pub fn unit_forget_bias(mut self, unit_forget_bias: bool) -> Self {
        let lstm = matches!(self.cell, Cell::Lstm { .. });
        if lstm {
            self.cell = Cell::Lstm { unit_forget_bias };
        }
        self.refuse("unit_forget_bias", !lstm)
    }

    /// A [`GRU`](super::GRU) resets the state's product, as cuDNN does; else the state. Default true.
    pub fn reset_after(mut self, reset_after: bool) -> Self {
        let gru = matches!(self.cell, Cell::Gru { .. });
        if gru {
            self.cell = Cell::Gru { reset_after };
        }
        self.refuse("reset_after", !gru)
    }

    /// The share of the input's features that are dropped while training, the same at all time steps. Default 0.
    pub fn dropout(mut self, dropout: f64) -> Self {
        self.dropout = dropout;
        self
    }

    /// The share of the states that are dropped while training, the same at all time steps. Default 0.
    pub fn recurrent_dropout(mut self, recurrent_dropout: f64) -> Self {
        self.recurrent_dropout = recurrent_dropout;
        self
    }

    /// What is dropped follows from this number, and the model's seed, whatever else the model draws. Default: each layer
    /// draws by itself.
    pub fn seed(mut self, seed: u64) -> Self {
        self.draw.seed = Some(seed);
        self
    }

    /// Whether all outputs are given, `[None, time, units]`, not the last alone. Default false.
    pub fn return_sequences(mut self, return_sequences: bool) -> Self {
        self.return_sequences = return_sequences;
        self
    }

    /// Whether the last states are given behind the output, each `[None, units]`: `h`, and `c` of an
    /// [`LSTM`](super::LSTM). Default false.
    pub fn return_state(mut self, return_state: bool) -> Self {
        self.return_state = return_state;
        self
    }

    /// Whether time runs from the last step to the first, the outputs in that order. Default false.
    pub fn go_backwards(mut self, go_backwards: bool) -> Self {
        self.go_backwards = go_backwards;
        self
    }

    /// Each batch starts from the states that the one before has left, sample by sample, for batches of up to
    /// `batch_size` samples. [`Model::reset_states`](crate::Model::reset_states) sets them to zero.
    /// Default: each batch starts from zeros.
    pub fn stateful(mut self, batch_size: usize) -> Self {
        self.stateful = Some(batch_size);
        self
    }

    /// Whether the output is zero at masked time steps, not the last one again. Default false.
    pub fn zero_output_for_mask(mut self, zero_output_for_mask: bool) -> Self {
        self.zero_output_for_mask = zero_output_for_mask;
        self
    }

    /// The layer's name. Default `lstm`, `lstm_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    /// Whether the weights learn. Default true.
    pub fn trainable(mut self, trainable: bool) -> Self {
        self.base.set_trainable(trainable);
        self
    }

    /// Keeps an error for an option that the cell does not have.
    fn refuse(mut self, option: &str, missing: bool) -> Self {
        if missing {
            self.base.refuse(Error::argument(
                self.cell.class_name(),
                option,
                "given",
                "a layer that has this option",
            ));
        }
        self
    }

    pub(super) fn options(&self) -> Value {
        let mut options = json!({
            "units": self.units,
            "activation": self.activation.config(),
            "use_bias": self.use_bias,
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful.is_some(),
            "unroll": true,
            "zero_output_for_mask": self.zero_output_for_mask,
        });
        let weights = [(&self.kernel, &KERNEL), (&self.recurrent, &RECURRENT), (&self.bias, &BIAS)];
        self.draw.write(&mut options);
        for (weight, keys) in weights {
            options = merged(options, weight.config(keys));
        }
        if let Some(samples) = self.stateful {
            options["batch_size"] = json!(samples);
        }
        if self.cell != Cell::Simple {
            options["recurrent_activation"] = self.recurrent_activation.config();
        }
        match self.cell {
            Cell::Simple => {}
            Cell::Lstm { unit_forget_bias } => options["unit_forget_bias"] = json!(unit_forget_bias),
            Cell::Gru { reset_after } => options["reset_after"] = json!(reset_after),
        }
        options
    }

    /// A layer of `cell` with the options of `config`.
    pub(in crate::layers) fn from_config(class: &str, config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let cell = match class {
            "LSTM" => Cell::Lstm { unit_forget_bias: config.flag("unit_forget_bias", true)? },
            "GRU" => Cell::Gru { reset_after: config.flag("reset_after", true)? },
            _ => Cell::Simple,
        };
        let mut layer = Self::new(cell, config.count("units")?);
        layer.base = base;
        layer.activation = config.activation_or("activation", layer.activation)?;
        if cell != Cell::Simple {
            layer.recurrent_activation =
                config.activation_or("recurrent_activation", layer.recurrent_activation)?;
        }
        layer.use_bias = config.flag("use_bias", true)?;
        let own =
            [(&mut layer.kernel, &KERNEL), (&mut layer.recurrent, &RECURRENT), (&mut layer.bias, &BIAS)];
        for (weight, keys) in own {
            *weight = WeightOptions::from_config(config, keys, weight.initializer)?;
        }
        layer.dropout = config.number_or("dropout", 0.0)?;
        layer.recurrent_dropout = config.number_or("recurrent_dropout", 0.0)?;
        layer.draw = Draw::seeded(config)?;
        layer.return_sequences = config.flag("return_sequences", false)?;
        layer.return_state = config.flag("return_state", false)?;
        layer.go_backwards = config.flag("go_backwards", false)?;
        layer.zero_output_for_mask = config.flag("zero_output_for_mask", false)?;
        // How Keras computes it, not what: the network is unrolled here in any case.
        config.take("unroll");
        config.take("implementation");
        layer.stateful = match config.flag("stateful", false)? {
            true => Some(config.count("batch_size")?),
            false => None,
        };
        Ok(layer)
    }
}
