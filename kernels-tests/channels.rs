//! Layers with the channels first among others: a chain of them computes what the same chain with the channels last does, and
//! turns its images around at its ends alone.

use super::golden::uniform;
use super::programs::{FUSED, Left, PLAIN, program, run, run_cpu, shared, steps};
use crate::error::Result;
use crate::graph::{Element, Graph, NodeId, Op, SEGMENT};
use crate::layers::{
    Activation, AveragePooling2D, BatchNormalization, Context, Conv2D, Cropping2D, DataFormat, Dense,
    Flatten, Layer, MaxPooling2D, SeparableConv2D, SpatialDropout2D, UpSampling2D, Variables, ZeroPadding2D,
};
use crate::schedule::{Options, Target, schedule};
use crate::tensor::Tensor;

const BATCH: usize = 3;

fn chain(format: DataFormat) -> Vec<Box<dyn Layer>> {
    vec![
        ZeroPadding2D::new([1, 0, 2, 1]).data_format(format).into(),
        Conv2D::new(4, 3).activation("gelu").data_format(format).into(),
        SpatialDropout2D::new(0.4).seed(5).data_format(format).into(),
        Activation::new("tanh").into(),
        SeparableConv2D::new(5, (2, 3)).padding("same").data_format(format).into(),
        MaxPooling2D::new(2).data_format(format).into(),
        UpSampling2D::new((2, 1)).interpolation("bicubic").data_format(format).into(),
        Cropping2D::new([1, 0, 0, 1]).data_format(format).into(),
        AveragePooling2D::new(2).padding("same").data_format(format).into(),
        Flatten::new().data_format(format).into(),
        Dense::new(2).into(),
    ]
}

/// A step of training over images of shape `input` through `layers`: output, and gradients of Σ y² in place of the weights.
fn training(layers: Vec<Box<dyn Layer>>, input: &[usize]) -> Result<Graph> {
    let mut graph = Graph::new();
    let [learning, frozen, states] = ["weights", "frozen", "states"].map(|name| graph.variable(name));
    let mut x = graph.input("x", input, Element::F32);
    let mut context = Context::new(&mut graph, true, Variables { learning, frozen, states });
    for (i, mut layer) in layers.into_iter().enumerate() {
        layer.base_mut().set_name(&format!("layer_{i}"));
        x = context.apply(layer.as_ref(), x)?;
    }
    graph.output("y", x)?;
    let square = graph.multiply(x, x)?;
    let loss = graph.sum_all(square)?;
    let learns = |id: &NodeId| match graph.node(*id).op {
        Op::Parameter(parameter) => graph.parameters[parameter.0].variable == learning,
        _ => false,
    };
    let weights: Vec<NodeId> = graph.ids().filter(learns).collect();
    let gradients = graph.gradients(loss, &weights)?;
    let packed = graph.pack(learning, &gradients)?;
    graph.assign(learning, packed)?;
    Ok(graph)
}

/// Images `[3, 9, 8, 2]`, and the same with the channels first.
fn images() -> [Tensor; 2] {
    let (height, width, channels) = (9, 8, 2);
    let last = uniform(1, BATCH * height * width * channels, 1.0);
    let at = |i: usize| {
        let (column, row) = (i % width, i / width % height);
        let (channel, sample) = (i / width / height % channels, i / width / height / channels);
        last[((sample * height + row) * width + column) * channels + channel]
    };
    let first: Vec<f32> = (0..last.len()).map(at).collect();
    [
        Tensor::f32(&[BATCH, height, width, channels], last.clone()).unwrap(),
        Tensor::f32(&[BATCH, channels, height, width], first).unwrap(),
    ]
}

fn start(graph: &Graph) -> Vec<Vec<f32>> {
    let numbers = |(i, v): (usize, &crate::graph::Variable)| uniform(7 + i as u32, v.segments * SEGMENT, 0.4);
    graph.variables.iter().enumerate().map(numbers).collect()
}

/// The largest difference, relative to the norm of what is expected.
fn distance(found: &Left<f32>, expected: &Left<f32>) -> f64 {
    let pairs = [(&found.outputs[0], &expected.outputs[0]), (&found.variables[0], &expected.variables[0])];
    let relative = pairs.map(|(found, expected)| {
        assert_eq!(found.len(), expected.len());
        let square = |x: f64| x * x;
        let norm: f64 = expected.iter().map(|&e| square(f64::from(e))).sum();
        let off: f64 = found.iter().zip(expected).map(|(f, e)| square(f64::from(f - e))).sum();
        (off / norm).sqrt()
    });
    relative[0].max(relative[1])
}

