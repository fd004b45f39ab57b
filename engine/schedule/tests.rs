//! What the passes make of a convolutional network's training step.

use super::*;
use crate::graph::{Along, Axis, Comparison, Element, Unary, Window};
use crate::tensor::{Dim, Shape};

fn window(size: usize, stride: usize) -> Window {
    let axis = Axis { size, stride, dilation: 1, before: 0, after: 0 };
    Window { height: axis, width: axis }
}

/// The course's network for SIGNS with softmax cross-entropy, accuracy and plain gradient descent.
pub(crate) fn signs_step() -> Result<Graph> {
    let mut g = Graph::new();
    let weights = g.variable("weights");
    let x = g.input("x", &[64, 64, 3], Element::U8);
    let y = g.input("y", &[6], Element::F32);
    g.enter("input");
    let x = g.cast(x, Element::F32);
    let mut h = g.scale(x, 1.0 / 255.0)?;
    let mut parameters = Vec::new();
    for (name, channels) in [("conv2d", 3), ("conv2d_1", 32)] {
        g.enter(name);
        let w = g.parameter(&format!("{name}/kernel"), &[3, 3, channels, 32], weights);
        let b = g.parameter(&format!("{name}/bias"), &[32], weights);
        parameters.extend([w, b]);
        h = g.conv(h, w, window(3, 1))?;
        h = g.add(h, b)?;
        h = g.unary(Unary::Relu, h);
    }
    g.enter("max_pooling2d");
    h = g.max_pool(h, window(2, 2))?;
    g.enter("flatten");
    h = g.reshape(h, &Shape::batched(&[28800]))?;
    g.enter("dense");
    let w = g.parameter("dense/kernel", &[28800, 6], weights);
    let b = g.parameter("dense/bias", &[6], weights);
    parameters.extend([w, b]);
    h = g.matmul(h, w, false, false)?;
    let logits = g.add(h, b)?;
    g.enter("loss");
    let loss = cross_entropy(&mut g, logits, y)?;
    g.output("loss", loss)?;
    g.enter("accuracy");
    let (a, b) = (g.argmax(logits, 1)?, g.argmax(y, 1)?);
    let correct = g.compare(Comparison::Equal, a, b)?;
    let accuracy = g.mean_all(correct)?;
    g.output("accuracy", accuracy)?;
    let gradients = g.gradients(loss, &parameters)?;
    g.enter("update");
    let gradient = g.pack(weights, &gradients)?;
    let rate = g.scalar("learning_rate");
    let step = g.multiply(gradient, rate)?;
    let old = g.read(weights);
    let new = g.subtract(old, step)?;
    g.assign(weights, new)?;
    Ok(g)
}

fn cross_entropy(g: &mut Graph, logits: NodeId, y: NodeId) -> Result<NodeId> {
    let largest = g.reduce(crate::graph::Reduction::Max, logits, &[1])?;
    let largest = g.detach(largest);
    let z = g.subtract(logits, largest)?;
    let e = g.unary(Unary::Exp, z);
    let sum = g.sum(e, &[1])?;
    let log = g.unary(Unary::Log, sum);
    let log_probability = g.subtract(z, log)?;
    let product = g.multiply(y, log_probability)?;
    let sample = g.sum(product, &[1])?;
    let sample = g.unary(Unary::Negate, sample);
    g.mean_all(sample)
}

/// A recurrence over nine time steps, whose states and their gradients are put together, with plain gradient descent.
fn recurrent_step() -> Result<Graph> {
    let mut g = Graph::new();
    let weights = g.variable("weights");
    let x = g.input("x", &[9, 8], Element::F32);
    let rows = g.reshape(x, &Shape(vec![Dim::batch(9), Dim::fixed(8)]))?;
    let [from_input, from_state] = [0, 1].map(|_| g.parameter("weights", &[8, 8], weights));
    let product = g.matmul(rows, from_input, false, false)?;
    let product = g.reshape(product, &Shape::batched(&[9, 8]))?;
    let mut state = g.full(0.1, &Shape::batched(&[8]));
    let mut states = Vec::new();
    for t in 0..9 {
        let now = g.slice(product, &[Along::new(1, t, 1)])?;
        let now = g.reshape(now, &Shape::batched(&[8]))?;
        let kept = g.matmul(state, from_state, false, false)?;
        let sum = g.add(now, kept)?;
        state = g.unary(Unary::Tanh, sum);
        states.push(g.reshape(state, &Shape::batched(&[1, 8]))?);
    }
    let states = g.concat(&states, 1)?;
    let loss = g.mean_all(states)?;
    g.output("loss", loss)?;
    let gradients = g.gradients(loss, &[from_input, from_state])?;
    let gradient = g.pack(weights, &gradients)?;
    let old = g.read(weights);
    let new = g.subtract(old, gradient)?;
    g.assign(weights, new)?;
    Ok(g)
}

