//! Data sets on the device: resident where they fit, else streamed, the rows of each submission at a time.

use std::sync::Arc;

use super::device::Device;
use crate::error::{Error, Result};
use crate::graph::{Element, Input};
use crate::tensor::{Tensor, Values};

/// Bytes uploaded at a time: the driver keeps a copy until they have arrived.
const UPLOAD: usize = 64 << 20;

/// Bytes of a streamed data set's rows on the device.
pub(super) const RING: u64 = 64 << 20;

/// The data sets of one binding, and the order in which their rows are read.
pub struct DataSets {
    sets: Vec<(Arc<Tensor>, wgpu::Buffer)>,
    /// Where kernels look up the row of each position.
    pub order: wgpu::Buffer,
    rows: usize,
    /// The order as the host has it.
    positions: Vec<u32>,
    /// Rows on the device at a time, if they are streamed.
    ring: Option<usize>,
    bytes: Vec<u8>,
}

impl DataSets {
    /// Uploads `tensors`, one for each of `inputs`, or prepares to stream them if one has more than `limit`
    /// bytes. Without inputs there are `max_batch` positions.
    pub fn new(
        device: &Device,
        inputs: &[Input],
        tensors: &[Arc<Tensor>],
        max_batch: usize,
        limit: u64,
    ) -> Result<Self> {
        check(inputs, tensors)?;
        let rows = tensors.first().map_or(max_batch, |t| t.rows());
        let size = |t: &Tensor| bytes(t).len() as u64;
        let streamed = tensors.iter().any(|t| size(t) > limit.min(device.binding_limit()));
        let ring = if streamed { Some(ring_rows(device, tensors, max_batch, limit)?) } else { None };
        let mut sets = Vec::new();
        for (input, tensor) in inputs.iter().zip(tensors) {
            let kept = ring.map_or(size(tensor), |rows| (rows * row_bytes(tensor)) as u64);
            let buffer = device.storage(&format!("data set {}", input.name), kept)?;
            if ring.is_none() {
                upload(device, &buffer, bytes(tensor))?;
            }
            sets.push((tensor.clone(), buffer));
        }
        let order = device.storage("order", rows as u64 * 4)?;
        let mut this = Self { sets, order, rows, positions: Vec::new(), ring, bytes: Vec::new() };
        this.set_order(device, &(0..rows as u32).collect::<Vec<_>>())?;
        Ok(this)
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of positions in the order.
    pub fn positions(&self) -> usize {
        self.positions.len()
    }

    /// The buffer of input number `i`.
    pub fn buffer(&self, i: usize) -> &wgpu::Buffer {
        &self.sets[i].1
    }

    /// The rows of all inputs.
    #[cfg(test)]
    pub fn buffers(&self) -> impl Iterator<Item = &wgpu::Buffer> {
        self.sets.iter().map(|(_, buffer)| buffer)
    }

    /// Lets position i be row `order[i]`.
    pub fn set_order(&mut self, device: &Device, order: &[u32]) -> Result<()> {
        if order.is_empty() || order.len() > self.rows {
            let expected = format!("1 to {} positions, no more than there are rows", self.rows);
            return Err(Error::argument("order", "number of positions", order.len(), expected));
        }
        if let Some(row) = order.iter().find(|&&row| row as usize >= self.rows) {
            return Err(Error::argument("order", "row", row, format!("a row below {}", self.rows)));
        }
        self.positions = order.to_vec();
        if self.ring.is_none() {
            device.queue.write_buffer(&self.order, 0, bytemuck::cast_slice(order));
        }
        Ok(())
    }

    /// How many of the `batches`, each a position and a length, the next submission can hold.
    pub fn fitting(&self, batches: impl Iterator<Item = (usize, usize)>) -> usize {
        let Some(ring) = self.ring else { return usize::MAX };
        let ends = batches.scan(0, |rows, (_, length)| {
            *rows += length;
            Some(*rows)
        });
        ends.take_while(|&rows| rows <= ring).count()
    }

    /// Brings the rows of `batches` to the device, if they are not there. The queue keeps the order: what was
    /// submitted before has read the rows before.
    pub fn stream(&mut self, device: &Device, batches: impl Iterator<Item = (usize, usize)> + Clone) {
        if self.ring.is_none() {
            return;
        }
        for (tensor, buffer) in &self.sets {
            self.bytes.clear();
            for (offset, length) in batches.clone() {
                for &row in &self.positions[offset..offset + length] {
                    let at = row as usize * row_bytes(tensor);
                    self.bytes.extend_from_slice(&bytes(tensor)[at..at + row_bytes(tensor)]);
                }
            }
            self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
            device.queue.write_buffer(buffer, 0, &self.bytes);
        }
        let mut first = 0;
        for (offset, length) in batches {
            let rows: Vec<u32> = (first..first + length as u32).collect();
            device.queue.write_buffer(&self.order, offset as u64 * 4, bytemuck::cast_slice(&rows));
            first += length as u32;
        }
    }
}

pub(super) fn bytes(tensor: &Tensor) -> &[u8] {
    match tensor.values() {
        Values::F32(values) => bytemuck::cast_slice(values),
        Values::U32(values) => bytemuck::cast_slice(values),
        Values::U8 { bytes, .. } => bytes,
    }
}

fn row_bytes(tensor: &Tensor) -> usize {
    let element = if matches!(tensor.values(), Values::U8 { .. }) { 1 } else { 4 };
    tensor.row_len() * element
}

/// How many rows of every tensor stay on the device.
fn ring_rows(device: &Device, tensors: &[Arc<Tensor>], max_batch: usize, limit: u64) -> Result<usize> {
    let limit = limit.min(RING).min(device.binding_limit());
    let fit = tensors.iter().map(|t| limit as usize / row_bytes(t).max(1)).min().unwrap_or(0);
    let most = device.binding_limit() as usize;
    let needed = tensors.iter().map(|t| row_bytes(t) * max_batch).max().unwrap_or(0);
    if needed > most {
        let problem = format!("one batch of the data takes {needed} bytes, a binding holds {most}");
        return Err(device.error(problem, "use a smaller batch"));
    }
    Ok(fit.max(max_batch))
}

fn upload(device: &Device, buffer: &wgpu::Buffer, bytes: &[u8]) -> Result<()> {
    for (part, chunk) in bytes.chunks(UPLOAD).enumerate() {
        let (whole, rest) = chunk.split_at(chunk.len() / 4 * 4);
        let at = (part * UPLOAD) as u64;
        device.queue.write_buffer(buffer, at, whole);
        if !rest.is_empty() {
            let mut last = [0; 4];
            last[..rest.len()].copy_from_slice(rest);
            device.queue.write_buffer(buffer, at + whole.len() as u64, &last);
        }
        if bytes.len() > UPLOAD {
            device.queue.submit([]);
            device.poll(None)?;
        }
    }
    device.check()
}

fn check(inputs: &[Input], tensors: &[Arc<Tensor>]) -> Result<()> {
    if inputs.len() != tensors.len() {
        let expected = format!("{}, one for each input of the graph", inputs.len());
        return Err(Error::argument("bind", "number of data sets", tensors.len(), expected));
    }
    for (input, tensor) in inputs.iter().zip(tensors) {
        let place = format!("input {:?}", input.name);
        let rows = tensors[0].rows();
        let expected: Vec<usize> = std::iter::once(rows).chain(input.row.iter().copied()).collect();
        if tensor.shape() != expected || rows == 0 {
            let (found, expected) = (format!("{:?}", tensor.shape()), format!("{expected:?}"));
            let remedy = "give each data set as many rows, at least one, of the input's shape";
            return Err(Error::shape(place, "the data set", found, expected, remedy));
        }
        let found = match tensor.values() {
            Values::F32(_) => Element::F32,
            Values::U32(_) => Element::U32,
            Values::U8 { .. } => Element::U8,
        };
        if found != input.element {
            let expected = format!("{:?}, as the input was declared", input.element);
            return Err(Error::argument(place, "element type", format!("{found:?}"), expected));
        }
    }
    Ok(())
}
