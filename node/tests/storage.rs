//! Every disk gives back what was made durable, and refuses what it did not write.

use seaworthy_core::durable::Durable;
use seaworthy_core::effect::{HardState, Record};
use seaworthy_core::kv::{Command, Limits};
use seaworthy_core::member::founding_disk;
use seaworthy_core::membership::Membership;
use seaworthy_core::message::{Entry, Payload};
use seaworthy_core::state_machine::{Operation, Request};
use seaworthy_core::storage::Identity;
use seaworthy_core::types::{Bytes, EntryId, LogIndex, NodeId, SessionId, Term};
use seaworthy_node::storage::{Files, Json, Memory, Storage, StorageError};
use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

const IDENTITY: Identity = Identity { cluster: 7, node: NodeId::new(1) };

fn founding() -> Durable {
    founding_disk(Membership::new([1, 2, 3].map(NodeId::new)), Limits::default())
}

/// Some of everything that a server writes.
fn batches() -> Vec<Vec<Record>> {
    let command = |line: &str| {
        let operation = Operation::Command(Command::parse(line).expect("it is a command"));
        Payload::Data(Request { session: SessionId(2), sequence: 1, operation }.encode())
    };
    let register = Request { session: SessionId::ZERO, sequence: 77, operation: Operation::Register };
    let payloads = [
        Payload::Noop,
        Payload::Data(register.encode()),
        command("HSET ship 'a b':\"\\xff\\n\" c:d"),
        Payload::Data(Bytes::from("no request")),
        Payload::Membership(Box::new(Membership::new([1, 2].map(NodeId::new)))),
    ];
    let entry = |(index, payload)| Entry { id: EntryId::new(3, index), payload };
    let entries: Vec<Entry> = (1..).zip(payloads).map(entry).collect();
    let mut snapshot = founding().snapshot.expect("founders have one");
    snapshot.last = EntryId::new(3, 2);
    vec![
        vec![Record::HardState(HardState { term: Term(3), vote: Some(NodeId::new(2)) })],
        vec![Record::Append(entries[..4].to_vec()), Record::Append(entries[3..].to_vec())],
        vec![Record::Snapshot { snapshot: Box::new(snapshot), compacted: LogIndex(1) }],
        vec![Record::HardState(HardState { term: Term(4), vote: None })],
    ]
}

/// Writes, and starts again after each batch as if the process had stopped there.
fn comes_back<S: Storage>(open: impl Fn() -> S) {
    let mut expected = founding();
    for batch in batches() {
        let mut disk = open();
        assert_eq!(disk.recover().expect("it is sound"), expected);
        disk.persist(batch.clone()).expect("there is room");
        disk.rest().expect("there is room");
        batch.into_iter().for_each(|record| expected.persist(record));
    }
    assert_eq!(open().recover().expect("it is sound"), expected);
}

/// A directory that does not exist yet.
fn fresh() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().expect("there is room");
    let path = parent.path().join("data");
    (parent, path)
}

fn refusal<S: std::fmt::Debug>(result: Result<S, StorageError>) -> String {
    result.expect_err("it is refused").to_string()
}

#[test]
fn every_disk_gives_back_what_was_made_durable() {
    let memory = Memory::new(founding());
    comes_back(|| memory.clone());
    let (_parent, path) = fresh();
    Files::found(&path, IDENTITY, founding()).expect("it is empty");
    comes_back(|| Files::open(&path, IDENTITY).expect("nobody has it"));
    let (_parent, path) = fresh();
    Json::found(&path, IDENTITY, founding()).expect("it is empty");
    comes_back(|| Json::open(&path, IDENTITY).expect("nobody has it"));
}

#[test]
fn a_directory_is_for_one_process_and_for_one_server_for_ever() {
    let (_parent, path) = fresh();
    assert!(refusal(Files::open(&path, IDENTITY)).contains("holds no server"));
    Files::found(&path, IDENTITY, founding()).expect("it is empty");
    assert!(refusal(Files::found(&path, IDENTITY, founding())).contains("holds a server already"));
    let held = Files::open(&path, IDENTITY).expect("nobody has it");
    assert!(refusal(Files::open(&path, IDENTITY)).contains("in use by another process"));
    drop(held);
    for (identity, why) in [
        (Identity { cluster: 8, ..IDENTITY }, "belongs to cluster 0000000000000007, not to 0000000000000008"),
        (Identity { node: NodeId::new(2), ..IDENTITY }, "belongs to n1, not to n2"),
    ] {
        let error = refusal(Files::open(&path, identity).expect("nobody has it").recover());
        assert!(error.ends_with(why), "nothing is wrong with the disk: {error}");
    }
    assert_eq!(
        Files::open(&path, IDENTITY).expect("nobody has it").recover().expect("untouched"),
        founding()
    );
}

/// Founded anew, it would forget what it has promised.
#[test]
fn a_server_is_not_founded_where_one_has_lived_in_another_form() {
    let (_parent, path) = fresh();
    Files::found(&path, IDENTITY, founding()).expect("it is empty");
    assert!(refusal(Json::found(&path, IDENTITY, founding())).contains("holds a server already"));
    assert!(refusal(Json::open(&path, IDENTITY).expect("nobody has it").recover()).contains("another form"));
    let (_parent, path) = fresh();
    Json::found(&path, IDENTITY, founding()).expect("it is empty");
    assert!(refusal(Files::found(&path, IDENTITY, founding())).contains("holds a server already"));
    assert!(refusal(Files::open(&path, IDENTITY).expect("nobody has it").recover()).contains("another form"));
}

