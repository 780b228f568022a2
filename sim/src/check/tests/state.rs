//! What is applied: equal states, each request once; and that the cluster gets somewhere at all.

use super::toy::Toy;
use crate::history::{ClientId, Completion, HistoryEvent, OperationId};
use crate::observation::EntryFact;
use crate::observation::Fact;
use crate::observation::Property::*;
use crate::time::Time;
use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::member::ReadMode;
use seaworthy_core::types::EntryId;

/// n1 leads n2 and n3; all hold three entries durably, and n1 has committed them.
fn three_committed() -> Toy {
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.propose(1);
    toy.propose(1);
    toy.sync(1);
    toy.catch_up(1, 2);
    toy.catch_up(1, 3);
    toy.commit(1, 3);
    toy
}

#[test]
fn equal_entries_lead_to_equal_states() {
    let mut toy = three_committed();
    toy.commit(2, 2);
    toy.node(3).state = 1;
    toy.apply(3, true);
    toy.caught(ReplicasAgree, "n3 is in state");
}

#[test]
fn a_state_changes_only_by_applying() {
    let mut toy = three_committed();
    toy.commit(2, 3);
    toy.node(2).state += 1;
    toy.step(2);
    toy.caught(ReplicasAgree, "n2@1 shows state");
}

#[test]
fn a_restarted_node_applies_everything_again_to_the_same_states() {
    let mut toy = three_committed();
    toy.commit(2, 3);
    toy.crash(2, 0);
    toy.boot(2);
    toy.commit(2, 2);
    toy.commit(2, 3);
    toy.calm();
}

#[test]
fn entries_are_applied_one_after_the_other() {
    let mut toy = three_committed();
    toy.node(2).applied = 1;
    toy.commit(2, 3);
    toy.caught(Order, "n2 applied 2@1 when the last index that it had applied was 0");
}

#[test]
fn an_applied_entry_is_in_the_log_and_the_same_everywhere() {
    let mut toy = three_committed();
    let id = EntryId::new(1, 4);
    toy.commit(2, 3);
    let fact = |id| Fact::Applied {
        node: seaworthy_core::types::NodeId::new(2),
        id,
        request: None,
        executed: false,
        state_hash: 0,
    };
    toy.tell(&fact(id));
    toy.caught(StateMachineSafety, "n2 applied 4@1, but its log ends at 3@1");

    let mut toy = Toy::starting_from(&[(1, &[]), (1, &[]), (1, &[1])]);
    toy.elect(1, &[2]);
    toy.sync(1);
    toy.catch_up(1, 2);
    toy.commit(1, 1);
    toy.adopt(3, 2, None);
    toy.apply(3, true);
    toy.caught(StateMachineSafety, "n3 applied 1@1, but n1 applied 1@2 at that index");
}

/// n1 has committed the entries of `three_committed`, and then the last request once more.
fn a_retry() -> Toy {
    let mut toy = three_committed();
    let last = toy.node(1).log[2];
    toy.append(1, &[EntryFact { id: EntryId::new(1, 4), ..last }]);
    toy.step(1);
    toy.sync(1);
    toy.catch_up(1, 2);
    toy.node(1).commit = 4;
    toy
}

#[test]
fn a_retried_request_runs_once() {
    let mut toy = a_retry();
    toy.apply(1, true);
    toy.caught(ExactlyOnce, "n1 ran request 3 of session 1 at 4@1, but it had run at index 3");
    let mut toy = a_retry();
    toy.apply(1, false);
    toy.step(1);
    toy.calm();
}

#[test]
fn a_cluster_is_settled_when_it_has_a_leader_no_open_operation_and_level_replicas() {
    let mut toy = Toy::new(3);
    assert_eq!(toy.checkers.unsettled().unwrap(), "no running member leads term 0, the highest");
    toy = three_committed();
    let (operation, client, mode) = (OperationId(0), ClientId(1), ReadMode::Leader);
    let command = Command::Get { key: "k".into() };
    toy.tell(&Fact::Client(&HistoryEvent::Invoked { operation, client, command, mode, at: Time::default() }));
    assert_eq!(toy.checkers.unsettled().unwrap(), "1 operation has no answer");
    let completion = Completion::Ok(Answer::Nil);
    toy.tell(&Fact::Client(&HistoryEvent::Completed { operation, client, completion, at: Time::default() }));
    assert_eq!(
        toy.checkers.unsettled().unwrap(),
        "n2@1 holds up to 3@1, committed up to 0 and applied up to 0, while the leader's log ends at 3@1"
    );
    toy.commit(2, 3);
    toy.tell(&Fact::Crashed { node: seaworthy_core::types::NodeId::new(3) });
    assert!(toy.checkers.is_settled(), "who is down need not be level");
    toy.adopt(2, 2, None);
    assert_eq!(toy.checkers.unsettled().unwrap(), "no running member leads term 2, the highest");
}

#[test]
fn an_unsettled_end_is_a_violation_only_after_the_last_fault() {
    let mut toy = three_committed();
    toy.tell(&Fact::Ended);
    toy.calm();
    toy.tell(&Fact::Healed);
    toy.tell(&Fact::Ended);
    toy.caught(Liveness, "all faults were over, but at the end n2@1 holds up to 3@1");
    let mut toy = three_committed();
    toy.commit(2, 3);
    toy.commit(3, 3);
    toy.tell(&Fact::Healed);
    toy.tell(&Fact::Ended);
    toy.calm();
}
