//! What clients ask of their own accord: weighted commands on a few keys at a time.
//!
//! The history that comes of it must be telling and yet cheap to check:
//! - Most values are unique (`c<client>.<number>`), so that a read names the write that it saw; a small share are
//!   one of three, so that a checker cannot live on uniqueness alone.
//! - Fields and members are few, so that clients collide on them.
//! - A key is used for a while and then never again: each of the `keys` slots moves from `k<slot>.<generation>` to
//!   the next generation after [`OPERATIONS`] operations, or as soon as [`UNKNOWN`] of them have no known outcome,
//!   or [`OVERLAP`] began during another. A checker's cost grows with the operations of one key, and above all with
//!   how many of them may have taken effect before or after each other. Its memory would grow with the keys, so the
//!   generator says of which one nobody will hear again ([`Generator::retired`]).

use crate::choice::{Choice, Stream};
use crate::history::{ClientId, Completion};
use crate::scenario::model::{CommandName, Workload};
use seaworthy_core::kv::{Answer, Command, Kind};
use seaworthy_core::types::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// How many operations a key sees before its slot moves on.
const OPERATIONS: u32 = 40;

/// How many operations of unknown outcome a key sees before its slot moves on.
const UNKNOWN: u32 = 3;

/// How many operations on a key may begin while another one on it is under way before its slot moves on.
const OVERLAP: u32 = 12;

/// How likely a command is for another type than the key's, in parts per million.
const WRONG_TYPE: u32 = 50_000;

/// How likely a value is one of [`COMMON`], in parts per million.
const COMMON_VALUE: u32 = 100_000;

const COMMON: [&str; 3] = ["a", "b", "c"];
const FIELDS: [&str; 3] = ["f1", "f2", "f3"];
const MEMBERS: [&str; 3] = ["m1", "m2", "m3"];

/// The keys in use and what is done to them.
#[derive(Clone, Debug)]
pub(super) struct Generator {
    weights: Vec<(CommandName, u32)>,
    totals: Totals,
    slots: Vec<Slot>,
    /// Keys that their slots have left, and how many operations on each of them are still under way.
    left: BTreeMap<Bytes, usize>,
    /// Keys that are retired, unless somebody has been told.
    retired: Vec<Bytes>,
}

/// The weights of commands by the type that they are for.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    /// For any.
    general: u64,
    /// For one, in the order of [`KINDS`].
    of_kinds: [u64; 3],
}

const KINDS: [Kind; 3] = [Kind::String, Kind::Hash, Kind::Set];

impl Totals {
    fn of(weights: &[(CommandName, u32)]) -> Self {
        let mut totals = Self::default();
        for (name, weight) in weights {
            let total = match kind_of(*name) {
                None => &mut totals.general,
                Some(kind) => &mut totals.of_kinds[kind as usize],
            };
            *total += u64::from(*weight);
        }
        totals
    }

    /// Of those for one type.
    fn typed(self) -> u64 {
        self.of_kinds.iter().sum()
    }
}

#[derive(Clone, Debug)]
struct Slot {
    generation: u64,
    key: Bytes,
    /// Operations on this generation.
    operations: u32,
    /// Those of unknown outcome among them.
    unknown: u32,
    /// Those under way, by their number.
    open: BTreeSet<u32>,
    /// The STRING that the key was last given or seen to hold: the best guess for a CAS.
    value: Option<Bytes>,
}

/// Where an operation's key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    slot: usize,
    generation: u64,
    /// The operation's number among those on this key, from 1.
    number: u32,
}

/// Whose operation, and its number among that client's: together they make values unique.
#[derive(Clone, Copy, Debug)]
pub(super) struct Author {
    pub(super) client: ClientId,
    pub(super) number: u64,
}

impl Author {
    fn stream(self) -> Stream {
        Stream::Client(self.client.0)
    }

    fn unique(self) -> Bytes {
        Bytes::from(format!("c{}.{}", self.client.0, self.number).as_str())
    }
}

impl Generator {
    pub(super) fn new(workload: &Workload) -> Self {
        let weights = workload.commands.iter().filter(|(_, weight)| 0 < **weight);
        let weights: Vec<_> = weights.map(|(name, weight)| (*name, *weight)).collect();
        let slots = (0..workload.keys.max(1) as usize).map(|slot| Slot::new(slot, 0)).collect();
        Self { totals: Totals::of(&weights), weights, slots, left: BTreeMap::new(), retired: Vec::new() }
    }

