//! What can be typed at the prompt besides the commands of the store: orders of an operator.

use seaworthy_core::kv::Synopsis;
use seaworthy_core::types::NodeId;
use std::path::PathBuf;
use std::time::Duration;

/// An order of an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Help(Option<String>),
    Status,
    Add(NodeId),
    Remove(NodeId),
    Promote(NodeId),
    Transfer(NodeId),
    Snapshot(NodeId),
    Save(PathBuf),
    Fault(Fault),
    Exit,
}

/// An order that only servers in this process can follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Crash(Target),
    Restart(NodeId),
    Partition(Vec<Vec<NodeId>>),
    Isolate(Target),
    Heal,
    Delay(Duration),
    Loss(u32),
}

/// A server, by its number or its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Node(NodeId),
    Leader,
}

const fn synopsis(name: &'static str, arguments: &'static str, summary: &'static str) -> Synopsis {
    Synopsis { name, arguments, summary }
}

/// All orders, in the order in which help lists them.
pub(super) const ORDERS: [Synopsis; 16] = [
    synopsis("STATUS", "", "shows the servers"),
    synopsis("ADD", "node", "starts a server, if it is one of this process, and gives it a vote"),
    synopsis("REMOVE", "node", "takes a server out of the cluster"),
    synopsis("PROMOTE", "node", "gives a learner a vote"),
    synopsis("TRANSFER", "node", "hands the leadership to a server"),
    synopsis("SNAPSHOT", "node", "has a server take a snapshot"),
    synopsis("CRASH", "node|leader", "stops a server at once; its disk stays"),
    synopsis("RESTART", "node", "starts a server from its disk, after a crash if it runs"),
    synopsis("PARTITION", "node … | node … [| …]", "cuts the network; who is in none forms one more"),
    synopsis("ISOLATE", "node|leader", "cuts a server off from all others"),
    synopsis("HEAL", "", "mends the network"),
    synopsis("DELAY", "time", "lets every message take longer, as in 50ms"),
    synopsis("LOSS", "percent", "loses so many of a hundred messages, as in 10%"),
    synopsis("SAVE", "file", "writes the session down as a scenario, in memory"),
    synopsis("HELP", "[command]", "explains a command, or lists them"),
    synopsis("EXIT", "", "ends"),
];

impl Order {
    /// The order that a line says; `None` if its first word is that of none.
    ///
    /// # Errors
    /// How the order is written.
    pub(super) fn parse(line: &str) -> Option<Result<Self, String>> {
        let mut words = line.split_ascii_whitespace();
        let first = words.next()?;
        let synopsis = ORDERS.iter().find(|synopsis| first.eq_ignore_ascii_case(synopsis.name))?;
        let words: Vec<&str> = words.collect();
        let order = Self::build(synopsis.name, &words);
        Some(order.ok_or_else(|| format!("usage: {}", usage(synopsis))))
    }

    fn build(name: &str, words: &[&str]) -> Option<Self> {
        let fault = |fault| Some(Self::Fault(fault));
        let no_more = |order| words.is_empty().then_some(order);
        let one = || match words {
            [word] => node(word).ok(),
            _ => None,
        };
        match name {
            "STATUS" => no_more(Self::Status),
            "ADD" => one().map(Self::Add),
            "REMOVE" => one().map(Self::Remove),
            "PROMOTE" => one().map(Self::Promote),
            "TRANSFER" => one().map(Self::Transfer),
            "SNAPSHOT" => one().map(Self::Snapshot),
            "CRASH" => fault(Fault::Crash(target(words)?)),
            "RESTART" => fault(Fault::Restart(one()?)),
            "PARTITION" => fault(Fault::Partition(groups(words)?)),
            "ISOLATE" => fault(Fault::Isolate(target(words)?)),
            "HEAL" => no_more(Self::Fault(Fault::Heal)),
            "DELAY" => fault(Fault::Delay(delay(words)?)),
            "LOSS" => fault(Fault::Loss(percent(words)?)),
            "SAVE" => match words {
                [path] => Some(Self::Save(path.into())),
                _ => None,
            },
            "HELP" => match words {
                [] => Some(Self::Help(None)),
                [word] => Some(Self::Help(Some(word.to_ascii_uppercase()))),
                _ => None,
            },
            "EXIT" => no_more(Self::Exit),
            _ => unreachable!("all orders are listed"),
        }
    }
}

