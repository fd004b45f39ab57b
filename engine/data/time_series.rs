//! Windows over time.

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::stream::{Source, Stored};
use crate::tensor::Tensor;

/// Windows of a series as samples, as Keras's `timeseries_dataset_from_array`. Windows that overlap are not copied: each is
/// cut out when it is read.
///
/// ```
/// use gradus::{Tensor, data::TimeSeries};
/// // Temperatures of ten days: two days, one between them, foretell the day after the next.
/// let days = Tensor::f32(&[10, 1], (0..10).map(|day| day as f32).collect())?;
/// let windows = TimeSeries::new(2).sampling_rate(2).sequence_stride(3);
/// let data = windows.open(&days, Some(&days.slice_rows(4..10)?))?;
/// assert_eq!(data.rows(), 2);
/// let columns = data.read(&[1])?;
/// assert_eq!((columns[0].to_f32(), columns[1].to_f32()), (vec![3.0, 5.0], vec![7.0]));
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TimeSeries {
    length: usize,
    stride: usize,
    rate: usize,
    start: usize,
    end: Option<usize>,
}

impl TimeSeries {
    /// Windows of `sequence_length` time steps.
    pub fn new(sequence_length: usize) -> Self {
        Self { length: sequence_length, stride: 1, rate: 1, start: 0, end: None }
    }

    /// Time steps from the start of a window to that of the next. Default 1.
    pub fn sequence_stride(mut self, steps: usize) -> Self {
        self.stride = steps;
        self
    }

    /// Time steps from one of a window to the next. Default 1.
    pub fn sampling_rate(mut self, steps: usize) -> Self {
        self.rate = steps;
        self
    }

    /// The first time step that is used. Default 0.
    pub fn start_index(mut self, step: usize) -> Self {
        self.start = step;
        self
    }

    /// The first time step that is not used any more. Default: all are.
    pub fn end_index(mut self, step: usize) -> Self {
        self.end = Some(step);
        self
    }

    /// Windows `[sequence_length, …]` of `data` `[time steps, …]`. The target of the window that starts at time step i is row i
    /// of `targets`: give those of later steps moved to the front, as above.
    ///
    /// # Errors
    /// If an option lies outside its range, or there is no whole window.
    pub fn open(&self, data: &Tensor, targets: Option<&Tensor>) -> Result<Dataset> {
        let steps = data.rows();
        let wrong = |argument: &str, found: usize, expected: String| {
            Err(Error::argument("TimeSeries", argument, found, expected))
        };
        for (argument, found) in
            [("sequence_length", self.length), ("sequence_stride", self.stride), ("sampling_rate", self.rate)]
        {
            if found == 0 {
                return wrong(argument, found, "at least 1".into());
            }
        }
        let end = self.end.unwrap_or(steps);
        if end > steps || data.shape().is_empty() {
            return wrong("end_index", end, format!("at most {steps}, the number of time steps"));
        }
        let span = (self.length - 1).saturating_mul(self.rate);
        let starts = end.saturating_sub(self.start).saturating_sub(span);
        let of_targets = targets.map_or(usize::MAX, |targets| targets.rows().saturating_sub(self.start));
        let starts = starts.min(of_targets);
        if starts == 0 {
            let expected =
                format!("less than what steps {} to {end}, and the targets, have room for", self.start);
            return wrong("sequence_length", self.length, expected);
        }
        let window = Stored { row: [&[self.length], &data.shape()[1..]].concat(), ..Stored::of(data) };
        let columns = std::iter::once(window).chain(targets.map(Stored::of)).collect();
        let rows = starts.div_ceil(self.stride);
        let (data, targets, windows) = (data.clone(), targets.cloned(), self.clone());
        Dataset::from_source(Windows { data, targets, windows, rows, columns }, 1)
    }
}

#[derive(Debug)]
struct Windows {
    data: Tensor,
    targets: Option<Tensor>,
    windows: TimeSeries,
    rows: usize,
    columns: Vec<Stored>,
}

impl Source for Windows {
    fn rows(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> &[Stored] {
        &self.columns
    }

    fn read(&self, rows: &[u32]) -> Result<Vec<Tensor>> {
        let TimeSeries { length, stride, rate, start, .. } = self.windows;
        let starts: Vec<usize> = rows.iter().map(|&row| start + row as usize * stride).collect();
        let steps: Vec<usize> =
            starts.iter().flat_map(|&at| (0..length).map(move |i| at + i * rate)).collect();
        let picked = self.data.select_rows(&steps)?;
        let shape = [&[rows.len()], self.columns[0].row.as_slice()].concat();
        let mut columns = vec![Tensor::new(&shape, picked.values().clone())?];
        if let Some(targets) = &self.targets {
            columns.push(targets.select_rows(&starts)?);
        }
        Ok(columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(steps: usize) -> Result<Tensor> {
        Tensor::u32(&[steps], (0..steps as u32).collect())
    }

    /// What Keras gives: `list(timeseries_dataset_from_array(np.arange(20), np.arange(100, 120), 3, 4, 2, None, start_index=1,
    /// end_index=17))` starts windows at 1, 5 and 9, whose targets are 101, 105 and 109.
    #[test]
    fn windows_are_keras_s() -> Result<()> {
        let windows = TimeSeries::new(3).sequence_stride(4).sampling_rate(2).start_index(1).end_index(17);
        let targets = Tensor::u32(&[20], (100..120).collect())?;
        let data = windows.open(&series(20)?, Some(&targets))?;
        let rows: Vec<u32> = (0..data.rows() as u32).collect();
        let columns = data.read(&rows)?;
        assert_eq!(columns[0], Tensor::u32(&[3, 3], vec![1, 3, 5, 5, 7, 9, 9, 11, 13])?);
        assert_eq!(columns[1], Tensor::u32(&[3], vec![101, 105, 109])?);
        // Fewer targets than windows: the windows without one are left out.
        assert_eq!(TimeSeries::new(2).open(&series(9)?, Some(&series(5)?))?.rows(), 5);
        assert_eq!(TimeSeries::new(2).open(&series(9)?, None)?.rows(), 8);
        Ok(())
    }

    #[test]
    fn windows_that_do_not_fit_are_refused() -> Result<()> {
        let (data, none) = (series(5)?, None);
        let refused = |windows: TimeSeries| windows.open(&data, none).unwrap_err().to_string();
        assert!(refused(TimeSeries::new(0)).contains("sequence_length is 0"));
        assert!(refused(TimeSeries::new(6)).contains("sequence_length is 6"));
        assert!(refused(TimeSeries::new(2).sampling_rate(5)).contains("sequence_length is 2"));
        assert!(refused(TimeSeries::new(2).sequence_stride(0)).contains("sequence_stride is 0"));
        assert!(refused(TimeSeries::new(2).end_index(6)).contains("end_index is 6"));
        assert!(refused(TimeSeries::new(2).start_index(4)).contains("sequence_length"));
        Ok(())
    }
}
