//! The ways to explain one completion.

use super::configuration::{Claim, Configuration, Past};
use super::frontier::{Lost, Pending};
use super::model::{State, depend, never_changes};
use super::places::{Mover, Places};
use super::{Budget, Seen};
use seaworthy_core::kv::{Answer, Command};
use std::collections::BTreeMap;

/// A search from all configurations of a frontier through the effects that other operations may have had before the
/// one that completes, the *goal*.
///
/// It goes layer by layer: nodes that took fewer effects first. An effect leads into the next layer, so a layer is
/// complete before it is looked into, and what can be merged in it is explored once ([`Past::merge`]).
///
/// Effects are put off for as long as possible (Lowe 2017, just-in-time linearization): nothing takes effect unless a
/// completion needs it, and then the goal comes last. What else there is can still take effect after it.
///
/// Whenever a state is left behind, every operation that could have taken effect in it unnoticed claims the answer
/// that it would have given: one that changes nothing there, and a SET that is wiped out by the next effect. Any number
/// of these claims can be true together, since none has left a trace, so they need no configuration each.
pub(super) struct Search<'a> {
    places: Places<'a>,
    lost: &'a [Lost],
    goal: usize,
    seen: Seen<'a>,
    budget: &'a Budget,
    steps: u64,
    /// The open operations, and the lots of lost ones, that it makes sense to move before the goal.
    movers: Vec<Mover>,
    nodes: Vec<Node>,
    /// The nodes that are yet to be looked into, by layer.
    layers: BTreeMap<u64, Vec<usize>>,
    /// The nodes of each place.
    nodes_at: Vec<Vec<usize>>,
    /// What came out, for each place.
    explained_at: Vec<Vec<Past>>,
}

/// A configuration in which the goal has not taken effect.
struct Node {
    place: usize,
    past: Past,
    /// Whether this configuration, or one that it comes from, allows the completion with no change to the state. Then
    /// any other way to do so is no better: the effects in between can as well come later.
    is_settled: bool,
    /// How many effects it took.
    layer: u64,
    /// Whether another node of its layer has taken it in.
    is_merged: bool,
}

/// The budget ran out.
#[derive(Debug)]
pub(super) struct OverBudget;

