//! What the nodes live in: network, disks, clocks.

use super::{MAX_RULES, Sense};
use crate::replica::MessageKind;
use crate::scenario::model::{Link, Rule};
use crate::scenario::path::Path;
use std::collections::BTreeSet;

/// How much slower and faster than time a clock may run, in parts per million.
const DRIFT: (i64, i64) = (-500_000, 1_000_000);

/// The largest sector, in bytes: every batch of records takes one at least.
const MAX_SECTOR: u64 = 64 << 10;

impl Sense<'_> {
    pub(super) fn network(&mut self) {
        let network = &self.scenario.network;
        let root = Path::ROOT.key("network");
        self.distribution(&root.key("latency"), &network.latency);
        self.distribution(&root.key("client_latency"), &network.client_latency);
        if let Some(capacity) = network.capacity {
            self.range(&root.key("capacity"), capacity.into(), 1, u32::MAX.into());
        }
        let root = root.key("links");
        let mut seen = BTreeSet::new();
        for (position, link) in network.links.iter().enumerate() {
            let path = root.index(position);
            self.link(&path, link);
            if !seen.insert((link.from, link.to)) {
                let message =
                    format!("the link from node {} to node {} stands here a second time", link.from, link.to);
                self.report("E0213", &path, message, "write what belongs to one link in one place");
            }
        }
    }

    fn link(&mut self, path: &Path<'_>, link: &Link) {
        let Link { from, to, latency, loss, duplicate } = link;
        self.node(&path.key("from"), *from);
        self.node(&path.key("to"), *to);
        if from == to {
            let message = format!("node {from} sends itself nothing");
            self.report("E0216", &path.key("to"), message, "a link goes from one node to another");
        }
        if let Some(latency) = latency {
            self.distribution(&path.key("latency"), latency);
        }
        if latency.is_none() && loss.is_none() && duplicate.is_none() {
            let help = "say how it differs: `latency`, `loss` or `duplicate`";
            self.report("E0216", path, "this link is as everywhere", help);
        }
    }

    pub(super) fn disks(&mut self) {
        let root = Path::ROOT.key("disk");
        self.distribution(&root.key("sync"), &self.scenario.disk.sync);
        self.range(&root.key("sector_size"), self.scenario.disk.sector_size.into(), 1, MAX_SECTOR);
        self.range(&root.key("segment_size"), self.scenario.disk.segment_size, 1, u64::MAX);
        let root = root.key("nodes");
        let mut seen = BTreeSet::new();
        for (position, disk) in self.scenario.disk.nodes.iter().enumerate() {
            let path = root.index(position);
            self.node(&path.key("node"), disk.node);
            self.once(&path.key("node"), &mut seen, disk.node);
            self.distribution(&path.key("sync"), &disk.sync);
        }
    }

    pub(super) fn clocks(&mut self) {
        let root = Path::ROOT.key("clocks");
        let mut seen = BTreeSet::new();
        for (position, clock) in self.scenario.clocks.iter().enumerate() {
            let path = root.index(position);
            self.node(&path.key("node"), clock.node);
            self.once(&path.key("node"), &mut seen, clock.node);
            self.bounded(&path.key("offset"), clock.offset);
            let (slowest, fastest) = DRIFT;
            if clock.drift_ppm < slowest || clock.drift_ppm > fastest {
                let message = format!("a clock cannot drift by {} parts per million", clock.drift_ppm);
                let help = format!("from {slowest} (half as fast as time) to {fastest} (twice as fast)");
                self.report("E0208", &path.key("drift_ppm"), message, help);
            }
        }
    }

    pub(super) fn rules(&mut self) {
        let rules = &self.scenario.rules;
        let root = Path::ROOT.key("rules");
        self.at_most(&root, rules.len(), MAX_RULES);
        for (position, rule) in rules.iter().enumerate().take(MAX_RULES) {
            let path = root.index(position);
            self.rule(&path, rule);
            if let Some(earlier) = rules[..position].iter().position(|earlier| covers(earlier, rule)) {
                let message = format!("`rules[{earlier}]` decides on every message that this rule is about");
                let help = "the first rule that matches decides: put the narrower one first";
                self.report("E0215", &path, message, help);
            }
        }
    }

    fn rule(&mut self, path: &Path<'_>, rule: &Rule) {
        use crate::scenario::model::Verdict;
        let Rule { from, to, kind, term, with_entries, nth, after, before, verdict } = rule;
        for (name, node) in [("from", from), ("to", to)] {
            if let Some(node) = node {
                self.node(&path.key(name), *node);
            }
        }
        if let (Some(from), true) = (from, from == to) {
            let message = format!("node {from} sends itself nothing");
            self.report("E0215", &path.key("to"), message, "leave out `from` or `to` to mean any node");
        }
        if *term == Some(0) {
            let message = "no message is of term 0, which comes before the first election";
            self.report("E0215", &path.key("term"), message, "terms count from 1");
        }
        if *nth == Some(0) {
            let help = "the first message that matches is number 1; leave `nth` out to mean all";
            self.report("E0215", &path.key("nth"), "messages are counted from 1", help);
        }
        if *with_entries == Some(true) && kind.is_some_and(|kind| kind != MessageKind::AppendEntries) {
            let help = "of all messages only `AppendEntries` carries entries";
            self.report("E0215", &path.key("with_entries"), "no message of this kind carries entries", help);
        }
        if let Some(after) = after {
            self.within_run(&path.key("after"), *after, "an instant within `duration`");
        }
        if let Some(before) = before
            && *before <= after.unwrap_or_default()
        {
            let message =
                format!("no instant is both from {} on and before {before}", after.unwrap_or_default());
            self.report("E0215", &path.key("before"), message, "`after` must be earlier than `before`");
        }
        match verdict {
            Verdict::Delay(span) => self.bounded(&path.key("verdict").key("delay"), *span),
            Verdict::Duplicate(span) => self.bounded(&path.key("verdict").key("duplicate"), *span),
            Verdict::Deliver | Verdict::Drop => {}
        }
    }
}

/// Whether `earlier` matches every message that `later` matches, so that `later` never decides.
fn covers(earlier: &Rule, later: &Rule) -> bool {
    fn wider<T: PartialEq>(earlier: &Option<T>, later: &Option<T>) -> bool {
        earlier.is_none() || earlier == later
    }
    earlier.nth.is_none()
        && wider(&earlier.from, &later.from)
        && wider(&earlier.to, &later.to)
        && wider(&earlier.kind, &later.kind)
        && wider(&earlier.term, &later.term)
        && wider(&earlier.with_entries, &later.with_entries)
        && earlier.after.unwrap_or_default() <= later.after.unwrap_or_default()
        && earlier.before.is_none_or(|end| later.before.is_some_and(|before| before <= end))
}
