//! All luck comes through here: [`Choice`] answers "which of n", "does it happen", "how much", from one of
//! several sources. The calmest answer (the first, no, the least) is always number 0.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use seaworthy_core::types::NodeId;

/// Whose luck a draw is. Each stream is its own, so that taking a fault or a client out of a scenario leaves
/// every other stream's luck as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// The draw of a swarm's scenario.
    Swarm,
    /// One nemesis of the scenario, by position.
    Nemesis(usize),
    /// The timeline's targets.
    Timeline,
    /// The seeds of a node's election timers.
    Timers(NodeId),
    /// A node's disk: sync times, and what a crash leaves.
    Disk(NodeId),
    /// The messages from one node to another.
    Link(NodeId, NodeId),
    /// A client's decisions, by number.
    Client(u32),
    /// The messages between one client and the nodes, both ways.
    ClientLink(u32),
}

impl Stream {
    /// A dense number, stable for ever: it selects the stream of the generator.
    fn slot(self) -> usize {
        fn node(id: NodeId) -> usize {
            usize::try_from(id.get()).expect("a cluster is small") % 16
        }
        match self {
            Self::Swarm => 0,
            Self::Timeline => 1,
            Self::Nemesis(position) => 16 + position % 48,
            Self::Timers(id) => 64 + node(id),
            Self::Disk(id) => 80 + node(id),
            Self::Link(from, to) => 96 + node(from) * 16 + node(to),
            Self::Client(client) => 352 + client as usize % 256,
            Self::ClientLink(client) => 608 + client as usize % 256,
        }
    }
}

/// How many streams there are.
const STREAMS: usize = 864;

/// The one source of luck of a run.
#[derive(Clone, Debug)]
pub struct Choice {
    source: Source,
    record: Option<Vec<u64>>,
}

#[derive(Clone, Debug)]
enum Source {
    /// One ChaCha8 key, one stream of it per [`Stream`]; made when first drawn from.
    Seeded { seed: u64, streams: Vec<Option<Box<ChaCha8Rng>>> },
    /// A fuzzer's input. When it runs out, every choice is the calmest.
    Bytes { bytes: Vec<u8>, position: usize },
    /// The recorded answers of another run. When they run out, every choice is the calmest.
    Tape { answers: Vec<u64>, position: usize },
}

impl Choice {
    /// Luck from a seed.
    pub fn seeded(seed: u64) -> Self {
        Self::from(Source::Seeded { seed, streams: vec![None; STREAMS] })
    }

    /// Luck from a fuzzer's input.
    pub fn bytes(bytes: &[u8]) -> Self {
        Self::from(Source::Bytes { bytes: bytes.to_vec(), position: 0 })
    }

    /// The luck of another run, as [`Choice::recorded`] gave it.
    pub fn tape(answers: Vec<u64>) -> Self {
        Self::from(Source::Tape { answers, position: 0 })
    }

    fn from(source: Source) -> Self {
        Self { source, record: None }
    }

    /// Remembers every answer from here on.
    #[must_use]
    pub fn recording(mut self) -> Self {
        self.record = Some(Vec::new());
        self
    }

    /// The answers so far, if they were recorded: a tape.
    pub fn recorded(&self) -> Option<&[u64]> {
        self.record.as_deref()
    }

