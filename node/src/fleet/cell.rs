//! Namespaces of the kernel: what is mounted in one, or how it is connected, nobody outside sees.
//!
//! A process that does nothing but wait for the end of its input keeps one open. So it goes with this process, however
//! that one ends, and the kernel then takes back all that was mounted or plugged in. It takes an administrator, and
//! the programs of util-linux.

use super::run;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What a namespace has for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What is mounted.
    Mounts,
    /// Interfaces, addresses and routes.
    Network,
}

/// A namespace, which is gone when this is dropped and nobody lives there any more.
#[derive(Debug)]
pub(crate) struct Cell {
    kind: Kind,
    keeper: Child,
}

impl Cell {
    pub(super) fn open(kind: Kind) -> io::Result<Self> {
        let mut command = Command::new("unshare");
        command
            .args([kind.option(), "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // What a terminal tells everybody is not for the keeper.
        command.env_remove("LD_PRELOAD").process_group(0);
        let keeper = command.spawn().map_err(|error| io::Error::other(format!("unshare: {error}")))?;
        let mut cell = Self { kind, keeper };
        // The keeper repeats what it is told, and does so from inside.
        if cell.repeats().is_err() {
            let mut text = String::new();
            cell.keeper.stderr.take().expect("it is piped").read_to_string(&mut text)?;
            return Err(io::Error::other(text.lines().next().unwrap_or("unshare: failed").to_owned()));
        }
        Ok(cell)
    }

    fn repeats(&mut self) -> io::Result<()> {
        self.keeper.stdin.as_mut().expect("it is piped").write_all(b"\n")?;
        self.keeper.stdout.as_mut().expect("it is piped").read_exact(&mut [0])
    }

    /// The process that keeps it open.
    pub(super) fn keeper(&self) -> u32 {
        self.keeper.id()
    }

    /// Where a file of the namespace is found from outside.
    pub(super) fn seen_from_outside(&self, path: &Path) -> PathBuf {
        let mut root = OsString::from(format!("/proc/{}/root", self.keeper()));
        root.push(path);
        root.into()
    }

    /// The same command, from inside. It is the same process that then runs the program.
    pub(super) fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        let file = format!("{}=/proc/{}/ns/{}", self.kind.option(), self.keeper(), self.kind.file());
        inside.arg(file).arg("--").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    /// Runs a command inside, and waits for its end.
    pub(super) fn run(&self, command: &Command) -> io::Result<()> {
        run(&mut self.inside(command))
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

impl Kind {
    /// What the programs of util-linux call it.
    fn option(self) -> &'static str {
        match self {
            Self::Mounts => "--mount",
            Self::Network => "--net",
        }
    }

    /// What the kernel calls it.
    fn file(self) -> &'static str {
        match self {
            Self::Mounts => "mnt",
            Self::Network => "net",
        }
    }
}
