//! The classic anomalies, one by one, each refused at the very response that gives it away.
//!
//! A history is written a line an event: `1 > SET k a` is client 1 asking, `1 < OK` its answer, `1 < info` an unknown
//! outcome, `1 < fail` none. The operation of a line that is written `!` for `<` must be refused, and is the last.

use super::{Ending, Event, first_refused};
use crate::history::{ClientId, Completion, HistoryEvent, OperationId};
use crate::linearizability::{Checker, Unexplained};
use crate::time::Time;
use seaworthy_core::kv::{Answer, Command, Kind};
use seaworthy_core::types::Bytes;
use std::collections::BTreeMap;

/// Checks `history`, and what is said of the line that must be refused, if there is one.
fn check(history: &str) -> Option<Unexplained> {
    let mut running = BTreeMap::new();
    let mut events = Vec::new();
    let lines: Vec<&str> = history.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    for (operation, line) in (0..).zip(&lines) {
        let [client, direction, rest] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let client = client.parse().expect("a client's number");
        events.push(match direction {
            ">" => {
                running.insert(client, operation);
                Event::Invoke { operation, client, command: Command::parse(rest).expect(line) }
            }
            _ => {
                let operation = running.remove(&client).expect("its client has asked");
                Event::End { operation, client, ending: ending(rest) }
            }
        });
    }
    let refused = first_refused(&events);
    let expected = lines.iter().position(|line| line.split(' ').nth(1) == Some("!"));
    assert_eq!(refused.as_ref().map(|(position, _)| *position), expected, "{refused:?}");
    refused.map(|(_, unexplained)| unexplained)
}

fn ending(text: &str) -> Ending {
    let parts =
        |list: &str| list.split(", ").filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    Ending::Ok(match text {
        "fail" => return Ending::Fail,
        "info" => return Ending::Info,
        "effect" => return Ending::Effect,
        "refused" => return Ending::Refusal,
        "OK" => Answer::Ok,
        "nil" => Answer::Nil,
        "true" | "false" => Answer::Boolean(text == "true"),
        "STRING" => Answer::Type(Some(Kind::String)),
        "WRONGTYPE SET" => Answer::WrongType { holds: Kind::Set },
        _ => match text.parse() {
            Ok(number) => Answer::Integer(number),
            Err(_) => match (text.split_at(1), text.len()) {
                (("{", rest), _) => Answer::Pairs(
                    parts(&rest[..rest.len() - 1])
                        .iter()
                        .map(|pair| pair.split_once(':').expect("a field and a value"))
                        .map(|(field, value)| (Bytes::from(field), Bytes::from(value)))
                        .collect(),
                ),
                (("[", rest), _) => Answer::Members(
                    parts(&rest[..rest.len() - 1]).iter().map(|part| Bytes::from(&**part)).collect(),
                ),
                (("=", rest), _) => Answer::Value(Bytes::from(rest)),
                _ => panic!("no answer: {text}"),
            },
        },
    })
}

