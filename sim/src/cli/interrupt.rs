//! Ctrl-C: the first asks a command to come to its end, the second does not ask.

use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C sets the returned flag.
pub(super) fn watch() -> &'static AtomicBool {
    let handler = || {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(super::Exit::Interrupted.code().into());
        }
    };
    // Where there is no handler Ctrl-C ends the process at once, which is no worse than it says.
    let _ = ctrlc::set_handler(handler);
    &INTERRUPTED
}
