//! Long work, done one piece after the other on a thread that gives way to all others.
//!
//! Compiling what somebody uploads takes seconds of a processor, and cannot be stopped once begun. There is one such
//! thread, so that it never takes more than one processor, and the scheduler prefers whoever decides.

use std::fmt;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::priority;

type Job = Box<dyn FnOnce() + Send>;

/// Where long work is left. Its thread ends when this is dropped and the work that waits is done.
pub struct Background {
    queue: SyncSender<Job>,
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background").finish_non_exhaustive()
    }
}

/// As much waits as may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much is waiting to be done in the background")]
pub struct Busy;

impl Background {
    /// Starts the thread. At most `waiting` pieces of work wait for it.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(name: &str, waiting: usize) -> std::io::Result<Self> {
        let (queue, work) = sync_channel::<Job>(waiting);
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work_off(&work))?;
        Ok(Self { queue })
    }

    /// Leaves work to be done. What it finds out it has to send on by itself; a panic in it ends it alone.
    ///
    /// # Errors
    /// When as much waits as may wait.
    pub fn submit(&self, job: impl FnOnce() + Send + 'static) -> Result<(), Busy> {
        match self.queue.try_send(Box::new(job)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Busy),
        }
    }
}

fn work_off(work: &Receiver<Job>) {
    if let Err(error) = priority::give_way() {
        tracing::warn!(%error, "long work is not done at a low priority");
    }
    while let Ok(job) = work.recv() {
        if let Err(panic) = crate::catch::panics(job) {
            tracing::error!(panic, "work in the background panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn work_is_done_in_order_and_a_panic_ends_one_piece_alone() {
        let background = Background::start("test", 8).unwrap();
        let (sender, receiver) = channel();
        for n in 0..3 {
            let sender = sender.clone();
            background
                .submit(move || {
                    assert_ne!(n, 1, "the second piece panics");
                    sender.send(n).unwrap();
                })
                .unwrap();
        }
        assert_eq!((receiver.recv().unwrap(), receiver.recv().unwrap()), (0, 2));
    }

    #[test]
    fn only_so_much_waits() {
        let background = Background::start("test", 1).unwrap();
        let (release, released) = channel::<()>();
        let (begun, has_begun) = channel();
        background
            .submit(move || {
                begun.send(()).unwrap();
                released.recv().unwrap();
            })
            .unwrap();
        has_begun.recv().unwrap();
        background.submit(|| {}).unwrap();
        assert_eq!(background.submit(|| {}), Err(Busy));
        release.send(()).unwrap();
    }
}