#[test]
fn what_stands_in_a_directory_is_private_and_no_link() {
    let (parent, path) = fresh();
    Files::found(&path, IDENTITY, founding()).expect("it is empty");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for file in fs::read_dir(&path).expect("it is there") {
        assert_eq!(mode(&file.expect("it is there").path()), 0o600);
    }
    let link = parent.path().join("link");
    symlink(&path, &link).expect("links can be made");
    assert!(refusal(Files::open(&link, IDENTITY)).contains("is no directory"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).expect("it is ours");
    assert!(refusal(Files::open(&path, IDENTITY)).contains("open to others"));
}

/// The segments of a disk, ascending.
fn segments(path: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(path).expect("it is there").map(|file| file.expect("it is there").path());
    let mut segments: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|kind| kind == "segment")).collect();
    segments.sort();
    segments
}

/// The one segment of a disk to which two batches were written.
fn segment(path: &Path) -> PathBuf {
    Files::found(path, IDENTITY, founding()).expect("it is empty");
    let mut disk = Files::open(path, IDENTITY).expect("nobody has it");
    disk.recover().expect("it is sound");
    batches().into_iter().take(2).for_each(|batch| disk.persist(batch).expect("there is room"));
    let [segment] = &segments(path)[..] else { panic!("a start leaves one segment") };
    segment.clone()
}

/// Where the batches of a segment begin: at these offsets, in sectors of 4 KiB.
const SECTOR: u64 = 4096;

fn damage(path: &Path, offset: u64) {
    let file = fs::OpenOptions::new().write(true).open(path).expect("it is ours");
    file.write_all_at(b"rot", offset).expect("there is room");
}

#[test]
fn a_torn_end_is_cut_off_and_rot_is_refused_with_a_clear_message() {
    // The last batch is damaged, and nothing says that it was ever durable.
    let (_parent, path) = fresh();
    damage(&segment(&path), 2 * SECTOR + 50);
    let state = Files::open(&path, IDENTITY).expect("nobody has it").recover().expect("its end was torn");
    let mut expected = founding();
    batches().into_iter().take(1).flatten().for_each(|record| expected.persist(record));
    assert_eq!(state, expected);
    // The batch before it is damaged, of which the last one says that it was durable.
    let (_parent, path) = fresh();
    let file = segment(&path);
    damage(&file, SECTOR + 50);
    let before = fs::read(&file).expect("it is there");
    let error = refusal(Files::open(&path, IDENTITY).expect("nobody has it").recover());
    assert!(error.contains("is damaged") && error.contains("add it again under a new number"), "{error}");
    assert_eq!(fs::read(&file).expect("it is there"), before, "what is refused is not touched");
}

#[test]
fn rest_makes_sure_that_rot_at_the_end_is_no_torn_end() {
    let rotten_at_the_end = |rests: bool| {
        let (_parent, path) = fresh();
        Files::found(&path, IDENTITY, founding()).expect("it is empty");
        let mut disk = Files::open(&path, IDENTITY).expect("nobody has it");
        disk.recover().expect("it is sound");
        batches().into_iter().take(1).for_each(|batch| disk.persist(batch).expect("there is room"));
        if rests {
            disk.rest().expect("there is room");
        }
        drop(disk);
        damage(segments(&path).last().expect("there is one"), SECTOR + 10);
        Files::open(&path, IDENTITY).expect("nobody has it").recover()
    };
    assert!(refusal(rotten_at_the_end(true)).contains("is damaged"));
    assert_eq!(rotten_at_the_end(false).expect("nothing could tell"), founding());
}

#[test]
fn a_state_in_json_can_be_read_and_nonsense_is_refused() {
    let (_parent, path) = fresh();
    Json::found(&path, IDENTITY, founding()).expect("it is empty");
    let mut disk = Json::open(&path, IDENTITY).expect("nobody has it");
    disk.recover().expect("it is sound");
    batches().into_iter().take(2).for_each(|batch| disk.persist(batch).expect("there is room"));
    drop(disk);
    let file = path.join("state.json");
    let text = fs::read_to_string(&file).expect("it is text");
    assert!(text.contains(r#""line": "HSET ship \"a b\":\"\\xff\\n\" c:d""#), "{text}");
    let cases = [
        (text.replace("\"format\": 1", "\"format\": 2"), "the format is 2"),
        (text.replace("\"term\": 3,\n  \"vote\"", "\"term\": 1,\n  \"vote\""), "the term is only 1"),
        (text.replacen("\"index\": 2", "\"index\": 4", 1), "does not follow"),
        (text.replace("HSET", "HSAT"), "unknown command"),
        (text[..text.len() / 2].to_owned(), "EOF"),
    ];
    for (text, why) in cases {
        fs::write(&file, text).expect("it is ours");
        let error = refusal(Json::open(&path, IDENTITY).expect("nobody has it").recover());
        assert!(error.contains(why), "{why}: {error}");
    }
}
