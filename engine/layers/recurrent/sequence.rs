//! The walk over the time steps: projections, masks, kept states.

use super::super::Context;
use super::Recurrent;
use super::cells::{Cell, Weights};
use crate::error::Result;
use crate::graph::{Along, Comparison, Element, Graph, NodeId};
use crate::tensor::{Dim, Shape};

impl Recurrent {
    /// Adds all time steps to the graph, from `first` states if there are any. Returns the output and the last states.
    pub(super) fn unroll(
        &self,
        context: &mut Context<'_>,
        input: NodeId,
        first: &[NodeId],
    ) -> Result<Vec<NodeId>> {
        let time = context.sample_shape(input)[0];
        let (x, weights) = self.project(context, input)?;
        let mut states = if first.is_empty() { self.first_states(context)? } else { first.to_vec() };
        // As in Keras 3, which hands on no mask beside first states.
        let mask = if first.is_empty() { context.mask(input) } else { None };
        let mut outputs = Vec::with_capacity(time);
        for number in 0..time {
            let t = if self.go_backwards { time - 1 - number } else { number };
            let now = at(context.graph, x, t)?;
            let new = self.step(context, &weights, now, &states)?;
            let output = match mask {
                Some(mask) => {
                    self.masked(context.graph, [mask, new[0]], t, (&mut states, &new), outputs.last())?
                }
                None => {
                    states.clone_from(&new);
                    new[0]
                }
            };
            outputs.push(output);
        }
        self.keep_states(context, &states)?;
        let mask = context.mask(input);
        let output = self.finish(context, &outputs, mask)?;
        Ok([&[output], states.as_slice()].concat())
    }

    /// All time steps times the kernel: `[None, time, gates·units]`.
    fn project(&self, context: &mut Context<'_>, input: NodeId) -> Result<(NodeId, Weights)> {
        let sample = context.sample_shape(input);
        let (kernel, recurrent) = (context.weight(0)?, context.weight(1)?);
        let bias = self.use_bias.then(|| context.weight(2)).transpose()?;
        let training = context.training;
        let graph = &mut *context.graph;
        let (time, features) = (sample[0], sample[1]);
        let mut x = input;
        if training && self.dropout > 0.0 {
            let mask = self.dropout_mask(graph, &[1, features], self.dropout, 0)?;
            x = graph.multiply(x, mask)?;
        }
        let masked = training && self.recurrent_dropout > 0.0;
        let state_mask =
            masked.then(|| self.dropout_mask(graph, &[self.units], self.recurrent_dropout, 1)).transpose()?;
        let rows = graph.reshape(x, &Shape(vec![Dim::batch(time), Dim::fixed(features)]))?;
        let mut sums = graph.matmul(rows, kernel, false, false)?;
        let width = self.cell.gates() * self.units;
        let both = self.cell == Cell::Gru { reset_after: true };
        let part = |graph: &mut Graph, bias: NodeId, row: usize| {
            let part = graph.slice(bias, &[Along::new(0, row, 1)])?;
            graph.reshape(part, &Shape::fixed(&[width]))
        };
        let mut recurrent_bias = None;
        if let Some(bias) = bias {
            let own = if both { part(graph, bias, 0)? } else { bias };
            sums = graph.add(sums, own)?;
            recurrent_bias = both.then(|| part(graph, bias, 1)).transpose()?;
        }
        let x = graph.reshape(sums, &Shape::batched(&[time, width]))?;
        Ok((x, Weights { recurrent, recurrent_bias, state_mask }))
    }

    /// Zeros, or what the batch before has left.
    fn first_states(&self, context: &mut Context<'_>) -> Result<Vec<NodeId>> {
        let first = 2 + usize::from(self.use_bias);
        let shape = Shape::batched(&[self.units]);
        let state = |i: usize| match self.stateful {
            None => Ok(context.graph.full(0.0, &shape)),
            Some(_) => {
                let table = context.weight(first + i)?;
                let numbers = context.graph.iota(&Shape::batched(&[]), 0)?;
                context.graph.gather(table, numbers)
            }
        };
        (0..self.cell.state_names().len()).map(state).collect()
    }

    /// Keeps the last states for the next batch; those of samples that this one lacks stay as they are.
    fn keep_states(&self, context: &mut Context<'_>, states: &[NodeId]) -> Result<()> {
        let Some(samples) = self.stateful else { return Ok(()) };
        let first = 2 + usize::from(self.use_bias);
        for (i, &state) in states.iter().enumerate() {
            let old = context.weight(first + i)?;
            let graph = &mut *context.graph;
            let numbers = graph.iota(&Shape::batched(&[]), 0)?;
            let new = graph.scatter_add(state, numbers, Dim::fixed(samples))?;
            let row = graph.iota(&Shape::fixed(&[samples, 1]), 0)?;
            let (row, batch) = (graph.cast(row, Element::F32), graph.batch_size());
            let present = graph.compare(Comparison::Less, row, batch)?;
            let kept = graph.select(present, new, old)?;
            context.update(first + i, kept)?;
        }
        Ok(())
    }

    /// The output of time step `t` where some samples are masked there: these keep their states, and their last
    /// output, or zero.
    fn masked(
        &self,
        graph: &mut Graph,
        [mask, output]: [NodeId; 2],
        t: usize,
        (states, new): (&mut Vec<NodeId>, &[NodeId]),
        last: Option<&NodeId>,
    ) -> Result<NodeId> {
        let counts = graph.slice(mask, &[Along::new(1, t, 1)])?;
        for (state, &new) in states.iter_mut().zip(new) {
            *state = graph.select(counts, new, *state)?;
        }
        let instead = match last {
            Some(&last) if !self.zero_output_for_mask => last,
            _ => graph.full(0.0, &Shape::batched(&[self.units])),
        };
        graph.select(counts, output, instead)
    }

    fn finish(&self, context: &mut Context<'_>, outputs: &[NodeId], mask: Option<NodeId>) -> Result<NodeId> {
        if !self.return_sequences {
            return Ok(outputs[outputs.len() - 1]);
        }
        let row = Shape::batched(&[1, self.units]);
        let graph = &mut *context.graph;
        let rows: Vec<NodeId> = outputs.iter().map(|&h| graph.reshape(h, &row)).collect::<Result<_>>()?;
        let all = graph.concat(&rows, 1)?;
        if let Some(mask) = mask {
            context.set_mask(all, mask);
        }
        Ok(all)
    }

    /// 0 with probability `rate`, else 1 / (1 − rate): the same for all time steps.
    fn dropout_mask(&self, graph: &mut Graph, sizes: &[usize], rate: f64, number: u32) -> Result<NodeId> {
        let draw = self.draw.uniform(graph, &Shape::batched(sizes), number);
        let bound = graph.constant(rate as f32);
        let kept = graph.compare(Comparison::GreaterEqual, draw, bound)?;
        let factor = if rate < 1.0 { 1.0 / (1.0 - rate) } else { 0.0 };
        graph.scale(kept, factor as f32)
    }
}

/// Time step `t` of `[None, time, width]`.
fn at(graph: &mut Graph, x: NodeId, t: usize) -> Result<NodeId> {
    let width = graph.shape(x).0[2].factor;
    let step = graph.slice(x, &[Along::new(1, t, 1)])?;
    graph.reshape(step, &Shape::batched(&[width]))
}
