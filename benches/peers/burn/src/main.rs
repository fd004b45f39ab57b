//! burn, by its wgpu backend or by Flex, its fastest on the CPU:
//! `cargo build --release --features wgpu` (or `flex`), then `peer-burn WORKLOAD`.

use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::{BinaryCrossEntropyLossConfig, CrossEntropyLossConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig, Lstm, LstmConfig};
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::prelude::*;
use burn::tensor::TensorData;
use burn::tensor::activation::{relu, tanh};

#[path = "../../workloads.rs"]
mod workloads;

use workloads::Workload;

#[cfg(feature = "wgpu")]
const PEER: &str = "burn-wgpu";
#[cfg(not(feature = "wgpu"))]
const PEER: &str = "burn-flex";

fn device() -> Device {
    #[cfg(feature = "wgpu")]
    return Device::wgpu(Default::default());
    #[cfg(not(feature = "wgpu"))]
    return Device::flex();
}

/// A network of rows of numbers.
trait Network {
    fn logits(&self, rows: Tensor<2>) -> Tensor<2>;

    fn loss(&self, rows: Tensor<2>, classes: Tensor<1, Int>) -> Tensor<1> {
        CrossEntropyLossConfig::new().init(&rows.device()).forward(self.logits(rows), classes)
    }
}

#[derive(Module, Debug)]
struct Signs {
    first: Conv2d,
    second: Conv2d,
    pool: MaxPool2d,
    output: Linear,
}

impl Signs {
    fn new(device: &Device) -> Self {
        let convolution = |channels| Conv2dConfig::new([channels, 32], [3, 3]).init(device);
        Self {
            first: convolution(3),
            second: convolution(32),
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
            output: LinearConfig::new(28_800, 6).init(device),
        }
    }
}

impl Network for Signs {
    fn logits(&self, rows: Tensor<2>) -> Tensor<2> {
        let batch = rows.dims()[0];
        let images = relu(self.first.forward(rows.reshape([batch, 3, 64, 64])));
        let images = self.pool.forward(relu(self.second.forward(images)));
        self.output.forward(images.flatten(1, 3))
    }
}

#[derive(Module, Debug)]
struct Perceptron {
    first: Linear,
    second: Linear,
    output: Linear,
}

impl Perceptron {
    fn new(device: &Device) -> Self {
        let dense = |inputs, outputs| LinearConfig::new(inputs, outputs).init(device);
        Self { first: dense(784, 256), second: dense(256, 128), output: dense(128, 10) }
    }
}

impl Network for Perceptron {
    fn logits(&self, rows: Tensor<2>) -> Tensor<2> {
        self.output.forward(relu(self.second.forward(relu(self.first.forward(rows)))))
    }
}

#[derive(Module, Debug)]
struct Recurrent {
    lstm: Lstm,
    output: Linear,
}

impl Recurrent {
    fn new(device: &Device) -> Self {
        Self {
            lstm: LstmConfig::new(28, 128, true).init(device),
            output: LinearConfig::new(128, 10).init(device),
        }
    }
}

impl Network for Recurrent {
    fn logits(&self, rows: Tensor<2>) -> Tensor<2> {
        let batch = rows.dims()[0];
        let (_, state) = self.lstm.forward(rows.reshape([batch, 28, 28]), None);
        self.output.forward(state.hidden)
    }
}

#[derive(Module, Debug)]
struct Xor {
    first: Linear,
    output: Linear,
}

impl Xor {
    fn new(device: &Device) -> Self {
        Self { first: LinearConfig::new(2, 8).init(device), output: LinearConfig::new(8, 1).init(device) }
    }
}

impl Network for Xor {
    fn logits(&self, rows: Tensor<2>) -> Tensor<2> {
        self.output.forward(tanh(self.first.forward(rows)))
    }

    fn loss(&self, rows: Tensor<2>, classes: Tensor<1, Int>) -> Tensor<1> {
        let loss = BinaryCrossEntropyLossConfig::new().with_logits(true).init(&rows.device());
        loss.forward(self.logits(rows).flatten(0, 1), classes)
    }
}

fn train<M: Module + Network>(
    name: &str,
    device: &Device,
    model: M,
    mut optimizer: ModuleOptimizer,
    rate: f64,
) {
    let workload = Workload::named(name);
    let mut model = Some(model);
    let step = |step| {
        let (rows, classes) = workload.batch(step);
        let shape = [classes.len(), workload.row];
        let rows = Tensor::<2>::from_data(TensorData::new(rows.to_vec(), shape), device);
        let classes = classes.iter().map(|&class| i64::from(class)).collect();
        let classes = Tensor::<1, Int>::from_data(TensorData::new(classes, [shape[0]]), device);
        let trained = model.take().expect("put back below");
        let gradients = trained.loss(rows, classes).backward();
        let gradients = GradientsParams::from_grads(gradients, &trained);
        model = Some(optimizer.step(rate, trained, gradients));
    };
    workload.report(PEER, name, step, || device.sync().expect("the device works"));
}

fn multiply(size: usize, device: &Device) {
    let [a, b] = workloads::factors(size)
        .map(|numbers| Tensor::<2>::from_data(TensorData::new(numbers, [size, size]), device));
    workloads::report_product(PEER, size, || {
        let product = a.clone().matmul(b.clone());
        product.slice([0..1, 0..1]).into_scalar::<f32>();
    });
}

fn main() {
    let name = std::env::args().nth(1).expect("a workload: see README.md");
    let device = device();
    if let Some(size) = workloads::product_size(&name) {
        return multiply(size, &device);
    }
    let device = device.autodiff();
    match name.as_str() {
        "signs_cnn" => train(&name, &device, Signs::new(&device), SgdConfig::new().init(), 0.01),
        "lstm" => train(&name, &device, Recurrent::new(&device), AdamConfig::new().init(), 0.001),
        "xor" => train(&name, &device, Xor::new(&device), SgdConfig::new().init(), 0.01),
        _ => train(&name, &device, Perceptron::new(&device), SgdConfig::new().init(), 0.01),
    }
}
