//! Data sets on the device: resident where they fit, else streamed, the rows of each submission at a time.

use std::sync::Arc;

use super::device::Device;
use crate::error::{Error, Result};
use crate::graph::Input;
use crate::stream::{ReadAhead, Stored, check_columns};
use crate::tensor::{Tensor, Values};

/// Bytes uploaded at a time: the driver keeps a copy until they have arrived.
const UPLOAD: usize = 64 << 20;

/// Bytes of a streamed data set's rows on the device.
pub(super) const RING: u64 = 64 << 20;

/// The data sets of one binding, and the order in which their rows are read.
pub struct DataSets {
    buffers: Vec<wgpu::Buffer>,
    /// Where kernels look up the row of each position.
    pub order: wgpu::Buffer,
    rows: usize,
    positions: usize,
    /// Where rows come from that are not on the device, and how many of them are at a time.
    stream: Option<(ReadAhead, usize)>,
}

/// Whether one of `tensors` has more than `limit` bytes or than a binding of the device holds.
pub fn needs_stream(device: &Device, tensors: &[Arc<Tensor>], limit: u64) -> bool {
    tensors.iter().any(|t| bytes(t).len() as u64 > limit.min(device.binding_limit()))
}

impl DataSets {
    /// Uploads `tensors`, one for each of `inputs`. Without inputs there are `max_batch` positions.
    pub fn resident(
        device: &Device,
        inputs: &[Input],
        tensors: &[Arc<Tensor>],
        max_batch: usize,
    ) -> Result<Self> {
        let stored: Vec<(Stored, usize)> = tensors.iter().map(|t| (Stored::of(t), t.rows())).collect();
        check_columns(inputs, &stored)?;
        let rows = tensors.first().map_or(max_batch, |t| t.rows());
        let mut buffers = Vec::new();
        for (input, tensor) in inputs.iter().zip(tensors) {
            let buffer = device.storage(&format!("data set {}", input.name), bytes(tensor).len() as u64)?;
            upload(device, &buffer, bytes(tensor))?;
            buffers.push(buffer);
        }
        Self::ordered(device, buffers, rows, None)
    }

    /// Room for some rows of every column, which `ahead` reads; a column for each of `inputs`.
    pub fn streamed(
        device: &Device,
        inputs: &[Input],
        ahead: ReadAhead,
        max_batch: usize,
        limit: u64,
    ) -> Result<Self> {
        let rows = ahead.rows();
        let stored: Vec<(Stored, usize)> = ahead.columns().iter().map(|c| (c.clone(), rows)).collect();
        check_columns(inputs, &stored)?;
        let ring = ring_rows(device, ahead.columns(), max_batch, limit)?.min(rows.max(max_batch));
        let mut buffers = Vec::new();
        for (input, column) in inputs.iter().zip(ahead.columns()) {
            let kept = (ring * column.row_bytes()) as u64;
            buffers.push(device.storage(&format!("data set {}", input.name), kept)?);
        }
        Self::ordered(device, buffers, rows, Some((ahead, ring)))
    }

    fn ordered(
        device: &Device,
        buffers: Vec<wgpu::Buffer>,
        rows: usize,
        stream: Option<(ReadAhead, usize)>,
    ) -> Result<Self> {
        let order = device.storage("order", rows as u64 * 4)?;
        let this = Self { buffers, order, rows, positions: rows, stream };
        if this.stream.is_none() {
            let numbers: Vec<u32> = (0..rows as u32).collect();
            device.queue.write_buffer(&this.order, 0, bytemuck::cast_slice(&numbers));
        }
        Ok(this)
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of positions in the order.
    pub fn positions(&self) -> usize {
        self.positions
    }

    /// The buffer of input number `i`.
    pub fn buffer(&self, i: usize) -> &wgpu::Buffer {
        &self.buffers[i]
    }

    /// The rows of all inputs.
    #[cfg(test)]
    pub fn buffers(&self) -> impl Iterator<Item = &wgpu::Buffer> {
        self.buffers.iter()
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
        self.positions = order.len();
        match &mut self.stream {
            Some((ahead, _)) => ahead.set_order(order),
            None => device.queue.write_buffer(&self.order, 0, bytemuck::cast_slice(order)),
        }
        Ok(())
    }

    /// How many of the `batches`, each a position and a length, the next submission can hold.
    pub fn fitting(&self, batches: impl Iterator<Item = (usize, usize)>) -> usize {
        let Some((_, ring)) = &self.stream else { return usize::MAX };
        let ends = batches.scan(0, |rows, (_, length)| {
            *rows += length;
            Some(*rows)
        });
        ends.take_while(|rows| rows <= ring).count()
    }

    /// Brings the rows of `batches` to the device, if they are not there. The queue keeps the order: what was
    /// submitted before has read the rows before, and still computes while these are read and handed over.
    pub fn stream(&mut self, device: &Device, batches: impl Iterator<Item = (usize, usize)>) -> Result<()> {
        let Some((ahead, _)) = &mut self.stream else { return Ok(()) };
        let mut columns: Vec<Vec<u8>> = vec![Vec::new(); self.buffers.len()];
        let mut first = 0;
        for (offset, length) in batches {
            for (column, tensor) in columns.iter_mut().zip(ahead.take(offset, length)?) {
                column.extend_from_slice(bytes(&tensor));
            }
            let rows: Vec<u32> = (first..first + length as u32).collect();
            device.queue.write_buffer(&self.order, offset as u64 * 4, bytemuck::cast_slice(&rows));
            first += length as u32;
        }
        for (buffer, mut column) in self.buffers.iter().zip(columns) {
            column.resize(column.len().next_multiple_of(4), 0);
            device.queue.write_buffer(buffer, 0, &column);
        }
        Ok(())
    }
}

fn bytes(tensor: &Tensor) -> &[u8] {
    match tensor.values() {
        Values::F32(values) => bytemuck::cast_slice(values),
        Values::U32(values) => bytemuck::cast_slice(values),
        Values::U8 { bytes, .. } => bytes,
    }
}

/// How many rows of every column stay on the device.
fn ring_rows(device: &Device, columns: &[Stored], max_batch: usize, limit: u64) -> Result<usize> {
    let limit = limit.min(RING).min(device.binding_limit());
    let fit = columns.iter().map(|column| limit as usize / column.row_bytes().max(1)).min().unwrap_or(0);
    let most = device.binding_limit() as usize;
    let needed = columns.iter().map(|column| column.row_bytes() * max_batch).max().unwrap_or(0);
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
