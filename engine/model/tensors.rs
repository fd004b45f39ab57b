use std::sync::Arc;

use crate::tensor::Tensor;

/// One tensor, or one for each input or output of a model, as `fit`, `evaluate` and `predict` take them: a tensor, a
/// reference to one (which is copied), an [`Arc`], or an array or vector of any of these.
#[derive(Clone, Debug)]
pub struct Tensors(pub(super) Vec<Arc<Tensor>>);

impl From<Tensor> for Tensors {
    fn from(tensor: Tensor) -> Self {
        Self(vec![Arc::new(tensor)])
    }
}

impl From<&Tensor> for Tensors {
    fn from(tensor: &Tensor) -> Self {
        Self(vec![tensor.into()])
    }
}

impl From<Arc<Tensor>> for Tensors {
    fn from(tensor: Arc<Tensor>) -> Self {
        Self(vec![tensor])
    }
}

impl<T: Into<Arc<Tensor>>> From<Vec<T>> for Tensors {
    fn from(tensors: Vec<T>) -> Self {
        Self(tensors.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Arc<Tensor>>, const N: usize> From<[T; N]> for Tensors {
    fn from(tensors: [T; N]) -> Self {
        Self(tensors.into_iter().map(Into::into).collect())
    }
}
