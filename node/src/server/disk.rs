//! A disk on a thread of its own, so that a server goes on stepping while it writes.

use super::counters::Counters;
use crate::storage::{Storage, StorageError};
use seaworthy_core::effect::Record;
use std::sync::{Arc, mpsc as std_mpsc};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// A disk that has had nothing to do for so long rests.
const REST_AFTER: Duration = Duration::from_millis(200);

/// The thread's end in the server.
#[derive(Debug)]
pub(super) struct Disk {
    /// `None` once the thread is to end.
    batches: Option<std_mpsc::Sender<Vec<Record>>>,
    done: mpsc::UnboundedReceiver<Result<(), StorageError>>,
}

impl Disk {
    /// Moves a disk to a thread of this name, where it counts what it does.
    pub(super) fn start(
        name: String,
        storage: impl Storage,
        counters: Arc<Counters>,
    ) -> std::io::Result<Self> {
        let (batches, queue) = std_mpsc::channel();
        let (report, done) = mpsc::unbounded_channel();
        thread::Builder::new().name(name).spawn(move || work(storage, &queue, &report, &counters))?;
        Ok(Self { batches: Some(batches), done })
    }

    /// Has a batch made durable. One at a time.
    pub(super) fn write(&self, batch: Vec<Record>) {
        // A thread that is gone has said why, or will be missed by `done`.
        let _ = self.batches.as_ref().map(|batches| batches.send(batch));
    }

    /// What became of the batch that is under way; `None` if the thread is gone. Waits for ever if there is none.
    pub(super) async fn done(&mut self) -> Option<Result<(), StorageError>> {
        self.done.recv().await
    }

    /// Ends the thread. The disk is closed when this returns, and what was under way may be on it.
    pub(super) async fn close(mut self) {
        self.batches = None;
        while self.done.recv().await.is_some() {}
    }
}

/// Works until there is nobody to work for, or something goes wrong. What went wrong once is never tried again.
fn work(
    mut storage: impl Storage,
    queue: &std_mpsc::Receiver<Vec<Record>>,
    report: &mpsc::UnboundedSender<Result<(), StorageError>>,
    counters: &Counters,
) {
    let mut rested = true;
    loop {
        let batch = if rested {
            queue.recv().map_err(|_| std_mpsc::RecvTimeoutError::Disconnected)
        } else {
            queue.recv_timeout(REST_AFTER)
        };
        let result = match batch {
            Ok(batch) => {
                rested = false;
                let (records, begun) = (batch.len(), Instant::now());
                storage.persist(batch).inspect(|()| counters.on_sync(records, begun.elapsed()))
            }
            Err(std_mpsc::RecvTimeoutError::Timeout) => {
                rested = true;
                match storage.rest() {
                    Ok(()) => continue,
                    failed => failed,
                }
            }
            Err(std_mpsc::RecvTimeoutError::Disconnected) => return,
        };
        let failed = result.is_err();
        if report.send(result).is_err() || failed {
            return;
        }
    }
}
