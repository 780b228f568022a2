//! What waits for the disk: the contract of effects, without a disk, a network or a clock.
//!
//! *Writes form one ordered queue; a send leaves only when the write that it names is durable.*

use seaworthy_core::effect::{Record, Send, Write};
use seaworthy_core::message::Message;
use seaworthy_core::types::WriteSeq;

/// The write queue of one server, and the messages that must not overtake it.
///
/// - `durable <= underway <= written`;
/// - one batch is under way at a time, and what is written meanwhile becomes the next: the slower the disk, the larger
///   the batches;
/// - every message that is held waits for a write after `durable`.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Written, and not yet on the way to the disk.
    batch: Vec<Record>,
    written: WriteSeq,
    underway: WriteSeq,
    durable: WriteSeq,
    held: Vec<Send>,
}

impl Gate {
    /// Takes in the effects of a step. Gives the messages that wait for nothing any more.
    pub(super) fn take(&mut self, writes: &mut Vec<Write>, sends: &mut Vec<Send>) -> Vec<Message> {
        for write in writes.drain(..) {
            assert_eq!(write.seq, self.written.next(), "the write queue has no gaps");
            self.written = write.seq;
            self.batch.push(write.record);
        }
        self.held.append(sends);
        self.release()
    }

    /// What the disk is to write next, if it has nothing to do and there is anything.
    pub(super) fn next_batch(&mut self) -> Option<Vec<Record>> {
        let begins = self.underway == self.durable && !self.batch.is_empty();
        begins.then(|| {
            self.underway = self.written;
            std::mem::take(&mut self.batch)
        })
    }

    /// The batch that was under way is durable. Gives the messages that waited for it; the member may be told of
    /// [`durable`](Self::durable) once they have left.
    pub(super) fn on_durable(&mut self) -> Vec<Message> {
        assert!(self.durable < self.underway, "a batch is under way");
        self.durable = self.underway;
        self.release()
    }

    /// Every write up to this one is durable.
    pub(super) fn durable(&self) -> WriteSeq {
        self.durable
    }

    fn release(&mut self) -> Vec<Message> {
        let durable = self.durable;
        self.held.extract_if(.., |send| send.after <= durable).map(|send| send.message).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_core::effect::HardState;
    use seaworthy_core::message::Body;
    use seaworthy_core::types::{NodeId, Term};

    /// One after the other: `w` the member writes, `s3` it sends message 3 right after the write before, `f4` it sends
    /// message 4 that waits for nothing, `b` the disk takes a batch if it may, `d` that batch is durable. Gives, for
    /// each step, what left: message numbers, or `+2` for a batch of two.
    fn play(steps: &str) -> String {
        let mut gate = Gate::default();
        let mut log = vec![];
        for step in steps.split(' ') {
            let (mut writes, mut sends) = (vec![], vec![]);
            let number = || Term(step[1..].parse().expect("a message has a number"));
            let message = |term| Message {
                from: NodeId::new(1),
                to: NodeId::new(2),
                term,
                body: Body::VoteReply { granted: true },
            };
            let left = match &step[..1] {
                "w" => {
                    let record = Record::HardState(HardState::default());
                    writes.push(Write { seq: gate.written.next(), record });
                    gate.take(&mut writes, &mut sends)
                }
                "s" => {
                    sends.push(Send { after: gate.written, message: message(number()) });
                    gate.take(&mut writes, &mut sends)
                }
                "f" => {
                    sends.push(Send { after: WriteSeq::ZERO, message: message(number()) });
                    gate.take(&mut writes, &mut sends)
                }
                "b" => {
                    log.push(gate.next_batch().map_or("-".to_owned(), |batch| format!("+{}", batch.len())));
                    continue;
                }
                "d" => gate.on_durable(),
                _ => panic!("{step} is no step"),
            };
            let left: Vec<String> = left.iter().map(|message| message.term.to_string()).collect();
            log.push(if left.is_empty() { ".".to_owned() } else { left.join(",") });
        }
        log.join(" ")
    }

    #[test]
    fn a_send_leaves_only_when_the_write_that_it_names_is_durable() {
        let cases = [
            ("a send without a write leaves at once", "s1", "1"),
            ("a send waits for its write, and no longer", "w s1 b d", ". . +1 1"),
            ("a send that waits for nothing overtakes one that waits", "w s1 f2 b d", ". . 2 +1 1"),
            (
                "what is written during a sync becomes the next batch",
                "w b w w s1 b d b d",
                ". +1 . . . - . +2 1",
            ),
            ("a sync does not release what names a later write", "w s1 b w s2 d b d", ". . +1 . . 1 +1 2"),
            ("sends that wait leave in their order", "w s1 s2 w s3 b d", ". . . . . +2 1,2,3"),
            ("a send that names a durable write leaves at once", "w b d s1", ". +1 . 1"),
            ("there is no batch without writes", "b f1 b", "- 1 -"),
        ];
        for (claim, steps, expected) in cases {
            assert_eq!(play(steps), expected, "{claim}: {steps}");
        }
    }
}