#[test]
fn a_chain_computes_the_same_wherever_the_channels_lie() -> Result<()> {
    let [last, first] = images();
    let by_last = training(chain(DataFormat::ChannelsLast), &last.shape()[1..])?;
    let by_first = training(chain(DataFormat::ChannelsFirst), &first.shape()[1..])?;
    let (start, steps) = (start(&by_last), steps(&[BATCH], &[]));
    let expected = run_cpu(&by_last, PLAIN, &[last], (&[], &steps), &start);
    let unsimplified = Options { simplify: false, ..FUSED };
    for options in [FUSED, unsimplified, PLAIN] {
        let data = [first.clone()];
        let found = run_cpu(&by_first, options, &data, (&[], &steps), &start);
        assert!(distance(&found, &expected) <= 1e-5, "{options:?} on the CPU");
        if let Some(gpu) = shared() {
            let mut gpu = gpu.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let program = program(&by_first, options, BATCH);
            let found = run(&mut gpu, &program, &data, (&[], &steps), &start);
            assert!(distance(&found, &expected) <= 1e-5, "{options:?} on the GPU");
        }
    }
    Ok(())
}

/// The transpositions that a step of training through `layers` is left with.
fn turns(layers: Vec<Box<dyn Layer>>, input: &[usize], simplify: bool) -> Result<usize> {
    let options = Options { simplify, ..FUSED };
    let program = schedule(&training(layers, input)?, Target::Cpu, options, BATCH)?;
    let is_turn = |id: &NodeId| matches!(program.graph.node(*id).op, Op::Transpose { .. });
    Ok(program.graph.ids().filter(is_turn).count())
}

#[test]
fn a_chain_turns_its_images_around_once() -> Result<()> {
    let formats = [DataFormat::ChannelsLast, DataFormat::ChannelsFirst];
    let shapes: [&[usize]; 2] = [&[9, 8, 2], &[2, 9, 8]];
    let count = |i: usize, simplify| turns(chain(formats[i]), shapes[i], simplify);
    // The images' own is the only one more, as no gradient of theirs is asked for.
    assert_eq!(count(1, true)?, count(0, true)? + 1);
    assert!(count(1, false)? >= count(0, false)? + 20);
    Ok(())
}

/// Numbers along the channels alone are laid along the other axis.
#[test]
fn known_averages_do_not_part_two_convolutions() -> Result<()> {
    let layers = |frozen: bool| -> Vec<Box<dyn Layer>> {
        let conv = || Conv2D::new(3, 2).data_format("channels_first");
        let normal = BatchNormalization::new().axis(1).trainable(!frozen);
        vec![conv().into(), normal.into(), Activation::new("relu").into(), conv().into()]
    };
    assert_eq!(turns(layers(true), &[2, 6, 5], true)?, 2);
    assert!(turns(layers(false), &[2, 6, 5], true)? > 2);
    Ok(())
}

/// Two transpositions that do not undo each other become one, which moves each element to the same place.
#[test]
fn transpositions_in_a_row_are_one() -> Result<()> {
    let shape = [2, 3, 4];
    let mut graph = Graph::new();
    let x = graph.input("x", &shape, Element::F32);
    let turned = graph.transpose(x, &[0, 1, 3, 2])?;
    let again = graph.transpose(turned, &[0, 3, 1, 2])?;
    graph.output("y", again)?;
    let count = BATCH * shape.iter().product::<usize>();
    let data = [Tensor::f32(&[&[BATCH], &shape[..]].concat(), uniform(1, count, 1.0))?];
    let steps = steps(&[BATCH], &[]);
    let found = [FUSED, PLAIN].map(|options| run_cpu(&graph, options, &data, (&[], &steps), &[]));
    assert_eq!(found[0], found[1]);
    let program = schedule(&graph, Target::Cpu, FUSED, BATCH)?;
    let is_turn = |id: &NodeId| matches!(program.graph.node(*id).op, Op::Transpose { .. });
    assert_eq!(program.graph.ids().filter(is_turn).count(), 1);
    Ok(())
}
