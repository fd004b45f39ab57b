//! The Program for people: kernel, why, dispatches, arithmetic, memory.

use std::fmt::Write;

use crate::graph::{NodeId, Op};

use super::program::{Destination, Kernel, Program, Work};

/// What a kernel has to do for the largest batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The kernel's name, as in [`Program::explain`].
    pub name: String,
    /// Floating-point operations: two for each multiply and add.
    pub flops: u64,
    /// Bytes that it must read and write.
    pub bytes: u64,
}

impl Program {
    /// What each kernel has to do.
    pub fn costs(&self) -> Vec<Cost> {
        let cost = |k: &Kernel| Cost { name: k.name.clone(), flops: self.flops(k), bytes: self.bytes(k) };
        self.kernels.iter().map(cost).collect()
    }

    /// A table of the kernels for the largest batch, and what they need of memory.
    pub fn explain(&self) -> String {
        let width = self.kernels.iter().map(|k| k.name.chars().count()).max().unwrap_or(0).max(6);
        let mut text =
            format!("{:<width$} {:>10} {:>10} {:>3}  what and why\n", "kernel", "MFLOP", "KiB", "n");
        for kernel in &self.kernels {
            let flops = self.flops(kernel) as f64 / 1e6;
            let kib = self.bytes(kernel) as f64 / 1024.0;
            let (name, n) = (&kernel.name, kernel.dispatches());
            let line = format!("{name:<width$} {flops:>10.2} {kib:>10.1} {n:>3}  {}", self.describe(kernel));
            text += line.trim_end();
            text.push('\n');
        }
        self.summarise(&mut text);
        text
    }

    fn summarise(&self, text: &mut String) {
        let flops: u64 = self.kernels.iter().map(|k| self.flops(k)).sum();
        let (kernels, dispatches) = (self.kernels.len(), self.dispatches());
        let mib = |words: usize| words as f64 / 262_144.0;
        let gradients: usize = self.gradients.iter().map(|g| g.1).sum();
        let ratio = self.activation_words as f64 / self.liveness_words.max(1) as f64;
        let lines = [
            format!(
                "{kernels} kernels, {dispatches} dispatches a step, {:.3} GFLOP for {} samples",
                flops as f64 / 1e9,
                self.max_batch
            ),
            format!(
                "activations {:.2} MiB, {ratio:.3} of the liveness bound {:.2} MiB; gradients {:.2} MiB",
                mib(self.activation_words),
                mib(self.liveness_words),
                mib(gradients)
            ),
        ];
        for line in lines {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{line}");
        }
    }

    fn describe(&self, kernel: &Kernel) -> String {
        let anchor = kernel.work.anchor();
        let mut ops: Vec<String> = anchor.iter().map(|&n| self.graph.node(n).op.name()).collect();
        if let Work::ConvFilterGradient { bias: Some(_), .. } = kernel.work {
            ops.push("bias".into());
        }
        let computed = kernel.region.nodes.iter().map(|&n| &self.graph.node(n).op);
        ops.extend(computed.filter(|op| !op.is_immediate() && **op != Op::Reshape).map(Op::name));
        let variables = kernel.region.stores.iter().filter_map(|s| match s.to {
            Destination::Variable(v) => Some(format!("-> {}", self.graph.variables[v.0].name)),
            Destination::Output(i) => Some(format!("-> {}", self.graph.outputs[i].name)),
            Destination::Part { .. } => Some("-> its part of all".into()),
            Destination::Place => None,
        });
        ops.extend(variables);
        format!("{}: {}", ops.join(" "), kernel.reason)
    }

    /// Floating-point operations of a kernel for the largest batch: two for each multiply and add.
    pub fn flops(&self, kernel: &Kernel) -> u64 {
        let region = kernel.region.nodes.iter().filter(|&&n| {
            let op = &self.graph.node(n).op;
            op.is_elementwise() && *op != Op::Broadcast
        });
        let elementwise: u64 = region.map(|&n| self.elements(n)).sum();
        elementwise + kernel.work.anchor().map_or(0, |n| self.anchor_flops(&kernel.work, n))
    }

    fn anchor_flops(&self, work: &Work, node: NodeId) -> u64 {
        let input = |i: usize| self.graph.node(node).inputs[i];
        let sizes = |n: NodeId| self.graph.shape(n).at(self.max_batch);
        match (&self.graph.node(node).op, work) {
            (Op::MatMul { transpose_a, .. }, _) => {
                let a = sizes(input(0));
                let k = if *transpose_a { a[a.len() - 2] } else { a[a.len() - 1] };
                2 * self.elements(node) * k as u64
            }
            (Op::Conv(_), _) => {
                let w = sizes(input(1));
                2 * self.elements(node) * (w[0] * w[1] * w[2]) as u64
            }
            (Op::ConvInputGradient(_), _) => {
                let w = sizes(input(1));
                2 * self.elements(input(0)) * (w[0] * w[1] * w[2]) as u64
            }
            (Op::ConvFilterGradient(_), _) => {
                let w = sizes(node);
                2 * self.elements(input(1)) * (w[0] * w[1] * w[2]) as u64
            }
            _ => self.graph.node(node).inputs.iter().map(|&n| self.elements(n)).sum(),
        }
    }

    /// Bytes a kernel must read and write for the largest batch.
    fn bytes(&self, kernel: &Kernel) -> u64 {
        let anchor = kernel.work.anchor();
        let operands = anchor.iter().flat_map(|&n| self.graph.node(n).inputs.iter().copied());
        let stores = kernel.region.stores.iter().map(|s| s.node);
        let words: u64 =
            operands.chain(kernel.region.loads.iter().copied()).chain(stores).map(|n| self.elements(n)).sum();
        4 * words
    }

    fn elements(&self, node: NodeId) -> u64 {
        self.graph.shape(node).count().at(self.max_batch) as u64
    }
}
