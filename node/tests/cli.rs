//! The program as people meet it.

use seaworthy_core::kv;
use seaworthy_core::member::ReadMode;
use seaworthy_core::state_machine::{Operation, Request};
use seaworthy_core::types::{Bytes, SessionId};
use seaworthy_node::client::{Client, Failure, Settings, Transport};
use seaworthy_node::grpc::Endpoints;
use seaworthy_sim::history::{Completion, HistoryEvent};
use seaworthy_sim::run::{Verdict, run_recorded};
use seaworthy_sim::scenario::parse;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seaworthy-node"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SEAWORTHY_")) {
        command.env_remove(name);
    }
    command
}

/// What the program prints when these lines are piped into it.
fn piped(arguments: &[&str], lines: &str) -> Output {
    let mut command = program();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(lines.as_bytes()).expect("it reads");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("it is text")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("it is text")
}

#[test]
fn commands_that_are_piped_in_are_answered_in_order() {
    let output = piped(&[], "SET a 1\nGET a\n");
    assert_eq!((stdout(&output), stderr(&output)), ("OK\n\"1\"\n", ""));
    assert!(output.status.success());
}

#[test]
fn a_session_is_saved_as_a_scenario_in_which_the_same_happens_again() {
    let root = tempfile::tempdir().expect("there is room");
    let path = root.path().join("session.json");
    let path = path.to_str().expect("it is text");
    let lines = format!(
        "SET a 1\nISOLATE leader\nAPPEND a 2\nHEAL\nCRASH leader\nGET a\nADD 4\nDEL a\nSAVE {path}\n"
    );
    let output = piped(&["start", "memory"], &lines);
    let (answers, command) = stdout(&output).trim_end().rsplit_once('\n').expect("there are lines");
    assert_eq!(answers, "OK\nOK\n(integer) 2\nOK\nOK\n\"12\"\nOK\n(integer) 1", "{command}");
    let seed = command.strip_prefix(&format!("seaworthy run {path} --seed ")).expect("it says how to run it");
    let text = std::fs::read_to_string(path).expect("it was written");
    let scenario = parse("session.json", &text).expect("it is a scenario");
    let (report, recording) = run_recorded(&scenario, seed.parse().expect("it is a number"));
    assert_eq!(report.verdict, Verdict::Ok, "{report:?}");
    let answers = recording.history.iter().filter_map(|event| match event {
        HistoryEvent::Completed { completion: Completion::Ok(answer), .. } => Some(answer.to_string()),
        _ => None,
    });
    assert_eq!(answers.collect::<Vec<_>>(), ["OK", "(integer) 2", "\"12\"", "(integer) 1"]);
    let again = piped(&["start", "memory"], &format!("SAVE {path}\n"));
    assert!(stdout(&again).starts_with("(error)"), "a file that is there stays: {}", stdout(&again));
}

#[test]
fn all_commands_are_answered_by_real_servers_and_mistakes_by_usage() {
    let session = [
        ("SET key 'a value'", "OK"),
        ("GET key", "\"a value\""),
        ("GET nothing", "(nil)"),
        ("HSET h f:v:w g:x", "(integer) 2"),
        ("HGET h f", "\"v:w\""),
        ("HDEL h f g", "(integer) 2"),
        ("SSET s m n", "(integer) 2"),
        ("SHAS s m", "true"),
        ("SDEL s m", "(integer) 1"),
        ("DEL key", "(integer) 1"),
        ("CAS c nil 1", "OK"),
        ("APPEND c 23", "(integer) 3"),
        ("SMEMBERS s", "[\"n\"]"),
        ("EXISTS c", "true"),
        ("TYPE s", "SET"),
        ("GET s", "(error) WRONGTYPE key holds a SET"),
        ("SET c \"\\x1b[2J\"", "OK"),
        ("GET c", "\"\\x1b[2J\""),
        ("SET a", "(error) usage: SET key value"),
        ("ISOLATE", "(error) usage: ISOLATE node|leader"),
        ("HELP LOSS", "LOSS percent  loses so many of a hundred messages, as in 10%"),
    ];
    let lines: String = session.iter().map(|(line, _)| format!("{line}\n")).collect();
    let expected: String = session.iter().map(|(_, answer)| format!("{answer}\n")).collect();
    let output = piped(&["start", "RPC", "3"], &lines);
    assert_eq!(stdout(&output), expected, "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(1), "there were mistakes");
}

#[test]
fn faults_are_done_to_the_living_cluster_and_nothing_is_lost() {
    for protocol in ["memory", "rpc"] {
        let lines = "SET a 1\nCRASH leader\nGET a\nRESTART 1\nRESTART 2\nRESTART 3\nADD 4\nREMOVE 1\nSET a 2\n\
            ISOLATE leader\nSET a 3\nDELAY 1ms\nLOSS 1%\nHEAL\nSNAPSHOT 4\nTRANSFER 4\nGET a\nADD 1\nCRASH 9\nEXIT\nGET a\n";
        let output = piped(&["start", protocol], lines);
        let expected = "OK\nOK\n\"1\"\nOK\nOK\nOK\nOK\nOK\nOK\nOK\nOK\nOK\nOK\nOK\nOK\nOK\n\"3\"\n\
            (error) n1 was removed: a server that comes back has a new number\n(error) there is no n9\n";
        assert_eq!(stdout(&output), expected, "{protocol}: {}", stderr(&output));
    }
}

/// A server, which is ended with the test.
struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    fn start(data: &Path, node: &str, more: &[&str]) -> Self {
        let mut command = program();
        command.args(["serve", "--id", node, "--listen", "127.0.0.1:0", "--data"]).arg(data).args(more);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it is text");
        let address = line.trim().rsplit(' ').next().expect("it says where it listens").to_owned();
        Self { child, address }
    }

    fn terminate(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("there is a kill").success());
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).stdin(Stdio::null()).output().expect("it starts")
}

