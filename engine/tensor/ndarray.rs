//! Tensors from arrays of the crate `ndarray`, and back.

use ndarray::{ArrayBase, ArrayD, Data, Dimension, IxDyn};

use super::{Tensor, Values};

/// What an array may hold that becomes a tensor: `f32`, `u32` labels or `u8`.
pub trait Number: Copy {
    /// The values of a tensor.
    fn values(numbers: Vec<Self>) -> Values;
}

impl Number for f32 {
    fn values(numbers: Vec<Self>) -> Values {
        Values::F32(numbers)
    }
}

impl Number for u32 {
    fn values(numbers: Vec<Self>) -> Values {
        Values::U32(numbers)
    }
}

impl Number for u8 {
    fn values(numbers: Vec<Self>) -> Values {
        Values::U8 { bytes: numbers, scale: 1.0 }
    }
}

impl<N: Number, S: Data<Elem = N>, D: Dimension> From<&ArrayBase<S, D>> for Tensor {
    /// A copy, row-major whatever the order of the array is.
    fn from(array: &ArrayBase<S, D>) -> Self {
        Self { shape: array.shape().to_vec(), values: N::values(array.iter().copied().collect()) }
    }
}

impl From<&Tensor> for ArrayD<f32> {
    /// All values as floats, scaled.
    fn from(tensor: &Tensor) -> Self {
        // A tensor has as many values as its shape says.
        Self::from_shape_vec(IxDyn(tensor.shape()), tensor.to_f32()).expect("one value for each element")
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, arr0, array};

    use super::*;
    use crate::error::Result;

    #[test]
    fn arrays_of_every_kind_and_order_come_and_go() -> Result<()> {
        let x = array![[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let turned = Tensor::from(&x.t());
        assert_eq!(turned, Tensor::f32(&[3, 2], vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0])?);
        assert_eq!(ArrayD::<f32>::from(&turned), x.t().into_dyn());
        assert_eq!(Tensor::from(&array![7u32, 8]), Tensor::u32(&[2], vec![7, 8])?);
        assert_eq!(Tensor::from(&arr0(9u8)), Tensor::u8(&[], vec![9])?);
        let scaled = Tensor::u8(&[1, 2], vec![2, 4])?.scaled(0.5);
        assert_eq!(ArrayD::<f32>::from(&scaled), array![[1.0f32, 2.0]].into_dyn());
        Ok(())
    }
}