    /// The next command of `author`, one that changes nothing if it `reads` only.
    pub(super) fn command(&mut self, author: Author, reads: bool, choice: &mut Choice) -> (Command, Place) {
        let stream = author.stream();
        let slot = choice.below(stream, self.slots.len() as u64) as usize;
        let place = self.take(slot);
        let kind = self.kind(place);
        let anything = choice.chance(stream, WRONG_TYPE);
        let Totals { general, .. } = self.totals;
        let total = general + self.totals.typed();
        let wanted = if anything || choice.below(stream, total.max(1)) < general {
            // Of the general ones, or of all.
            self.pick(author, choice, |name| {
                (anything || kind_of(name).is_none()) && (!reads || is_read(name))
            })
        } else {
            self.pick(author, choice, |name| kind_of(name) == Some(kind) && (!reads || is_read(name)))
        };
        let name = wanted.unwrap_or(read_of(kind));
        (self.build(name, place, author, choice), place)
    }

    /// A write or a read of the key of slot `slot`, for seeing whether the cluster is alive.
    pub(super) fn probe(
        &mut self,
        author: Author,
        slot: usize,
        write: bool,
        choice: &mut Choice,
    ) -> (Command, Place) {
        let place = self.take(slot % self.slots.len());
        let kind = self.kind(place);
        let name = if write { write_of(kind) } else { read_of(kind) };
        (self.build(name, place, author, choice), place)
    }

    /// Takes note of how an operation ended. What a key holds makes a good guess for a CAS.
    pub(super) fn ended(&mut self, place: Place, command: &Command, completion: &Completion) {
        let Some(slot) = self.live(place) else {
            return self.ended_behind(place);
        };
        slot.open.remove(&place.number);
        match (command, completion) {
            (Command::Get { .. } | Command::Cas { .. }, Completion::Ok(Answer::Value(value))) => {
                slot.value = Some(value.clone());
            }
            (_, Completion::Info) => slot.unknown += 1,
            _ => {}
        }
    }

    /// The keys, told once each, on which no operation is under way and none will ever begin.
    pub(super) fn retired(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.retired)
    }

    /// Takes note of the end of an operation on a key that its slot has left.
    fn ended_behind(&mut self, place: Place) {
        let key = name_of(place.slot, place.generation);
        let open = self.left.get_mut(&key).expect("a key is not retired while an operation is under way");
        *open -= 1;
        if *open == 0 {
            self.left.remove(&key);
            self.retired.push(key);
        }
    }

    /// The slot of `place`, if it has not moved on since.
    fn live(&mut self, place: Place) -> Option<&mut Slot> {
        Some(&mut self.slots[place.slot]).filter(|slot| slot.generation == place.generation)
    }

    /// The key to use in a slot now.
    fn take(&mut self, slot: usize) -> Place {
        let state = &mut self.slots[slot];
        let overlap = state.open.first().map_or(0, |oldest| state.operations - oldest);
        if OPERATIONS <= state.operations || UNKNOWN <= state.unknown || OVERLAP <= overlap {
            let next = Slot::new(slot, state.generation + 1);
            let Slot { key, open, .. } = std::mem::replace(state, next);
            match open.len() {
                0 => self.retired.push(key),
                open => assert!(self.left.insert(key, open).is_none(), "a key is left once"),
            }
        }
        state.operations += 1;
        state.open.insert(state.operations);
        Place { slot, generation: state.generation, number: state.operations }
    }

    /// What a key is meant to hold: each type as often as its commands are chosen. No luck is in it, so that it
    /// is the same whoever uses the key first.
    fn kind(&self, place: Place) -> Kind {
        // The multiples of the golden ratio fill the interval evenly, however long one looks.
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        let total = self.totals.typed();
        let turn = place.slot as u64 + self.slots.len() as u64 * place.generation;
        let mut point = ((u128::from(turn.wrapping_mul(GOLDEN)) * u128::from(total)) >> 64) as u64;
        for (kind, share) in KINDS.into_iter().zip(self.totals.of_kinds) {
            match point.checked_sub(share) {
                None => return kind,
                Some(rest) => point = rest,
            }
        }
        // No command is for one type alone.
        Kind::String
    }

    /// One of those commands, by weight.
    fn pick(
        &self,
        author: Author,
        choice: &mut Choice,
        which: impl Fn(CommandName) -> bool,
    ) -> Option<CommandName> {
        let mut those = self.weights.iter().filter(|(name, _)| which(*name));
        let total = those.clone().map(|(_, weight)| u64::from(*weight)).sum();
        let mut point = (0 < total).then(|| choice.below(author.stream(), total))?;
        let found = those.find(|(_, weight)| match point.checked_sub(u64::from(*weight)) {
            None => true,
            Some(rest) => {
                point = rest;
                false
            }
        });
        found.map(|(name, _)| *name)
    }

    fn build(&mut self, name: CommandName, place: Place, author: Author, choice: &mut Choice) -> Command {
        let key = self.live(place).expect("its key has just been taken").key.clone();
        let stream = author.stream();
        match name {
            CommandName::Set => Command::Set { key, value: self.propose(place, author, choice) },
            CommandName::Get => Command::Get { key },
            CommandName::Del => Command::Del { key },
            CommandName::Cas => {
                let expected = match choice.weighted(stream, &[4, 1, 1]) {
                    0 => self.slots[place.slot].value.clone(),
                    1 => None,
                    _ => Some(value(author, choice)),
                };
                Command::Cas { key, expected, new: self.propose(place, author, choice) }
            }
            CommandName::Append => Command::Append { key, value: value(author, choice) },
            CommandName::HSet => {
                let fields = few(&FIELDS, stream, choice).into_iter();
                Command::HSet { key, pairs: fields.map(|field| (field, value(author, choice))).collect() }
            }
            CommandName::HGet => Command::HGet { key, field: one(&FIELDS, stream, choice) },
            CommandName::HDel => Command::HDel { key, fields: few(&FIELDS, stream, choice) },
            CommandName::HGetAll => Command::HGetAll { key },
            CommandName::SSet => Command::SSet { key, members: few(&MEMBERS, stream, choice) },
            CommandName::SHas => Command::SHas { key, member: one(&MEMBERS, stream, choice) },
            CommandName::SDel => Command::SDel { key, members: few(&MEMBERS, stream, choice) },
            CommandName::SMembers => Command::SMembers { key },
            CommandName::Exists => Command::Exists { key },
            CommandName::Type => Command::Type { key },
        }
    }

    /// A value that the key is to hold.
    fn propose(&mut self, place: Place, author: Author, choice: &mut Choice) -> Bytes {
        let value = value(author, choice);
        self.slots[place.slot].value = Some(value.clone());
        value
    }
}

