//! A server, and the same as it would be had it just been restarted.

use super::event::{Event, read};
use super::server::Server;
use seaworthy_core::durable::Durable;
use seaworthy_core::flaw::{Flaws, Sound};
use seaworthy_core::member::Input;
use seaworthy_core::message::Body;
use std::time::Duration;

/// At any point of anything that may happen to a server: what it would start from is what it says of itself, and to a
/// message of a later term it answers, and comes to hold, what it would had it just been restarted.
///
/// # Panics
/// If the law does not hold.
pub fn differential(bytes: &[u8]) {
    assert_holds(bytes, Sound);
}

fn assert_holds(bytes: &[u8], flaws: impl Flaws) {
    let (mut server, events) = read(bytes, flaws);
    for event in events {
        if event.is_probe() {
            compare(&server, event);
        }
        event.happen_to(&mut server);
    }
}

fn compare(server: &Server<impl Flaws>, event: Event) {
    let mut lived = server.clone();
    lived.persist_all();
    let mut started = lived.restarted(0);
    let (before, after) = (lived.member.view(), started.member.view());
    assert_eq!((before.term, before.vote, before.last), (after.term, after.vote, after.last));
    assert_eq!((before.snapshot, before.membership), (after.snapshot, after.membership));
    if before.snapshot.is_none() {
        // A blank server answers with the name of its life.
        return;
    }
    let Some(probe) = event.probe(&lived) else { return };
    // Whom they have heard, and what they promised at the start, is long ago.
    for server in [&mut lived, &mut started] {
        server.now = server.now + Duration::from_secs(60);
        server.sent.clear();
        server.step(Input::Message(probe.clone()));
        server.persist_all();
        // A question for its clients' sake is no answer.
        server.sent.retain(|message| !matches!(message.body, Body::ReadIndex { .. }));
    }
    assert_eq!(lived.sent, started.sent, "to {probe:?} the server that lived answers the first");
    assert_alike(&lived.durable, &started.durable);
}

/// Two disks hold the same, but for how much of the log each has made a snapshot of.
fn assert_alike(lived: &Durable, started: &Durable) {
    assert_eq!(lived.hard_state, started.hard_state);
    let base = lived.log.base().max(started.log.base());
    let [lived, started] = [lived, started].map(|durable| {
        let entries = durable.log.entries().iter();
        entries.filter(|entry| base.index < entry.id.index).collect::<Vec<_>>()
    });
    assert_eq!(lived, started);
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_finds;
    use super::assert_holds;
    use seaworthy_core::flaw::Flaw;

    #[test]
    fn it_finds_what_only_one_of_the_two_remembers() {
        let flaws = [Flaw::AmnesiaAtRestart, Flaw::MembershipNotRolledBack, Flaw::TruncatesAlways];
        assert_finds(&flaws, assert_holds);
    }
}