#[test]
fn a_cluster_grows_serves_and_comes_back_from_its_disks() {
    let root = tempfile::tempdir().expect("there is room");
    let [one, two] = ["one", "two"].map(|name| root.path().join(name));
    let first = Serving::start(&one, "1", &["--bootstrap"]);
    let endpoints = first.address.clone();
    let say = |line: &str| {
        let output = run(&["client", "--endpoints", &endpoints, "--command", line]);
        assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
        stdout(&output).to_owned()
    };
    assert_eq!(say("SET ship Beagle"), "OK\n");
    let peers = format!("1={endpoints}");
    // What leads soon does so on two threads as well as the other on one.
    let second = Serving::start(&two, "2", &["--join", "--peers", &peers, "--threads", "2"]);
    let added = run(&["member", "--endpoints", &endpoints, "add", "2"]);
    assert_eq!((stdout(&added), added.status.code()), ("OK\n", Some(0)));
    let table = run(&["status", "--endpoints", &endpoints]);
    let mut roles: Vec<&str> =
        stdout(&table).lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
    roles.sort();
    assert_eq!(roles, ["follower", "leader"], "{}", stdout(&table));
    let handed = run(&["transfer", "--endpoints", &endpoints, "2"]);
    assert_eq!(stdout(&handed), "OK\n", "{}", stderr(&handed));
    assert_eq!(say("GET ship"), "\"Beagle\"\n");
    assert_eq!(stdout(&run(&["snapshot", "--endpoints", &endpoints, "1"])), "OK\n");
    assert_eq!(stdout(&run(&["member", "--endpoints", &endpoints, "remove", "2"])), "OK\n");
    assert_eq!(second.terminate(), Some(0));
    assert_eq!(say("APPEND ship !"), "(integer) 7\n");
    assert_eq!(first.terminate(), Some(0));
    let again = Serving::start(&one, "1", &[]);
    let output = run(&["client", "--endpoints", &again.address, "--command", "GET ship"]);
    assert_eq!(stdout(&output), "\"Beagle!\"\n", "{}", stderr(&output));
}

#[test]
fn a_change_of_the_members_that_makes_no_sense_is_refused_at_once_with_what_would_be_right() {
    let root = tempfile::tempdir().expect("there is room");
    let only = Serving::start(&root.path().join("one"), "1", &["--bootstrap"]);
    let change = |change: [&str; 2]| {
        let output = run(&[&["member", "--endpoints", &only.address][..], &change].concat());
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        stdout(&output).trim_end().to_owned()
    };
    // It is alone, and leads as soon as it can.
    let started = run(&["client", "--endpoints", &only.address, "--command", "SET a 1"]);
    assert_eq!(stdout(&started), "OK\n", "{}", stderr(&started));
    assert_eq!(change(["remove", "1"]), "(error) n1 is the last that has a vote: ADD another one first");
    assert_eq!(change(["remove", "9"]), "(error) n9 is no member");
    assert_eq!(change(["promote", "9"]), "(error) n9 is no member: start it with --join, and ADD it");
    assert_eq!(change(["add", "1"]), "(error) n1 is a member already, and has a vote");
    // A member that has never been there is shown, for it counts.
    let added = change(["add", "7"]);
    assert!(added.contains("n7 has not caught up with the log yet"), "{added}");
    let table = run(&["status", "--endpoints", &only.address]);
    let lost =
        |line: &str| line.starts_with("n7 ") && line.ends_with("cannot be found: nobody knows its address");
    assert!(stdout(&table).lines().any(lost), "{}", stdout(&table));
}

