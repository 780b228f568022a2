//! However a process ends that has started servers, nothing of it stays: no process, no disk, no network, and no file, at
//! the latest once there is another one if it could not even be told.

#![cfg(target_os = "linux")]

use seaworthy_node::torture::{try_disks, try_network};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Far beyond what it takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The processes that this one has started and that still run. Those that have ended, and of which nobody has taken
/// notice, are none.
fn children(parent: u32) -> BTreeSet<String> {
    let entries = fs::read_dir("/proc").expect("it is mounted").filter_map(Result::ok);
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|id| state(id).is_some_and(|(state, of)| of == parent && state != "Z")).collect()
}

/// The state of a process, and who has started it.
fn state(id: &str) -> Option<(String, u32)> {
    let line = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut words = line.rsplit_once(')')?.1.split_whitespace().map(str::to_owned);
    Some((words.next()?, words.next()?.parse().ok()?))
}

/// The directory of a server that runs.
fn home(id: &str) -> Option<PathBuf> {
    let line = fs::read_to_string(format!("/proc/{id}/cmdline")).ok()?;
    line.split('\0').skip_while(|word| *word != "--data").nth(1).map(PathBuf::from)
}

fn names(directory: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// The loop devices whose files lie in a directory, also if these are deleted by now.
fn loops(root: &Path) -> Vec<String> {
    let root = root.to_str().expect("it is text");
    let mut devices = Vec::from_iter(names("/sys/block"));
    devices.retain(|device| {
        let file = fs::read_to_string(format!("/sys/block/{device}/loop/backing_file"));
        file.is_ok_and(|file| file.starts_with(root))
    });
    devices
}

fn eventually(claim: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{claim}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Starts the program, sends it the signal once it is at work, and looks at what is left.
fn ends_well(arguments: &str, signal: &str, code: Option<i32>) {
    let what = format!("{arguments}, at {signal}");
    let root = tempfile::tempdir().expect("there is room");
    let before = names("/sys/class/net");
    let mut command = Command::new(env!("CARGO_BIN_EXE_seaworthy-node"));
    command.args(arguments.split(' ')).env("TMPDIR", root.path());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let round = stderr.find(|line| line.as_ref().is_ok_and(|line| line.starts_with("round 1")));
    assert!(round.is_some(), "{what}: it gets to work");
    let servers = children(child.id());
    assert!(3 <= servers.len(), "{what}: {servers:?}");
    let homes: Vec<PathBuf> = servers.iter().filter_map(|id| home(id)).collect();
    let networks: Vec<String> =
        names("/sys/class/net").into_iter().filter(|name| !before.contains(name)).collect();
    let id = child.id().to_string();
    assert!(Command::new("kill").args([signal, &id]).status().expect("there is a kill").success());
    assert_eq!(child.wait().expect("it ends").code(), code, "{what}");
    eventually(&format!("{what}: every process ends"), || {
        servers.iter().all(|id| state(id).is_none_or(|(state, _)| state == "Z"))
    });
    eventually(&format!("{what}: every disk goes"), || loops(root.path()).is_empty());
    eventually(&format!("{what}: every network goes"), || {
        networks.iter().all(|name| !names("/sys/class/net").contains(name))
    });
    // Who is killed cannot tidy up: the next one does.
    if code.is_none() {
        let mut next = Command::new(env!("CARGO_BIN_EXE_seaworthy-node"));
        next.args(["bench", "--rounds", "1", "--burst", "10", "--clients", "1"]).env("TMPDIR", root.path());
        assert!(next.output().expect("it starts").status.success(), "{what}: another one runs");
    }
    let left = fs::read_dir(root.path()).expect("it is there").count();
    assert!(left == 0, "{what}: {left} files are left");
    // Not all of them are in there: a bench also has servers in memory.
    assert!(homes.iter().all(|home| !home.exists()), "{what}: of {homes:?} one is left");
}

#[test]
fn nothing_stays_of_servers_when_the_one_who_started_them_ends() {
    let mut torture = "torture --rounds 10000 --blows freeze-leader,cut-leader".to_owned();
    match try_disks() {
        Ok(()) => torture += ",cut-power",
        Err(error) => eprintln!("skipped: no disk can stay behind here: {error}"),
    }
    match try_network() {
        Ok(()) => torture += " --network kernel",
        Err(error) => eprintln!("skipped: no network can stay behind here: {error}"),
    }
    let bench = "bench --rounds 100 --burst 100 --clients 1";
    let signals = [("-HUP", Some(129)), ("-INT", Some(130)), ("-TERM", Some(143)), ("-KILL", None)];
    thread::scope(|scope| {
        for (signal, code) in signals {
            let torture = &torture;
            scope.spawn(move || ends_well(torture, signal, code));
        }
        scope.spawn(|| ends_well(bench, "-TERM", Some(143)));
        scope.spawn(|| ends_well(bench, "-KILL", None));
    });
}

#[test]
fn what_a_prompt_that_is_killed_leaves_behind_goes_with_the_next() {
    let root = tempfile::tempdir().expect("there is room");
    let left = || fs::read_dir(root.path()).expect("it is there").count();
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seaworthy-node"));
        command.args(["start", "rpc", "3"]).env("TMPDIR", root.path()).stdout(Stdio::piped());
        command
    };
    let mut child = start().stdin(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(b"SET a 1\n").expect("it reads");
    let mut answer = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    stdout.read_line(&mut answer).expect("it answers");
    assert_eq!(answer, "OK\n");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert_eq!(left(), 1, "it could not tidy up");
    assert!(start().stdin(Stdio::null()).output().expect("it starts").status.success());
    assert_eq!(left(), 0);
}
