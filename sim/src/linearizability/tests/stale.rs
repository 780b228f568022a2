//! What a key may have gone through, against a store that knows.

use super::super::model::State;
use super::drawer::Drawer;
use super::{Budget, Checker, Ending, Event, show};
use crate::time::Time;
use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::types::Bytes;

struct Running {
    operation: u64,
    client: u32,
    command: Command,
    answer: Option<Answer>,
}

/// A store that is right, on one key: whatever state it was ever in, a stale read may answer from it.
#[test]
fn every_state_that_a_key_was_in_is_one_that_it_may_have_been_in() {
    let key = Bytes::from("k");
    let mut told = 0;
    for seed in 0..500 {
        let mut drawer = Drawer::new(seed);
        let mut checker = Checker::new(Budget::default()).remembering();
        let (mut state, mut past) = (State::Missing, vec![State::Missing]);
        let mut running: Vec<Running> = Vec::new();
        let theme = drawer.below(5);
        for operation in 0..14 {
            let most = 1 + drawer.below(4) as usize;
            while drawer.below(4) > 0 || most < running.len() {
                advance(&mut drawer, &mut checker, &mut running, &mut state, &mut past);
            }
            let command = drawer.command(theme, key.clone());
            let client = operation as u32 + 1;
            let invoked = Event::Invoke { operation, client, command: command.clone() };
            show(&mut checker, &invoked, Time::ZERO).expect("nothing is answered");
            running.push(Running { operation, client, command, answer: None });
            let read = [Command::Get { key: key.clone() }, Command::HGetAll { key: key.clone() }];
            for (read, was) in read.iter().flat_map(|read| past.iter().map(move |was| (read, was))) {
                let answer = was.apply(read).answer;
                assert!(checker.could_have_answered(read, &answer), "seed {seed}: {read} was {answer}");
            }
            let never = Answer::Value(Bytes::from("never written"));
            told += u32::from(!checker.could_have_answered(&read[0], &never));
        }
        assert!(!checker.is_undecided());
    }
    assert!(told > 6_500, "a checker that believes anything proves nothing: {told}");
}

/// One of the operations under way takes effect, or ends.
fn advance(
    drawer: &mut Drawer,
    checker: &mut Checker,
    running: &mut Vec<Running>,
    state: &mut State,
    past: &mut Vec<State>,
) {
    if running.is_empty() {
        return;
    }
    // The operations take effect, and end, in any order.
    let chosen = drawer.below(running.len() as u64) as usize;
    let one = &mut running[chosen];
    let ending = match one.answer.take() {
        Some(answer) => Ending::Ok(answer),
        None if drawer.below(8) == 0 => Ending::Info,
        None => {
            let step = state.apply(&one.command);
            past.extend(step.next.clone());
            *state = step.next.unwrap_or_else(|| state.clone());
            one.answer = Some(step.answer);
            return;
        }
    };
    let Running { operation, client, .. } = running.swap_remove(chosen);
    show(checker, &Event::End { operation, client, ending }, Time::ZERO).expect("the store is right");
}
