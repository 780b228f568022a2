use super::*;
use crate::history::{ClientId, Completion, HistoryEvent, OperationId};
use crate::report::tests::{line, sample};
use crate::run::{TraceLine, Verdict};
use crate::scenario::parse;
use crate::time::Time;
use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::member::ReadMode;
use seaworthy_core::types::Bytes;

fn scenario() -> Scenario {
    parse("sample.json", r#"{"name": "sample", "claim": "Two leaders in one term."}"#).unwrap()
}

fn recording() -> Recording {
    let trace = vec![
        line(1, None, "n1, n2, n3 boot"),
        line(11, Some(2), "n2@3 ⇨ leader"),
        line(12, Some(1), "n1@3 ⇨ leader"),
    ];
    let (client, at) = (ClientId(1), |nanos| Time(nanos));
    let get = Command::Get { key: Bytes::from("x") };
    let del = Command::Del { key: Bytes::from("y") };
    let history = vec![
        HistoryEvent::Invoked {
            operation: OperationId(0),
            client,
            command: get,
            mode: ReadMode::Stale,
            at: at(5),
        },
        HistoryEvent::Invoked {
            operation: OperationId(1),
            client: ClientId(2),
            command: del,
            mode: ReadMode::Leader,
            at: at(6),
        },
        HistoryEvent::Completed {
            operation: OperationId(0),
            client,
            completion: Completion::Ok(Answer::Nil),
            at: at(9),
        },
        HistoryEvent::Completed {
            operation: OperationId(1),
            client: ClientId(2),
            completion: Completion::Info,
            at: at(12),
        },
    ];
    Recording { trace, history, ..Recording::default() }
}

/// An artifact of the sample in a directory of its own.
fn written() -> (tempfile::TempDir, PathBuf) {
    let out = tempfile::tempdir().unwrap();
    let dir = write(out.path(), &scenario(), &sample(7, Verdict::Violation), &recording()).unwrap();
    (out, dir)
}

fn trace_of(artifact: &Artifact) -> Result<Vec<TraceRecord>, ArtifactError> {
    artifact.trace()?.expect("the trace is there").collect()
}

#[test]
fn an_artifact_reads_back_as_it_was_written() {
    let (out, dir) = written();
    assert_eq!(dir, out.path().join("00c0ffee00000007"));
    let artifact = read(&dir).unwrap();
    assert_eq!(artifact.scenario, scenario());
    assert_eq!(artifact.result.run, RunRecord::new(&sample(7, Verdict::Violation), None));
    assert_eq!(artifact.warning(), None);
    let lines: Vec<TraceLine> =
        trace_of(&artifact).unwrap().into_iter().map(|record| record.try_into().unwrap()).collect();
    assert_eq!(lines, recording().trace);
    let history: Vec<_> = artifact.history().unwrap().map(Result::unwrap).collect();
    assert_eq!(history, HistoryRecord::all(&recording().history).collect::<Vec<_>>());
}

#[test]
fn the_files_for_people_say_what_there_is_to_say() {
    let (out, dir) = written();
    let text = |name| fs::read_to_string(dir.join(name)).unwrap();
    insta::assert_snapshot!(text(HISTORY), @r#"
        {"process":1,"op":0,"type":"invoke","key":"x","command":"GET x","read":"stale","time":5}
        {"process":2,"op":1,"type":"invoke","key":"y","command":"DEL y","time":6}
        {"process":1,"op":0,"type":"ok","key":"x","command":"GET x","read":"stale","answer":"(nil)","time":9}
        {"process":2,"op":1,"type":"info","key":"y","command":"DEL y","time":12}
    "#);
    let repro = text(REPRO).replace(&*out.path().to_string_lossy(), "OUT");
    insta::assert_snapshot!(repro, @r#"
        VIOLATION election_safety at 3.39s (step 12): n1@3 and n2@3 both lead
        seed 7 · scenario sample · fingerprint 00c0ffee00000007 · seaworthy 0.1.0

          At most one leader is ever elected in a term (Raft §5.2).
           0.001000s       1  n1, n2, n3 boot
           0.011000s      11  n2@3 ⇨ leader
           0.012000s      12  n1@3 ⇨ leader

        Replay:  seaworthy replay OUT/00c0ffee00000007
        Shrink:  seaworthy shrink OUT/00c0ffee00000007
        View:    seaworthy replay OUT/00c0ffee00000007 --html run.html
        Keep:    cp OUT/00c0ffee00000007/scenario.json scenarios/regressions/sample.json  # fails with seed 7
    "#);
}

/// Writing the same run again replaces it, and nothing unfinished is left beside it.
#[test]
fn an_artifact_is_replaced_as_a_whole() {
    let (out, dir) = written();
    fs::write(dir.join("old"), "").unwrap();
    write(out.path(), &scenario(), &sample(7, Verdict::Violation), &recording()).unwrap();
    assert!(!dir.join("old").exists());
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1);
}

#[test]
fn an_artifact_is_asked_for_by_its_directory_or_by_the_scenario_in_it() {
    let (out, dir) = written();
    assert_eq!(is_artifact(&dir), Some(dir.clone()));
    assert_eq!(is_artifact(&dir.join(SCENARIO)), Some(dir.clone()));
    assert_eq!(is_artifact(&dir.join(RESULT)), None);
    let alone = out.path().join(SCENARIO);
    fs::copy(dir.join(SCENARIO), &alone).unwrap();
    assert_eq!(is_artifact(&alone), None);
}

#[test]
fn another_version_is_a_warning_that_names_both() {
    let (_out, dir) = written();
    let path = dir.join(RESULT);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace(&format!("\"version\": {VERSION:?}"), "\"version\": \"0.0.9\"")).unwrap();
    let warning = read(&dir).unwrap().warning().unwrap();
    assert!(warning.starts_with("seaworthy 0.0.9 made this artifact and this is seaworthy "), "{warning}");
    fs::write(&path, text.replace("\"schema_version\": 1", "\"schema_version\": 99")).unwrap();
    let error = read(&dir).unwrap_err().to_string();
    assert!(error.contains("result.json, line 1: schema_version is 99"), "{error}");
}

/// Whatever is cut off or flipped in any file, reading ends with a value.
#[test]
fn a_damaged_artifact_is_an_error_and_never_a_panic() {
    let (_out, dir) = written();
    for name in [RESULT, SCENARIO, TRACE, HISTORY] {
        let path = dir.join(name);
        let whole = fs::read(&path).unwrap();
        for cut in (0..whole.len()).step_by(whole.len().div_ceil(40)) {
            fs::write(&path, &whole[..cut]).unwrap();
            let _ = read_all(&dir);
            let mut flipped = whole.clone();
            flipped[cut] ^= 0x41;
            fs::write(&path, &flipped).unwrap();
            let _ = read_all(&dir);
        }
        fs::write(&path, &whole).unwrap();
    }
    read_all(&dir).expect("it is whole again");
}

fn read_all(dir: &Path) -> Result<(), ArtifactError> {
    let artifact = read(dir)?;
    trace_of(&artifact)?;
    artifact.history()?.try_for_each(|record| record.map(drop))
}

#[test]
fn an_error_names_the_file_and_the_line() {
    let (_out, dir) = written();
    let path = dir.join(HISTORY);
    let whole = fs::read_to_string(&path).unwrap();
    let message = |text: &str| {
        fs::write(&path, text).unwrap();
        read_all(&dir).unwrap_err().to_string().replace(&*path.to_string_lossy(), "FILE")
    };
    let first = whole.lines().next().unwrap();
    assert_eq!(message(&format!("{first}\n{first}")), "FILE, line 2: the file ends in the middle of a line");
    assert!(message(&format!("{first}\nseven\n")).starts_with("FILE, line 2: expected value"));
    assert_eq!(message(&"x".repeat(2 << 20)), "FILE, line 1: the line is longer than 1048576 bytes");
    fs::remove_file(&path).unwrap();
    assert!(read_all(&dir).unwrap_err().to_string().contains("history.jsonl: "));
}

/// A small file that decompresses to very much is refused at the limit, and costs one line of memory at most.
#[test]
fn a_decompression_bomb_is_refused() {
    let (_out, dir) = written();
    let bomb = zstd::encode_all(io::Read::take(io::repeat(b'x'), 64 << 20), 1).unwrap();
    assert!(bomb.len() < 64 << 10);
    fs::write(dir.join(TRACE), bomb).unwrap();
    let error = trace_of(&read(&dir).unwrap()).unwrap_err().to_string();
    assert!(error.ends_with("line 1: the line is longer than 1048576 bytes"), "{error}");
}

#[test]
fn a_word_that_the_shell_would_split_is_quoted() {
    assert_eq!(quoted("seaworthy.out/00c0ffee00000007"), "seaworthy.out/00c0ffee00000007");
    assert_eq!(quoted("my runs/it's"), r"'my runs/it'\''s'");
    assert_eq!(quoted(""), "''");
}
