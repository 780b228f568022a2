//! How commands and orders are carried out, wherever the servers are.

use super::basin::Basin;
use super::live::Live;
use super::orders::{Fault, ORDERS, Order, usage};
use super::remote::Remote;
use seaworthy_core::kv::{Answer, Command, SYNOPSES};
use seaworthy_core::member::Instruction;
use seaworthy_core::membership::Change;
use seaworthy_core::types::NodeId;
use seaworthy_core::view::Role;
use seaworthy_node::client::{ClientError, Failure};
use seaworthy_node::server::Status;
use seaworthy_sim::scenario::model::Action;
use seaworthy_sim::scenario::scalar::Target;
use std::fmt::Write as _;
use std::time::Duration;
use tokio::time::{self, Instant};

/// How long an order may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long an operator of the simulator's world has before the order is given again.
const AGAIN: Duration = Duration::from_secs(1);

/// The pause before an order is given again.
const PAUSE: Duration = Duration::from_millis(50);

/// The servers that the prompt is about.
pub(super) enum Deck {
    Basin(Basin),
    Live(Live),
    Remote(Remote),
}

/// A server, by the name under which it is known, and what it looks like or why it cannot be seen.
pub(super) type Sighting = (String, Result<Status, Failure>);

impl Deck {
    pub(super) async fn execute(&mut self, command: Command) -> Result<Answer, ClientError> {
        match self {
            Self::Basin(basin) => basin.execute(command).await,
            Self::Live(live) => live.execute(command).await,
            Self::Remote(remote) => remote.execute(command).await,
        }
    }

    /// Carries out an order. Gives what there is to say about it.
    pub(super) async fn follow(&mut self, order: &Order) -> Result<String, String> {
        if let Order::Add(_) | Order::Remove(_) | Order::Promote(_) = order
            && let Some(why) = lead(&self.statuses().await).and_then(|status| objection(order, status))
        {
            return Err(why);
        }
        match order {
            Order::Help(None) => Ok(help()),
            Order::Help(Some(name)) => explain(name),
            Order::Status => {
                let sightings = self.statuses().await;
                let seen = sightings.iter().any(|(_, status)| status.is_ok());
                let table = table(&sightings);
                if seen { Ok(table) } else { Err(format!("no server can be seen\n{table}")) }
            }
            Order::Add(node) => self.add(*node).await,
            Order::Remove(node) => {
                self.change(Change::Remove(*node)).await?;
                match self {
                    Self::Basin(basin) => basin.retire(*node),
                    Self::Live(live) => live.retire(*node).await,
                    Self::Remote(_) => {}
                }
                Ok("OK".to_owned())
            }
            Order::Promote(node) => self.change(Change::AddVoter(*node)).await,
            Order::Transfer(node) => self.insist(Instruction::TransferLeadership(*node)).await,
            Order::Snapshot(node) => {
                if let Self::Basin(basin) = self {
                    return basin.snapshot(*node).await.map(|()| "OK".to_owned());
                }
                let asked = time::timeout(PATIENCE, self.ask(*node, Instruction::TakeSnapshot)).await;
                let taken = asked.map_err(|_| format!("{node} does not answer"))?;
                taken.map(|()| "OK".to_owned()).map_err(|failure| failure.to_string())
            }
            Order::Save(path) => match self {
                Self::Basin(basin) => basin.save(path).await,
                Self::Live(_) | Self::Remote(_) => {
                    Err("only a session in memory is a scenario: see `seaworthy-node start memory`"
                        .to_owned())
                }
            },
            Order::Fault(fault) => self.fault(fault).await,
            Order::Exit => Ok(String::new()),
        }
    }

    /// Ends what runs in this process.
    pub(super) async fn close(self) {
        if let Self::Live(live) = self {
            live.close().await;
        }
    }

    async fn fault(&mut self, fault: &Fault) -> Result<String, String> {
        match self {
            Self::Basin(basin) => basin.fault(fault).await.map(|()| "OK".to_owned()),
            Self::Live(live) => live.fault(fault).await.map(|()| "OK".to_owned()),
            Self::Remote(_) => {
                Err("servers elsewhere follow no such order: see `seaworthy-node start`".to_owned())
            }
        }
    }

