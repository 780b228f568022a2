use super::*;
use crate::observation::Promise;
use crate::replica::MessageKind;
use proptest::prelude::*;
use seaworthy_core::types::{EntryId, Term};

fn network(fields: &str) -> (Scenario, Network) {
    let text = format!(r#"{{"name": "net", "claim": "a test"{fields}}}"#);
    let scenario: Scenario = serde_json::from_str(&text).expect("a valid scenario");
    let network = Network::new(&scenario);
    (scenario, network)
}

fn n(number: u64) -> NodeId {
    NodeId::new(number)
}

fn message(from: u64, to: u64) -> MessageFacts {
    MessageFacts {
        from: n(from),
        to: n(to),
        term: Term(1),
        kind: MessageKind::AppendEntries,
        promise: Promise::Lead,
        about: EntryId::ZERO,
        entries: 0,
        granted: false,
    }
}

#[test]
fn a_nemesis_mends_only_its_own_cuts_and_the_timeline_all() {
    let (_, mut network) = network("");
    let (first, second) = (Owner::Nemesis(0), Owner::Nemesis(1));
    assert!(network.cut(first, n(1), n(2)));
    assert!(!network.cut(first, n(1), n(2)), "cut already");
    assert!(network.cut(second, n(1), n(2)));
    assert!(network.cut(second, n(3), n(2)));
    assert!(!network.is_cut(n(2), n(1)), "a cut has a direction");

    assert_eq!(network.heal(first), 0, "the other nemesis still holds the link");
    assert!(network.is_cut(n(1), n(2)));
    assert_eq!(network.heal(second), 2);
    assert!(!network.is_cut(n(1), n(2)) && !network.is_cut(n(3), n(2)));

    network.cut(first, n(1), n(2));
    network.cut(Owner::Timeline, n(2), n(3));
    assert_eq!(network.heal(Owner::Timeline), 2);
}

#[test]
fn no_node_is_cut_off_from_itself() {
    let (_, mut network) = network("");
    assert!(!network.cut(Owner::Timeline, n(2), n(2)));
    assert!(!network.is_cut(n(2), n(2)));
}

proptest! {
    #[test]
    fn a_link_carries_messages_if_and_only_if_nobody_holds_it_cut(
        steps in prop::collection::vec((any::<bool>(), 0usize..4, 1u64..4, 1u64..4), 0..60),
    ) {
        let (_, mut network) = network("");
        let mut twin: Vec<(usize, u64, u64)> = Vec::new();
        for (cuts, who, from, to) in steps {
            let owner = if who == 0 { Owner::Timeline } else { Owner::Nemesis(who) };
            if cuts {
                network.cut(owner, n(from), n(to));
                twin.push((who, from, to));
            } else {
                network.heal(owner);
                twin.retain(|(other, ..)| who != 0 && *other != who);
            }
            for from in 1..4 {
                for to in 1..4 {
                    let cut = from != to && twin.iter().any(|entry| (entry.1, entry.2) == (from, to));
                    prop_assert_eq!(network.is_cut(n(from), n(to)), cut);
                }
            }
        }
    }
}

#[test]
fn messages_of_a_fifo_link_never_overtake_each_other() {
    let (_, mut network) = network(r#", "network": {"fifo": true, "duplicate": 0.2}"#);
    let mut choice = Choice::seeded(3);
    let mut last = Time::ZERO;
    for now in (0..500).map(|number| Time(number * 100_000)) {
        let route = network.route(now, &message(1, 2), &mut choice);
        for arrival in [Some(route.arrival.expect("nothing is lost")), route.again].into_iter().flatten() {
            assert!(last <= arrival);
            last = arrival;
        }
    }
}

#[test]
fn cuts_and_rules_do_not_change_the_luck_of_later_messages() {
    let lossy = r#", "network": {"loss": 0.2, "duplicate": 0.2}"#;
    let ruled = r#", "network": {"loss": 0.2, "duplicate": 0.2}, "rules": [{"nth": 2, "verdict": "drop"}]"#;
    let routes = |fields: &str, cut: bool| {
        let (_, mut network) = network(fields);
        let mut choice = Choice::seeded(7);
        let mut routes = Vec::new();
        for number in 0..40 {
            if cut && number == 3 {
                network.cut(Owner::Timeline, n(1), n(2));
            }
            if number == 5 {
                network.heal(Owner::Timeline);
            }
            routes.push(network.route(Time(number), &message(1, 2), &mut choice));
        }
        routes.split_off(5)
    };
    assert_eq!(routes(lossy, false), routes(lossy, true));
    assert_eq!(routes(lossy, false), routes(ruled, false));
}

#[test]
fn a_rule_delivers_what_luck_would_lose_but_not_across_a_cut() {
    let fields = r#", "network": {"loss": 1, "latency": {"constant": "2ms"}},
        "rules": [{"to": 2, "verdict": "deliver"}, {"to": 3, "verdict": {"delay": "1s"}}]"#;
    let (_, mut network) = network(fields);
    let mut choice = Choice::seeded(1);
    let mut arrival = |network: &mut Network, from, to| {
        let route = network.route(Time(0), &message(from, to), &mut choice);
        route.arrival
    };
    assert_eq!(arrival(&mut network, 1, 2), Ok(Time(2_000_000)));
    assert_eq!(arrival(&mut network, 1, 3), Ok(Time(1_000_000_000)));
    assert_eq!(arrival(&mut network, 2, 1), Err(Cause::Luck));
    network.cut(Owner::Nemesis(0), n(1), n(2));
    assert_eq!(arrival(&mut network, 1, 2), Err(Cause::Cut));
}

#[test]
fn a_link_of_its_own_keeps_its_own_settings_until_all_is_calm() {
    let fields = r#", "network": {"latency": {"constant": "1ms"},
        "links": [{"from": 1, "to": 2, "latency": {"constant": "9ms"}, "loss": 1}]}"#;
    let (scenario, mut network) = network(fields);
    let mut choice = Choice::seeded(1);
    network.set_loss(Ppm::ZERO);
    network.set_latency(&Distribution::Constant(crate::time::Span::millis(4)));
    let mut arrival =
        |network: &mut Network, to| network.route(Time(0), &message(1, to), &mut choice).arrival;
    assert_eq!(arrival(&mut network, 2), Err(Cause::Luck));
    assert_eq!(arrival(&mut network, 3), Ok(Time(4_000_000)));
    network.calm(&scenario);
    assert_eq!(arrival(&mut network, 2), Ok(Time(9_000_000)));
    assert_eq!(arrival(&mut network, 3), Ok(Time(1_000_000)));
}
