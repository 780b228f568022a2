//! One server among peers that say anything.

use super::event::read;
use seaworthy_core::flaw::{Flaws, Sound};

/// Any messages and inputs to one server: it does not panic, its own invariants hold after each step, nothing that must
/// not goes back, and no promise leaves before it is durable.
///
/// # Panics
/// If the law does not hold.
pub fn message(bytes: &[u8]) {
    assert_holds(bytes, Sound);
}

fn assert_holds(bytes: &[u8], flaws: impl Flaws) {
    let (mut server, events) = read(bytes, flaws);
    for event in events {
        event.happen_to(&mut server);
    }
    server.persist_all();
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_finds;
    use super::assert_holds;
    use seaworthy_core::flaw::Flaw;

    #[test]
    fn it_finds_what_one_server_can_do_wrong() {
        let flaws = [
            Flaw::VoteNotPersisted,
            Flaw::VoteReplyNotGated,
            Flaw::CampaignNotGated,
            Flaw::AckNotGated,
            Flaw::VotesTwice,
            Flaw::CommitRegresses,
        ];
        assert_finds(&flaws, assert_holds);
    }
}
