//! While a leader holds a lease nobody else is elected.

use super::toy::Toy;
use crate::observation::Property::LeaseExclusivity;
use crate::time::Time;

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
