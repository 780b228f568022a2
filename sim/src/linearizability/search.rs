//! The ways to explain one completion.

use super::configuration::{Claim, Configuration, add_uncovered};
use super::frontier::Frontier;
use super::model::{State, depend, never_changes};
use super::{Budget, Seen};
use seaworthy_core::kv::{Answer, Command};
use std::collections::BTreeMap;

/// A search, breadth first from all configurations of a frontier, through the effects that other operations may have
/// had before the one that completes, the *goal*.
///
/// Effects are put off for as long as possible (Lowe 2017, just-in-time linearization): nothing takes effect unless a
/// completion needs it, and then the goal comes last. What else there is can still take effect after it.
pub(super) struct Search<'a> {
    frontier: &'a Frontier,
    goal: usize,
    seen: Seen<'a>,
    budget: &'a Budget,
    steps: u64,
    /// The open operations, and the lots of lost ones, that it makes sense to move before the goal.
    movers: Vec<Mover>,
    nodes: Vec<Node>,
    /// The nodes by their state, to look for one that covers a new one.
    nodes_at: BTreeMap<State, Vec<usize>>,
    explained: BTreeMap<State, Vec<Configuration>>,
}

/// A configuration in which the goal is still open.
struct Node {
    configuration: Configuration,
    /// Whether this configuration, or one that it comes from, allows the completion with no change to the state. Then
    /// any other way to do so is no better: the effects in between can as well come later.
    settled: bool,
}

#[derive(Clone, Copy)]
enum Mover {
    Open(usize),
    Lost(usize),
}

struct OverBudget;

impl<'a> Search<'a> {
    /// A search for the ways in which the open operation at `goal` can have been `seen`.
    pub(super) fn new(frontier: &'a Frontier, goal: usize, seen: Seen<'a>, budget: &'a Budget) -> Self {
        Self {
            frontier,
            goal,
            seen,
            budget,
            steps: 0,
            movers: movers(frontier, goal),
            nodes: Vec::new(),
            nodes_at: BTreeMap::new(),
            explained: BTreeMap::new(),
        }
    }

    /// The configurations behind the completion, none of which covers another, with the goal marked as done; none if
    /// it cannot be explained. `None` if the budget ran out.
    pub(super) fn run(mut self) -> Option<Vec<Configuration>> {
        self.search().ok()?;
        Some(self.explained.into_values().flatten().collect())
    }

    fn search(&mut self) -> Result<(), OverBudget> {
        for configuration in &self.frontier.configurations {
            self.start(configuration.clone())?;
        }
        let mut next = 0;
        while next < self.nodes.len() {
            self.reach(next)?;
            self.expand(next)?;
            next += 1;
        }
        Ok(())
    }

    /// Begins at a configuration of the frontier.
    fn start(&mut self, mut configuration: Configuration) -> Result<(), OverBudget> {
        let settled = match &configuration.claims[self.goal] {
            Claim::Done(answer) => {
                return if self.seen.fits(answer) { self.explain(configuration) } else { Ok(()) };
            }
            Claim::Open(answers) => answers.iter().any(|answer| self.seen.fits(answer)),
        };
        // What the goal could claim has served its purpose, and must not tell nodes apart.
        configuration.claims[self.goal] = Claim::NEW;
        if settled {
            self.explain(configuration.clone())?;
        }
        self.visit(Node { configuration, settled })
    }

    /// Lets the goal take effect at a node.
    fn reach(&mut self, node: usize) -> Result<(), OverBudget> {
        self.spend(1)?;
        let Node { configuration, settled } = &self.nodes[node];
        let (answer, next) = self.advance(configuration, Mover::Open(self.goal));
        if !self.seen.fits(&answer) {
            return Ok(());
        }
        match next {
            Some(next) => self.explain(next),
            None if *settled => Ok(()),
            None => {
                let unchanged = configuration.clone();
                self.nodes[node].settled = true;
                self.explain(unchanged)
            }
        }
    }

    /// Lets each of the others take effect at a node.
    fn expand(&mut self, node: usize) -> Result<(), OverBudget> {
        if self.is_exhausted(&self.nodes[node]) {
            return Ok(());
        }
        for index in 0..self.movers.len() {
            let mover = self.movers[index];
            let Node { configuration, settled } = &self.nodes[node];
            if !self.may_move(configuration, mover) {
                continue;
            }
            let settled = *settled;
            let (answer, next) = self.advance(configuration, mover);
            self.spend(1)?;
            // One that changes nothing here has made its claim, or will when the state changes.
            let Some(mut next) = next else { continue };
            match mover {
                Mover::Open(position) => next.claims[position] = Claim::Done(answer),
                Mover::Lost(lot) => next.used[lot] += 1,
            }
            next.claims[self.goal] = Claim::NEW;
            self.visit(Node { configuration: next, settled })?;
        }
        Ok(())
    }

