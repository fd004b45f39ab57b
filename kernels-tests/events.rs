//! What a training tells to whoever subscribes.
//!
//! One process for itself: with a single subscriber alive, an event's place that another thread reaches first is judged
//! by that thread, which has none, and stays silent.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

use gradus::{Dense, Device, FitOptions, Result, Sequential, Tensor};

/// Keeps every event as a line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("gradus")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[test]
fn a_training_tells_of_device_programs_steps_and_epochs() -> Result<()> {
    let lines = Lines::default();
    let x = Tensor::f32(&[6, 2], (0..12).map(|i| i as f32 * 0.1).collect())?;
    let y = Tensor::f32(&[6, 1], vec![1.0; 6])?;
    let history = tracing::subscriber::with_default(lines.clone(), || {
        let mut model = Sequential::new().device(Device::cpu()).add(Dense::new(1));
        model.compile("sgd", "mean_squared_error", &[])?;
        model.fit(&x, &y, FitOptions::new().epochs(2).batch_size(4).verbose(0))
    })?;
    let lines = lines.0.lock().unwrap();
    let with = |part: &str| lines.iter().filter(|line| line.contains(part)).collect::<Vec<_>>();
    let [device] = with("device opened")[..] else { panic!("{lines:?}") };
    assert!(device.starts_with("INFO") && device.contains("as asked for"), "{device}");
    let [program] = with("program loaded")[..] else { panic!("{lines:?}") };
    assert!(program.contains("purpose=Training") && program.contains("max_batch=4"), "{program}");
    assert_eq!(with("steps run"), [&"DEBUG message=steps run from=0 to=2 of=2".to_string(); 2]);
    let epochs = with("epoch done");
    assert_eq!(epochs.len(), 2);
    for (epoch, (line, logs)) in epochs.iter().zip(history.epochs()).enumerate() {
        assert_eq!(**line, format!("INFO message=epoch done epoch={epoch} logs={logs}"));
    }
    Ok(())
}
