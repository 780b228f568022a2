//! Where results go: stdout, in colour only where a person looks at it.

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::fmt;
use std::io::{self, BufWriter, Write};

/// Good news.
pub(super) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Bad news.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
/// No news.
pub(super) const UNSURE: Style = AnsiColor::Yellow.on_default().bold();
/// What a reader may skip.
pub(super) const FAINT: Style = Style::new().dimmed();

/// The results of a command. When the reader has closed the pipe, nobody is written to any more and the command
/// goes on: what it exits with is its verdict, not the reader's patience.
pub(super) struct Output {
    stream: Option<BufWriter<Box<dyn Write>>>,
}

impl Output {
    /// Where results go.
    pub(super) fn stdout() -> Self {
        Self::to(AutoStream::auto(io::stdout()))
    }

    /// Where words go that would be in the way of a program that reads the results.
    pub(super) fn stderr() -> Self {
        Self::to(AutoStream::auto(io::stderr()))
    }

    fn to(stream: impl Write + 'static) -> Self {
        Self { stream: Some(BufWriter::new(Box::new(stream))) }
    }

    /// Writes one line.
    pub(super) fn line(&mut self, line: impl fmt::Display) -> io::Result<()> {
        self.attempt(|stream| writeln!(stream, "{line}"))
    }

    /// Writes text that has its own line ends.
    pub(super) fn text(&mut self, text: &[u8]) -> io::Result<()> {
        self.attempt(|stream| stream.write_all(text))
    }

    /// Writes one JSON object as one line.
    pub(super) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let line = serde_json::to_string(value)?;
        self.line(line)
    }

    /// Makes sure that the reader has it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.attempt(|stream| stream.flush())
    }

    fn attempt(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        match write(stream) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                // Not dropped: the buffer would be written once more.
                if let Some(stream) = self.stream.take() {
                    drop(stream.into_parts());
                }
                Ok(())
            }
            result => result,
        }
    }
}

/// Whether stderr is looked at by a person, in colour.
pub(super) fn stderr_is_styled() -> bool {
    AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What `print` prints where nobody wants colour.
    pub(in super::super) fn printed(print: impl FnOnce(&mut Output) -> io::Result<()>) -> String {
        let shared = Shared::default();
        let mut output = Output::to(anstream::StripStream::new(Box::new(shared.clone()) as Box<dyn Write>));
        print(&mut output).unwrap();
        output.flush().unwrap();
        let bytes = shared.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    /// A reader that has gone, or a disk that is full.
    struct Refusing(io::ErrorKind);

    impl Write for Refusing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_who_has_gone_is_no_error_but_a_full_disk_is() {
        let long = "x".repeat(1 << 16);
        let mut gone = Output::to(Refusing(io::ErrorKind::BrokenPipe));
        for _ in 0..3 {
            gone.line(&long).unwrap();
        }
        gone.flush().unwrap();
        let mut full = Output::to(Refusing(io::ErrorKind::StorageFull));
        assert!(full.line(&long).is_err());
    }
}