impl Slot {
    fn new(slot: usize, generation: u64) -> Self {
        Self {
            generation,
            key: name_of(slot, generation),
            operations: 0,
            unknown: 0,
            open: BTreeSet::new(),
            value: None,
        }
    }
}

fn name_of(slot: usize, generation: u64) -> Bytes {
    Bytes::from(format!("k{slot}.{generation}").as_str())
}

fn value(author: Author, choice: &mut Choice) -> Bytes {
    if choice.chance(author.stream(), COMMON_VALUE) {
        one(&COMMON, author.stream(), choice)
    } else {
        author.unique()
    }
}

fn one(names: &[&str; 3], stream: Stream, choice: &mut Choice) -> Bytes {
    Bytes::from(names[choice.below(stream, 3) as usize])
}

/// Mostly one of three names, sometimes two.
fn few(names: &[&str; 3], stream: Stream, choice: &mut Choice) -> Vec<Bytes> {
    let first = choice.below(stream, 3) as usize;
    let mut few = vec![Bytes::from(names[first])];
    if choice.chance(stream, 250_000) {
        few.push(Bytes::from(names[(first + 1) % 3]));
    }
    few
}

/// The type that a command is for; `None` if it is for any.
fn kind_of(name: CommandName) -> Option<Kind> {
    match name {
        CommandName::Set | CommandName::Get | CommandName::Cas | CommandName::Append => Some(Kind::String),
        CommandName::HSet | CommandName::HGet | CommandName::HDel | CommandName::HGetAll => Some(Kind::Hash),
        CommandName::SSet | CommandName::SHas | CommandName::SDel | CommandName::SMembers => Some(Kind::Set),
        CommandName::Del | CommandName::Exists | CommandName::Type => None,
    }
}

fn is_read(name: CommandName) -> bool {
    match name {
        CommandName::Get
        | CommandName::HGet
        | CommandName::HGetAll
        | CommandName::SHas
        | CommandName::SMembers
        | CommandName::Exists
        | CommandName::Type => true,
        CommandName::Set
        | CommandName::Del
        | CommandName::Cas
        | CommandName::Append
        | CommandName::HSet
        | CommandName::HDel
        | CommandName::SSet
        | CommandName::SDel => false,
    }
}

fn read_of(kind: Kind) -> CommandName {
    match kind {
        Kind::String => CommandName::Get,
        Kind::Hash => CommandName::HGetAll,
        Kind::Set => CommandName::SMembers,
    }
}

