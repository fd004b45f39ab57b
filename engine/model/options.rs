use super::callbacks::Callback;
use super::progress::Progress;
use super::tensors::Tensors;
use crate::cancellation::CancellationToken;
use crate::error::{Error, Result};

/// Samples in a batch unless told otherwise: Keras's default.
pub(super) const BATCH_SIZE: usize = 32;

/// How [`Model::fit`](super::Model::fit) trains.
///
/// ```
/// use gradus::FitOptions;
/// let options = FitOptions::new().epochs(100).batch_size(32).validation_split(0.2).seed(7);
/// ```
pub struct FitOptions {
    pub(super) epochs: usize,
    pub(super) initial_epoch: usize,
    pub(super) resume: bool,
    pub(super) batch_size: Option<usize>,
    pub(super) shuffle: bool,
    pub(super) validation_data: Option<(Tensors, Tensors)>,
    pub(super) validation_split: f64,
    pub(super) sample_weight: Option<Tensors>,
    pub(super) validation_sample_weight: Option<Tensors>,
    pub(super) class_weight: Vec<(usize, f32)>,
    pub(super) seed: Option<u64>,
    pub(super) callbacks: Vec<Box<dyn Callback>>,
    pub(super) token: CancellationToken,
    verbose: u8,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl FitOptions {
    /// One epoch in batches of 32, shuffled, without validation.
    pub fn new() -> Self {
        Self {
            epochs: 1,
            initial_epoch: 0,
            resume: false,
            batch_size: None,
            shuffle: true,
            validation_data: None,
            validation_split: 0.0,
            sample_weight: None,
            validation_sample_weight: None,
            class_weight: Vec::new(),
            seed: None,
            callbacks: Vec::new(),
            token: CancellationToken::new(),
            // A browser has no clock that a progress line could read.
            verbose: if cfg!(target_arch = "wasm32") { 0 } else { 1 },
        }
    }

    /// How often all samples are seen. Default 1.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// The number of the first epoch, counted from 0: those before it are done already, and [`FitOptions::epochs`] counts
    /// them. Default 0.
    pub fn initial_epoch(mut self, epoch: usize) -> Self {
        self.initial_epoch = epoch;
        self
    }

    /// Goes on where the model's last training ended, be it within an epoch and in another process: [`FitOptions::epochs`]
    /// counts all epochs since `compile`, and weights and history become, bit for bit, those of a run that never stopped.
    /// Within an epoch that takes the same samples, batch size, shuffling and seed; unless one is given, the seed is that
    /// of the run before. Callbacks of the same types go on from what they had gathered. Default false.
    pub fn resume(mut self, resume: bool) -> Self {
        self.resume = resume;
        self
    }

    /// Samples in a step; the last step of an epoch takes what is left. Default 32.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// Whether each epoch takes the samples in another order. Default true.
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// Samples and targets that loss and metrics are measured on after each epoch.
    pub fn validation_data(mut self, x: impl Into<Tensors>, y: impl Into<Tensors>) -> Self {
        self.validation_data = Some((x.into(), y.into()));
        self
    }

    /// The share of the samples, the last ones, that is kept for validation. Default 0.
    pub fn validation_split(mut self, fraction: f64) -> Self {
        self.validation_split = fraction;
        self
    }

    /// How much each sample counts in the loss, `[samples]`, or `[samples, time]` where each time step has a loss; one
    /// tensor for each target. The loss is the mean of weight · loss, or what else its
    /// [`Reduction`](crate::train::losses::Reduction) makes of them. Of metrics those see the weights that
    /// [`Objective::weighted_metrics`](crate::Objective::weighted_metrics) names. Default 1 each.
    pub fn sample_weight(mut self, weights: impl Into<Tensors>) -> Self {
        self.sample_weight = Some(weights.into());
        self
    }

    /// [`FitOptions::sample_weight`] of the validation data.
    pub fn validation_sample_weight(mut self, weights: impl Into<Tensors>) -> Self {
        self.validation_sample_weight = Some(weights.into());
        self
    }

    /// How much the training samples of a class count in the loss, as pairs of class and weight; 1 for the others.
    ///
    /// ```
    /// use gradus::FitOptions;
    /// let rare_counts_more = FitOptions::new().class_weight(&[(0, 1.0), (1, 20.0)]);
    /// ```
    pub fn class_weight(mut self, classes: &[(usize, f32)]) -> Self {
        self.class_weight = classes.to_vec();
        self
    }

    /// What the order of the samples and dropout depend on. Default the model's seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// 0 prints nothing, 1 (the default) a bar on a terminal and a line for each epoch, 2 the lines alone.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = verbose;
        self
    }

    /// Adds what follows the training.
    pub fn callback(mut self, callback: impl Callback + 'static) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Lets `token` end the training from another thread: after the step that is under way, on a GPU after at most two
    /// submissions of some 50 ms. `fit` returns the epochs that were finished, and
    /// [`History::is_cancelled`](super::History::is_cancelled) says so; weights and optimizer stand where the last step left them.
    pub fn cancel_on(mut self, token: CancellationToken) -> Self {
        self.token = token;
        self
    }

    /// All callbacks, the progress among them, or what is wrong with the options for a model that `trained` epochs have
    /// trained.
    pub(super) fn start(&mut self, trained: usize) -> Result<()> {
        if self.resume {
            if self.initial_epoch != 0 && self.initial_epoch != trained {
                let expected = format!("{trained}, the epochs that are done, or not given beside resume");
                return Err(Error::argument("fit", "initial_epoch", self.initial_epoch, expected));
            }
            self.initial_epoch = trained;
        }
        if self.epochs == 0 {
            return Err(Error::argument("fit", "epochs", 0, "at least 1"));
        }
        if self.initial_epoch >= self.epochs {
            let expected = format!("below epochs, which is {}", self.epochs);
            return Err(Error::argument("fit", "initial_epoch", self.initial_epoch, expected));
        }
        if !(0.0..1.0).contains(&self.validation_split) {
            let found = self.validation_split;
            return Err(Error::argument(
                "fit",
                "validation_split",
                found,
                "from 0 up to, but not including, 1",
            ));
        }
        match self.verbose {
            0 => Ok(()),
            1 | 2 => {
                self.callbacks.insert(0, Box::new(Progress::new(self.verbose == 1)));
                Ok(())
            }
            other => Err(Error::argument("fit", "verbose", other, "0, 1 or 2")),
        }
    }
}

pub(super) fn check_batch_size(call: &str, batch_size: usize) -> Result<()> {
    if batch_size > 0 {
        return Ok(());
    }
    Err(Error::argument(call, "batch_size", 0, "at least 1, such as 32"))
}
