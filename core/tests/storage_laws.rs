//! The journal on a bad disk: crashes, rot, and bytes from anywhere. What it promises stands in
//! `seaworthy_core::storage`.

#[path = "storage/crash.rs"]
mod crash;
#[path = "storage/disk.rs"]
mod disk;
#[path = "storage/format.rs"]
mod format;
#[path = "storage/life.rs"]
mod life;
#[path = "storage/rot.rs"]
mod rot;
