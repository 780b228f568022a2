//! What the checkers remember does not grow with the length of a run.

use super::toy::Toy;

/// A long life of three nodes in which each takes a snapshot now and then, leaders change, and nodes restart. Returns
/// the most that the checkers remembered at the end of any round.
fn live(rounds: u64, compacts: bool) -> usize {
    let mut toy = Toy::new(3);
    let mut most = 0;
    for round in 0..rounds {
        let (leader, second, third) = (1 + round % 3, 1 + (round + 1) % 3, 1 + (round + 2) % 3);
        let term = (1..=3).map(|node| toy.term(node)).max().unwrap();
        if toy.term(leader) < term {
            toy.adopt(leader, term, None);
        }
        toy.elect(leader, &[second, third]);
        for _ in 0..20 {
            toy.propose(leader);
        }
        toy.sync(leader);
        let end = toy.last(leader).index.0;
        for follower in [second, third] {
            toy.catch_up(leader, follower);
        }
        for node in [leader, second, third] {
            toy.commit(node, end);
            if compacts {
                toy.take_snapshot(node);
                toy.sync(node);
            }
        }
        toy.crash(third, 0);
        toy.boot(third);
        most = most.max(toy.checkers.memory());
        toy.calm();
    }
    most
}

#[test]
fn memory_is_bounded_by_what_the_logs_hold() {
    let (short, long) = (live(60, true), live(600, true));
    assert!(long <= short + short / 2, "{short} after 60 rounds, {long} after 600");
    assert!(long < live(100, false), "and logs that are not compacted are remembered");
}
