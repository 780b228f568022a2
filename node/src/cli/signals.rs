//! How somebody says that a process is to end.

use std::io;
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits until this process is told to end, or its terminal goes. Gives the code with which it then exits, which says
/// by what.
///
/// # Errors
/// If the operating system does not pass signals on.
pub(super) fn interruption() -> io::Result<impl Future<Output = ExitCode>> {
    let listen = |kind: SignalKind| -> io::Result<(Signal, ExitCode)> {
        Ok((signal(kind)?, ExitCode::from(128 + kind.as_raw_value() as u8)))
    };
    let (mut hangup, hung_up) = listen(SignalKind::hangup())?;
    let (mut interrupt, interrupted) = listen(SignalKind::interrupt())?;
    let (mut terminate, terminated) = listen(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = hangup.recv() => hung_up,
            _ = interrupt.recv() => interrupted,
            _ = terminate.recv() => terminated,
        }
    })
}
