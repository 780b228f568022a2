//! What is done to the cluster: at given instants, and at random ones.

use super::{MAX_CLIENT, MAX_MOMENTS, MAX_NEMESES, Sense, longest};
use crate::nemesis::{is_of_files, least_nodes};
use crate::scenario::model::{Action, Nemesis, ReadModeName};
use crate::scenario::path::Path;
use crate::scenario::scalar::Target;
use crate::scenario::words::shown;
use crate::time::Span;
use seaworthy_core::kv::Command;

impl Sense<'_> {
    pub(super) fn timeline(&mut self) {
        let root = Path::ROOT.key("timeline");
        let moments = &self.scenario.timeline;
        self.at_most(&root, moments.len(), MAX_MOMENTS);
        for (position, moment) in moments.iter().enumerate() {
            let path = root.index(position);
            self.within_run(&path.key("at"), moment.at, "make `duration` longer, or `at` earlier");
            self.action(&path.key("do"), &moment.action);
        }
    }

    fn action(&mut self, path: &Path<'_>, action: &Action) {
        match action {
            Action::Partition { groups } => self.partition(&path.key("partition").key("groups"), groups),
            Action::Cut { from, to } => self.cut(&path.key("cut"), from, to),
            Action::Sever { between, and } => self.sever(&path.key("sever"), between, and),
            Action::Heal {} | Action::Unclog {} => {}
            Action::Clog(target) => self.target(&path.key("clog"), *target),
            Action::Isolate(target) => self.target(&path.key("isolate"), *target),
            Action::CrashMidStep(target) => self.target(&path.key("crash_mid_step"), *target),
            Action::Pause(target) => self.target(&path.key("pause"), *target),
            Action::Resume(target) => self.target(&path.key("resume"), *target),
            Action::Campaign(target) => self.target(&path.key("campaign"), *target),
            Action::Crash(targets) => self.targets(&path.key("crash"), targets),
            Action::Restart(targets) => self.targets(&path.key("restart"), targets),
            Action::JumpClock { node, by } => {
                let path = path.key("jump_clock");
                self.target(&path.key("node"), *node);
                self.positive(&path.key("by"), *by);
            }
            Action::SlowDisk { node, sync } => {
                let path = path.key("slow_disk");
                self.target(&path.key("node"), *node);
                self.distribution(&path.key("sync"), sync);
            }
            Action::Loss(_) | Action::Duplicate(_) | Action::StepDown {} => {}
            Action::ChangeMembership { add, learn, remove, node } => {
                let path = path.key("change_membership");
                self.change(&path, [("add", add), ("learn", learn), ("remove", remove)]);
                if let Some(node) = node {
                    self.target(&path.key("node"), *node);
                }
            }
            Action::TransferLeadership(target) => self.target(&path.key("transfer_leadership"), *target),
            Action::TakeSnapshot(target) => self.target(&path.key("take_snapshot"), *target),
            Action::Wipe(target) => self.target(&path.key("wipe"), *target),
            Action::BackUp(target) => self.target(&path.key("back_up"), *target),
            Action::RestoreBackup(target) => self.target(&path.key("restore_backup"), *target),
            Action::CrashAt { node, .. } => {
                self.files(path);
                self.target(&path.key("crash_at").key("node"), *node);
            }
            Action::FailSync(target) => self.disk_fault(path, "fail_sync", *target),
            Action::FillDisk(target) => self.disk_fault(path, "fill_disk", *target),
            Action::FreeDisk(target) => self.disk_fault(path, "free_disk", *target),
            Action::Rot(target) => self.disk_fault(path, "rot", *target),
            Action::Latency(distribution) => self.distribution(&path.key("latency"), distribution),
            Action::Invoke { client, command, node, read, .. } => {
                let path = path.key("invoke");
                if *read == Some(ReadModeName::Lease) {
                    self.leases(&path.key("read"));
                }
                self.client(&path.key("client"), *client);
                if let Some(node) = node {
                    self.target(&path.key("node"), *node);
                }
                if let Err(why) = understood(command) {
                    let message = format!("this command is not understood: {}", shown(&why, 300));
                    self.report(
                        "E0203",
                        &path.key("command"),
                        message,
                        "as at the prompt: `SET k v`, `GET k`, `HSET h f v`",
                    );
                }
            }
        }
    }

    fn disk_fault(&mut self, path: &Path<'_>, name: &str, target: Target) {
        self.files(path);
        self.target(&path.key(name), target);
    }

    /// Refuses what is done to files where there are none.
    fn files(&mut self, path: &Path<'_>) {
        if !self.scenario.disk.files {
            let help = "leave out `\"files\": false` in `disk`";
            self.report("E0216", path, "this is done to files, and disks here have none", help);
        }
    }

    /// Refuses a change that changes nothing, and a node with two fates.
    fn change(&mut self, path: &Path<'_>, wishes: [(&str, &Vec<Target>); 3]) {
        if wishes.iter().all(|(_, targets)| targets.is_empty()) {
            let help = "name somebody to `add`, to `learn` or to `remove`";
            self.report("E0216", path, "this changes nothing", help);
        }
        let mut seen: Vec<Target> = Vec::new();
        for (name, targets) in wishes {
            let path = path.key(name);
            for (position, target) in targets.iter().enumerate() {
                let path = path.index(position);
                self.target(&path, *target);
                if seen.iter().any(|other| same(*other, *target)) {
                    let message = format!("{} stands here a second time", self::name(*target));
                    self.report("E0206", &path, message, "a node is added, learns or is removed");
                }
                seen.push(*target);
            }
        }
    }

    /// Refuses reads on a lease in a cluster that knows none.
    pub(super) fn leases(&mut self, path: &Path<'_>) {
        if self.scenario.cluster.lease_drift.is_none() {
            let help = "say how far clocks may drift: `\"cluster\": { \"lease_drift\": 0.01 }`";
            self.report("E0219", path, "nobody has a lease in this cluster", help);
        }
    }

    fn client(&mut self, path: &Path<'_>, client: u32) {
        let driven = self.scenario.workload.as_ref().map_or(0, |workload| workload.clients);
        let free = driven.saturating_add(1);
        if client == 0 || client > MAX_CLIENT {
            let message = format!("there is no client {client}");
            self.report("E0202", path, message, format!("a number from {free} to {MAX_CLIENT}"));
        } else if client <= driven {
            let message = format!("client {client} is driven by the workload");
            let help =
                format!("a number from {free} to {MAX_CLIENT}: those up to {driven} are at work already");
            self.report("E0202", path, message, help);
        }
    }

    /// Refuses a target that can be nobody in a cluster of this size.
    fn target(&mut self, path: &Path<'_>, target: Target) {
        let nodes = self.scenario.cluster.servers();
        let mut nobody = |what: &str, least: u64| {
            if nodes < least {
                let message = format!("a cluster of {nodes} has no {what}");
                self.report(
                    "E0205",
                    path,
                    message,
                    format!("take another target, or at least {least} nodes"),
                );
            }
        };
        match target {
            Target::Node(number) => self.node(path, number),
            Target::AFollower | Target::Followers => nobody("followers", 2),
            Target::AMinority => nobody("minority", 3),
            Target::Leader | Target::Any | Target::AMajority | Target::All => {}
        }
    }

    /// Refuses an empty list, and one that names a node twice.
    fn targets(&mut self, path: &Path<'_>, targets: &[Target]) {
        if targets.is_empty() {
            self.report(
                "E0205",
                path,
                "nobody is named here",
                "a node's number or a role, as in `[1]` or `[\"leader\"]`",
            );
        }
        for (position, target) in targets.iter().enumerate() {
            let path = path.index(position);
            self.target(&path, *target);
            if targets[..position].iter().any(|earlier| same(*earlier, *target)) {
                let message = format!("{} is named here a second time", name(*target));
                self.report("E0206", &path, message, "name it once");
            }
        }
    }

    fn partition(&mut self, path: &Path<'_>, groups: &[Vec<Target>]) {
        if groups.is_empty() {
            let help = "name at least one group; nodes in none form one more: `[[1, 2]]`";
            self.report("E0205", path, "a partition without groups cuts nothing", help);
        }
        for (position, group) in groups.iter().enumerate() {
            let path = path.index(position);
            self.targets(&path, group);
            for (member, target) in group.iter().enumerate() {
                let earlier = &groups[..position];
                if earlier.iter().flatten().any(|other| same(*other, *target) || *other == Target::All) {
                    let message = format!("{} is in an earlier group already", name(*target));
                    self.report("E0206", &path.index(member), message, "a node is in one group at most");
                }
            }
        }
        if let [only] = groups
            && !only.is_empty()
            && (only.contains(&Target::All) || self.all_numbered(only))
        {
            let help = "leave some nodes out, or put them into a second group";
            self.report("E0216", path, "all nodes are in one group, so nothing is cut", help);
        }
    }

    fn all_numbered(&self, targets: &[Target]) -> bool {
        (1..=self.scenario.cluster.servers()).all(|number| targets.contains(&Target::Node(number)))
    }

    fn cut(&mut self, path: &Path<'_>, from: &[Target], to: &[Target]) {
        self.targets(&path.key("from"), from);
        self.targets(&path.key("to"), to);
        if let ([sender], [addressee]) = (from, to)
            && same(*sender, *addressee)
        {
            let message = format!("{} sends itself nothing", name(*sender));
            self.report("E0216", &path.key("to"), message, "name other nodes on one of the sides");
        }
    }

    fn sever(&mut self, path: &Path<'_>, between: &[Target], and: &[Target]) {
        self.targets(&path.key("between"), between);
        self.targets(&path.key("and"), and);
        let side = path.key("and");
        for (position, target) in and.iter().enumerate() {
            if between.iter().any(|other| same(*other, *target)) {
                let message = format!("{} is on both sides", name(*target));
                self.report("E0206", &side.index(position), message, "a node is on one side at most");
            }
        }
    }

    pub(super) fn nemesis(&mut self) {
        let root = Path::ROOT.key("nemesis");
        let nemeses = &self.scenario.nemesis;
        self.at_most(&root, nemeses.len(), MAX_NEMESES);
        for (position, nemesis) in nemeses.iter().enumerate() {
            let Nemesis { fault, every, duration } = nemesis;
            let path = root.index(position);
            self.distribution(&path.key("every"), every);
            self.distribution(&path.key("for"), duration);
            if longest(every) == Span::ZERO && longest(duration) == Span::ZERO {
                let help = "give `every` or `for` some length";
                self.report(
                    "E0218",
                    &path.key("every"),
                    "one fault would follow the other at one instant",
                    help,
                );
            }
            if is_of_files(*fault) {
                self.files(&path.key("fault"));
            }
            let (least, nodes) = (least_nodes(*fault), self.scenario.cluster.servers());
            if nodes < least {
                let message = format!("a cluster of {nodes} is too small for this fault");
                self.report("E0216", &path.key("fault"), message, format!("at least {least} nodes"));
            }
        }
    }
}

/// Whether two targets surely are the same node. Two draws of one role may differ.
fn same(left: Target, right: Target) -> bool {
    left == right && matches!(left, Target::Node(_) | Target::Leader | Target::Followers | Target::All)
}

fn name(target: Target) -> String {
    match target {
        Target::Node(number) => format!("node {number}"),
        role => serde_json::to_string(&role).expect("a role is plain text"),
    }
}

/// Whether the store understands a command.
fn understood(command: &str) -> Result<(), String> {
    Command::parse(command).map(drop).map_err(|error| error.to_string())
}
