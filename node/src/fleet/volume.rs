//! Disks that can lose their power, and run full: file systems in files, each mounted where only its server sees it.
//!
//! `xfs_io -c shutdown` has a file system forget on the spot whatever it has not synced, as a power cut does, and from
//! then on it answers everything with an error. It takes an administrator, loop devices, and the programs.

use super::cell::{Cell, Kind};
use super::run;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// How large a volume is: small, so that it is soon full.
const SIZE: u64 = 96 << 20;

/// What fills a volume.
const BALLAST: &str = "ballast";

/// A mounted file system. It is gone when this is dropped, and its server has ended.
#[derive(Debug)]
pub(crate) struct Volume {
    cell: Cell,
    image: PathBuf,
    mount: PathBuf,
}

impl Volume {
    /// A new one in `root`, which nobody else uses.
    pub(crate) fn create(root: &Path, name: &str) -> io::Result<Self> {
        let (image, mount) = (root.join(format!("{name}.image")), root.join(name));
        let volume = Self { cell: Cell::open(Kind::Mounts)?, image, mount };
        File::create(&volume.image)?.set_len(SIZE)?;
        fs::create_dir(&volume.mount)?;
        run(Command::new("mkfs.ext4").arg("-qF").arg(&volume.image))?;
        volume.mount()?;
        // It is seen here whether the power can be cut, and not under load.
        volume.cut_power()?;
        volume.restore()?;
        Ok(volume)
    }

    /// Where there is room, for who is inside.
    pub(crate) fn path(&self) -> &Path {
        &self.mount
    }

    /// Where it is seen.
    pub(super) fn cell(&self) -> &Cell {
        &self.cell
    }

    /// Has everything be there for good that was written so far, whether or not it was synced.
    pub(crate) fn settle(&self) -> io::Result<()> {
        self.cell.run(Command::new("xfs_io").args(["-x", "-c", "syncfs"]).arg(&self.mount))
    }

    /// From now on nothing works, and what was not synced is gone.
    pub(crate) fn cut_power(&self) -> io::Result<()> {
        self.cell.run(Command::new("xfs_io").args(["-x", "-c", "shutdown"]).arg(&self.mount))
    }

    /// Mounts it again, with what it holds. Nobody uses it meanwhile.
    pub(crate) fn restore(&self) -> io::Result<()> {
        self.cell.run(Command::new("umount").arg(&self.mount))?;
        self.mount()
    }

    /// Leaves no room.
    pub(crate) fn fill(&self) -> io::Result<()> {
        let mut ballast = File::create(self.ballast())?;
        for size in [1 << 20, 4 << 10] {
            let block = vec![1; size];
            while ballast.write_all(&block).and_then(|()| ballast.sync_data()).is_ok() {}
        }
        Ok(())
    }

    /// Makes room again.
    pub(crate) fn relieve(&self) -> io::Result<()> {
        fs::remove_file(self.ballast())
    }

    fn ballast(&self) -> PathBuf {
        self.cell.seen_from_outside(&self.mount.join(BALLAST))
    }

    fn mount(&self) -> io::Result<()> {
        self.cell.run(Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.mount))
    }
}
