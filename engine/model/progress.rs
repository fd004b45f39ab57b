//! Training as it goes: a bar on a terminal, and a line for each epoch as Keras prints it.

use std::io::Write;
use std::time::{Duration, Instant};

use super::callbacks::Callback;
use super::history::Logs;
use super::training::Training;
use crate::error::Result;

/// Prints `Epoch 1/100` and `34/34 - 2s - 45ms/step - accuracy: 0.2000 - loss: 1.8000`.
#[derive(Debug)]
pub(super) struct Progress {
    epochs: usize,
    steps: usize,
    /// Steps between two looks at the bar.
    part: usize,
    started: Instant,
    bar: Bar,
}

impl Progress {
    /// Lines alone, or with a bar where `bar` asks for one and there is a terminal.
    pub fn new(bar: bool) -> Self {
        Self { epochs: 0, steps: 0, part: 1, started: Instant::now(), bar: Bar::new(bar) }
    }
}

impl Callback for Progress {
    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        (self.epochs, self.steps) = (training.epochs(), training.steps());
        Ok(())
    }

    fn on_epoch_begin(&mut self, epoch: usize, training: &mut Training<'_>) -> Result<()> {
        print_line(&format!("Epoch {}/{}", epoch + 1, self.epochs));
        self.started = Instant::now();
        self.part = if training.is_immediate() { 1 } else { self.steps.div_ceil(20) };
        self.bar.start(self.steps);
        Ok(())
    }

    fn next_batch(&self) -> Option<usize> {
        self.bar.is_shown().then_some(self.part)
    }

    fn on_batch_end(&mut self, done: usize, training: &mut Training<'_>) -> Result<()> {
        if !self.bar.is_shown() {
            return Ok(());
        }
        // Reading a GPU's losses would wait for it: the bar then shows steps and time alone.
        let logs = if training.is_immediate() { training.logs()? } else { Logs::default() };
        self.bar.advance(done, &format!("{} {logs}", per_step(self.started.elapsed(), done)));
        Ok(())
    }

    fn on_epoch_end(&mut self, _epoch: usize, logs: &mut Logs, _training: &mut Training<'_>) -> Result<()> {
        self.bar.clear();
        let (elapsed, steps) = (self.started.elapsed(), self.steps);
        let (seconds, pace) = (elapsed.as_secs_f64().round(), per_step(elapsed, steps));
        print_line(&format!("{steps}/{steps} - {seconds}s - {pace} - {logs}"));
        Ok(())
    }
}

/// `45ms/step`, in Keras's units.
fn per_step(elapsed: Duration, steps: usize) -> String {
    let seconds = elapsed.as_secs_f64() / steps.max(1) as f64;
    match seconds {
        s if s >= 1.0 => format!("{s:.0}s/step"),
        s if s >= 1e-3 => format!("{:.0}ms/step", s * 1e3),
        s => format!("{:.0}us/step", s * 1e6),
    }
}

/// A reader that has gone away, such as `head`, is no reason to stop a training.
fn print_line(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[cfg(feature = "progress")]
#[derive(Debug)]
struct Bar(Option<indicatif::ProgressBar>);

#[cfg(feature = "progress")]
impl Bar {
    fn new(wanted: bool) -> Self {
        let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
        Self((wanted && terminal).then(indicatif::ProgressBar::hidden))
    }

    fn is_shown(&self) -> bool {
        self.0.is_some()
    }

    fn start(&mut self, steps: usize) {
        let template = "{pos}/{len} {bar:20} {eta} {msg}";
        let style = indicatif::ProgressStyle::with_template(template);
        if let (Some(bar), Ok(style)) = (&mut self.0, style) {
            *bar = indicatif::ProgressBar::new(steps as u64).with_style(style.progress_chars("━╸ "));
        }
    }

    fn advance(&self, done: usize, message: &str) {
        if let Some(bar) = &self.0 {
            bar.set_message(message.to_string());
            bar.set_position(done as u64);
        }
    }

    fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Without the feature `progress` there are only lines.
#[cfg(not(feature = "progress"))]
#[derive(Debug)]
struct Bar;

#[cfg(not(feature = "progress"))]
impl Bar {
    fn new(_wanted: bool) -> Self {
        Self
    }

    fn is_shown(&self) -> bool {
        false
    }

    fn start(&mut self, _steps: usize) {}

    fn advance(&self, _done: usize, _message: &str) {}

    fn clear(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_per_step_has_keras_units() {
        assert_eq!(per_step(Duration::from_millis(1530), 34), "45ms/step");
        assert_eq!(per_step(Duration::from_secs(6), 3), "2s/step");
        assert_eq!(per_step(Duration::from_micros(900), 3), "300us/step");
    }
}
