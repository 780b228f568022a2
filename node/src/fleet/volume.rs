//! Disks that can lose their power, and run full: file systems in files, each mounted by itself.
//!
//! `xfs_io -c shutdown` has a file system forget on the spot whatever it has not synced, as a power cut does, and from
//! then on it answers everything with an error. It takes an administrator, loop devices, and the programs.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// How large a volume is: small, so that it is soon full.
const SIZE: u64 = 96 << 20;

/// What fills a volume.
const BALLAST: &str = "ballast";

/// A mounted file system. It is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Volume {
    image: PathBuf,
    mount: PathBuf,
}

impl Volume {
    /// A new one in `root`, which nobody else uses.
    pub(crate) fn create(root: &Path, name: &str) -> io::Result<Self> {
        let volume = Self { image: root.join(format!("{name}.image")), mount: root.join(name) };
        File::create(&volume.image)?.set_len(SIZE)?;
        fs::create_dir(&volume.mount)?;
        run(Command::new("mkfs.ext4").arg("-qF").arg(&volume.image))?;
        volume.mount()?;
        // It is seen here whether the power can be cut, and not under load.
        volume.cut_power()?;
        volume.restore()?;
        Ok(volume)
    }

    /// Where there is room.
    pub(crate) fn path(&self) -> &Path {
        &self.mount
    }

    /// Has everything be there for good that was written so far, whether or not it was synced.
    pub(crate) fn settle(&self) -> io::Result<()> {
        run(Command::new("xfs_io").args(["-x", "-c", "syncfs"]).arg(&self.mount))
    }

    /// From now on nothing works, and what was not synced is gone.
    pub(crate) fn cut_power(&self) -> io::Result<()> {
        run(Command::new("xfs_io").args(["-x", "-c", "shutdown"]).arg(&self.mount))
    }

    /// Mounts it again, with what it holds. Nobody uses it meanwhile.
    pub(crate) fn restore(&self) -> io::Result<()> {
        run(Command::new("umount").arg(&self.mount))?;
        self.mount()
    }

    /// Leaves no room.
    pub(crate) fn fill(&self) -> io::Result<()> {
        let mut ballast = File::create(self.mount.join(BALLAST))?;
        for size in [1 << 20, 4 << 10] {
            let block = vec![1; size];
            while ballast.write_all(&block).and_then(|()| ballast.sync_data()).is_ok() {}
        }
        Ok(())
    }

    /// Makes room again.
    pub(crate) fn relieve(&self) -> io::Result<()> {
        fs::remove_file(self.mount.join(BALLAST))
    }

    fn mount(&self) -> io::Result<()> {
        run(Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.mount))
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // Whoever uses it is not waited for.
        let _ = run(Command::new("umount").arg("-l").arg(&self.mount));
    }
}

fn run(command: &mut Command) -> io::Result<()> {
    // A control may have that in the environment by which its servers sync nothing.
    command.env_remove("LD_PRELOAD");
    let program = command.get_program().display().to_string();
    let output = command.output().map_err(|error| io::Error::other(format!("{program}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{program}: {}", text.lines().next().unwrap_or("failed"))))
}
