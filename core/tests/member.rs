//! What a member owes its clients, beyond what the node below it owes its peers.

use seaworthy_core::config::Config;
use seaworthy_core::effect::Record;
use seaworthy_core::kv::{Answer, Command, Limits};
use seaworthy_core::member::{Effects, Input, Instruction, Member, ReadMode, Refusal, Reply, founding_disk};
use seaworthy_core::membership::{Change, Membership};
use seaworthy_core::message::{AppendOutcome, Body, Entry, Message, Payload};
use seaworthy_core::state_machine::{Operation, Outcome, Request};
use seaworthy_core::types::{EntryId, Instant, LogIndex, NodeId, Round, SessionId, Term, Token, WriteSeq};
use seaworthy_core::view::Role;

const ME: NodeId = NodeId::new(1);
const OTHER: NodeId = NodeId::new(2);

/// A member whose disk is instant, with its peers played by the test.
struct Bench {
    member: Member,
    now: Instant,
    round: Round,
}

impl Bench {
    fn start(nodes: u64) -> Self {
        let config = Config { pre_vote: false, ..Config::new(ME, 1) };
        let membership = Membership::new((1..=nodes).map(NodeId::new));
        let member =
            Member::new(config, &founding_disk(membership, Limits::default()), Instant(0)).expect("sound");
        Self { member, now: Instant(0), round: Round::ZERO }
    }

    /// A leader of three whose no-op entry is committed.
    fn leader() -> Self {
        let mut bench = Self::start(3);
        bench.step(Input::Campaign);
        bench.hear(Body::VoteReply { granted: true });
        assert_eq!(bench.member.view().role, Role::Leader);
        bench.acknowledge();
        assert_eq!(bench.member.applied(), LogIndex(1));
        bench
    }

    fn step(&mut self, input: Input) -> Vec<Reply> {
        let mut effects = Effects::default();
        self.member.step(self.now, input, &mut effects);
        while let Some(last) = effects.writes.last().map(|write| write.seq) {
            effects.writes.clear();
            self.member.step(self.now, Input::Persisted { seq: last }, &mut effects);
        }
        for send in &effects.sends {
            if let Body::AppendEntries { round, .. } = send.message.body {
                self.round = round;
            }
        }
        effects.replies
    }

    fn hear_in(&mut self, term: Term, body: Body) -> Vec<Reply> {
        self.step(Input::Message(Message { from: OTHER, to: ME, term, body }))
    }

    fn hear(&mut self, body: Body) -> Vec<Reply> {
        self.hear_in(self.member.view().term, body)
    }

    /// The other node acknowledges everything, and the latest round.
    fn acknowledge(&mut self) -> Vec<Reply> {
        let outcome = AppendOutcome::Accepted { matched: self.member.view().last.index };
        self.hear(Body::AppendReply { round: self.round, outcome })
    }

    fn ask(&mut self, token: u64, session: SessionId, sequence: u64, operation: Operation) -> Vec<Reply> {
        let request = Request { session, sequence, operation };
        self.step(Input::Request { token: Token(token), request, mode: ReadMode::default() })
    }

    /// Opens a session.
    fn session(&mut self) -> SessionId {
        assert_eq!(self.ask(900, SessionId::ZERO, 77, Operation::Register), []);
        match self.acknowledge().as_slice() {
            [Reply { token: Token(900), result: Ok(Outcome::Registered(session)) }] => *session,
            other => panic!("{other:?}"),
        }
    }
}

fn command(text: &str) -> Operation {
    Operation::Command(Command::parse(text).expect("a command"))
}

fn answered(token: u64, answer: Answer) -> Reply {
    Reply { token: Token(token), result: Ok(Outcome::Answer(answer)) }
}

#[test]
fn a_write_is_answered_when_it_is_committed_and_not_before() {
    let mut bench = Bench::leader();
    let session = bench.session();
    assert_eq!(bench.ask(1, session, 1, command("SET a 1")), []);
    assert_eq!(bench.acknowledge(), [answered(1, Answer::Ok)]);
}

#[test]
fn retries_of_a_request_under_way_wait_for_its_one_entry() {
    let mut bench = Bench::leader();
    let session = bench.session();
    bench.ask(1, session, 1, command("APPEND a x"));
    let last = bench.member.view().last;
    bench.ask(2, session, 1, command("APPEND a x"));
    bench.ask(3, session, 1, command("APPEND a x"));
    assert_eq!(bench.member.view().last, last, "nothing more is appended");
    let answers = [1, 2, 3].map(|token| answered(token, Answer::Integer(1)));
    assert_eq!(bench.acknowledge(), answers);
    // Once applied, the session table answers.
    bench.ask(4, session, 1, command("APPEND a x"));
    assert_eq!(bench.acknowledge(), [answered(4, Answer::Integer(1))]);
}

