use std::fmt;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::{Source, Stored};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// A tensor for each column.
type Batch = Vec<Arc<Tensor>>;

/// Batches of a [`Source`] in a given order, read by a thread of their own while the device computes.
///
/// No more than `ahead` batches are in memory besides the one taken last.
pub struct ReadAhead {
    source: Arc<dyn Source>,
    order: Arc<[u32]>,
    ahead: usize,
    /// The size of the batches asked for last.
    batch: usize,
    reader: Option<Reader>,
}

/// The thread, and which batch it hands over next.
struct Reader {
    // A mutex alone makes the receiver Sync; there is no second user.
    batches: Mutex<Receiver<Result<Batch>>>,
    next: usize,
    batch: usize,
    thread: JoinHandle<()>,
}

impl fmt::Debug for ReadAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReadAhead of {} batches of {:?}", self.ahead, self.source)
    }
}

impl ReadAhead {
    /// Reads rows of `source`, `ahead` batches before they are needed; with 0, and in a browser, where there are no
    /// threads, when they are needed. The order is that of the rows.
    pub fn new(source: Arc<dyn Source>, ahead: usize) -> Self {
        let order = (0..source.rows() as u32).collect();
        let ahead = if cfg!(target_arch = "wasm32") { 0 } else { ahead };
        Self { source, order, ahead, batch: 0, reader: None }
    }

    /// What each column holds.
    pub fn columns(&self) -> &[Stored] {
        self.source.columns()
    }

    /// How many rows the source has.
    pub fn rows(&self) -> usize {
        self.source.rows()
    }

    /// Lets position i be row `order[i]`, and starts to read from the first on.
    pub fn set_order(&mut self, order: &[u32]) {
        self.stop();
        self.order = order.into();
        if self.batch > 0 {
            self.start(0, self.batch);
        }
    }

    /// The `batch` rows from position `offset` on. Those that follow are read meanwhile.
    ///
    /// # Errors
    /// Those of [`Source::read`], and if the order has no such positions or the source panics.
    pub fn take(&mut self, offset: usize, batch: usize) -> Result<Batch> {
        let Some(rows) = self.order.get(offset..offset + batch) else {
            let expected = format!("at most {}, the positions in order", self.order.len());
            return Err(Error::argument("data set", "end of the batch", offset + batch, expected));
        };
        if self.ahead == 0 {
            return read(self.source.as_ref(), rows);
        }
        let follows =
            |reader: &Reader| reader.next == offset && batch == reader.batch.min(self.order.len() - offset);
        if !self.reader.as_ref().is_some_and(follows) {
            self.stop();
            self.start(offset, batch);
        }
        self.receive(batch)
    }

    fn receive(&mut self, batch: usize) -> Result<Batch> {
        let stopped = || {
            let remedy = "see its message above; the rows read before were sound";
            Error::data("data set", "the thread that reads it has panicked", remedy)
        };
        let reader = self.reader.as_mut().ok_or_else(stopped)?;
        reader.next += batch;
        let batches = reader.batches.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        let received = batches.recv().unwrap_or_else(|_| Err(stopped()));
        if received.is_err() {
            self.stop();
        }
        received
    }

    fn start(&mut self, offset: usize, batch: usize) {
        // The channel holds all but the batch that waits to be sent.
        let (sender, batches) = sync_channel(self.ahead - 1);
        let (source, order) = (self.source.clone(), self.order.clone());
        let thread = std::thread::spawn(move || {
            for rows in order[offset..].chunks(batch) {
                let result = read(source.as_ref(), rows);
                let failed = result.is_err();
                if sender.send(result).is_err() || failed {
                    return;
                }
            }
        });
        self.batch = batch;
        self.reader = Some(Reader { batches: Mutex::new(batches), next: offset, batch, thread });
    }