#[test]
fn signs_is_few_kernels() -> Result<()> {
    for target in [Target::Cpu, Target::Software { subgroups: false }, Target::Gpu] {
        let program = schedule(&signs_step()?, target, Options::default(), 32)?;
        assert!(program.dispatches() <= 24, "{}", program.explain());
        let bound = program.liveness_words as f64 * 1.15;
        assert!(program.activation_words as f64 <= bound, "{}", program.explain());
    }
    Ok(())
}

fn all_options() -> impl Iterator<Item = Options> {
    (0..8).map(|bits| Options { simplify: bits & 1 > 0, fuse: bits & 2 > 0, reuse: bits & 4 > 0 })
}

/// What a kernel reads from memory.
fn reads(program: &Program, kernel: &Kernel) -> Vec<NodeId> {
    let bias = match kernel.work {
        Work::ConvFilterGradient { bias, .. } => bias,
        _ => None,
    };
    let anchors = kernel.work.anchor().into_iter().chain(bias);
    let operands = anchors.flat_map(|a| program.graph.node(a).inputs.clone());
    operands.chain(kernel.region.loads.iter().copied()).map(|n| program.storage(n)).collect()
}

/// Runs a program in the mind: every word read must still be the value it was written as.
fn check_plan(program: &Program) {
    let mut owner: Vec<Option<NodeId>> = vec![None; program.activation_words];
    let mut assigned = Vec::new();
    let words = |n: NodeId| program.graph.shape(n).count().at(program.max_batch);
    for kernel in &program.kernels {
        for node in reads(program, kernel) {
            let place =
                program.place(node).unwrap_or_else(|| panic!("{}: {node:?} has no place", kernel.name));
            match place.memory {
                Memory::Activations => {
                    let range = &owner[place.offset..place.offset + words(node)];
                    assert!(range.iter().all(|o| *o == Some(node)), "{}: {node:?} is gone", kernel.name);
                }
                Memory::Variable(v) => {
                    assert!(!assigned.contains(&v), "{}: {v:?} is new already", kernel.name)
                }
                Memory::Gradients(_) => {}
            }
        }
        if let Some(scratch) = kernel.scratch {
            owner[scratch.offset..scratch.offset + scratch.words].fill(None);
            for node in reads(program, kernel) {
                let place = program.place(node).filter(|p| p.memory == Memory::Activations);
                let lost = place.is_some_and(|p| owner[p.offset..p.offset + words(node)].contains(&None));
                assert!(!lost, "{}: the scratch lies on {node:?}", kernel.name);
            }
        }
        for store in &kernel.region.stores {
            match store.to {
                Destination::Place => {
                    let place = program.place(store.node).expect("what is stored has a place");
                    if place.memory == Memory::Activations {
                        owner[place.offset..place.offset + words(store.node)].fill(Some(store.node));
                    }
                }
                Destination::Part { whole, start, row, stride } => {
                    let place = program.place(whole).expect("what is put together has a place").offset;
                    for at in (0..words(store.node) / row).map(|k| place + start + k * stride) {
                        owner[at..at + row].fill(Some(whole));
                    }
                }
                Destination::Variable(v) => assigned.push(v),
                Destination::Output(_) => {}
            }
        }
    }
    assert_eq!(assigned.len(), program.graph.assigns.len());
}

#[test]
fn no_value_is_overwritten_while_it_is_needed() -> Result<()> {
    for target in [Target::Cpu, Target::Software { subgroups: false }, Target::Gpu] {
        for options in all_options() {
            check_plan(&schedule(&signs_step()?, target, options, 2)?);
            check_plan(&schedule(&recurrent_step()?, target, options, 2)?);
        }
    }
    Ok(())
}

/// Every output and assignment is written exactly once, and every region is closed: what a node reads
/// is a load, the anchor or another node of the region.
#[test]
fn regions_are_closed() -> Result<()> {
    for options in all_options() {
        let program = schedule(&signs_step()?, Target::Cpu, options, 32)?;
        for kernel in &program.kernels {
            let Region { nodes, loads, .. } = &kernel.region;
            for &node in nodes {
                for &input in &program.graph.node(node).inputs {
                    let source = program.storage(input);
                    let known = [input, source].iter().any(|n| nodes.contains(n)) || loads.contains(&source);
                    assert!(known || kernel.work.anchor() == Some(source), "{}: {input:?}", kernel.name);
                }
            }
        }
        let outputs = program.kernels.iter().flat_map(|k| &k.region.stores);
        let outputs = outputs.filter(|s| matches!(s.to, Destination::Output(_))).count();
        assert_eq!(outputs, program.graph.outputs.len());
    }
    Ok(())
}

