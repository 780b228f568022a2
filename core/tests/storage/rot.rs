//! Damage to what is sealed is refused by name, or touches what nobody needs: it never makes another state.

use super::disk::{Disk, SECTOR};
use super::life::{GEOMETRY, IDENTITY, Life, Step, formatted, founding};
use seaworthy_core::durable::Durable;
use seaworthy_core::flaw::{Flaw, Flaws, Planted, Sound};
use seaworthy_core::storage::{File, Identity, Journal, Recovery, RecoveryError};
use seaworthy_core::types::NodeId;

type Files = Vec<(String, Vec<u8>)>;

/// A disk of three segments, the first with a checkpoint, as it is when the last step is durable, and its state.
fn disk(last: Step) -> (Files, Durable) {
    let steps = [
        Step::Vote,
        Step::Append { cut: 0, count: 3, size: 100 },
        Step::Snapshot { behind: 1, kept: 1, size: 600 },
        Step::Sync,
        Step::Append { cut: 1, count: 2, size: 300 },
        Step::Sync,
        Step::Append { cut: 0, count: 1, size: 10 },
        Step::Vote,
        Step::Sync,
        Step::Append { cut: 0, count: 3, size: 700 },
        Step::Sync,
        Step::Append { cut: 0, count: 3, size: 1 },
        last,
    ];
    let (mut disk, journal) = formatted(Sound);
    let mut life = Life::new(journal, founding(), usize::MAX);
    assert!(!life.live(&mut disk, &steps));
    (disk.files(), life.prefixes.pop().expect("there is the first"))
}

fn recover_as<F: Flaws>(identity: Identity, files: &Files, flaws: F) -> Result<Recovery<F>, RecoveryError> {
    let files = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    Journal::recover(identity, GEOMETRY, flaws, files)
}

fn recover<F: Flaws>(files: &Files, flaws: F) -> Result<Durable, RecoveryError> {
    recover_as(IDENTITY, files, flaws).map(|recovery| recovery.durable)
}

