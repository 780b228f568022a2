//! After any crash recovery succeeds, and its state is what a prefix of the records comes to that holds all that were
//! durable.

use super::disk::{Disk, Fates};
use super::life::{GEOMETRY, IDENTITY, Life, Step, formatted, founding, recover};
use proptest::prelude::*;
use seaworthy_core::flaw::{Flaw, Flaws, Planted, Sound};
use seaworthy_core::storage::{Journal, RecoveryError};

/// Draws fates by counting: each run of `visit` sees another combination, until all have been seen.
fn every_combination(mut visit: impl FnMut(Fates<'_>) -> Result<(), String>) -> Result<(), String> {
    let mut drawn: Vec<(usize, usize)> = vec![];
    loop {
        let mut next = 0;
        visit(&mut |of| {
            if next == drawn.len() {
                drawn.push((0, of));
            }
            next += 1;
            drawn[next - 1].0
        })?;
        while drawn.last().is_some_and(|(fate, of)| fate + 1 == *of) {
            drawn.pop();
        }
        match drawn.last_mut() {
            Some((fate, _)) => *fate += 1,
            None => return Ok(()),
        }
    }
}

/// Lives `steps` on a new disk, up to every operation; each time crashes in every way, and recovers.
fn crash_everywhere<F: Flaws>(flaws: F, steps: &[Step]) -> Result<(), String> {
    for operations in 0.. {
        let (mut disk, journal) = formatted(flaws);
        let mut life = Life::new(journal, founding(), operations);
        let interrupted = life.live(&mut disk, steps);
        every_combination(|fates| {
            let mut disk = disk.clone();
            disk.crash(fates);
            let outcome = life.recover(&disk, flaws).map(|_| ());
            outcome.map_err(|why| format!("{steps:?}, crash after {operations} operations: {why}"))
        })?;
        if !interrupted {
            break;
        }
    }
    Ok(())
}

/// All sequences of at most three records, each with a sync after it or not; the last always with one.
fn small_scripts() -> Vec<Vec<Step>> {
    let records = [
        Step::Vote,
        Step::Append { cut: 0, count: 1, size: 600 },
        Step::Append { cut: 1, count: 2, size: 1 },
        Step::Snapshot { behind: 1, kept: 0, size: 1 },
    ];
    let mut scripts: Vec<Vec<Step>> = vec![vec![]];
    let mut all = vec![];
    for _ in 0..3 {
        let longer = |script: &Vec<Step>| {
            let ends = |record| [vec![Step::Sync, record], vec![record]];
            records.map(|record| ends(record).map(|end| [&script[..], &end].concat())).concat()
        };
        scripts = scripts.iter().flat_map(longer).collect();
        all.extend(scripts.iter().map(|script| [&script[..], &[Step::Sync]].concat()));
    }
    all
}

#[test]
fn every_crash_of_every_small_script_leaves_a_prefix_with_all_that_was_durable() {
    for script in small_scripts() {
        crash_everywhere(Sound, &script).expect("the invariant holds");
    }
}

#[test]
fn a_crash_in_the_middle_of_formatting_leaves_no_journal_or_a_whole_one() {
    for operations in 0.. {
        let mut disk = Disk::default();
        let mut life =
            Life::new(Journal::format(IDENTITY, GEOMETRY, Sound, founding()), founding(), operations);
        let interrupted = life.carry_out(&mut disk);
        every_combination(|fates| {
            let mut disk = disk.clone();
            disk.crash(fates);
            match recover(&disk, Sound) {
                Ok((_, state)) => assert_eq!(state, founding()),
                Err(error) => assert!(interrupted && error == RecoveryError::Unformatted, "{error}"),
            }
            Ok(())
        })
        .expect("no visit fails");
        if !interrupted {
            break;
        }
    }
}

/// Everything that a journal does, once.
const LONG: [Step; 10] = [
    Step::Vote,
    Step::Sync,
    Step::Append { cut: 0, count: 3, size: 700 },
    Step::Sync,
    Step::Snapshot { behind: 1, kept: 1, size: 600 },
    Step::Append { cut: 1, count: 2, size: 1 },
    Step::Sync,
    Step::Vote,
    Step::Append { cut: 0, count: 1, size: 600 },
    Step::Seal,
];

#[test]
fn a_second_crash_during_recovery_changes_nothing() {
    for operations in 0.. {
        let (mut disk, journal) = formatted(Sound);
        let mut life = Life::new(journal, founding(), operations);
        let interrupted = life.live(&mut disk, &LONG);
        every_combination(|fates| {
            let mut disk = disk.clone();
            disk.crash(fates);
            let (_, first) = life.recover(&disk, Sound)?;
            for operations in 0.. {
                let (journal, state) = recover(&disk, Sound).expect("it was recovered just now");
                let mut disk = disk.clone();
                let mut second = Life::new(journal, state, operations);
                let interrupted = second.live(&mut disk, &[]);
                for fate in 0..3 {
                    let mut disk = disk.clone();
                    disk.crash(&mut |of| fate.min(of - 1));
                    assert_eq!(recover(&disk, Sound).map(|(_, state)| state).as_ref(), Ok(&first));
                }
                if !interrupted {
                    break;
                }
            }
            Ok(())
        })
        .expect("the invariant holds");
        if !interrupted {
            break;
        }
    }
}

#[test]
fn an_operation_that_fails_loses_nothing_that_was_durable() {
    for operations in 0.. {
        let (mut disk, journal) = formatted(Sound);
        let mut life = Life::new(journal, founding(), operations);
        if !life.live(&mut disk, &LONG) {
            break;
        }
        disk.fail(life.last.as_ref().expect("it was interrupted"));
        // The process starts again with what is in the cache, and the host crashes later.
        let (journal, state) = life.recover(&disk, Sound).expect("the invariant holds");
        let mut second = Life::new(journal, state.clone(), usize::MAX);
        assert!(!second.live(&mut disk, &[]));
        disk.crash(&mut |_| 0);
        assert_eq!(recover(&disk, Sound).map(|(_, state)| state), Ok(state));
    }
}

/// How a life ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The host crashes.
    Crash,
    /// The process dies; what it wrote is in the cache.
    Kill,
    /// An operation fails, and the process stops.
    Fail,
    /// An operation fails, and then the host crashes.
    FailAndCrash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let append =
        (0..4u64, 1..5u64, 0..900usize).prop_map(|(cut, count, size)| Step::Append { cut, count, size });
    let snapshot = (0..4u64, 0..4u64, 0..1500usize).prop_map(|(behind, kept, size)| Step::Snapshot {
        behind,
        kept,
        size,
    });
    let step = prop_oneof![
        2 => Just(Step::Vote),
        4 => append,
        1 => snapshot,
        1 => (0..3u64).prop_map(|ahead| Step::Install { ahead }),
        4 => Just(Step::Sync),
        1 => Just(Step::Seal),
    ];
    prop::collection::vec(step, 0..12)
}