#[test]
fn registrations_are_told_apart_by_the_clients_own_numbers() {
    let mut bench = Bench::leader();
    let before = bench.member.view().last.index.0;
    for (token, number) in [(1, 5), (2, 5), (3, 6), (4, 0), (5, 0)] {
        bench.ask(token, SessionId::ZERO, number, Operation::Register);
    }
    assert_eq!(bench.member.view().last.index.0 - before, 4, "only the second 5 is a retry");
    let sessions: Vec<_> = bench.acknowledge().into_iter().map(|reply| reply.result).collect();
    assert_eq!(sessions[0], sessions[1]);
    assert_ne!(sessions[1], sessions[2]);
    assert_ne!(sessions[3], sessions[4]);
}

#[test]
fn who_waits_for_an_entry_when_leadership_is_lost_is_told_that_nobody_knows() {
    let mut bench = Bench::leader();
    let session = bench.session();
    bench.ask(1, session, 1, command("SET a 1"));
    let refused = Reply { token: Token(1), result: Err(Refusal::Unknown { leader: None }) };
    assert_eq!(
        bench.hear_in(Term(9), Body::RequestVote { last: EntryId::ZERO, transfer: false }),
        [],
        "loyal to itself"
    );
    assert_eq!(bench.hear_in(Term(9), Body::Stale), [refused]);
    // The retry at the next leader runs it once: here it only learns whom to ask.
    let refused = Reply { token: Token(2), result: Err(Refusal::NotLeader { leader: None }) };
    assert_eq!(bench.ask(2, session, 1, command("SET a 1")), [refused]);
}

#[test]
fn a_read_is_answered_once_a_quorum_has_confirmed_the_leader() {
    let mut bench = Bench::leader();
    let session = bench.session();
    bench.ask(1, session, 1, command("SET a 1"));
    bench.acknowledge();
    let old = bench.round;
    assert_eq!(bench.ask(2, session, 0, command("GET a")), []);
    assert!(old < bench.round, "the read began a round");
    let late = AppendOutcome::Accepted { matched: LogIndex(1) };
    assert_eq!(
        bench.hear(Body::AppendReply { round: old, outcome: late }),
        [],
        "an old round confirms nothing"
    );
    assert_eq!(bench.acknowledge(), [answered(2, Answer::Value("1".into()))]);
}

#[test]
fn a_read_that_waits_for_its_index_is_refused_when_leadership_is_lost() {
    let mut bench = Bench::start(3);
    bench.step(Input::Campaign);
    bench.hear(Body::VoteReply { granted: true });
    // Confirmed by an answer that acknowledges nothing, so that the no-op entry is not committed yet.
    bench.ask(1, SessionId::ZERO, 0, command("GET a"));
    let nothing = AppendOutcome::Accepted { matched: LogIndex(0) };
    assert_eq!(bench.hear(Body::AppendReply { round: bench.round, outcome: nothing }), []);
    assert_eq!(bench.hear(Body::AppendReply { round: bench.round, outcome: nothing }), []);
    let refused = Reply { token: Token(1), result: Err(Refusal::NotLeader { leader: None }) };
    assert_eq!(bench.hear_in(Term(9), Body::Stale), [refused]);
}

#[test]
fn a_lone_member_needs_nobody_but_its_disk() {
    let mut bench = Bench::start(1);
    bench.step(Input::Campaign);
    let registered = bench.ask(1, SessionId::ZERO, 0, Operation::Register);
    let [Reply { result: Ok(Outcome::Registered(session)), .. }] = registered.as_slice() else {
        panic!("{registered:?}");
    };
    assert_eq!(bench.ask(2, *session, 1, command("SET a 1")), [answered(2, Answer::Ok)]);
    assert_eq!(bench.ask(3, *session, 0, command("GET a")), [answered(3, Answer::Value("1".into()))]);
}

#[test]
fn entries_are_applied_a_few_a_step_and_a_restart_applies_them_again() {
    let config = Config { max_apply_entries: 2, pre_vote: false, ..Config::new(ME, 1) };
    let mut durable = founding_disk(Membership::new([ME]), Limits::default());
    let mut effects = Effects::default();
    let start = |durable: &_| Member::new(config.clone(), durable, Instant(0)).expect("sound");
    let mut member = start(&durable);
    let settle =
        |member: &mut Member, effects: &mut Effects, durable: &mut seaworthy_core::durable::Durable| {
            while !effects.writes.is_empty() {
                let mut seq = WriteSeq::ZERO;
                for write in effects.writes.drain(..) {
                    seq = write.seq;
                    let record: Record = write.record;
                    durable.persist(record);
                }
                member.step(Instant(0), Input::Persisted { seq }, effects);
            }
        };
    member.step(Instant(0), Input::Campaign, &mut effects);
    settle(&mut member, &mut effects, &mut durable);
    for token in 0..5 {
        let request = Request { session: SessionId::ZERO, sequence: 0, operation: Operation::Register };
        member.step(
            Instant(0),
            Input::Request { token: Token(token), request, mode: ReadMode::default() },
            &mut effects,
        );
    }
    settle(&mut member, &mut effects, &mut durable);
    assert_eq!(member.view().commit, LogIndex(6));
    while member.applied() < LogIndex(6) {
        let before = member.applied();
        assert_eq!(member.deadline(), Instant(0), "what is left is due at once");
        member.step(Instant(0), Input::Timeout, &mut effects);
        assert!(before < member.applied() && member.applied().0 <= before.0 + 2);
    }

    let mut again = start(&durable);
    again.step(Instant(0), Input::Campaign, &mut effects);
    settle(&mut again, &mut effects, &mut durable);
    while again.applied() < LogIndex(7) {
        again.step(Instant(0), Input::Timeout, &mut effects);
    }
    assert_eq!(
        again.machine().hash(),
        member.machine().hash(),
        "the no-op entry of the new term changes nothing"
    );
}