    async fn add(&mut self, node: NodeId) -> Result<String, String> {
        if let Self::Live(live) = self {
            live.launch_blank(node).await?;
        }
        if let Self::Basin(basin) = self {
            basin.check_stands_ready(node)?;
            // The operators of that world know that it must learn first.
            return self.change(Change::AddVoter(node)).await;
        }
        // It learns first, and gets a vote once it has caught up.
        self.change(Change::AddLearner(node)).await?;
        self.change(Change::AddVoter(node)).await
    }

    async fn change(&mut self, change: Change) -> Result<String, String> {
        self.insist(Instruction::ChangeMembership(vec![change])).await
    }

    /// Gives the leader an order until it is carried out. All orders to leaders may be given twice.
    async fn insist(&mut self, instruction: Instruction) -> Result<String, String> {
        if let Self::Basin(basin) = self {
            return operate(basin, &instruction).await;
        }
        let deadline = Instant::now() + PATIENCE;
        let mut failure = "the leader does not answer".to_owned();
        loop {
            let asked = async {
                let sightings = self.statuses().await;
                let leader = leader(&sightings).ok_or_else(|| leaderless(&sightings));
                self.ask(leader?, instruction.clone()).await
            };
            match time::timeout_at(deadline, asked).await {
                Ok(Ok(())) => return Ok("OK".to_owned()),
                Ok(Err(Failure::Invalid(reason) | Failure::Foreign(reason))) => return Err(reason),
                Ok(Err(other)) => failure = other.to_string(),
                // The last answer there was says more than that this one came too late.
                Err(_) => {}
            }
            if deadline <= Instant::now() + PAUSE {
                return Err(format!("not done within {PATIENCE:?}, but it may yet be: {failure}"));
            }
            time::sleep(PAUSE).await;
        }
    }

    async fn ask(&self, node: NodeId, instruction: Instruction) -> Result<(), Failure> {
        match self {
            Self::Basin(_) => unreachable!("its operators are given orders, not its servers"),
            Self::Live(live) => live.ask(node, instruction).await,
            Self::Remote(remote) => remote.ask(node, instruction).await,
        }
    }

    async fn statuses(&self) -> Vec<Sighting> {
        match self {
            Self::Basin(basin) => basin.statuses().await,
            Self::Live(live) => live.statuses().await,
            Self::Remote(remote) => remote.statuses().await,
        }
    }
}

/// Has an operator of the simulator's world do something, again and again, until the leader shows that it is done.
async fn operate(basin: &Basin, instruction: &Instruction) -> Result<String, String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        basin.act(actions(instruction)).await?;
        let again = (Instant::now() + AGAIN).min(deadline);
        while Instant::now() < again {
            if is_done(instruction, &basin.statuses().await) {
                return Ok("OK".to_owned());
            }
            time::sleep(PAUSE).await;
        }
        if deadline <= Instant::now() {
            return Err(format!("not done within {PATIENCE:?}, but it may yet be"));
        }
    }
}

/// An instruction to a leader, as scenarios put it.
fn actions(instruction: &Instruction) -> Vec<Action> {
    match instruction {
        Instruction::ChangeMembership(changes) => {
            let changed = changes.iter().map(|change| {
                let (mut add, mut learn, mut remove) = (vec![], vec![], vec![]);
                match change {
                    Change::AddVoter(node) => add.push(Target::Node(node.get())),
                    Change::AddLearner(node) => learn.push(Target::Node(node.get())),
                    Change::Remove(node) => remove.push(Target::Node(node.get())),
                }
                Action::ChangeMembership { add, learn, remove, node: None }
            });
            changed.collect()
        }
        Instruction::TransferLeadership(to) => vec![Action::TransferLeadership(Target::Node(to.get()))],
        Instruction::TakeSnapshot => vec![Action::TakeSnapshot(Target::Leader)],
        Instruction::StepDown => vec![Action::StepDown {}],
    }
}

/// Whether an instruction has been carried out, as far as the leader shows it.
fn is_done(instruction: &Instruction, sightings: &[Sighting]) -> bool {
    let Some(status) = lead(sightings) else { return false };
    let membership = &status.membership;
    let holds = |change: &Change| match change {
        Change::AddVoter(node) => membership.voters.contains(*node),
        Change::AddLearner(node) => membership.learners.contains(node),
        Change::Remove(node) => !membership.contains(*node),
    };
    match instruction {
        Instruction::ChangeMembership(changes) => !membership.is_joint() && changes.iter().all(holds),
        Instruction::TransferLeadership(to) => status.id == *to,
        Instruction::TakeSnapshot | Instruction::StepDown => true,
    }
}

