//! One epoch of the SIGNS network on the GPU: what is submitted, started, made and read back.

use super::programs::{FUSED, engine, program, steps};
use crate::data::one_hot;
use crate::gpu::Counters;
use crate::model::Purpose;
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
