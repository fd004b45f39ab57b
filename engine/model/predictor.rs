use std::sync::{Arc, Mutex, PoisonError};

use super::network::{Model, check_single};
use super::tensors::Tensors;
use crate::cancellation::CancellationToken;
use crate::error::Result;
use crate::tensor::Tensor;

/// A model that any number of threads ask for predictions. Clones share the model, its device and its one compiled program;
/// requests are served one after the other.
///
/// ```
/// use gradus::{Dense, Predictor, Sequential, Tensor};
/// let model = Sequential::new().add(Dense::new(3).activation("softmax")).input_shape(&[2]);
/// let predictor = Predictor::new(model, 32);
/// let ask = |i: usize| {
///     let predictor = predictor.clone();
///     std::thread::spawn(move || predictor.predict(Tensor::f32(&[1, 2], vec![i as f32, 1.0])?))
/// };
/// let threads: Vec<_> = (0..8).map(ask).collect();
/// for thread in threads {
///     assert_eq!(thread.join().unwrap()?.shape(), [1, 3]);
/// }
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Predictor {
    model: Arc<Mutex<Model>>,
    batch_size: usize,
}

impl Predictor {
    /// A predictor that takes up to `batch_size` samples, at least 1, at a time, and more in several steps.
    pub fn new(model: impl Into<Model>, batch_size: usize) -> Self {
        Self { model: Arc::new(Mutex::new(model.into())), batch_size: batch_size.max(1) }
    }

    /// As [`Model::predict`].
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn predict(&self, x: impl Into<Tensors>) -> Result<Tensor> {
        let mut model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        check_single(&model)?;
        let token = CancellationToken::new();
        let outputs = model.predict_rows(x.into(), self.batch_size, Some(self.batch_size), &token);
        Ok(pollster::block_on(outputs)?.swap_remove(0))
    }

    /// [`Predictor::predict`] that leaves the caller's thread alone.
    ///
    /// # Errors
    /// As [`Model::predict`].
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn predict_async(&self, x: impl Into<Tensors>) -> Result<Tensor> {
        let (predictor, x) = (self.clone(), x.into());
        let (sender, receiver) = futures_intrusive::channel::shared::oneshot_channel();
        let thread = std::thread::spawn(move || {
            // The receiver is gone if the future was dropped.
            let _ = sender.send(predictor.predict(x));
        });
        match (receiver.receive().await, thread.join()) {
            (Some(result), _) => result,
            (None, Err(panic)) => std::panic::resume_unwind(panic),
            (None, Ok(())) => unreachable!("the thread ends with a result or a panic"),
        }
    }
}