    /// Ends the thread: it stops at the first batch that nobody takes.
    fn stop(&mut self) {
        if let Some(Reader { batches, thread, .. }) = self.reader.take() {
            drop(batches);
            // A panic has been told of already.
            let _ = thread.join();
        }
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The rows numbered `rows`, checked against what the source says of itself.
fn read(source: &dyn Source, rows: &[u32]) -> Result<Batch> {
    let tensors = source.read(rows)?;
    let columns = source.columns();
    let fits = |(tensor, column): (&Tensor, &Stored)| {
        tensor.rows() == rows.len() && !tensor.shape().is_empty() && Stored::of(tensor) == *column
    };
    if tensors.len() != columns.len() || !tensors.iter().zip(columns).all(fits) {
        let found: Vec<String> = tensors.iter().map(|t| format!("{:?}", t.shape())).collect();
        let problem = format!("{} rows came as {}", rows.len(), found.join(", "));
        let expected: Vec<String> = columns.iter().map(|c| format!("{:?} {:?}", c.row, c.element)).collect();
        let remedy = format!("give as many rows as were asked for, of {}", expected.join(", "));
        return Err(Error::data("data set", problem, remedy));
    }
    Ok(tensors.into_iter().map(Arc::new).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::graph::Element;

    /// Row i holds i. Counts what is read, and fails from row 90 on.
    #[derive(Debug)]
    struct Numbers {
        columns: [Stored; 1],
        read: AtomicUsize,
    }

    impl Numbers {
        fn new() -> Arc<Self> {
            let columns = [Stored { row: vec![], element: Element::U32, scale: 1.0 }];
            Arc::new(Self { columns, read: AtomicUsize::new(0) })
        }
    }

    impl Source for Numbers {
        fn rows(&self) -> usize {
            100
        }

        fn columns(&self) -> &[Stored] {
            &self.columns
        }

        fn read(&self, rows: &[u32]) -> Result<Vec<Tensor>> {
            self.read.fetch_add(1, Ordering::SeqCst);
            match rows.iter().find(|&&row| row >= 90) {
                Some(row) => Err(Error::data("numbers", format!("row {row} is damaged"), "repair it")),
                None => Ok(vec![Tensor::u32(&[rows.len()], rows.to_vec())?]),
            }
        }
    }

    fn taken(ahead: &mut ReadAhead, offset: usize, batch: usize) -> Result<Vec<f32>> {
        Ok(ahead.take(offset, batch)?[0].to_f32())
    }

    #[test]
    fn batches_come_in_any_order_that_is_asked_for() -> Result<()> {
        for ahead in [0, 1, 3] {
            let mut ahead = ReadAhead::new(Numbers::new(), ahead);
            assert_eq!(taken(&mut ahead, 0, 3)?, [0.0, 1.0, 2.0]);
            assert_eq!(taken(&mut ahead, 3, 3)?, [3.0, 4.0, 5.0]);
            assert_eq!(taken(&mut ahead, 50, 2)?, [50.0, 51.0]);
            ahead.set_order(&[7, 5, 6]);
            assert_eq!(taken(&mut ahead, 0, 2)?, [7.0, 5.0]);
            // The last batch is smaller.
            assert_eq!(taken(&mut ahead, 2, 1)?, [6.0]);
            assert!(taken(&mut ahead, 2, 2).unwrap_err().to_string().contains("at most 3"));
        }
        Ok(())
    }

    #[test]
    fn no_more_is_read_than_was_agreed() -> Result<()> {
        let source = Numbers::new();
        let mut ahead = ReadAhead::new(source.clone(), 3);
        ahead.take(0, 1)?;
        std::thread::sleep(Duration::from_millis(50));
        // One was taken, two lie in the channel and one waits.
        assert_eq!(source.read.load(Ordering::SeqCst), 4);
        Ok(())
    }

    #[test]
    fn an_error_comes_with_its_batch_and_not_before() -> Result<()> {
        let mut ahead = ReadAhead::new(Numbers::new(), 2);
        for offset in (80..90).step_by(5) {
            ahead.take(offset, 5)?;
        }
        assert!(ahead.take(90, 5).unwrap_err().to_string().contains("row 90 is damaged"));
        // It is read anew, not remembered.
        assert_eq!(taken(&mut ahead, 1, 2)?, [1.0, 2.0]);
        Ok(())
    }
}