    /// One of `0..bound`, evenly.
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, stream: Stream, bound: u64) -> u64 {
        assert!(bound > 0, "a choice among nothing");
        if bound == 1 {
            return 0;
        }
        let answer = match &mut self.source {
            Source::Seeded { seed, streams } => {
                let slot = stream.slot();
                let generator = streams[slot].get_or_insert_with(|| {
                    let mut generator = ChaCha8Rng::seed_from_u64(*seed);
                    generator.set_stream(slot as u64);
                    Box::new(generator)
                });
                // Multiply and shift (Lemire 2019). Without rejection the bias is below bound / 2^64.
                ((u128::from(generator.next_u64()) * u128::from(bound)) >> 64) as u64
            }
            Source::Bytes { bytes, position } => {
                let width = (u64::BITS - (bound - 1).leading_zeros()).div_ceil(8) as usize;
                let end = (*position + width).min(bytes.len());
                let word = bytes[*position..end].iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
                *position = end;
                word % bound
            }
            Source::Tape { answers, position } => {
                let answer = answers.get(*position).copied().unwrap_or(0);
                *position += 1;
                answer % bound
            }
        };
        if let Some(record) = &mut self.record {
            record.push(answer);
        }
        answer
    }

    /// Whether something of `ppm` parts per million happens. Draws nothing if it is certain.
    pub fn chance(&mut self, stream: Stream, ppm: u32) -> bool {
        const WHOLE: u64 = 1_000_000;
        match u64::from(ppm) {
            0 => false,
            WHOLE.. => true,
            parts => self.below(stream, WHOLE) >= WHOLE - parts,
        }
    }

    /// One of `min..=max`, evenly; `min` if they are in the wrong order.
    pub fn between(&mut self, stream: Stream, min: u64, max: u64) -> u64 {
        match max.checked_sub(min) {
            None => min,
            Some(u64::MAX) => self.word(stream),
            Some(range) => min + self.below(stream, range + 1),
        }
    }

    /// A position in `weights`, each as likely as its weight says; 0 if all are 0.
    pub fn weighted(&mut self, stream: Stream, weights: &[u32]) -> usize {
        let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        if total == 0 {
            return 0;
        }
        let mut point = self.below(stream, total);
        for (position, weight) in weights.iter().enumerate() {
            match point.checked_sub(u64::from(*weight)) {
                None => return position,
                Some(rest) => point = rest,
            }
        }
        unreachable!("the point lies below the total")
    }

    /// A whole word, for a generator that somebody else owns.
    pub fn word(&mut self, stream: Stream) -> u64 {
        self.below(stream, u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_luck_for_ever() {
        let mut choice = Choice::seeded(42);
        let draws: Vec<u64> = (0..4).map(|_| choice.below(Stream::Swarm, 1000)).collect();
        let other: Vec<u64> = (0..4).map(|_| choice.below(Stream::Timeline, 1000)).collect();
        insta::assert_snapshot!(format!("{draws:?} {other:?}"));
    }

    #[test]
    fn a_draw_from_one_stream_leaves_the_others_alone() {
        let mut calm = Choice::seeded(7);
        let mut busy = Choice::seeded(7);
        for _ in 0..100 {
            busy.below(Stream::Client(3), 10);
        }
        assert_eq!(calm.word(Stream::Swarm), busy.word(Stream::Swarm));
    }

    #[test]
    fn a_tape_repeats_what_was_recorded() {
        let mut first = Choice::seeded(9).recording();
        let draws: Vec<u64> = (1..50).map(|bound| first.below(Stream::Swarm, bound)).collect();
        let mut second = Choice::tape(first.recorded().expect("recording").to_vec());
        assert_eq!(draws, (1..50).map(|bound| second.below(Stream::Timeline, bound)).collect::<Vec<_>>());
    }

    #[test]
    fn every_source_is_calm_when_it_runs_out() {
        for mut choice in [Choice::bytes(&[]), Choice::tape(Vec::new())] {
            assert_eq!(choice.below(Stream::Swarm, 1 << 40), 0);
            assert!(!choice.chance(Stream::Swarm, 999_999));
            assert_eq!(choice.between(Stream::Swarm, 5, 9), 5);
        }
    }

    #[test]
    fn every_answer_of_a_fair_choice_comes_up() {
        let mut choice = Choice::seeded(1);
        let mut seen = [0; 6];
        for _ in 0..6000 {
            seen[choice.below(Stream::Swarm, 6) as usize] += 1;
        }
        assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
    }
}