#[test]
fn one_kernel_updates_weights_and_slots() -> Result<()> {
    let mut g = Graph::new();
    let weights = g.variable("weights");
    let parameters = [g.parameter("a", &[300], weights), g.parameter("b", &[7], weights)];
    let squares = parameters.map(|p| g.multiply(p, p).and_then(|s| g.sum_all(s)));
    let [a, b] = squares;
    let loss = g.add(a?, b?)?;
    let gradients = g.gradients(loss, &parameters)?;
    let (gradient, old) = (g.pack(weights, &gradients)?, g.read(weights));
    let velocity = g.variable_like("velocity", weights);
    let before = g.read(velocity);
    let kept = g.scale(before, 0.9)?;
    let step = g.scale(gradient, 0.01)?;
    let after = g.subtract(kept, step)?;
    let new = g.add(old, after)?;
    g.assign(velocity, after)?;
    g.assign(weights, new)?;
    let program = schedule(&g, Target::Gpu, Options::default(), 1)?;
    let update = program.kernels.last().expect("there are kernels");
    let targets: Vec<_> = update.region.stores.iter().map(|s| s.to).collect();
    assert_eq!(targets, [Destination::Variable(velocity), Destination::Variable(weights)]);
    check_plan(&program);
    Ok(())
}

#[test]
fn explain_names_every_kernel() -> Result<()> {
    let program = schedule(&signs_step()?, Target::Gpu, Options::default(), 32)?;
    let text = program.explain();
    for kernel in &program.kernels {
        assert!(text.contains(&kernel.name) && text.contains(&kernel.reason), "{}\n{text}", kernel.name);
    }
    assert!(text.contains("18 dispatches") && text.contains("liveness bound"), "{text}");
    Ok(())
}

#[test]
fn a_batch_of_nothing_is_refused() -> Result<()> {
    let error = schedule(&signs_step()?, Target::Cpu, Options::default(), 0).unwrap_err();
    assert_eq!(error.to_string(), "schedule: batch size is 0, expected at least 1");
    Ok(())
}

/// The most storage buffers that a kernel binds.
fn most_bindings(program: &Program) -> usize {
    let gathered = |k: &Kernel| {
        k.region
            .nodes
            .iter()
            .filter(|n| matches!(program.graph.node(**n).op, crate::graph::Op::Input(_)))
            .count()
    };
    let operands = |k: &Kernel| k.work.anchor().map_or(0, |a| program.graph.node(a).inputs.len());
    let bound = |k: &Kernel| k.region.loads.len() + k.region.stores.len() + 2 * gathered(k) + operands(k);
    program.kernels.iter().map(bound).max().unwrap_or(0)
}

#[test]
fn no_kernel_binds_more_than_webgpu_promises() -> Result<()> {
    let mut g = Graph::new();
    let weights = g.variable("weights");
    let parameters: Vec<NodeId> = (0..20).map(|i| g.parameter(&format!("p{i}"), &[256], weights)).collect();
    let mut sum = parameters[0];
    for &parameter in &parameters[1..] {
        let root = g.unary(Unary::Exp, parameter);
        sum = g.add(sum, root)?;
    }
    let loss = g.sum_all(sum)?;
    g.output("loss", loss)?;
    let gradients = g.gradients(loss, &parameters)?;
    let packed = g.pack(weights, &gradients)?;
    g.assign(weights, packed)?;
    for fuse in [false, true] {
        let program = schedule(&g, Target::Gpu, Options { fuse, ..Options::default() }, 1)?;
        assert!(most_bindings(&program) <= 8, "{}", program.explain());
        check_plan(&program);
    }
    Ok(())
}

/// Sums of more than one block need registers twice, which the largest tile has not.
#[test]
fn long_sums_take_a_smaller_tile() -> Result<()> {
    let chosen = |contraction: Contraction| -> Result<(Tile, String)> {
        let program = schedule(&contraction.graph()?, Target::Gpu, Options::default(), 1)?;
        let kernel = program.kernels.iter().find_map(|k| Some((k.work.division()?.tile, k.reason.clone())));
        Ok(kernel.expect("a contraction has a kernel"))
    };
    let tile = |rows, columns, depth| Tile::Workgroup { rows, columns, depth };
    let (short, reason) = chosen(Contraction::matmul(2048, 2048, 512))?;
    assert_eq!((short, reason.contains("longer")), (tile(128, 128, 8), false), "{reason}");
    let (long, reason) = chosen(Contraction::matmul(2048, 2048, 513))?;
    assert_eq!((long, reason.contains("longer than 512")), (tile(128, 64, 16), true), "{reason}");
    let convolution =
        |channels| Contraction::convolution([8, 56, 56, channels], [3, 3, channels, 128], window(3, 1));
    let [forward, ..] = convolution(56)?;
    assert_eq!(chosen(forward)?.0, tile(128, 128, 8), "504 terms");
    let [_, images, _] = convolution(64)?;
    assert_eq!(chosen(images)?.0, tile(128, 64, 16), "1,152 terms");
    Ok(())
}

