//! A panic as a value: its message, where, and nothing on the terminal.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

/// A panic that was caught.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic {
    /// What it said.
    pub message: String,
    /// File, line and column of the code that panicked.
    pub location: String,
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.location)
    }
}

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

/// Does `work`; its panic, if it panics. Panics elsewhere go to the hook that was there before.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    install_hook();
    let before = CATCHING.replace(true);
    // What `work` could leave half-changed is dropped with it: a run owns its world.
    let result = catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(before);
    result.map_err(|_| LAST.take().expect("the hook saw the panic"))
}

/// The hook is of the whole process, but speaks only for threads that are in [`caught`].
fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if CATCHING.get() {
                LAST.set(Some(describe(info)));
            } else {
                previous(info);
            }
        }));
    });
}

fn describe(info: &PanicHookInfo<'_>) -> Panic {
    Panic {
        message: info.payload_as_str().unwrap_or("a panic without a message").to_owned(),
        location: info.location().map_or_else(|| "nobody knows where".to_owned(), ToString::to_string),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_value_with_its_message_and_place() {
        let number = 7;
        let panic = caught(|| assert!(number < 3, "future match index {number}")).unwrap_err();
        assert_eq!(panic.message, "future match index 7");
        assert!(panic.location.contains("caught.rs"), "{}", panic.location);
        assert_eq!(caught(|| number), Ok(7));
    }

    #[test]
    fn an_inner_panic_leaves_the_outer_work_watched() {
        let outer = caught(|| {
            let inner = caught(|| -> () { panic!("inner") }).unwrap_err();
            panic!("outer after {}", inner.message)
        });
        let outer: Result<(), Panic> = outer;
        assert_eq!(outer.unwrap_err().message, "outer after inner");
    }

    #[test]
    fn a_panic_without_text_is_still_a_panic() {
        let panic = caught(|| std::panic::panic_any(7)).unwrap_err();
        assert_eq!(panic.message, "a panic without a message");
    }
}
