//! What must hold: only what can be checked, and can hold.

use super::{MAX_CLIENT, MAX_MOMENTS, Sense};
use crate::observation::Property;
use crate::scenario::model::{Action, Expectation, Predicate};
use crate::scenario::path::Path;
use crate::scenario::words::count;
use crate::time::Span;
use std::collections::BTreeSet;

impl Sense<'_> {
    pub(super) fn expectations(&mut self) {
        let root = Path::ROOT.key("expect");
        let expectations = &self.scenario.expect;
        self.at_most(&root, expectations.len(), MAX_MOMENTS);
        let mut violated = None;
        for (position, expectation) in expectations.iter().enumerate() {
            let path = root.index(position);
            if let Some(at) = expectation.at {
                self.within_run(
                    &path.key("at"),
                    at,
                    "an instant within `duration`; without `at`, the end of the run",
                );
            }
            self.predicate(&path, expectation);
            if let Predicate::Violated(property) = expectation.that {
                self.violated(&path, expectation.at, property, violated.is_some());
                violated = Some(property);
            }
        }
    }

    fn predicate(&mut self, path: &Path<'_>, expectation: &Expectation) {
        let that = path.key("that");
        match &expectation.that {
            Predicate::Leads(node) => self.node(&that.key("leads"), *node),
            Predicate::DoesNotLead(node) => self.node(&that.key("does_not_lead"), *node),
            Predicate::VotedFor { node, candidate } => {
                let that = that.key("voted_for");
                self.node(&that.key("node"), *node);
                self.node(&that.key("candidate"), *candidate);
            }
            Predicate::Log { node, terms } => {
                let that = that.key("log");
                self.node(&that.key("node"), *node);
                let terms_path = that.key("terms");
                if let Some(position) =
                    (1..terms.len()).find(|position| terms[position - 1] > terms[*position])
                {
                    let help = "the terms of a log never descend";
                    self.report("E0211", &terms_path.index(position), "no log can look like this", help);
                } else if terms.first() == Some(&0) {
                    let help = "terms of entries count from 1";
                    self.report("E0211", &terms_path.index(0), "no log can look like this", help);
                }
            }
            Predicate::Voters(nodes) => self.nodes(&that.key("voters"), nodes),
            Predicate::Learners(nodes) => self.nodes(&that.key("learners"), nodes),
            Predicate::SnapshotAtLeast { node, .. } => {
                self.node(&that.key("snapshot_at_least").key("node"), *node);
            }
            Predicate::AnsweredAtLeast(operations) => {
                self.answers(&that.key("answered_at_least"), expectation.at, *operations);
            }
            Predicate::Answered { client, .. } => {
                self.answered(&that.key("answered").key("client"), expectation.at, *client);
            }
            Predicate::LeaderExists(_)
            | Predicate::TermAtMost(_)
            | Predicate::TermAtLeast(_)
            | Predicate::ElectionsAtMost(_)
            | Predicate::ElectionsAtLeast(_)
            | Predicate::Level(_)
            | Predicate::CommitAtLeast(_)
            | Predicate::CommitAtMost(_)
            | Predicate::AnsweredAtMost(_)
            | Predicate::Violated(_) => {}
        }
    }

    fn nodes(&mut self, path: &Path<'_>, nodes: &[u64]) {
        let mut seen = BTreeSet::new();
        for (position, number) in nodes.iter().enumerate() {
            self.node(&path.index(position), *number);
            self.once(&path.index(position), &mut seen, *number);
        }
    }

    /// More answers than there are questions.
    fn answers(&mut self, path: &Path<'_>, at: Option<Span>, operations: u64) {
        let asked = self.invocations(at).count() as u64;
        if self.scenario.workload.is_none() && operations > asked {
            let message = format!("{} cannot be answered", count(operations, "operation"));
            let issued = match asked {
                0 => "no operation is".into(),
                1 => "one operation is".into(),
                _ => format!("{asked} operations are"),
            };
            let help = format!("{issued} issued by then; `invoke` more, or add a `workload`");
            self.report("E0211", path, message, help);
        }
    }

    /// An answer to a client that has asked nothing.
    fn answered(&mut self, path: &Path<'_>, at: Option<Span>, client: u32) {
        let driven = self.scenario.workload.as_ref().map_or(0, |workload| workload.clients);
        if client == 0 || client > MAX_CLIENT {
            let message = format!("there is no client {client}");
            self.report("E0202", path, message, format!("a number from 1 to {MAX_CLIENT}"));
        } else if client > driven && !self.invocations(at).any(|invoker| invoker == client) {
            let message = format!("client {client} has asked nothing by then");
            self.report(
                "E0211",
                path,
                message,
                "`invoke` something as this client earlier in the `timeline`",
            );
        }
    }

    /// The clients that the timeline has ask something until `at`.
    fn invocations(&self, at: Option<Span>) -> impl Iterator<Item = u32> {
        let until = at.unwrap_or(self.scenario.duration);
        self.scenario.timeline.iter().filter(move |moment| moment.at <= until).filter_map(|moment| {
            match moment.action {
                Action::Invoke { client, .. } => Some(client),
                _ => None,
            }
        })
    }

    fn violated(&mut self, path: &Path<'_>, at: Option<Span>, property: Property, again: bool) {
        let that = path.key("that");
        let that = that.key("violated");
        if at.is_some() {
            let help = "leave `at` out: a run that breaks the property ends there and then";
            self.report("E0211", &path.key("at"), "a violation is expected of a whole run", help);
        }
        if again {
            let help = "one property a scenario: the run ends at the first violation";
            self.report("E0211", &that, "a second violation is never reached", help);
        }
        if property == Property::Liveness && !self.scenario.liveness.check {
            let help = "without `\"liveness\": { \"check\": false }` it is";
            self.report("E0211", &that, "liveness is not checked in this scenario", help);
        }
    }
}