/// A claim, and the histories that bear it out.
macro_rules! anomalies {
    ($($(#[$doc:meta])* $name:ident: $($history:literal),+;)+) => {
        $($(#[$doc])* #[test]
        fn $name() {
            $(check($history);)+
        })+
    };
}

anomalies! {
    a_stale_read_is_refused:
        "1 > SET k a
         1 < OK
         1 > SET k b
         1 < OK
         2 > GET k
         2 ! =a";

    a_read_beside_a_write_may_see_either_value_but_not_go_back:
        "1 > SET k a
         1 < OK
         1 > SET k b
         2 > GET k
         2 < =b
         3 > GET k
         3 ! =a",
        "1 > SET k a
         1 < OK
         1 > SET k b
         3 > GET k
         2 > GET k
         2 < =b
         3 < =a
         1 < OK",
        "1 > SET k a
         2 > GET k
         2 < nil
         2 > GET k
         2 < =a
         1 < OK";

    a_read_of_a_value_that_nobody_wrote_is_refused:
        "1 > SET k a
         2 > GET k
         2 ! =b";

    a_lost_update_is_refused:
        "1 > CAS k nil a
         2 > CAS k nil b
         1 < OK
         2 ! OK",
        "1 > SET k a
         2 > SET k b
         1 < OK
         2 < OK
         3 > GET k
         3 ! nil",
        "1 > SET k a
         2 > SET k b
         3 > GET k
         1 < OK
         2 < OK
         3 < nil";

    a_read_of_a_write_that_did_not_happen_is_refused:
        "1 > SET k a
         1 < fail
         2 > GET k
         2 ! =a";

    a_write_that_was_seen_cannot_have_failed:
        "1 > SET k a
         2 > GET k
         2 < =a
         1 ! fail";

    an_append_that_is_applied_twice_is_refused:
        "1 > APPEND k ab
         1 < 2
         2 > GET k
         2 ! =abab",
        "1 > APPEND k ab
         1 ! 4",
        "1 > APPEND k ab
         1 < info
         2 > GET k
         2 < =ab
         2 > GET k
         2 ! =abab",
        "1 > APPEND k ab
         1 < info
         1 > APPEND k ab
         1 < info
         2 > GET k
         2 < =ab
         2 > GET k
         2 < =abab
         2 > GET k
         2 ! =ababab";

    the_answers_of_appends_at_the_same_time_must_fit_together:
        "1 > APPEND k aa
         2 > APPEND k b
         1 < 3
         2 < 1
         3 > GET k
         3 < =baa",
        "1 > APPEND k aa
         2 > APPEND k b
         1 < 3
         2 ! 3",
        "1 > APPEND k aa
         2 > APPEND k b
         1 < 2
         2 < 3
         3 > GET k
         3 ! =baa";

    a_compare_and_set_tells_what_it_found:
        "1 > SET k a
         1 < OK
         2 > CAS k a b
         2 ! =b",
        "1 > SET k a
         1 < OK
         2 > CAS k b c
         2 < =a
         2 > CAS k a c
         2 < OK
         2 > GET k
         2 ! =a",
        "1 > CAS k nil a
         1 < OK
         1 > CAS k nil b
         1 ! OK";

    a_compare_and_set_of_which_only_the_refusal_is_known_must_have_found_something_else:
        "1 > SET k a
         1 < OK
         1 > CAS k b c
         1 < refused
         1 > CAS k a c
         1 ! refused";

    the_fields_of_a_hash_are_one_object:
        "1 > HSET h f:1
         1 < 1
         1 > HSET h g:1
         1 < 1
         2 > HGETALL h
         2 ! {g:1}",
        "1 > HSET h f:1
         2 > HSET h g:1
         3 > HGETALL h
         4 > HGETALL h
         3 < {f:1}
         4 ! {g:1}",
        "1 > HSET h f:1 g:1
         2 > HGETALL h
         2 ! {f:1}",
        "1 > HSET h f:1
         2 > HSET h g:1
         3 > HGET h f
         3 < =1
         3 > HGET h g
         3 < nil
         4 > HGET h g
         4 < =1
         2 < 1
         1 < 1";

    an_emptied_hash_is_gone:
        "1 > HSET h f:1
         1 < 1
         1 > HDEL h f
         1 < 1
         2 > EXISTS h
         2 ! true";

    the_members_of_a_set_come_and_go_with_their_answers:
        "1 > SSET s a
         1 < 1
         2 > SHAS s a
         2 ! false",
        "1 > SSET s a
         2 > SSET s a
         1 < 1
         2 ! 1",
        "1 > SSET s a b
         1 < 2
         2 > SDEL s a
         2 < 1
         3 > SMEMBERS s
         3 ! [a, b]",
        "1 > SSET s a
         1 < 1
         1 > SDEL s a
         2 > SHAS s a
         2 < false
         3 > SHAS s a
         3 ! true";

    a_wrong_type_is_an_answer:
        "1 > SSET s a
         1 < 1
         1 > GET s
         1 < WRONGTYPE SET
         1 > SET s a
         1 < OK
         1 > TYPE s
         1 < STRING
         1 > GET s
         1 ! WRONGTYPE SET";

    an_unknown_outcome_may_take_effect_much_later_or_never_but_once:
        "1 > SET k a
         1 < info
         2 > SET k b
         2 < OK
         2 > GET k
         2 < =b
         2 > GET k
         2 < =a
         2 > SET k b
         2 < OK
         2 > GET k
         2 ! =a",
        "1 > DEL k
         1 < info
         2 > SET k b
         2 < OK
         2 > GET k
         2 < =b",
        "1 > SET k a
         1 < info
         2 > GET k
         2 < nil
         2 > CAS k a b
         2 < OK";

    an_unknown_outcome_cannot_take_effect_before_it_was_asked_for:
        "2 > GET k
         2 < nil
         2 > GET k
         2 ! =a
         1 > SET k a
         1 < info";

    an_unknown_outcome_that_was_seen_stays:
        "1 > SET k a
         2 > GET k
         2 < =a
         1 < info
         2 > GET k
         2 ! nil";

    a_write_of_the_value_that_is_there_is_still_to_come:
        "1 > SET k a
         1 < OK
         2 > SET k a
         1 > SET k b
         1 < OK
         1 > GET k
         1 < =a
         2 < OK",
        "1 > SET k a
         1 < OK
         2 > SET k a
         2 < info
         1 > SET k b
         1 < OK
         1 > GET k
         1 < =a
         1 > SET k b
         1 < OK
         1 > GET k
         1 ! =a";

    what_is_known_of_one_key_says_nothing_of_another:
        "1 > SET k a
         1 < OK
         2 > GET l
         2 < nil
         2 > GET k
         2 ! nil";
}

#[test]
fn an_explanation_names_the_operation_what_was_beside_it_and_what_was_possible() {
    let unexplained = check(
        "1 > SET k a
         1 < OK
         2 > SET k b
         2 < info
         2 > APPEND k c
         2 < info
         2 > APPEND k c
         2 < info
         3 > SET k d
         3 < info
         1 > APPEND k ee
         2 > SET k f
         3 > GET k
         3 < =d
         3 > GET k
         3 ! =aecc",
    );
    insta::assert_snapshot!(unexplained.expect("the last response is refused").explanation, @r#"
    operation 14 of client 3 at +14ns: GET k answered "aecc", which nothing explains
    open at the same time:
      operation 10 of client 1 at +10ns: APPEND k ee
      operation 11 of client 2 at +11ns: SET k f
    of unknown outcome, at any time or never:
      SET k b
      APPEND k c, 2 times
    what the key could hold just before, unless others took effect first:
      STRING "d", where this would have answered "d"
    "#);
}

#[test]
fn a_response_to_nothing_is_refused() {
    let ended = HistoryEvent::Completed {
        operation: OperationId(7),
        client: ClientId(1),
        completion: Completion::Info,
        at: Time::ZERO,
    };
    let unexplained = Checker::default().observe(&ended).expect_err("nobody asked");
    assert_eq!(unexplained.to_string(), "operation 7 gets a response but is not open");
}
