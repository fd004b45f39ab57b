use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::graph::Parameter;
use crate::train::config::Config;
use crate::train::schedules::LearningRate;

/// What every optimizer has: Keras's common options, set by the methods of [`Optimizer`](super::Optimizer).
#[derive(Clone, Debug)]
pub struct Base {
    pub(super) learning_rate: LearningRate,
    pub(super) weight_decay: Option<f64>,
    pub(crate) undecayed: Vec<String>,
    pub(super) clipnorm: Option<f64>,
    pub(super) clipvalue: Option<f64>,
    pub(super) global_clipnorm: Option<f64>,
    pub(super) use_ema: bool,
    pub(super) ema_momentum: f64,
    pub(super) ema_overwrite_frequency: Option<usize>,
    pub(crate) loss_scale_factor: Option<f64>,
    pub(super) gradient_accumulation_steps: Option<usize>,
}

impl Base {
    /// A learning rate, and nothing besides.
    pub fn new(learning_rate: impl Into<LearningRate>) -> Self {
        Self {
            learning_rate: learning_rate.into(),
            weight_decay: None,
            undecayed: Vec::new(),
            clipnorm: None,
            clipvalue: None,
            global_clipnorm: None,
            use_ema: false,
            ema_momentum: 0.99,
            ema_overwrite_frequency: None,
            loss_scale_factor: None,
            gradient_accumulation_steps: None,
        }
    }

    /// The rate of step `step`, counted from 0.
    pub fn learning_rate(&self, step: u64) -> f64 {
        self.learning_rate.at(step)
    }

    /// Takes another learning rate, from the next step on.
    ///
    /// # Errors
    /// If the rate follows a schedule, or `rate` is no number above 0; the old one stays then.
    pub fn set_learning_rate(&mut self, rate: f64) -> Result<()> {
        if let LearningRate::Schedule(schedule) = &self.learning_rate {
            let expected = "a rate that no schedule gives: construct the optimizer with a number";
            return Err(Error::argument(
                "set_learning_rate",
                "learning_rate",
                schedule.class_name(),
                expected,
            ));
        }
        let rate = LearningRate::Constant(rate);
        rate.check("set_learning_rate")?;
        self.learning_rate = rate;
        Ok(())
    }

    /// Whether weight decay reaches `parameter`.
    pub(super) fn decays(&self, parameter: &Parameter) -> bool {
        !self.undecayed.iter().any(|part| parameter.name.contains(part.as_str()))
    }

    pub(super) fn check(&self, place: &str) -> Result<()> {
        self.learning_rate.check(place)?;
        let clips = [
            ("clipnorm", self.clipnorm),
            ("clipvalue", self.clipvalue),
            ("global_clipnorm", self.global_clipnorm),
        ];
        let given: Vec<&str> =
            clips.iter().filter(|(_, limit)| limit.is_some()).map(|(name, _)| *name).collect();
        if given.len() > 1 {
            let expected = "one of clipnorm, clipvalue and global_clipnorm";
            return Err(Error::argument(place, "clipping", given.join(" and "), expected));
        }
        for (name, limit) in clips {
            check_positive(place, name, limit.unwrap_or(1.0))?;
        }
        check_positive(place, "loss_scale_factor", self.loss_scale_factor.unwrap_or(1.0))?;
        check_from_0(place, "weight_decay", self.weight_decay.unwrap_or(0.0))?;
        if !(0.0..=1.0).contains(&self.ema_momentum) {
            return Err(Error::argument(place, "ema_momentum", self.ema_momentum, "a number from 0 to 1"));
        }
        let steps = [
            ("ema_overwrite_frequency", self.ema_overwrite_frequency, 1),
            ("gradient_accumulation_steps", self.gradient_accumulation_steps, 2),
        ];
        for (name, steps, least) in steps {
            if let Some(steps) = steps.filter(|&steps| steps < least) {
                return Err(Error::argument(place, name, steps, format!("at least {least}")));
            }
        }
        Ok(())
    }

    pub(super) fn config(&self) -> Value {
        json!({
            "learning_rate": self.learning_rate.config(),
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        })
    }

    /// These options with those of `config`.
    pub(super) fn configured(self, config: &mut Config) -> Result<Self> {
        // Names of optimizers are seen nowhere.
        config.take("name");
        let rate = config.take("learning_rate");
        Ok(Self {
            learning_rate: rate.map_or(Ok(self.learning_rate), |rate| LearningRate::from_config(&rate))?,
            weight_decay: config.number_or_null("weight_decay", self.weight_decay)?,
            undecayed: self.undecayed,
            clipnorm: config.number_or_none("clipnorm")?,
            clipvalue: config.number_or_none("clipvalue")?,
            global_clipnorm: config.number_or_none("global_clipnorm")?,
            use_ema: config.flag("use_ema", false)?,
            ema_momentum: config.number_or("ema_momentum", 0.99)?,
            ema_overwrite_frequency: config.count_or_none("ema_overwrite_frequency")?,
            loss_scale_factor: config.number_or_none("loss_scale_factor")?,
            gradient_accumulation_steps: config.count_or_none("gradient_accumulation_steps")?,
        })
    }
}

/// A share must lie in [0, 1).
pub(super) fn check_share(place: &str, argument: &str, share: f64) -> Result<()> {
    if (0.0..1.0).contains(&share) {
        return Ok(());
    }
    Err(Error::argument(place, argument, share, "a number from 0 up to, but not including, 1"))
}

pub(super) fn check_from_0(place: &str, argument: &str, number: f64) -> Result<()> {
    if number >= 0.0 && number.is_finite() {
        return Ok(());
    }
    Err(Error::argument(place, argument, number, "a number of at least 0"))
}

pub(super) fn check_positive(place: &str, argument: &str, number: f64) -> Result<()> {
    if number > 0.0 && number.is_finite() {
        return Ok(());
    }
    Err(Error::argument(place, argument, number, "a number above 0"))
}