    /// Whether nothing is to be gained from moving others at this node.
    fn is_exhausted(&self, node: &Node) -> bool {
        let goal = self.command(Mover::Open(self.goal));
        if node.settled && never_changes(goal) {
            return true;
        }
        // Whatever comes before a SET is wiped out by it, which matters only to somebody who can have seen it.
        let others =
            node.configuration.claims.iter().enumerate().filter(|(position, _)| *position != self.goal);
        if matches!(goal, Command::Set { .. })
            && others.into_iter().all(|(_, claim)| matches!(claim, Claim::Done(_)))
        {
            return true;
        }
        // While all that is left can only extend a STRING, it must not be beyond what was seen.
        self.movers
            .iter()
            .filter(|mover| self.may_move(&node.configuration, **mover))
            .all(|mover| matches!(self.command(*mover), Command::Append { .. }))
            && self.is_overgrown(&node.configuration.state)
    }

    /// Whether no extension of the STRING at `state` gives the goal's answer.
    fn is_overgrown(&self, state: &State) -> bool {
        let held: &[u8] = match state {
            State::Missing => &[],
            State::String(held) => held,
            State::Hash(_) | State::Set(_) => return false,
        };
        match (self.command(Mover::Open(self.goal)), self.seen) {
            (Command::Get { .. }, Seen::Answer(Answer::Value(value))) => !value.starts_with(held),
            (Command::Append { value, .. }, Seen::Answer(Answer::Integer(length))) => {
                (held.len() + value.len()) as u64 > *length
            }
            _ => false,
        }
    }

    fn command(&self, mover: Mover) -> &'a Command {
        match mover {
            Mover::Open(position) => &self.frontier.open[position].command,
            Mover::Lost(lot) => &self.frontier.lost[lot].command,
        }
    }

    fn may_move(&self, configuration: &Configuration, mover: Mover) -> bool {
        match mover {
            Mover::Open(position) => matches!(configuration.claims[position], Claim::Open(_)),
            Mover::Lost(lot) => configuration.used[lot] < self.frontier.lost[lot].count,
        }
    }

    fn advance(&self, configuration: &Configuration, mover: Mover) -> (Answer, Option<Configuration>) {
        let position = match mover {
            Mover::Open(position) => Some(position),
            Mover::Lost(_) => None,
        };
        let open = self.frontier.open.iter().map(|pending| &pending.command);
        configuration.advance(self.command(mover), position, open)
    }

    /// Adds a node, unless one is there already that covers it.
    fn visit(&mut self, node: Node) -> Result<(), OverBudget> {
        let beside = self.nodes_at.entry(node.configuration.state.clone()).or_default();
        self.steps += beside.len() as u64;
        if !beside
            .iter()
            .any(|other| self.nodes[*other].configuration.covers_beside_state(&node.configuration))
        {
            beside.push(self.nodes.len());
            self.nodes.push(node);
        }
        self.spend(0)
    }

    /// Adds a configuration behind the completion.
    fn explain(&mut self, mut configuration: Configuration) -> Result<(), OverBudget> {
        configuration.claims[self.goal] = Claim::NEW;
        let beside = self.explained.entry(configuration.state.clone()).or_default();
        self.steps += beside.len() as u64;
        add_uncovered(beside, configuration);
        self.spend(0)
    }

    fn spend(&mut self, steps: u64) -> Result<(), OverBudget> {
        self.steps += steps;
        if self.steps <= self.budget.steps { Ok(()) } else { Err(OverBudget) }
    }
}

/// The operations whose effects can matter to the goal: those tied to it by a chain in which neighbours depend on each
/// other. Whatever else takes effect can be moved behind all of these, past the goal, with no one the wiser: it
/// commutes with each of them. A read moves nothing but makes part of a chain, for it may have seen in which order
/// others came.
fn movers(frontier: &Frontier, goal: usize) -> Vec<Mover> {
    let open =
        (0..frontier.open.len()).map(|position| (Mover::Open(position), &frontier.open[position].command));
    let lost = (0..frontier.lost.len()).map(|lot| (Mover::Lost(lot), &frontier.lost[lot].command));
    let mut apart: Vec<(Mover, &Command)> = open.chain(lost).collect();
    let mut tied = vec![apart.remove(goal)];
    let mut next = 0;
    while next < tied.len() {
        let (_, link) = tied[next];
        let (more, rest) = apart.into_iter().partition(|(_, command)| depend(link, command));
        tied.extend::<Vec<_>>(more);
        apart = rest;
        next += 1;
    }
    let movers = tied.split_off(1).into_iter();
    movers.filter(|(_, command)| !never_changes(command)).map(|(mover, _)| mover).collect()
}