impl<'a> Search<'a> {
    /// A search for the ways in which the open operation at `goal` can have been `seen`. `answers` are the lists that
    /// claims refer to, one for each open operation.
    pub(super) fn new(
        open: &'a [Pending],
        lost: &'a [Lost],
        answers: &'a mut [Vec<Answer>],
        (goal, seen): (usize, Seen<'a>),
        budget: &'a Budget,
    ) -> Self {
        Self {
            places: Places::new(open, lost, answers),
            lost,
            goal,
            seen,
            budget,
            steps: 0,
            movers: movers(open, lost, goal),
            nodes: Vec::new(),
            layers: BTreeMap::new(),
            nodes_at: Vec::new(),
            explained_at: Vec::new(),
        }
    }

    /// The configurations behind the completion, none of which covers another, with nothing claimed for the goal; none
    /// if it cannot be explained from any of `configurations`.
    pub(super) fn run(mut self, configurations: &[Configuration]) -> Result<Vec<Configuration>, OverBudget> {
        for configuration in configurations {
            self.start(configuration)?;
        }
        while let Some((_, layer)) = self.layers.pop_first() {
            for node in layer {
                if !self.nodes[node].is_merged {
                    self.reach(node)?;
                    self.expand(node)?;
                }
            }
        }
        let mut explained = Vec::new();
        for (place, pasts) in self.explained_at.into_iter().enumerate() {
            let state = self.places.state(place);
            explained.extend(pasts.into_iter().map(|past| Configuration { state: state.clone(), past }));
        }
        Ok(explained)
    }

    /// Begins at a configuration of the frontier.
    fn start(&mut self, configuration: &Configuration) -> Result<(), OverBudget> {
        let place = self.places.place(configuration.state.clone());
        let mut past = configuration.past.clone();
        // What the goal could claim serves its purpose here, and must not tell nodes apart.
        let claim = std::mem::take(&mut past.claims[self.goal]);
        let answers = self.places.answers(self.goal).iter().enumerate();
        let fits = answers
            .filter(|(position, _)| claim.answers.contains(*position))
            .any(|(_, answer)| self.seen.fits(answer));
        if fits {
            self.explain(place, past.clone())?;
        }
        if claim.is_done {
            return Ok(());
        }
        self.visit(place, past, fits)
    }

    /// Lets the goal take effect at a node.
    fn reach(&mut self, node: usize) -> Result<(), OverBudget> {
        let Node { place, is_settled, .. } = self.nodes[node];
        let found = self.places.look(place, Mover::Open(self.goal));
        let (answer, to) = (found.answer, found.to);
        if !self.seen.fits(self.places.answer(self.goal, answer)) {
            return Ok(());
        }
        match to {
            Some(to) => {
                let past = self.past_behind(node, Mover::Open(self.goal));
                self.explain(to, past)
            }
            None if is_settled => Ok(()),
            None => {
                self.nodes[node].is_settled = true;
                self.explain(place, self.nodes[node].past.clone())
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
            let Node { place, is_settled, ref past, .. } = self.nodes[node];
            if !self.may_move(past, mover) {
                continue;
            }
            // One that changes nothing here makes its claim when the state changes.
            let Some(to) = self.places.look(place, mover).to else { continue };
            let past = self.past_behind(node, mover);
            self.visit(to, past, is_settled)?;
        }
        Ok(())
    }

    /// The past of a node and the effect of `mover` after it.
    fn past_behind(&mut self, node: usize, mover: Mover) -> Past {
        let Node { place, ref past, .. } = self.nodes[node];
        let mut past = past.clone();
        let found = self.places.look(place, mover);
        let answer = found.answer;
        for (position, answer) in &found.wiped_out {
            claim(&mut past.claims[*position], *answer);
        }
        for (position, answer) in self.places.passing(place) {
            claim(&mut past.claims[*position], *answer);
        }
        match mover {
            Mover::Open(position) => past.claims[position] = Claim::done(answer),
            Mover::Lost(lot) => past.used[lot] += 1,
        }
        past.claims[self.goal] = Claim::default();
        past
    }

    /// Whether nothing is to be gained from moving others at this node.
    fn is_exhausted(&self, node: &Node) -> bool {
        let goal = self.places.command(Mover::Open(self.goal));
        if node.is_settled && never_changes(goal) {
            return true;
        }
        // Whatever comes before a SET is wiped out by it, which matters only to somebody who can have seen it.
        let claims = node.past.claims.iter().enumerate();
        let mut others = claims.filter(|(position, _)| *position != self.goal);
        if matches!(goal, Command::Set { .. }) && others.all(|(_, claim)| claim.is_done) {
            return true;
        }
        // While all that is left can only extend a STRING, it must not be beyond what was seen.
        self.movers
            .iter()
            .filter(|mover| self.may_move(&node.past, **mover))
            .all(|mover| matches!(self.places.command(*mover), Command::Append { .. }))
            && self.is_overgrown(self.places.state(node.place))
    }

    /// Whether no extension of the STRING at `state` gives the goal's answer.
    fn is_overgrown(&self, state: &State) -> bool {
        let held: &[u8] = match state {
            State::Missing => &[],
            State::String(held) => held,
            State::Hash(_) | State::Set(_) => return false,
        };
        match (self.places.command(Mover::Open(self.goal)), self.seen) {
            (Command::Get { .. }, Seen::Answer(Answer::Value(value))) => !value.starts_with(held),
            (Command::Append { value, .. }, Seen::Answer(Answer::Integer(length))) => {
                (held.len() + value.len()) as u64 > *length
            }
            _ => false,
        }
    }

    fn may_move(&self, past: &Past, mover: Mover) -> bool {
        match mover {
            Mover::Open(position) => !past.claims[position].is_done,
            Mover::Lost(lot) => past.used[lot] < self.lost[lot].count,
        }
    }

    /// Adds a node, unless one is there already that covers it, and merges it with others of its layer.
    fn visit(&mut self, place: usize, mut past: Past, mut is_settled: bool) -> Result<(), OverBudget> {
        let layer = past.effects();
        let beside = at(&mut self.nodes_at, place, self.places.len());
        let mut next = 0;
        while let Some(number) = beside.get(next) {
            self.steps += 1;
            let other = &mut self.nodes[*number];
            if other.past.covers(&past) {
                return self.check_budget();
            }
            if other.layer == layer && past.merge(&other.past) {
                is_settled &= other.is_settled;
                other.is_merged = true;
                beside.swap_remove(next);
                next = 0;
            } else {
                next += 1;
            }
        }
        self.steps += 1;
        let number = self.nodes.len();
        beside.push(number);
        self.layers.entry(layer).or_default().push(number);
        self.nodes.push(Node { place, past, is_settled, layer, is_merged: false });
        self.check_budget()
    }

    /// Adds what came out.
    fn explain(&mut self, place: usize, past: Past) -> Result<(), OverBudget> {
        self.steps += past.add_to(at(&mut self.explained_at, place, self.places.len()));
        self.check_budget()
    }

    fn check_budget(&self) -> Result<(), OverBudget> {
        let is_within = self.steps <= self.budget.steps && self.nodes.len() <= self.budget.configurations;
        if is_within { Ok(()) } else { Err(OverBudget) }
    }
}

/// Lets an operation that is not done claim an answer.
fn claim(claim: &mut Claim, answer: usize) {
    if !claim.is_done {
        claim.answers.insert(answer);
    }
}

/// The list of a place, among lists for all `places`.
fn at<T>(lists: &mut Vec<Vec<T>>, place: usize, places: usize) -> &mut Vec<T> {
    lists.resize_with(places, Vec::new);
    &mut lists[place]
}

/// The operations whose effects can matter to the goal: those tied to it by a chain in which neighbours depend on each
/// other. Whatever else takes effect can be moved behind all of these, past the goal, with no one the wiser: it
/// commutes with each of them. A read moves nothing but makes part of a chain, for it may have seen in which order
/// others came.
fn movers(open: &[Pending], lost: &[Lost], goal: usize) -> Vec<Mover> {
    let open = open.iter().enumerate().map(|(position, pending)| (Mover::Open(position), &pending.command));
    let lost = lost.iter().enumerate().map(|(lot, lost)| (Mover::Lost(lot), &lost.command));
    let mut apart: Vec<(Mover, &Command)> = open.chain(lost).collect();
    let mut tied = vec![apart.remove(goal)];
    let mut next = 0;
    while next < tied.len() {
        let (_, link) = tied[next];
        let (more, rest): (Vec<_>, Vec<_>) =
            apart.into_iter().partition(|(_, command)| depend(link, command));
        tied.extend(more);
        apart = rest;
        next += 1;
    }
    let movers = tied.into_iter().skip(1).filter(|(_, command)| !never_changes(command));
    movers.map(|(mover, _)| mover).collect()
}