fn instruct(bench: &mut Bench, token: u64, instruction: Instruction) -> Vec<Reply> {
    bench.step(Input::Instruct { token: Token(token), instruction })
}

fn done(token: u64) -> Reply {
    Reply { token: Token(token), result: Ok(Outcome::Done) }
}

#[test]
fn a_change_of_the_membership_is_done_when_it_is_applied() {
    let mut bench = Bench::leader();
    let remove = |node| Instruction::ChangeMembership(vec![Change::Remove(node)]);
    assert_eq!(instruct(&mut bench, 1, remove(NodeId::new(3))), []);
    let busy = Reply { token: Token(2), result: Err(Refusal::Busy) };
    assert_eq!(instruct(&mut bench, 2, remove(OTHER)), [busy]);
    assert_eq!(bench.acknowledge(), [done(1)]);
    assert_eq!(bench.member.view().membership, &Membership::new([ME, OTHER]));
}

#[test]
fn a_leader_that_removes_itself_says_so_before_it_goes() {
    let mut bench = Bench::leader();
    let remove = |node| Instruction::ChangeMembership(vec![Change::Remove(node)]);
    instruct(&mut bench, 1, remove(NodeId::new(3)));
    bench.acknowledge();
    instruct(&mut bench, 2, remove(ME));
    assert_eq!(bench.acknowledge(), [done(2)]);
    assert_eq!(bench.member.view().role, Role::Follower);
}

#[test]
fn a_handing_over_is_done_when_the_other_campaigns_and_what_came_meanwhile_goes_there() {
    let mut bench = Bench::leader();
    let session = bench.session();
    assert_eq!(instruct(&mut bench, 1, Instruction::TransferLeadership(OTHER)), []);
    assert_eq!(bench.ask(2, session, 1, command("SET a 1")), []);
    let last = bench.member.view().last;
    let replies = bench.hear_in(Term(2), Body::RequestVote { last, transfer: true });
    let refused = Reply { token: Token(2), result: Err(Refusal::NotLeader { leader: Some(OTHER) }) };
    assert_eq!(replies, [refused, done(1)]);
}

#[test]
fn a_leader_that_is_told_to_step_down_does_and_nobody_else_can() {
    let mut bench = Bench::leader();
    assert_eq!(instruct(&mut bench, 1, Instruction::StepDown), [done(1)]);
    let refused = Reply { token: Token(2), result: Err(Refusal::NotLeader { leader: None }) };
    assert_eq!(instruct(&mut bench, 2, Instruction::StepDown), [refused]);
}

#[test]
fn a_follower_reads_once_it_has_applied_what_its_leader_names() {
    let mut bench = Bench::start(3);
    let entry = Entry { id: EntryId::new(1, 1), payload: Payload::Noop };
    let append = |entries, prev, commit| Body::AppendEntries {
        prev,
        entries,
        commit: LogIndex(commit),
        round: Round(1),
    };
    bench.hear_in(Term(1), append(vec![entry.clone()], EntryId::ZERO, 0));
    let request = Request { session: SessionId::ZERO, sequence: 0, operation: command("GET a") };
    let mut effects = Effects::default();
    let input = Input::Request { token: Token(1), request: request.clone(), mode: ReadMode::Follower };
    bench.member.step(bench.now, input, &mut effects);
    let Body::ReadIndex { id } = effects.sends[0].message.body else { panic!("{:?}", effects.sends) };
    assert_eq!(bench.hear(Body::ReadIndexReply { id, index: LogIndex(1) }), [], "1@1 is not applied yet");
    let stale = Input::Request { token: Token(2), request, mode: ReadMode::Stale };
    assert_eq!(bench.step(stale), [answered(2, Answer::Nil)], "whoever does not care need not wait");
    let replies = bench.hear(append(vec![], entry.id, 1));
    assert_eq!(replies, [answered(1, Answer::Nil)]);
}