/// Lives one after the other on one disk: what they do, how many operations they have, how they end.
fn lives() -> impl Strategy<Value = Vec<(Vec<Step>, usize, End)>> {
    let end = prop_oneof![Just(End::Crash), Just(End::Kill), Just(End::Fail), Just(End::FailAndCrash)];
    prop::collection::vec((steps(), 0..40usize, end), 1..6)
}

/// Fates from a seed (SplitMix64).
fn seeded(mut state: u64) -> impl FnMut(usize) -> usize {
    move |of| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % of as u64) as usize
    }
}

/// That a disk on which one sector or one bit is wrong is refused, or its state holds all that was sealed.
fn survives_rot<F: Flaws>(life: &Life<F>, disk: &Disk, flaws: F, fates: Fates<'_>) -> Result<(), String> {
    let mut disk = disk.clone();
    disk.rot(fates);
    match recover(&disk, flaws) {
        Ok((_, state)) => life.holds(life.journal.sealed(), &state),
        Err(_) => Ok(()),
    }
}

fn live_and_die<F: Flaws>(flaws: F, lives: &[(Vec<Step>, usize, End)], seed: u64) -> Result<(), String> {
    let mut fates = seeded(seed);
    let (mut disk, journal) = formatted(flaws);
    // The last that finished its start: until the next one has, its promises are those to keep.
    let mut bound = Life::new(journal, founding(), 0);
    for (steps, operations, end) in lives {
        let (journal, state) = bound.recover(&disk, flaws)?;
        let mut life = Life::new(journal, state, *operations);
        life.live(&mut disk, steps);
        if matches!(end, End::Fail | End::FailAndCrash)
            && let Some(operation) = &life.last
        {
            disk.fail(operation);
        }
        if matches!(end, End::Crash | End::FailAndCrash) {
            disk.crash(&mut fates);
        }
        if life.started {
            bound = life;
        }
        survives_rot(&bound, &disk, flaws, &mut fates)?;
    }
    bound.recover(&disk, flaws).map(|_| ())
}

proptest! {
    #[test]
    fn whatever_a_disk_went_through_it_holds_what_was_durable_or_if_it_rots_misses_it(
        lives in lives(),
        seed in any::<u64>(),
    ) {
        prop_assert_eq!(live_and_die(Sound, &lives, seed), Ok(()));
    }
}

/// The flaw must break the invariant in some small script; the right code holds it in all
/// (`every_crash_of_every_small_script_leaves_a_prefix_with_all_that_was_durable`).
fn found_by_a_small_script(flaw: Flaw) -> String {
    let flaws = Planted::new([flaw]);
    let mut scripts = small_scripts().into_iter();
    scripts.find_map(|script| crash_everywhere(flaws, &script).err()).expect("the flaw shows")
}

#[test]
fn a_log_deleted_before_the_snapshot_is_durable_is_lost() {
    let why = found_by_a_small_script(Flaw::LogDeletedBeforeSnapshot);
    assert!(why.ends_with("there is no journal"), "{why}");
}

#[test]
fn a_name_that_was_not_synced_is_lost_with_all_that_was_durable_under_it() {
    let why = found_by_a_small_script(Flaw::DirectoryNotSynced);
    assert!(why.ends_with("there is no journal"), "{why}");
}