#[test]
fn a_server_that_must_not_start_says_why() {
    let root = tempfile::tempdir().expect("there is room");
    let data = root.path().join("data");
    let data = data.to_str().expect("it is text");
    let serve = |more: &[&str]| {
        let output = run(&[&["serve", "--data", data, "--listen", "127.0.0.1:0"], more].concat());
        assert_eq!(output.status.code(), Some(1));
        stderr(&output).to_owned()
    };
    assert!(serve(&["--id", "1"]).contains("holds no server: say --bootstrap to found a cluster"));
    let running = Serving::start(data.as_ref(), "1", &["--bootstrap"]);
    assert!(serve(&["--id", "1"]).contains("is in use by another process"));
    drop(running);
    assert!(serve(&["--id", "1", "--bootstrap"]).contains("holds a server already"));
    assert!(serve(&["--id", "2"]).contains("belongs to n1, not to n2"));
    assert!(serve(&["--id", "1", "--cluster", "other"]).contains("belongs to cluster"));
    let exposed = run(&["serve", "--data", data, "--id", "1", "--listen", "0.0.0.0:0"]);
    assert!(stderr(&exposed).contains("--insecure"), "{}", stderr(&exposed));
}

/// What is founded is founded for good, so that a mistake must show before.
#[test]
fn a_mistake_at_the_first_start_can_be_made_good() {
    let root = tempfile::tempdir().expect("there is room");
    let data = root.path().join("data");
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let taken = listener.local_addr().expect("it is bound").to_string();
    let mistakes: [(&[&str], &str); 5] = [
        (&["--listen", &taken], "in use"),
        (&["--metrics", &taken], "in use"),
        (&["--heartbeat", "150"], "below the shortest election timeout"),
        (&["--peers", "2=a:1,2=b:1"], "named twice"),
        (&["--listen", "0.0.0.0:0", "--insecure"], "say --advertise"),
    ];
    let path = data.to_str().expect("it is text");
    for (mistake, why) in mistakes {
        let first = ["serve", "--id", "1", "--data", path, "--bootstrap", "--listen", "127.0.0.1:0"];
        let output = run(&[&first, mistake].concat());
        assert_eq!(output.status.code(), Some(1), "{mistake:?}");
        assert!(stderr(&output).contains(why) && stdout(&output).is_empty(), "{}", stderr(&output));
    }
    assert_eq!(Serving::start(&data, "1", &["--bootstrap"]).terminate(), Some(0));
    let output = run(&["serve", "--id", "1", "--data", path, "--listen", "127.0.0.1:0", "--storage", "json"]);
    assert!(stderr(&output).contains("another form: see --storage"), "{}", stderr(&output));
}

