//! Work on a model away from the thread that waits for it. A browser has no threads to spare: work stays where it is there.

use super::network::Model;
use crate::cancellation::CancellationToken;
#[cfg(not(target_arch = "wasm32"))]
use crate::layers::Network;

/// Does `work` on a thread of its own: opening the device, planning, compiling, reading back and the CPU's steps would all
/// keep the caller's thread. A future that is dropped cancels `token`, and waits for the step that is under way.
#[cfg(not(target_arch = "wasm32"))]
pub(super) async fn apart<T: Send + 'static>(
    model: &mut Model,
    token: CancellationToken,
    work: impl AsyncFnOnce(&mut Model) -> T + Send + 'static,
) -> T {
    let mut away = std::mem::replace(model, Model::of_network(Network::empty("", false, Vec::new())));
    let (sender, receiver) = futures_intrusive::channel::shared::oneshot_channel();
    let thread = std::thread::spawn(move || {
        let result = pollster::block_on(work(&mut away));
        // The receiver is gone if the future was dropped.
        let _ = sender.send(result);
        away
    });
    let borrowed = Borrowed { home: model, thread: Some(thread), token };
    let result = receiver.receive().await;
    drop(borrowed);
    result.unwrap_or_else(|| unreachable!("without a result the thread panicked, and that was passed on"))
}

/// A model that a thread has, and where it belongs.
#[cfg(not(target_arch = "wasm32"))]
struct Borrowed<'a> {
    home: &'a mut Model,
    thread: Option<std::thread::JoinHandle<Model>>,
    token: CancellationToken,
}

#[cfg(not(target_arch = "wasm32"))]
impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        self.token.cancel();
        let Some(thread) = self.thread.take() else { return };
        match thread.join() {
            Ok(model) => *self.home = model,
            Err(panic) if !std::thread::panicking() => std::panic::resume_unwind(panic),
            // A second panic would abort the process.
            Err(_) => {}
        }
    }
}

#[cfg(target_arch = "wasm32")]
pub(super) async fn apart<T>(
    model: &mut Model,
    _token: CancellationToken,
    work: impl AsyncFnOnce(&mut Model) -> T,
) -> T {
    work(model).await
}
