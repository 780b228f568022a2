use super::*;
use crate::seaworthy::Seaworthy;
use crate::time::Span;
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::{HardState, Record};
use seaworthy_core::membership::Membership;
use seaworthy_core::message::{Entry, Payload};
use seaworthy_core::snapshot::Snapshot;
use seaworthy_core::storage::RecoveryError;
use seaworthy_core::types::{Bytes, EntryId, Term};

const NODE: NodeId = NodeId::new(1);
const STREAM: Stream = Stream::Disk(NODE);

/// A disk, and every state that its writes stand for since the last that was reported.
struct Life {
    disk: Disk<Seaworthy>,
    states: Vec<Durable>,
    seq: WriteSeq,
}

impl Life {
    fn new(segment_size: u64) -> Self {
        let disks = Disks { segment_size, ..Disks::default() };
        let founding = Durable::founding(Membership::new([NODE]), Bytes::default());
        let sync = Sampler::Constant(Span::ZERO);
        let disk = Disk::new(Settings::new(&disks, NODE, Planted::default()), founding.clone(), sync);
        Self { disk, states: vec![founding], seq: WriteSeq::ZERO }
    }

    /// A vote, some entries, or a snapshot of all of them.
    fn write(&mut self, choice: &mut Choice) {
        let mut state = self.states.last().expect("there is one at least").clone();
        let HardState { term, .. } = state.hard_state;
        let last = state.log.last();
        let record = match choice.below(STREAM, 4) {
            0 => Record::HardState(HardState { term: term.next(), vote: Some(NODE) }),
            1 => {
                let snapshot = Snapshot { last, ..state.snapshot.clone().expect("it is not blank") };
                Record::Snapshot { snapshot: Box::new(snapshot), compacted: last.index }
            }
            _ => {
                let payload = Payload::Data(vec![7; choice.below(STREAM, 900) as usize].into());
                let id = EntryId { term: last.term.max(Term(1)), index: last.index.next() };
                Record::Append(vec![Entry { id, payload }])
            }
        };
        self.seq = self.seq.next();
        state.persist(record.clone());
        self.disk.write(self.seq, record);
        self.states.push(state);
    }

    fn sync(&mut self) -> Result<(), Failure> {
        self.disk.begin_sync();
        self.finish()
    }

    fn finish(&mut self) -> Result<(), Failure> {
        for _ in 0..self.disk.end_sync()? {
            self.disk.persist_next(|_| ());
            self.states.remove(0);
        }
        assert_eq!(self.disk.durable(), &self.states[0]);
        Ok(())
    }

    /// The node starts again: with what was reported, or more.
    fn recover(&mut self) -> Result<(), Trouble> {
        self.disk.recover()?;
        let found = self.states.iter().position(|state| state == self.disk.durable());
        let found = found.expect("a prefix of the queue with all that was reported");
        self.states = vec![self.states.swap_remove(found)];
        self.seq = WriteSeq::ZERO;
        Ok(())
    }
}

#[test]
fn a_crash_leaves_a_prefix_with_all_that_was_reported() {
    let (mut losses, mut torn) = (0, 0);
    for seed in 0..300 {
        let mut choice = Choice::seeded(seed);
        let mut life = Life::new(if seed % 2 == 0 { 1 } else { 64 << 20 });
        for _ in 0..10 {
            for _ in 0..choice.below(STREAM, 6) {
                life.write(&mut choice);
                if choice.below(STREAM, 2) == 0 {
                    life.sync().expect("nothing is wrong with the disk");
                }
            }
            life.disk.begin_sync();
            let lost = life.disk.crash(&mut choice, STREAM);
            (losses, torn) = (losses + u32::from(lost.writes), torn + u32::from(lost.torn));
            life.recover().expect("after crashes alone a node starts");
        }
    }
    assert!(200 < losses && 50 < torn, "{losses} crashes lost something, {torn} tore something");
}

