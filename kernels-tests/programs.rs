//! Whole programs on the adapter under test, beside the reference.

use std::sync::{Arc, Mutex, OnceLock};

use crate::Device;
use crate::cpu::plain::{Feed, Plain};
use crate::gpu::Engine;
use crate::gpu::adapter::Choice;
use crate::graph::random::Key;
use crate::graph::{Graph, VariableId};
use crate::schedule::{Options, Program, Step, Target, schedule};
use crate::tensor::{Tensor, Values};

/// The passes on, and all off.
pub const FUSED: Options = Options { simplify: true, fuse: true, reuse: true };
pub const PLAIN: Options = Options { simplify: false, fuse: false, reuse: false };

/// An engine on the adapter under test; `None` if there is none.
pub fn engine() -> Option<Engine> {
    let backend = match std::env::var("GRADUS_TEST_BACKEND").as_deref() {
        Ok("gl") => wgpu::Backend::Gl,
        Ok("vulkan") | Err(_) => wgpu::Backend::Vulkan,
        Ok(other) => panic!("GRADUS_TEST_BACKEND is {other:?}, expected vulkan or gl"),
    };
    match pollster::block_on(Engine::new(&Choice::Backend(backend))) {
        Ok(engine) => Some(engine),
        Err(problem) => {
            let required = std::env::var("GRADUS_REQUIRE_GPU").is_ok_and(|v| v == "1");
            assert!(!required, "GRADUS_REQUIRE_GPU=1, but {problem}");
            println!("skipped: {problem}");
            None
        }
    }
}

/// The devices that models run on here: the CPU, and the adapter under test if there is one.
pub fn devices() -> Vec<Device> {
    let backend = std::env::var("GRADUS_TEST_BACKEND").unwrap_or("vulkan".to_string());
    let gpu = shared().map(|_| Device::parse(&backend).unwrap());
    std::iter::once(Device::cpu()).chain(gpu).collect()
}

/// The engine that tests share if they leave its settings alone.
pub fn shared() -> Option<&'static Mutex<Engine>> {
    static ENGINE: OnceLock<Option<Mutex<Engine>>> = OnceLock::new();
    ENGINE.get_or_init(|| engine().map(Mutex::new)).as_ref()
}

/// The program of `graph` for the GPU.
pub fn program(graph: &Graph, options: Options, max_batch: usize) -> Program {
    schedule(graph, Target::Software { subgroups: false }, options, max_batch).unwrap()
}

/// Steps over consecutive batches of the sizes `batches`, all with the scalars `scalars`.
pub fn steps(batches: &[usize], scalars: &[f32]) -> Vec<Step> {
    let mut offset = 0;
    let step = |(row, &batch): (usize, &usize)| {
        let key = Key { seed: 0x1234_5678_9abc, step: row as u32 };
        let step = Step { batch, offset, row, key, scalars: scalars.to_vec() };
        offset += batch;
        step
    };
    batches.iter().enumerate().map(step).collect()
}

/// What a run leaves: outputs and variables.
#[derive(Debug, PartialEq)]
pub struct Left<T> {
    pub outputs: Vec<Vec<T>>,
    pub variables: Vec<Vec<T>>,
}

/// Runs `steps` on the GPU over `data` in `order`, from the variables `start`.
pub fn run(
    engine: &mut Engine,
    program: &Program,
    data: &[Tensor],
    (order, steps): (&[u32], &[Step]),
    start: &[Vec<f32>],
) -> Left<f32> {
    pollster::block_on(async {
        engine.set_variables(&program.graph.variables).unwrap();
        for (i, values) in start.iter().enumerate() {
            engine.write_variable(VariableId(i), values).unwrap();
        }
        let id = engine.load(program.clone()).unwrap();
        let data: Vec<Arc<Tensor>> = data.iter().cloned().map(Arc::new).collect();
        let binding = engine.bind(id, &data, steps.len()).unwrap();
        if !order.is_empty() {
            engine.set_order(binding, order).unwrap();
        }
        engine.run(binding, steps).await.unwrap();
        let outputs = engine.outputs(binding).await.unwrap();
        let mut variables = Vec::new();
        for i in 0..start.len() {
            variables.push(engine.read_variable(VariableId(i)).await.unwrap());
        }
        engine.unload(id);
        Left { outputs, variables }
    })
}