/// How an order is written.
pub(super) fn usage(synopsis: &Synopsis) -> String {
    synopsis.to_string().trim_end().to_owned()
}

/// A server's number, as in `3` or `n3`.
pub(super) fn node(text: &str) -> Result<NodeId, String> {
    let number = text.strip_prefix('n').unwrap_or(text).parse().ok().filter(|number| *number < 1 << 63);
    number.and_then(NodeId::try_new).ok_or_else(|| "a server is a number from 1 on".to_owned())
}

fn target(words: &[&str]) -> Option<Target> {
    match words {
        [word] if word.eq_ignore_ascii_case("leader") => Some(Target::Leader),
        [word] => node(word).ok().map(Target::Node),
        _ => None,
    }
}

/// Groups of servers, each in one of them at most.
fn groups(words: &[&str]) -> Option<Vec<Vec<NodeId>>> {
    let mut groups = vec![Vec::new()];
    let mut seen = Vec::new();
    for word in words.join(" ").replace('|', " | ").split_ascii_whitespace() {
        if word == "|" {
            groups.push(Vec::new());
            continue;
        }
        let node = node(word).ok().filter(|node| !seen.contains(node))?;
        seen.push(node);
        groups.last_mut().expect("there is one at least").push(node);
    }
    groups.iter().all(|group| !group.is_empty()).then_some(groups)
}

fn delay(words: &[&str]) -> Option<Duration> {
    let [word] = words else { return None };
    let (number, unit) = word.split_at(word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len()));
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit {
        "ms" => number,
        "s" => number.checked_mul(1_000)?,
        _ => return None,
    };
    (milliseconds <= 60_000).then_some(Duration::from_millis(milliseconds))
}

fn percent(words: &[&str]) -> Option<u32> {
    let [word] = words else { return None };
    word.strip_suffix('%')?.parse().ok().filter(|percent| *percent <= 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Order, String> {
        Order::parse(line).expect("it begins with an order")
    }

    #[test]
    fn an_order_is_understood_in_any_case() {
        let [one, two, three] = [1, 2, 3].map(NodeId::new);
        let cases = [
            ("status", Order::Status),
            ("Add n3", Order::Add(three)),
            ("CRASH Leader", Order::Fault(Fault::Crash(Target::Leader))),
            ("partition 1 2|3", Order::Fault(Fault::Partition(vec![vec![one, two], vec![three]]))),
            ("DELAY 50ms", Order::Fault(Fault::Delay(Duration::from_millis(50)))),
            ("LOSS 10%", Order::Fault(Fault::Loss(10))),
            ("help crash", Order::Help(Some("CRASH".to_owned()))),
        ];
        for (line, order) in cases {
            assert_eq!(parsed(line), Ok(order), "{line}");
        }
        assert_eq!(Order::parse("GET status"), None);
        assert_eq!(Order::parse("  "), None);
    }

    #[test]
    fn a_wrong_order_is_answered_with_how_it_is_written() {
        let cases = [
            ("ADD", "usage: ADD node"),
            ("ADD 0", "usage: ADD node"),
            ("CRASH 1 2", "usage: CRASH node|leader"),
            ("PARTITION 1 | 1", "usage: PARTITION node … | node … [| …]"),
            ("PARTITION 1 |", "usage: PARTITION node … | node … [| …]"),
            ("DELAY 50", "usage: DELAY time"),
            ("DELAY 61s", "usage: DELAY time"),
            ("LOSS 101%", "usage: LOSS percent"),
            ("HEAL all", "usage: HEAL"),
        ];
        for (line, usage) in cases {
            assert_eq!(parsed(line), Err(usage.to_owned()), "{line}");
        }
    }
}
