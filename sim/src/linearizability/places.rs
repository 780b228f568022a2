//! The states that a search comes by, and where each operation leads from each of them.

use super::frontier::{Lost, Pending};
use super::model::State;
use seaworthy_core::kv::{Answer, Command};
use std::collections::BTreeMap;

/// An operation that a search can let take effect, by its position in the frontier.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mover {
    Open(usize),
    Lost(usize),
}

/// States under numbers, *places*, each looked into once.
pub(super) struct Places<'a> {
    open: &'a [Pending],
    lost: &'a [Lost],
    /// Every answer that came up for each open operation; a claim is a position in this list.
    answers: &'a mut [Vec<Answer>],
    numbers: BTreeMap<State, usize>,
    places: Vec<Place>,
}

struct Place {
    state: State,
    /// What each open operation, then each lot of lost ones, would do here; `None` until somebody asks.
    moves: Vec<Option<Move>>,
    /// What every other operation claims when the state is left behind; `None` until somebody asks.
    passing: Option<Vec<(usize, usize)>>,
}

/// What an operation would do at a place.
#[derive(Clone, Debug)]
pub(super) struct Move {
    /// What it would answer, as a position; 0 for a lost one, of which nobody will know.
    pub(super) answer: usize,
    /// Where it would lead; `None` if it would change nothing.
    pub(super) to: Option<usize>,
    /// The open operations that it would wipe out without a trace, and the answer of each. It may itself be among them.
    pub(super) wiped_out: Vec<(usize, usize)>,
}

impl<'a> Places<'a> {
    pub(super) fn new(open: &'a [Pending], lost: &'a [Lost], answers: &'a mut [Vec<Answer>]) -> Self {
        Self { open, lost, answers, numbers: BTreeMap::new(), places: Vec::new() }
    }

    /// How many states there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn state(&self, place: usize) -> &State {
        &self.places[place].state
    }

    /// The answer of an open operation at a position of its list.
    pub(super) fn answer(&self, operation: usize, position: usize) -> &Answer {
        &self.answers[operation][position]
    }

    /// The answers, of all that came up for an open operation.
    pub(super) fn answers(&self, operation: usize) -> &[Answer] {
        &self.answers[operation]
    }

    pub(super) fn command(&self, mover: Mover) -> &'a Command {
        match mover {
            Mover::Open(position) => &self.open[position].command,
            Mover::Lost(lot) => &self.lost[lot].command,
        }
    }

    /// The number of a state.
    pub(super) fn place(&mut self, state: State) -> usize {
        let next = self.places.len();
        *self.numbers.entry(state).or_insert_with_key(|state| {
            let moves = vec![None; self.open.len() + self.lost.len()];
            self.places.push(Place { state: state.clone(), moves, passing: None });
            next
        })
    }

    /// What `mover` would do at a place.
    pub(super) fn look(&mut self, place: usize, mover: Mover) -> &Move {
        let slot = match mover {
            Mover::Open(position) => position,
            Mover::Lost(lot) => self.open.len() + lot,
        };
        if self.places[place].moves[slot].is_none() {
            let found = self.find(place, mover);
            self.places[place].moves[slot] = Some(found);
        }
        self.places[place].moves[slot].as_ref().expect("found above")
    }

    fn find(&mut self, place: usize, mover: Mover) -> Move {
        let command = self.command(mover);
        let step = self.places[place].state.apply(command);
        let mut wiped_out = Vec::new();
        if let Some(next) = &step.next {
            for (position, other) in self.open.iter().enumerate() {
                // The answer and the effect of a SET depend on nothing. So any number of them, with the readers of the
                // state before them, fit in at the same place.
                let Command::Set { value, .. } = &other.command else { continue };
                let between = State::String(value.clone());
                let again = between.apply(command);
                if again.answer == step.answer && again.next.as_ref().unwrap_or(&between) == next {
                    wiped_out.push((position, self.position(position, Answer::Ok)));
                }
            }
        }
        let answer = match mover {
            Mover::Open(position) => self.position(position, step.answer),
            Mover::Lost(_) => 0,
        };
        Move { answer, to: step.next.map(|next| self.place(next)), wiped_out }
    }

    /// The open operations that would change nothing at a place, and the answer of each. It may be one that does
    /// change other states: a SET of the value that is held passes here, and remains a resource for later.
    pub(super) fn passing(&mut self, place: usize) -> &[(usize, usize)] {
        if self.places[place].passing.is_none() {
            let mut passing = Vec::new();
            for position in 0..self.open.len() {
                let Move { answer, to, .. } = self.look(place, Mover::Open(position));
                if to.is_none() {
                    passing.push((position, *answer));
                }
            }
            self.places[place].passing = Some(passing);
        }
        self.places[place].passing.as_deref().expect("found above")
    }

    /// The position of an answer in the list of an open operation.
    fn position(&mut self, operation: usize, answer: Answer) -> usize {
        let known = &mut self.answers[operation];
        known.iter().position(|other| *other == answer).unwrap_or_else(|| {
            known.push(answer);
            known.len() - 1
        })
    }
}