/// The same on host threads.
pub fn run_cpu(
    graph: &Graph,
    options: Options,
    data: &[Tensor],
    (order, steps): (&[u32], &[Step]),
    start: &[Vec<f32>],
) -> Left<f32> {
    let max_batch = steps.iter().map(|step| step.batch).max().unwrap();
    let mut engine = crate::cpu::Engine::new(Some(2)).unwrap();
    pollster::block_on(async {
        engine.set_variables(&graph.variables).unwrap();
        for (i, values) in start.iter().enumerate() {
            engine.write_variable(VariableId(i), values).unwrap();
        }
        let id = engine.load(schedule(graph, Target::Cpu, options, max_batch).unwrap()).unwrap();
        let data: Vec<Arc<Tensor>> = data.iter().cloned().map(Arc::new).collect();
        let binding = engine.bind(id, &data, steps.len()).unwrap();
        if !order.is_empty() {
            engine.set_order(binding, order).unwrap();
        }
        engine.run(binding, steps).await.unwrap();
        let outputs = engine.outputs(binding).await.unwrap();
        let mut variables = Vec::new();
        for i in 0..start.len() {
            variables.push(engine.read_variable(VariableId(i)).await.unwrap());
        }
        Left { outputs, variables }
    })
}

/// The same with the reference.
pub fn reference(
    graph: &Graph,
    data: &[Tensor],
    (order, steps): (&[u32], &[Step]),
    start: &[Vec<f32>],
) -> Left<f64> {
    let mut plain = Plain::new(graph);
    for (variable, values) in plain.variables.iter_mut().zip(start) {
        *variable = values.iter().map(|&x| f64::from(x)).collect();
    }
    let rows = data.first().map_or(0, Tensor::rows);
    let mut outputs: Vec<Vec<f64>> = graph
        .outputs
        .iter()
        .map(|o| {
            let count = graph.shape(o.node).count();
            vec![0.0; count.factor * if count.batch { rows } else { steps.len() }]
        })
        .collect();
    for step in steps {
        let inputs = data.iter().map(|t| gather(t, order, step)).collect();
        let scalars = step.scalars.iter().map(|&x| f64::from(x)).collect();
        let feed = Feed { batch: step.batch, inputs, scalars, key: step.key };
        let result = plain.step(graph, &feed).unwrap();
        for (i, (output, all)) in graph.outputs.iter().zip(&mut outputs).enumerate() {
            let count = graph.shape(output.node).count();
            let at = count.factor * if count.batch { step.offset } else { step.row };
            let values = &result.outputs[i].1.data;
            all[at..at + values.len()].copy_from_slice(values);
        }
    }
    Left { outputs, variables: plain.variables }
}

/// The rows of one batch.
fn gather(tensor: &Tensor, order: &[u32], step: &Step) -> Tensor {
    let row = |position: usize| if order.is_empty() { position } else { order[position] as usize };
    let rows: Vec<usize> = (step.offset..step.offset + step.batch).map(row).collect();
    let mut shape = tensor.shape().to_vec();
    shape[0] = rows.len();
    let length = tensor.row_len();
    fn pick<T: Copy>(values: &[T], rows: &[usize], length: usize) -> Vec<T> {
        rows.iter().flat_map(|&r| values[r * length..(r + 1) * length].iter().copied()).collect()
    }
    let values = match tensor.values() {
        Values::F32(v) => Values::F32(pick(v, &rows, length)),
        Values::U32(v) => Values::U32(pick(v, &rows, length)),
        Values::U8 { bytes, scale } => Values::U8 { bytes: pick(bytes, &rows, length), scale: *scale },
    };
    Tensor::new(&shape, values).unwrap()
}

/// Fails unless every number found is within `relative` times 2⁻²⁴ of its size, or within `absolute`, of the
/// reference; NaN and infinities must be where the reference has them.
pub fn assert_close(what: &str, found: &[f32], expected: &[f64], relative: f64, absolute: f64) {
    assert_eq!(found.len(), expected.len(), "{what}: number of elements");
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let overflow = expected.abs() > f64::from(f32::MAX);
        let fits = match expected {
            x if x.is_nan() => found.is_nan(),
            x if overflow => found == x.signum() as f32 * f32::INFINITY,
            x => (f64::from(found) - x).abs() <= relative * 2f64.powi(-24) * x.abs() + absolute,
        };
        assert!(fits, "{what}: element {i} is {found}, expected {expected}");
    }
}
