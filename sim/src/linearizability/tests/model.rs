//! The specification against the store that the replicas run, and what the search takes for granted about it.

use super::super::model::{State, depend, never_changes};
use super::drawer::Drawer;
use seaworthy_core::kv::{Answer, Command, Store, VALUE_MAX, Value};
use seaworthy_core::types::Bytes;
use std::sync::Arc;

fn key() -> Bytes {
    Bytes::from("k")
}

fn held(store: &Store) -> State {
    match store.iter().next() {
        None => State::Missing,
        Some((_, Value::String(value))) => State::String(value.clone()),
        Some((_, Value::Hash(fields))) => State::Hash(Arc::new(fields.clone())),
        Some((_, Value::Set(members))) => State::Set(Arc::new(members.clone())),
    }
}

fn after(state: &State, command: &Command) -> (Answer, State) {
    let step = state.apply(command);
    (step.answer, step.next.unwrap_or_else(|| state.clone()))
}

#[test]
fn the_specification_and_the_store_agree_on_every_command() {
    let mut drawer = Drawer::new(6);
    for theme in (0..6).cycle().take(3_000) {
        let mut store = Store::default();
        let mut state = State::Missing;
        for _ in 0..20 {
            let command = drawer.command(theme, key());
            let before = state.clone();
            let step = state.apply(&command);
            assert_eq!(step.answer, store.execute(&command), "{command} on {before}");
            assert_ne!(step.next.as_ref(), Some(&before), "{command} on {before}: a change that is none");
            assert!(step.next.is_none() || !never_changes(&command), "{command} on {before}");
            state = step.next.unwrap_or(before);
            assert_eq!(state, held(&store), "after {command}");
        }
    }
}

#[test]
fn the_order_of_independent_commands_cannot_be_told_in_any_state() {
    let mut drawer = Drawer::new(7);
    let mut independent = 0;
    for theme in (0..6).cycle().take(20_000) {
        let mut state = State::Missing;
        for _ in 0..drawer.below(5) {
            state = after(&state, &drawer.command(theme, key())).1;
        }
        let (left, right) = (drawer.command(theme, key()), drawer.command(5, key()));
        if depend(&left, &right) {
            continue;
        }
        independent += 1;
        let (left_first, between) = after(&state, &left);
        let (right_second, left_right) = after(&between, &right);
        let (right_first, between) = after(&state, &right);
        let (left_second, right_left) = after(&between, &left);
        assert_eq!(left_right, right_left, "{left} and {right} on {state}");
        assert_eq!((left_first, right_first), (left_second, right_second), "{left} and {right} on {state}");
    }
    assert!(independent > 1_000, "{independent} pairs are independent");
}

#[test]
fn a_string_never_grows_beyond_the_limit() {
    let state = State::String(Bytes::from(vec![b'x'; VALUE_MAX]));
    let append = |value: &str| state.apply(&Command::Append { key: key(), value: Bytes::from(value) });
    assert_eq!(append("").answer, Answer::Integer(VALUE_MAX as u64));
    assert_eq!(append("y").answer, Answer::TooLarge);
    assert_eq!(append("y").next, None);
}
