//! candle on the CPU: `cargo build --release`, then `peer-candle WORKLOAD`.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::rnn::{LSTM, LSTMConfig, RNN};
use candle_nn::{
    AdamW, Conv2d, Linear, Module, Optimizer, ParamsAdamW, SGD, VarBuilder, VarMap, conv2d, linear,
};

#[path = "../../workloads.rs"]
mod workloads;

use workloads::Workload;

const PEER: &str = "candle";
const DEVICE: Device = Device::Cpu;

enum Network {
    Signs([Conv2d; 2], Linear),
    Perceptron([Linear; 3]),
    Recurrent(LSTM, Linear),
    Xor([Linear; 2]),
}

impl Network {
    fn new(name: &str, weights: &VarBuilder<'_>) -> Result<Self> {
        let convolution = |name, channels| conv2d(channels, 32, 3, Default::default(), weights.pp(name));
        let dense = |name, inputs, outputs| linear(inputs, outputs, weights.pp(name));
        Ok(match name {
            "signs_cnn" => Self::Signs(
                [convolution("first", 3)?, convolution("second", 32)?],
                dense("output", 28_800, 6)?,
            ),
            "lstm" => {
                let lstm = candle_nn::lstm(28, 128, LSTMConfig::default(), weights.pp("lstm"))?;
                Self::Recurrent(lstm, dense("output", 128, 10)?)
            }
            "xor" => Self::Xor([dense("first", 2, 8)?, dense("output", 8, 1)?]),
            _ => Self::Perceptron([
                dense("first", 784, 256)?,
                dense("second", 256, 128)?,
                dense("output", 128, 10)?,
            ]),
        })
    }

    fn logits(&self, rows: &Tensor) -> Result<Tensor> {
        let batch = rows.dim(0)?;
        match self {
            Self::Signs([first, second], output) => {
                let images = first.forward(&rows.reshape((batch, 3, 64, 64))?)?.relu()?;
                output.forward(&second.forward(&images)?.relu()?.max_pool2d(2)?.flatten_from(1)?)
            }
            Self::Perceptron([first, second, output]) => {
                output.forward(&second.forward(&first.forward(rows)?.relu()?)?.relu()?)
            }
            Self::Xor([first, output]) => output.forward(&first.forward(rows)?.tanh()?),
            Self::Recurrent(lstm, output) => {
                let states = lstm.seq(&rows.reshape((batch, 28, 28))?)?;
                output.forward(states.last().expect("28 states").h())
            }
        }
    }
}

/// Adds up the loss of an epoch, as Keras's `fit` does.
fn train(name: &str, weights: &VarMap, network: &Network, optimizer: &mut impl Optimizer) {
    assert!(!weights.all_vars().is_empty(), "a network has weights");
    let workload = Workload::named(name);
    let total = std::cell::Cell::new(0.0);
    let mut run = |step| -> Result<()> {
        let (rows, classes) = workload.batch(step);
        let x = Tensor::from_slice(rows, (classes.len(), workload.row), &DEVICE)?;
        let y = Tensor::from_slice(classes, classes.len(), &DEVICE)?;
        let logits = network.logits(&x)?;
        let loss = if name == "xor" {
            candle_nn::loss::binary_cross_entropy_with_logit(
                &logits.flatten_all()?,
                &y.to_dtype(DType::F32)?,
            )?
        } else {
            candle_nn::loss::cross_entropy(&logits, &y)?
        };
        optimizer.backward_step(&loss)?;
        total.set(total.get() + loss.to_scalar::<f32>()? * classes.len() as f32);
        Ok(())
    };
    workload.report(
        PEER,
        name,
        |step| run(step).expect("the step runs"),
        || assert!(total.get().is_finite()),
    );
}

fn multiply(size: usize) -> Result<()> {
    let [a, b] = workloads::factors(size).map(|numbers| Tensor::from_vec(numbers, (size, size), &DEVICE));
    let (a, b) = (a?, b?);
    workloads::report_product(PEER, size, || {
        a.matmul(&b).expect("square matrices multiply");
    });
    Ok(())
}

fn main() -> Result<()> {
    let name = std::env::args().nth(1).expect("a workload: see README.md");
    if let Some(size) = workloads::product_size(&name) {
        return multiply(size);
    }
    let weights = VarMap::new();
    let network = Network::new(&name, &VarBuilder::from_varmap(&weights, DType::F32, &DEVICE))?;
    if name == "lstm" {
        let adam = ParamsAdamW { lr: 0.001, weight_decay: 0.0, ..Default::default() };
        train(&name, &weights, &network, &mut AdamW::new(weights.all_vars(), adam)?);
    } else {
        train(&name, &weights, &network, &mut SGD::new(weights.all_vars(), 0.01)?);
    }
    Ok(())
}