/// Does `damage` to a copy of a sealed disk, wherever there are `size` bytes: to the seal itself nothing may come of
/// it, anywhere else it must be noticed. A disk that has only been formatted is sealed without one.
fn damaged_everywhere(size: usize, damage: impl Fn(&mut [u8])) {
    let fresh = formatted(Sound).0.files();
    let (full, state) = disk(Step::Seal);
    let seal = full[full.len() - 1].1.len() - SECTOR;
    for (files, state, seal) in [(fresh, founding(), usize::MAX), (full, state, seal)] {
        for file in 0..files.len() {
            for at in (0..files[file].1.len()).step_by(size) {
                let mut damaged = files.clone();
                damage(&mut damaged[file].1[at..][..size]);
                let recovered = recover(&damaged, Sound);
                if file == files.len() - 1 && seal <= at {
                    assert!(recovered.is_ok_and(|recovered| recovered == state), "the seal, at {at}");
                } else {
                    assert!(recovered.is_err(), "{} at {at}", files[file].0);
                }
            }
        }
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    for bit in 0..8 {
        damaged_everywhere(1, |bytes| bytes[0] ^= 1 << bit);
    }
}

#[test]
fn every_lost_sector_is_noticed() {
    damaged_everywhere(SECTOR, |sector| sector.fill(0));
    damaged_everywhere(SECTOR, |sector| sector.fill(0xff));
}

#[test]
fn every_misdirected_sector_is_noticed() {
    let (files, state) = disk(Step::Seal);
    let sectors =
        || (0..files.len()).flat_map(|file| (0..files[file].1.len() / SECTOR).map(move |at| (file, at)));
    let read = |(file, at): (usize, usize)| &files[file].1[at * SECTOR..][..SECTOR];
    let unnoticed = |writes: &[((usize, usize), &[u8])]| {
        let mut files = files.clone();
        for ((file, at), sector) in writes {
            files[*file].1[at * SECTOR..][..SECTOR].copy_from_slice(sector);
        }
        recover(&files, Sound).is_ok_and(|recovered| recovered != state)
    };
    for one in sectors() {
        for other in sectors() {
            assert!(!unnoticed(&[(one, read(other))]), "{other:?} is also at {one:?}");
            assert!(
                !unnoticed(&[(one, read(other)), (other, read(one))]),
                "{one:?} and {other:?} are exchanged"
            );
        }
    }
}

#[test]
fn every_file_cut_short_or_missing_is_noticed_if_one_comes_after_it() {
    let (files, _) = disk(Step::Seal);
    assert_eq!(files.len(), 3);
    for file in 0..2 {
        for length in 0..files[file].1.len() - SECTOR {
            let mut files = files.clone();
            files[file].1.truncate(length);
            assert!(recover(&files, Sound).is_err(), "{} of {length} bytes", files[file].0);
        }
        let mut files = files.clone();
        let Some(File::Segment(segment)) = File::parse(&files.remove(file).0) else {
            panic!("all are segments")
        };
        assert_eq!(recover(&files, Sound), Err(RecoveryError::MissingSegment { segment }));
    }
}

#[test]
fn a_batch_that_is_durable_but_has_no_witness_passes_for_torn() {
    let (mut files, state) = disk(Step::Sync);
    assert_eq!(recover(&files, Sound).as_ref(), Ok(&state));
    let (_, bytes) = files.last_mut().expect("there are three");
    let batch = bytes.len() - SECTOR;
    bytes[batch] ^= 1;
    let recovery = recover_as(IDENTITY, &files, Sound).expect("the end may be torn");
    assert_eq!(recovery.durable.log.last().index.0, state.log.last().index.0 - 3);
    let torn = recovery.report.torn.expect("something is left of it");
    assert_eq!((torn.offset, torn.file.to_string()), (batch as u64, files[2].0.clone()));
}

#[test]
fn a_log_cut_at_the_first_damage_loses_what_was_acknowledged() {
    let (mut files, state) = disk(Step::Seal);
    files[2].1[SECTOR + 40] ^= 1;
    assert!(matches!(recover(&files, Sound), Err(RecoveryError::Damaged { .. })));
    let cut = recover(&files, Planted::new([Flaw::CutsAtFirstDamage])).expect("it is not noticed");
    assert!(cut.log.last().index < state.log.last().index);
}

#[test]
fn what_is_left_over_is_deleted_and_what_is_not_ours_is_left_alone() {
    let (mut files, state) = disk(Step::Seal);
    let Some(File::Segment(first)) = File::parse(&files[0].0) else { panic!("all are segments") };
    let leftovers = [File::Segment(first - 1), File::Temporary(first), File::Temporary(first + 3)];
    files.extend(leftovers.map(|file| (file.to_string(), b"anything".to_vec())));
    files.push(("notes.txt".into(), b"anything".to_vec()));
    let Recovery { durable, mut journal, report } = recover_as(IDENTITY, &files, Sound).expect("it is whole");
    assert_eq!(durable, state);
    assert_eq!(
        (report.leftovers.as_slice(), report.strangers),
        (&leftovers[..], vec!["notes.txt".to_string()])
    );
    let mut disk = Disk::holding(&files);
    while let Some(operation) = journal.next_operation() {
        disk.carry_out(&operation);
    }
    let names: Vec<_> = disk.files().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, [File::Segment(first + 3).to_string()]);
}

#[test]
fn a_disk_that_is_refused_says_why() {
    let (files, _) = disk(Step::Seal);
    let why =
        |identity, files: &Files| recover_as(identity, files, Sound).expect_err("it is refused").to_string();
    assert_eq!(why(IDENTITY, &vec![]), "there is no journal");
    assert_eq!(
        why(Identity { cluster: 0xc0ffee, ..IDENTITY }, &files),
        "0000000000000004.segment: belongs to cluster 0000000000000007, not to 0000000000c0ffee"
    );
    assert_eq!(
        why(Identity { node: NodeId::new(3), ..IDENTITY }, &files),
        "0000000000000004.segment: belongs to n1, not to n3"
    );
    let mut renamed = files.clone();
    renamed[2].0 = File::Segment(9).to_string();
    assert_eq!(why(IDENTITY, &renamed), "0000000000000009.segment: was written as 0000000000000004.segment");
    let mut missing = files.clone();
    missing.remove(1);
    assert_eq!(why(IDENTITY, &missing), "0000000000000003.segment is missing");
    let mut headless = files.clone();
    headless[1].1[9] ^= 1;
    assert_eq!(why(IDENTITY, &headless), "0000000000000003.segment: the header is damaged");
    let mut rotten = files.clone();
    rotten[1].1[SECTOR] ^= 1;
    assert_eq!(
        why(IDENTITY, &rotten),
        "0000000000000003.segment, byte 512: record 10 is damaged, but all before record 15 were durable"
    );
}
