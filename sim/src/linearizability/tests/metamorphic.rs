//! What must make no difference.

use super::drawer::Drawer;
use super::{Ending, Event, first_refused, show};
use crate::linearizability::{Budget, Checker};
use crate::time::Time;
use seaworthy_core::kv::{Answer, Command};
use seaworthy_core::types::Bytes;

const ROUNDS: u32 = 20_000;

fn refused(history: &[Event]) -> Option<usize> {
    first_refused(history).map(|(position, _)| position)
}

#[test]
fn when_events_happened_makes_no_difference_beyond_their_order() {
    let mut drawer = Drawer::new(2);
    for _ in 0..ROUNDS {
        let history = drawer.history(8);
        let mut checker = Checker::new(Budget::default());
        let shifted = history.iter().enumerate().position(|(position, event)| {
            show(&mut checker, event, Time(1 << 40 | (position as u64) << 20)).is_err()
        });
        assert_eq!(shifted, refused(&history), "{history:#?}");
    }
}

#[test]
fn the_names_of_clients_and_operations_make_no_difference() {
    let mut drawer = Drawer::new(3);
    for _ in 0..ROUNDS {
        let history = drawer.history(8);
        let mut renamed = history.clone();
        for event in &mut renamed {
            let (Event::Invoke { operation, client, .. } | Event::End { operation, client, .. }) = event;
            *operation = 1_000 - *operation * 7;
            *client = 100 - *client;
        }
        assert_eq!(refused(&renamed), refused(&history), "{history:#?}");
    }
}

#[test]
fn another_key_makes_no_difference() {
    let mut drawer = Drawer::new(4);
    for _ in 0..ROUNDS {
        let history = drawer.history(8);
        let other = Bytes::from("elsewhere");
        let mut mixed = Vec::new();
        let mut origin = Vec::new();
        for (position, event) in history.iter().enumerate() {
            if drawer.below(2) == 0 {
                let operation = 1_000 + position as u64;
                let command = Command::Append { key: other.clone(), value: Bytes::from("x") };
                mixed.push(Event::Invoke { operation, client: 9, command });
                mixed.push(Event::End { operation, client: 9, ending: Ending::Effect });
                origin.extend([None, None]);
            }
            mixed.push(event.clone());
            origin.push(Some(position));
        }
        assert_eq!(refused(&mixed).and_then(|position| origin[position]), refused(&history), "{history:#?}");
    }
}

/// A response can be refused later than it was, never earlier, if less is known of it.
#[test]
fn knowing_less_never_makes_a_history_impossible_earlier() {
    let mut drawer = Drawer::new(5);
    for _ in 0..ROUNDS {
        let history = drawer.history(8);
        let mut vague = history.clone();
        for event in &mut vague {
            if let Event::End { ending: ending @ (Ending::Ok(_) | Ending::Fail), .. } = event {
                match (drawer.below(6), &ending) {
                    (0, _) => *ending = Ending::Info,
                    (1, Ending::Ok(answer)) => {
                        *ending = if *answer == Answer::Ok { Ending::Effect } else { Ending::Refusal };
                    }
                    _ => {}
                }
            }
        }
        let end = |refused: Option<usize>| refused.unwrap_or(history.len());
        assert!(end(refused(&history)) <= end(refused(&vague)), "{history:#?}");
    }
}
