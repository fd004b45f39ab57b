use std::sync::Arc;

use crate::data::Dataset;
use crate::tensor::Tensor;

/// One tensor, or one for each input or output of a model, as `fit`, `evaluate` and `predict` take them: a tensor, a
/// reference to one (which is copied), an [`Arc`], or an array or vector of any of these. Or a [`Dataset`] in the place of
/// the samples, which has its own targets: `()` then stands in their place.
#[derive(Clone, Debug)]
pub struct Tensors(pub(super) Given);

/// What was given.
#[derive(Clone, Debug)]
pub(super) enum Given {
    Arrays(Vec<Arc<Tensor>>),
    Dataset(Dataset),
}

impl From<()> for Tensors {
    fn from((): ()) -> Self {
        Self(Given::Arrays(Vec::new()))
    }
}

impl From<Dataset> for Tensors {
    fn from(dataset: Dataset) -> Self {
        Self(Given::Dataset(dataset))
    }
}

impl From<&Dataset> for Tensors {
    fn from(dataset: &Dataset) -> Self {
        Self(Given::Dataset(dataset.clone()))
    }
}

impl From<Tensor> for Tensors {
    fn from(tensor: Tensor) -> Self {
        Self(Given::Arrays(vec![Arc::new(tensor)]))
    }
}

impl From<&Tensor> for Tensors {
    fn from(tensor: &Tensor) -> Self {
        Self(Given::Arrays(vec![tensor.into()]))
    }
}

impl From<Arc<Tensor>> for Tensors {
    fn from(tensor: Arc<Tensor>) -> Self {
        Self(Given::Arrays(vec![tensor]))
    }
}

impl<T: Into<Arc<Tensor>>> From<Vec<T>> for Tensors {
    fn from(tensors: Vec<T>) -> Self {
        Self(Given::Arrays(tensors.into_iter().map(Into::into).collect()))
    }
}

impl<T: Into<Arc<Tensor>>, const N: usize> From<[T; N]> for Tensors {
    fn from(tensors: [T; N]) -> Self {
        Self(Given::Arrays(tensors.into_iter().map(Into::into).collect()))
    }
}
