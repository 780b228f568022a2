//! Rules for single messages: which, and what becomes of them.

use crate::replica::MessageFacts;
use crate::scenario::model::{Rule, Verdict};
use crate::time::{Span, Time};

/// The rules of a scenario and how often each has matched.
#[derive(Clone, Debug)]
pub struct Rules {
    rules: Vec<(Rule, u64)>,
}

impl Rules {
    /// None of these has matched yet.
    pub fn new(rules: &[Rule]) -> Self {
        Self { rules: rules.iter().map(|rule| (rule.clone(), 0)).collect() }
    }

    /// What the first rule that matches says of a message sent now.
    ///
    /// Each rule counts for itself: an `nth` sees every message that the rest of its rule matches, also those
    /// that an earlier rule decides.
    pub fn judge(&mut self, now: Time, message: &MessageFacts) -> Option<Verdict> {
        let mut verdict = None;
        for (rule, seen) in &mut self.rules {
            if !matches(rule, now, message) {
                continue;
            }
            *seen += 1;
            if verdict.is_none() && rule.nth.is_none_or(|nth| nth == *seen) {
                verdict = Some(rule.verdict.clone());
            }
        }
        verdict
    }

    /// Forgets all rules.
    pub fn clear(&mut self) {
        self.rules.clear();
    }
}

fn matches(rule: &Rule, now: Time, message: &MessageFacts) -> bool {
    let since_start = Span(now.0);
    rule.from.is_none_or(|from| from == message.from.get())
        && rule.to.is_none_or(|to| to == message.to.get())
        && rule.kind.is_none_or(|kind| kind == message.kind)
        && rule.term.is_none_or(|term| term == message.term.0)
        && rule.with_entries.is_none_or(|with| with == (message.entries > 0))
        && rule.after.is_none_or(|after| after <= since_start)
        && rule.before.is_none_or(|before| since_start < before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Promise;
    use crate::replica::MessageKind;
    use seaworthy_core::types::{EntryId, NodeId, Term};

    fn append(from: u64, to: u64, entries: u32) -> MessageFacts {
        MessageFacts {
            from: NodeId::new(from),
            to: NodeId::new(to),
            term: Term(3),
            kind: MessageKind::AppendEntries,
            promise: Promise::Lead,
            about: EntryId::ZERO,
            entries,
            granted: false,
        }
    }

    fn rules(text: &str) -> Rules {
        Rules::new(&serde_json::from_str::<Vec<Rule>>(text).expect("valid rules"))
    }

    #[test]
    fn nth_counts_only_what_the_rest_of_the_rule_matches() {
        let mut rules = rules(r#"[{"from": 1, "to": 3, "with_entries": true, "nth": 2, "verdict": "drop"}]"#);
        let sent = [append(1, 3, 1), append(1, 2, 1), append(1, 3, 0), append(1, 3, 2), append(1, 3, 1)];
        let verdicts = sent.map(|message| rules.judge(Time(5), &message));
        assert_eq!(verdicts, [None, None, None, Some(Verdict::Drop), None]);
    }

    #[test]
    fn the_first_rule_that_matches_decides_and_the_others_go_on_counting() {
        let mut rules = rules(
            r#"[{"from": 1, "nth": 1, "verdict": "deliver"},
                {"to": 3, "nth": 2, "verdict": "drop"},
                {"kind": "AppendEntries", "verdict": {"delay": "1s"}}]"#,
        );
        let delay = Some(Verdict::Delay(Span::seconds(1)));
        assert_eq!(rules.judge(Time(0), &append(1, 3, 0)), Some(Verdict::Deliver));
        assert_eq!(rules.judge(Time(0), &append(1, 3, 0)), Some(Verdict::Drop));
        assert_eq!(rules.judge(Time(0), &append(1, 3, 0)), delay);
    }

    #[test]
    fn after_is_included_and_before_is_not() {
        let mut rules = rules(r#"[{"after": "2ns", "before": "4ns", "verdict": "drop"}]"#);
        let found = [1, 2, 3, 4].map(|now| rules.judge(Time(now), &append(1, 2, 0)).is_some());
        assert_eq!(found, [false, true, true, false]);
    }
}
