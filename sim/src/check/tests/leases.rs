//! While a leader holds a lease nobody else is elected.

use super::toy::Toy;
use crate::observation::Asks;
use crate::observation::Property::LeaseExclusivity;
use crate::time::Time;
use seaworthy_core::member::ReadMode;

/// n1 leads term 1 and has a lease until 100; it is 60.
fn leased() -> Toy {
    let mut toy = Toy::new(3);
    toy.elect(1, &[2]);
    toy.adopt(3, 1, None);
    toy.now = Time(60);
    toy.node(1).lease_until = Some(Time(100));
    toy.step(1);
    toy.calm();
    toy
}

#[test]
fn nobody_is_elected_while_another_holds_a_lease() {
    let mut toy = leased();
    toy.now = Time(99);
    toy.elect(3, &[2]);
    toy.caught(LeaseExclusivity, "n3@2 became leader while n1@1 had a lease for another 1 ns");
}

#[test]
fn a_lease_that_has_run_out_or_whose_holder_is_gone_keeps_nobody_from_office() {
    let mut toy = leased();
    toy.now = Time(100);
    toy.elect(3, &[2]);
    toy.calm();
    let mut toy = leased();
    toy.crash(1, 0);
    toy.elect(3, &[2]);
    toy.calm();
    let mut toy = leased();
    toy.elect(1, &[2]);
    toy.calm();
}

#[test]
fn a_leader_that_was_deposed_extends_no_lease() {
    let mut toy = leased();
    toy.now = Time(100);
    toy.elect(3, &[2]);
    toy.node(1).lease_until = Some(Time(99));
    toy.step(1);
    toy.calm();
    toy.crash(3, 0);
    toy.node(1).lease_until = Some(Time(101));
    toy.step(1);
    toy.caught(LeaseExclusivity, "n1@1 extended its lease after n3@2 was elected");
}

#[test]
fn a_leader_answers_at_once_only_while_it_has_a_lease() {
    let asks = |toy: &mut Toy, mode| {
        toy.request(1, 5, Asks::Read(mode));
        toy.node(1).usage.pending_reads = 1;
    };
    let answered = |now, mode| {
        let mut toy = leased();
        toy.now = Time(now);
        asks(&mut toy, mode);
        toy.reply(1, 5, true);
        toy.step(1);
        toy
    };
    answered(99, ReadMode::Lease).calm();
    answered(100, ReadMode::Lease)
        .caught(LeaseExclusivity, "n1@1 answered a read on its lease, and had none");
    // Others are for others to judge.
    answered(100, ReadMode::Leader).calm();

    // Later the others may have confirmed it.
    let mut toy = leased();
    toy.now = Time(100);
    asks(&mut toy, ReadMode::Lease);
    toy.step(1);
    toy.reply(1, 5, true);
    toy.step(1);
    toy.calm();
    // It may refuse.
    let mut toy = leased();
    toy.now = Time(100);
    asks(&mut toy, ReadMode::Lease);
    toy.reply(1, 5, false);
    toy.step(1);
    toy.calm();

    // There is nobody to ask.
    let mut toy = Toy::new(1);
    toy.campaign(1);
    toy.sync(1);
    toy.lead(1);
    asks(&mut toy, ReadMode::Lease);
    toy.reply(1, 5, true);
    toy.step(1);
    toy.calm();
}