#[test]
fn every_crash_point_is_reached_as_a_node_runs_and_as_it_starts() {
    for point in CRASH_POINTS {
        let mut choice = Choice::seeded(1);
        let mut life = Life::new(2_000);
        assert!(life.disk.crash_at(point));
        let failure = (0..1_000).find_map(|_| {
            life.write(&mut choice);
            life.sync().err()
        });
        assert_eq!(failure, Some(Failure::Crash(point)));
        life.disk.crash(&mut choice, STREAM);
        life.recover().expect("after crashes alone a node starts");

        let appends = [CrashPoint::BeforeAppend, CrashPoint::MidAppend, CrashPoint::AfterAppend];
        life.write(&mut choice);
        life.sync().expect("nothing is armed");
        assert!(life.disk.crash_at(point));
        let started = life.recover();
        if !appends.contains(&point) {
            assert_eq!(started, Err(Trouble::Failed(Failure::Crash(point))));
            life.disk.crash(&mut choice, STREAM);
            life.recover().expect("after crashes alone a node starts");
        }
    }
}

#[test]
fn a_failed_sync_reports_nothing() {
    let mut choice = Choice::seeded(1);
    for host_crashes_later in [false, true] {
        let mut life = Life::new(64 << 20);
        (0..5).for_each(|_| life.write(&mut choice));
        assert!(life.disk.fail_sync() && !life.disk.fail_sync());
        assert_eq!(life.sync(), Err(Failure::Sync));
        life.disk.stop();
        if host_crashes_later {
            life.disk.crash(&mut choice, STREAM);
        }
        life.recover().expect("after a failed sync a node starts");
        life.write(&mut choice);
        life.sync().expect("only one sync fails");
    }
}

#[test]
fn a_full_disk_stops_a_node_until_there_is_space() {
    let mut choice = Choice::seeded(1);
    let mut life = Life::new(64 << 20);
    (0..5).for_each(|_| life.write(&mut choice));
    assert!(life.disk.fill(true) && !life.disk.fill(true));
    assert_eq!(life.sync(), Err(Failure::Full));
    life.disk.stop();
    assert_eq!(life.recover(), Err(Trouble::Failed(Failure::Full)));
    assert!(life.disk.fill(false));
    life.recover().expect("there is space");
}

#[test]
fn a_rotten_disk_is_refused_by_name_or_is_as_good_as_new() {
    let mut refused = 0;
    for seed in 0..500 {
        let mut choice = Choice::seeded(seed);
        let mut life = Life::new(2_000);
        for _ in 0..choice.below(STREAM, 8) {
            life.write(&mut choice);
            life.sync().expect("nothing is wrong with the disk");
        }
        life.write(&mut choice);
        life.disk.begin_sync();
        life.disk.crash(&mut choice, STREAM);
        assert!(life.disk.rot(&mut choice, STREAM));
        match life.recover() {
            Ok(()) => {}
            Err(Trouble::Refused { why: RecoveryError::Unformatted, .. }) => panic!("there is a journal"),
            Err(Trouble::Refused { rotten, .. }) => {
                assert!(rotten);
                refused += 1;
            }
            Err(Trouble::Failed(failure)) => panic!("{failure}"),
        }
    }
    assert!(300 < refused, "{refused} were refused");
}

#[test]
fn a_wiped_disk_is_blank() {
    let mut choice = Choice::seeded(1);
    let mut life = Life::new(64 << 20);
    life.write(&mut choice);
    life.sync().expect("nothing is wrong with the disk");
    life.disk.crash(&mut choice, STREAM);
    life.disk.wipe();
    life.disk.recover().expect("it is formatted");
    assert_eq!(life.disk.durable(), &Durable::default());
}

#[test]
fn a_disk_of_whole_records_keeps_any_prefix_of_what_is_pending() {
    let mut choice = Choice::seeded(1);
    let mut life = Life::new(64 << 20);
    life.disk.settings.files = false;
    life.disk.wipe();
    let vote = |term| Record::HardState(HardState { term: Term(term), vote: None });
    (1..4).for_each(|term| life.disk.write(WriteSeq(term), vote(term)));
    let kept: std::collections::BTreeSet<_> =
        (0..100).map(|_| life.disk.keeps(&mut choice, STREAM)).collect();
    assert_eq!(kept, (0..4).collect());
    assert!(!life.disk.rot(&mut choice, STREAM) && !life.disk.fail_sync() && !life.disk.fill(true));
    assert!(!life.disk.crash_at(CrashPoint::BeforeSync));
}