/// What is wrong with a change of the members that `leader` shows: what has no effect, or another one than it sounds
/// like, or would never be done.
fn objection(order: &Order, leader: &Status) -> Option<String> {
    let members = &leader.membership;
    match order {
        Order::Add(node) if members.voters.contains(*node) => {
            Some(format!("{node} is a member already, and has a vote"))
        }
        Order::Remove(node) if !members.contains(*node) => Some(format!("{node} is no member")),
        Order::Promote(node) if !members.contains(*node) => {
            Some(format!("{node} is no member: start it with --join, and ADD it"))
        }
        Order::Remove(node) if members.voters.incoming.voters() == [*node] => {
            Some(format!("{node} is the last that has a vote: ADD another one first"))
        }
        _ => None,
    }
}

/// Who leads: of those who say so, the one of the latest term.
pub(super) fn leader(sightings: &[Sighting]) -> Option<NodeId> {
    lead(sightings).map(|status| status.id)
}

/// What the leader looks like.
fn lead(sightings: &[Sighting]) -> Option<&Status> {
    let statuses = sightings.iter().filter_map(|(_, status)| status.as_ref().ok());
    let leaders = statuses.filter(|status| status.role == Role::Leader);
    leaders.max_by_key(|status| status.term)
}

/// Why nobody is known to lead.
fn leaderless(sightings: &[Sighting]) -> Failure {
    let failures: Vec<&Failure> = sightings.iter().filter_map(|(_, status)| status.as_ref().err()).collect();
    match failures.first() {
        Some(failure) if failures.len() == sightings.len() => {
            let text = format!("no server can be seen: {failure}");
            let foreign = failures.iter().all(|failure| matches!(failure, Failure::Foreign(_)));
            if foreign { Failure::Foreign(text) } else { Failure::Unreachable(text) }
        }
        _ => Failure::Unreachable("nobody leads".to_owned()),
    }
}

/// The servers, one a line.
fn table(sightings: &[Sighting]) -> String {
    let followers = lead(sightings).map_or(&[][..], |status| &status.followers);
    let mut rows = vec![["node", "role", "term", "commit", "applied", "log", "match"].map(str::to_owned)];
    for (name, status) in sightings {
        rows.push(match status {
            Ok(status) => {
                let role = match status.role {
                    Role::Leader => "leader",
                    Role::Follower if status.snapshot.is_none() => "blank",
                    Role::Follower if !status.membership.voters.contains(status.id) => "learner",
                    Role::Follower => "follower",
                    Role::PreCandidate => "pre-candidate",
                    Role::Candidate => "candidate",
                };
                let follower = followers.iter().find(|follower| follower.node == status.id);
                let matched = follower.map_or("-".to_owned(), |follower| follower.matched.to_string());
                let numbers = [status.term.0, status.commit.0, status.applied.0];
                let [term, commit, applied] = numbers.map(|number| number.to_string());
                [
                    status.id.to_string(),
                    role.to_owned(),
                    term,
                    commit,
                    applied,
                    status.last.to_string(),
                    matched,
                ]
            }
            Err(failure) => {
                let [a, b, c, d, e] = [(); 5].map(|()| String::new());
                [name.clone(), failure.to_string(), a, b, c, d, e]
            }
        });
    }
    // What cannot be seen has a reason of any length in the second column.
    let width = |column: usize| {
        let seen = rows.iter().filter(|row| column != 1 || !row[2].is_empty());
        seen.map(|row| row[column].chars().count()).max().unwrap_or(0)
    };
    let widths = [0, 1, 2, 3, 4, 5, 6].map(width);
    let lines = rows.iter().map(|row| {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            write!(line, "{cell:width$}  ").expect("a string has room");
        }
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn help() -> String {
    let all = SYNOPSES.iter().chain(&ORDERS);
    let width = all.clone().map(|synopsis| usage(synopsis).chars().count()).max().unwrap_or(0);
    let lines = all.map(|synopsis| format!("{:width$}  {}", usage(synopsis), synopsis.summary));
    lines.collect::<Vec<_>>().join("\n")
}

fn explain(name: &str) -> Result<String, String> {
    let found = SYNOPSES.iter().chain(&ORDERS).find(|synopsis| synopsis.name == name);
    let explained = found.map(|synopsis| format!("{}  {}", usage(synopsis), synopsis.summary));
    explained.ok_or_else(|| "there is no such command: HELP lists them".to_owned())
}