/// Where subgroups can share what they load, products and convolutions run in them: in the largest tile that leaves two
/// workgroups.
#[test]
fn contractions_take_subgroups_where_there_are() -> Result<()> {
    let chosen = |[m, n, k]: [usize; 3], subgroups| -> Result<Tile> {
        let target = Target::Software { subgroups };
        let program = schedule(&Contraction::matmul(m, n, k).graph()?, target, Options::default(), 1)?;
        Ok(program.contractions()[0].1.tile)
    };
    for (sizes, rows, columns) in [
        ([1024, 1024, 1024], 48, 32),
        ([32, 512, 128], 32, 32),
        ([28, 512, 896], 32, 32),
        ([32, 64, 128], 32, 16),
        ([32, 10, 128], 16, 16),
        ([4, 10, 128], 8, 16),
    ] {
        assert_eq!(chosen(sizes, true)?, Tile::Subgroup { rows, columns }, "{sizes:?}");
        assert!(matches!(chosen(sizes, false)?, Tile::Registers { .. }), "{sizes:?}");
    }
    for (images, filters, rows, columns) in
        [(64, 32, 48, 32), (4, 64, 48, 32), (64, 16, 64, 16), (2, 16, 32, 16), (1, 16, 16, 16)]
    {
        let [forward, ..] = Contraction::convolution([images, 8, 8, 16], [3, 3, 16, filters], window(3, 1))?;
        let target = Target::Software { subgroups: true };
        let program = schedule(&forward.graph()?, target, Options::default(), 1)?;
        assert_eq!(program.contractions()[0].1.tile, Tile::Subgroup { rows, columns }, "{forward}");
    }
    for (channels, subgroups) in [(3, false), (32, true)] {
        let [.., filters] =
            Contraction::convolution([8, 16, 16, channels], [3, 3, channels, 32], window(3, 1))?;
        let target = Target::Software { subgroups: true };
        let program = schedule(&filters.graph()?, target, Options::default(), 1)?;
        let tile = program.contractions()[0].1.tile;
        assert_eq!(matches!(tile, Tile::Subgroup { .. }), subgroups, "{filters}: {tile:?}");
    }
    Ok(())
}

/// A tile of subgroups goes through a file, but to no kernel where there are none.
#[test]
fn tiles_of_subgroups_are_taken_or_refused() -> Result<()> {
    let contraction = Contraction::matmul(64, 64, 64);
    let text =
        format!(r#"{{ "adapter": "any", "choices": {{ "{contraction}": {{ "subgroup": [64, 16] }} }} }}"#);
    let tuning: Tuning = text.parse()?;
    assert_eq!(tuning.choices[&contraction.to_string()].tile, Tile::Subgroup { rows: 64, columns: 16 });
    assert_eq!(tuning.to_string().parse::<Tuning>()?, tuning);
    assert!(text.replace("64, 16]", "60, 16]").parse::<Tuning>().is_err());

    let lowered = |graph: &Graph, target, tuning: &Tuning| {
        let program = schedule_tuned(graph, target, Options::default(), 1, tuning)?;
        crate::gpu::lower(&program).map(|shaders| shaders.len())
    };
    let graph = contraction.graph()?;
    assert_eq!(lowered(&graph, Target::Software { subgroups: true }, &tuning)?, 1);
    for target in [Target::Gpu, Target::Software { subgroups: false }] {
        let refused = lowered(&graph, target, &tuning).unwrap_err().to_string();
        assert!(refused.contains("subgroups of 8 threads"), "{refused}");
    }
    Ok(())
}

/// Products cannot gather the batch themselves: one copy of it serves all.
#[test]
fn a_batch_is_gathered_once_for_all_products() -> Result<()> {
    let mut g = Graph::new();
    let variable = g.variable("weights");
    let x = g.input("x", &[16], Element::F32);
    for name in ["first", "second"] {
        let weights = g.parameter(name, &[16, 8], variable);
        let product = g.matmul(x, weights, false, false)?;
        g.output(name, product)?;
    }
    for target in [Target::Cpu, Target::Gpu] {
        let program = schedule(&g, target, Options::default(), 4)?;
        assert_eq!(program.kernels.len(), 3, "{}", program.explain());
    }
    Ok(())
}
