//! Three servers in memory, thousands of writes and reads, a change of leader now and then: what `.ci/no-cost` counts
//! the instructions of.

use seaworthy_core::config::Config;
use seaworthy_core::kv::{Command, Limits};
use seaworthy_core::member::{Effects, Input, Member, ReadMode, founding_disk};
use seaworthy_core::membership::Membership;
use seaworthy_core::state_machine::{Operation, Outcome, Request};
use seaworthy_core::types::{Instant, NodeId, SessionId, Token};
use std::collections::VecDeque;

fn main() {
    let ids = [1, 2, 3].map(NodeId::new);
    let mut disks = ids.map(|_| founding_disk(Membership::new(ids), Limits::default()));
    let mut members = ids.map(|id| {
        let config = Config { pre_vote: false, check_quorum: false, ..Config::new(id, id.get()) };
        Member::new(config, &disks[id.get() as usize - 1], Instant(0)).expect("the settings fit together")
    });
    let mut drive = |leader: usize, input| {
        let mut inputs = VecDeque::from([(leader, input)]);
        let mut answer = None;
        while let Some((at, input)) = inputs.pop_front() {
            let mut effects = Effects::default();
            members[at].step(Instant(0), input, &mut effects);
            for write in effects.writes {
                disks[at].persist(write.record);
                inputs.push_back((at, Input::Persisted { seq: write.seq }));
            }
            for send in effects.sends {
                let to = ids.iter().position(|id| *id == send.message.to).expect("only members are written to");
                inputs.push_back((to, Input::Message(send.message)));
            }
            answer = effects.replies.pop().or(answer);
        }
        answer.map(|reply| reply.result.expect("it leads"))
    };
    let mut session = SessionId::ZERO;
    for round in 0..4_000 {
        let leader = round / 500 % ids.len();
        if round % 500 == 0 {
            drive(leader, Input::Campaign);
        }
        let sequence = round as u64;
        let operation = match round {
            0 => Operation::Register,
            _ => {
                let line = if round % 4 == 0 { "GET a".to_owned() } else { format!("SET a {round}") };
                Operation::Command(Command::parse(&line).expect("it is a command"))
            }
        };
        let request = Request { session, sequence, operation };
        let outcome = drive(leader, Input::Request { token: Token(sequence), request, mode: ReadMode::Leader });
        match outcome {
            Some(Outcome::Registered(opened)) => session = opened,
            Some(Outcome::Answer(_)) => {}
            other => panic!("round {round}: {other:?}"),
        }
    }
}