#[test]
fn bad_usage_is_told_apart_from_bad_luck() {
    assert_eq!(run(&["start", "memory", "0"]).status.code(), Some(2));
    assert_eq!(run(&["start", "memory", "--data", "d"]).status.code(), Some(2));
    assert_eq!(run(&["client"]).status.code(), Some(2));
    let threadless = ["serve", "--id", "1", "--listen", "127.0.0.1:0", "--data", "d", "--threads", "0"];
    assert_eq!(run(&threadless).status.code(), Some(2));
    let unseen = run(&["status", "--endpoints", "127.0.0.1:1"]);
    assert_eq!(unseen.status.code(), Some(1));
    assert!(stdout(&unseen).starts_with("(error) no server can be seen"), "{}", stdout(&unseen));
    let log = program().arg("start").env("SEAWORTHY_LOG", "x=y=z").output().expect("it starts");
    assert_eq!(log.status.code(), Some(2));
    assert!(stderr(&log).starts_with("error: SEAWORTHY_LOG=x=y=z"), "{}", stderr(&log));
    let nobody = run(&["client", "--endpoints", "127.0.0.1:1", "--command", "SET a 1"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(stdout(&nobody).starts_with("(error) not done within the time: 127.0.0.1:1 cannot be reached"));
}

#[test]
fn a_bench_measures_every_cluster_by_its_machine() {
    let root = tempfile::tempdir().expect("there is room");
    let data = root.path().to_str().expect("it is text");
    let clients = ["bench", "--rounds", "1", "--burst", "500", "--clients", "1,4", "--data", data];
    let output = run(&[&clients[..], &["--format", "json"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_str(stdout(&output)).expect("it is JSON");
    assert_eq!(report["schema_version"], 1);
    let counts = |value: &serde_json::Value| value.as_u64().is_some_and(|number| 0 < number);
    assert!(counts(&report["calls_per_second"]), "{report}");
    let figures = report["figures"].as_array().expect("there are figures");
    let of_disk = figures.iter().filter(|figure| figure["cluster"] == "disk");
    let names = of_disk.map(|figure| format!("{} {}", figure["kind"], figure["clients"]));
    assert_eq!(names.collect::<Vec<_>>(), [r#""write" 1"#, r#""write" 4"#, r#""read" 1"#, r#""read" 4"#]);
    assert!(figures.iter().all(|figure| counts(&figure["median_us"]) && counts(&figure["p99_us"])));
    // A machine may stand still for one of them, but not for all.
    assert!(figures.iter().any(|figure| counts(&figure["per_second"])), "{report}");
}

/// How much memory a process has had at most, in KiB.
#[cfg(target_os = "linux")]
fn peak_memory(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it says so");
    line.trim().trim_end_matches(" kB").parse().expect("it is a number")
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_too_much_to_do_says_so_stays_small_and_recovers() {
    let root = tempfile::tempdir().expect("there is room");
    let serving = Serving::start(&root.path().join("data"), "1", &["--bootstrap"]);
    let settings = Settings { operation_timeout: Duration::from_secs(60), ..Settings::default() };
    let mut client = Client::new(Endpoints::new(vec![serving.address.clone()], None), settings);
    // No session has such a number, and what is said in it does nothing.
    const STRANGERS: u64 = 1 << 40;
    let command = |value: Vec<u8>| kv::Command::Set { key: Bytes::from("a"), value: Bytes::from(value) };
    client.execute(command(vec![b'x'])).await.expect("there is an answer");
    let (mut tasks, refused) = (tokio::task::JoinSet::new(), Arc::new(AtomicU64::new(0)));
    for connection in 0..8 {
        let endpoints = Endpoints::new(vec![], None);
        for sequence in 1..=300 {
            let (endpoints, address, refused) =
                (endpoints.clone(), serving.address.clone(), Arc::clone(&refused));
            let operation = Operation::Command(command(vec![b'x'; 4 << 10]));
            let request = Request { session: SessionId(STRANGERS + connection), sequence, operation };
            tasks.spawn(async move {
                for _ in 0..5 {
                    let answer = endpoints.execute(&address, request.clone(), ReadMode::Leader).await;
                    refused.fetch_add(u64::from(matches!(answer, Err(Failure::Later(_)))), Ordering::Relaxed);
                }
            });
        }
    }
    tasks.join_all().await;
    assert!(1 <= refused.load(Ordering::Relaxed), "12,000 requests at once are too many");
    assert!(peak_memory(&serving.child) < 256 << 10, "{} KiB", peak_memory(&serving.child));
    client.execute(command(vec![b'y'])).await.expect("it has time again");
    assert_eq!(serving.terminate(), Some(0));
}

/// How many bytes the files in a directory have.
#[cfg(target_os = "linux")]
fn size(directory: &Path) -> u64 {
    let files = std::fs::read_dir(directory).expect("it is a directory");
    files.map(|file| file.and_then(|file| file.metadata()).map_or(0, |metadata| metadata.len())).sum()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_values_fill_neither_the_disk_nor_the_memory_of_a_server() {
    const VALUE: u64 = 1_000_000;
    let root = tempfile::tempdir().expect("there is room");
    let data = root.path().join("data");
    let settings = Settings { operation_timeout: Duration::from_secs(60), ..Settings::default() };
    for (founds, marks) in [(true, b'a'..b'm'), (false, b'm'..b'p')] {
        let first: &[&str] = if founds { &["--bootstrap"] } else { &[] };
        let serving = Serving::start(&data, "1", &[first, &["--snapshot-bytes", "4000000"]].concat());
        let mut client = Client::new(Endpoints::new(vec![serving.address.clone()], None), settings);
        for mark in marks.flat_map(|mark| [mark; 10]) {
            let value = Bytes::from(vec![mark; usize::try_from(VALUE).expect("it is small")]);
            client.execute(kv::Command::Set { key: Bytes::from("a"), value }).await.expect("it is written");
            // What trails behind a snapshot, what came since, and a snapshot that takes the place of the one before.
            assert!(size(&data) < 24 * VALUE, "{}", size(&data));
        }
        assert!(peak_memory(&serving.child) < 64 << 10, "{} KiB", peak_memory(&serving.child));
        assert_eq!(serving.terminate(), Some(0));
    }
}
