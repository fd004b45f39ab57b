//! What is submitted, started, made and read back in an epoch on the GPU.

use super::programs::{FUSED, devices, engine, program, steps};
use crate::data::one_hot;
use crate::gpu::Counters;
use crate::model::{FitOptions, Purpose};
use crate::{Conv2D, Dense, Flatten, MaxPooling2D, Sequential, Sgd, Tensor};

/// The network of `examples/signs_cnn`.
fn network() -> Sequential {
    Sequential::new()
        .add(Conv2D::new(32, 3).activation("relu"))
        .add(Conv2D::new(32, 3).activation("relu"))
        .add(MaxPooling2D::new(2))
        .add(Flatten::new())
        .add(Dense::new(6).activation("softmax"))
}

fn images(count: usize) -> Tensor {
    let bytes = (0..count * 64 * 64 * 3).map(|i| (i * 37 % 251) as u8).collect();
    Tensor::u8(&[count, 64, 64, 3], bytes).unwrap().scaled(1.0 / 255.0)
}

#[test]
fn an_epoch_makes_nothing_and_reads_eight_bytes_a_step() {
    let Some(mut engine) = engine() else { return };
    let mut model = network();
    model.compile(Sgd::new(0.01), "categorical_crossentropy", &["accuracy"]).unwrap();
    let labels = one_hot(&Tensor::u32(&[5], vec![0, 5, 2, 3, 1]).unwrap(), 6).unwrap();
    let graph = model.graph(Purpose::Training, &images(5)).unwrap();
    let program = program(&graph, FUSED, 2);
    assert!(program.dispatches() <= 24, "{}", program.explain());
    let dispatches = program.dispatches() as u64;
    engine.set_steps_per_submission(Some(2));
    pollster::block_on(async {
        engine.set_variables(&program.graph.variables).unwrap();
        let id = engine.load(program).unwrap();
        let binding = engine.bind(id, &[images(5).into(), labels.into()], 3).unwrap();
        let before = engine.counters();
        engine.run(binding, &steps(&[2, 2, 1], &[0.01])).await.unwrap();
        let after = engine.counters();
        assert_eq!(after.submissions - before.submissions, 2);
        assert_eq!(after.dispatches - before.dispatches, 3 * dispatches);
        let made = |c: Counters| (c.buffers, c.bind_groups, c.pipelines, c.bytes_read);
        assert_eq!(made(before), made(after));
        let outputs = engine.outputs(binding).await.unwrap();
        assert_eq!(engine.counters().bytes_read - after.bytes_read, 3 * 8);
        // All weights are zero, so that every class has probability 1/6 and the first loss is ln 6.
        assert!((f64::from(outputs[0][0]) - 6f64.ln()).abs() <= 8.0 * f64::from(f32::EPSILON) * 6f64.ln());
    });
}

/// Steps of a submission change how often the device is asked, and nothing that comes out.
#[test]
fn a_device_takes_as_many_steps_a_submission_as_it_is_told() -> anyhow::Result<()> {
    let Some(device) = devices().into_iter().nth(1) else { return Ok(()) };
    let x = Tensor::f32(&[24, 3], super::harness::random(72, 5))?;
    let trained = |steps: usize| -> anyhow::Result<(Vec<f32>, u64)> {
        let model = Sequential::new().add(Dense::new(4).activation("tanh")).add(Dense::new(3));
        let mut model = model.device(device.clone().steps_per_submission(steps));
        model.compile(Sgd::new(0.1), "mean_squared_error", &[])?;
        model.fit(&x, &x, FitOptions::new().batch_size(4).epochs(2).verbose(0))?;
        let text = model.explain()?;
        let count = text.split("So far: ").nth(1).and_then(|rest| rest.split(' ').next());
        let count = count.unwrap_or_default().parse()?;
        Ok((model.get_weights()?.iter().flat_map(Tensor::to_f32).collect(), count))
    };
    let ((one, often), (six, rarely)) = (trained(1)?, trained(6)?);
    assert_eq!(one, six);
    // Two epochs of six steps each; all else is submitted alike.
    assert_eq!(often - rarely, 2 * 6 - 2);
    Ok(())
}

/// More steps than the device keeps records of at a time, in submissions that do not divide them.
#[test]
fn a_long_run_takes_its_steps_in_order() -> anyhow::Result<()> {
    let Some(device) = devices().into_iter().nth(1) else { return Ok(()) };
    let mut model = Sequential::new().add(Dense::new(1).use_bias(false).kernel_initializer("ones"));
    model.build(&[1])?;
    let mut model = model.device(device.steps_per_submission(100));
    let numbers: Vec<f32> = (0..2100_u16).map(f32::from).collect();
    let x = Tensor::f32(&[numbers.len(), 1], numbers.clone())?;
    assert_eq!(model.predict(&x, 1)?.to_f32(), numbers);
    Ok(())
}