fn write_of(kind: Kind) -> CommandName {
    match kind {
        Kind::String => CommandName::Set,
        Kind::Hash => CommandName::HSet,
        Kind::Set => CommandName::SSet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generator(keys: u32) -> Generator {
        Generator::new(&Workload { keys, ..Workload::default() })
    }

    fn author(number: u64) -> Author {
        Author { client: ClientId(3), number }
    }

    fn commands(generator: &mut Generator, count: u64, reads: bool) -> Vec<(Command, Place)> {
        let mut choice = Choice::seeded(11);
        let command = |number| {
            let (command, place) = generator.command(author(number), reads, &mut choice);
            generator.ended(place, &command, &Completion::Ok(Answer::Ok));
            (command, place)
        };
        (0..count).map(command).collect()
    }

    fn word(command: &Command) -> String {
        let text = format!("{command:?}");
        text.split_whitespace().next().expect("a command has a name").to_uppercase()
    }

    #[test]
    fn commands_come_as_often_as_their_weights_say() {
        let mut seen = BTreeMap::new();
        for (command, _) in commands(&mut generator(6), 50_000, false) {
            *seen.entry(word(&command)).or_insert(0u32) += 1;
        }
        for (name, weight) in Workload::default().commands {
            let found = seen[&format!("{name:?}").to_uppercase()];
            assert!(found.abs_diff(weight * 500) < weight * 100 + 100, "{name:?} {weight} % {found}");
        }
    }

    #[test]
    fn a_reader_never_writes() {
        assert!(commands(&mut generator(3), 5_000, true).iter().all(|(command, _)| command.is_read()));
    }

    #[test]
    fn a_key_retires_after_so_many_operations() {
        let mut uses = BTreeMap::new();
        for (_, place) in commands(&mut generator(3), 2_000, false) {
            *uses.entry((place.slot, place.generation)).or_insert(0) += 1;
        }
        assert!(uses.values().all(|count| *count <= OPERATIONS));
        assert!(2_000 / OPERATIONS as usize <= uses.len());
        let slots = uses.keys().map(|(slot, _)| *slot).collect::<BTreeSet<_>>();
        assert_eq!(slots.len(), 3);
    }

    #[test]
    fn a_key_retires_when_too_much_about_it_is_unknown() {
        let mut generator = generator(1);
        let unknown = |generator: &mut Generator| {
            let (command, place) = generator.probe(author(0), 0, true, &mut Choice::seeded(1));
            generator.ended(place, &command, &Completion::Info);
            place.generation
        };
        let generations = (0..2 * UNKNOWN).map(|_| unknown(&mut generator)).collect::<Vec<_>>();
        assert_eq!(generations, [0, 0, 0, 1, 1, 1]);
    }

    #[test]
    fn a_key_retires_when_an_operation_on_it_goes_on_and_on() {
        let mut generator = generator(1);
        let mut begin = |_| generator.probe(author(0), 0, false, &mut Choice::seeded(1));
        let slow: Vec<_> = (0..UNKNOWN).map(&mut begin).collect();
        let places = commands(&mut generator, 30, false).into_iter().map(|(_, place)| place.generation);
        assert_eq!(places.filter(|generation| *generation == 0).count() as u32, OVERLAP + 1 - UNKNOWN);
        // It is over once the last operation is. What is learnt of it by then counts for no other key.
        for (command, place) in slow {
            assert_eq!(generator.retired(), []);
            generator.ended(place, &command, &Completion::Info);
        }
        assert_eq!(generator.retired(), [Bytes::from("k0.0")]);
        assert_eq!(commands(&mut generator, 1, false).remove(0).1.generation, 1);
    }

    #[test]
    fn values_are_mostly_unique_and_some_compare_and_set_guesses_are_what_was_written() {
        let mut values = BTreeSet::new();
        let (mut common, mut guessed, mut swaps) = (0, 0, 0);
        for (command, _) in commands(&mut generator(1), 5_000, false) {
            match command {
                Command::Set { value, .. } if COMMON.iter().any(|text| *value == *text.as_bytes()) => {
                    common += 1
                }
                Command::Set { value, .. } => assert!(values.insert(value)),
                Command::Cas { expected, new, .. } => {
                    swaps += 1;
                    guessed += u64::from(expected.is_some_and(|expected| values.contains(&expected)));
                    values.insert(new);
                }
                _ => {}
            }
        }
        assert!(common * 5 < values.len());
        assert!(swaps < guessed * 3, "{guessed} of {swaps}");
    }

    #[test]
    fn without_a_fitting_command_there_is_still_a_read() {
        let only = |name| Workload { commands: BTreeMap::from([(name, 1)]), ..Workload::default() };
        let mut writes = Generator::new(&only(CommandName::SDel));
        assert!(commands(&mut writes, 20, true).iter().all(|(command, _)| word(command) == "SMEMBERS"));
        let mut types = Generator::new(&only(CommandName::Type));
        assert!(commands(&mut types, 20, false).iter().all(|(command, _)| word(command) == "TYPE"));
        let mut nothing = Generator::new(&Workload { commands: BTreeMap::new(), ..Workload::default() });
        assert!(commands(&mut nothing, 20, false).iter().all(|(command, _)| word(command) == "GET"));
    }
}
