//! Whom an action is aimed at, and the same action aimed at others.

use super::Action;
use crate::scenario::scalar::Target;

impl Action {
    /// The same, aimed at those whom `aim` names for each of its targets, in the order in which they stand in it:
    /// one action for each of them where an action has one target. None if a target that it cannot do without is
    /// nobody.
    pub fn aimed(&self, aim: &mut dyn FnMut(Target) -> Vec<Target>) -> Vec<Self> {
        let mut list = |targets: &[Target]| {
            let mut aimed = Vec::new();
            for target in targets.iter().flat_map(|target| aim(*target)) {
                if !aimed.contains(&target) {
                    aimed.push(target);
                }
            }
            aimed
        };
        match self {
            Self::Partition { groups } => partition(groups.iter().map(|group| list(group)).collect()),
            Self::Cut { from, to } => {
                let (from, to) = (list(from), list(to));
                some_if(!from.is_empty() && !to.is_empty(), Self::Cut { from, to })
            }
            Self::Sever { between, and } => {
                let (between, and) = (list(between), list(and));
                some_if(!between.is_empty() && !and.is_empty(), Self::Sever { between, and })
            }
            Self::Crash(targets) => {
                let targets = list(targets);
                some_if(!targets.is_empty(), Self::Crash(targets))
            }
            Self::Restart(targets) => {
                let targets = list(targets);
                some_if(!targets.is_empty(), Self::Restart(targets))
            }
            Self::ChangeMembership { add, learn, remove, node } => {
                let [add, learn, remove] = [add, learn, remove].map(|targets| list(targets));
                let changes = !(add.is_empty() && learn.is_empty() && remove.is_empty());
                let change = |node| Self::ChangeMembership {
                    add: add.clone(),
                    learn: learn.clone(),
                    remove: remove.clone(),
                    node,
                };
                match node {
                    _ if !changes => Vec::new(),
                    None => vec![change(None)],
                    Some(node) => aim(*node).into_iter().map(|node| change(Some(node))).collect(),
                }
            }
            Self::Invoke { node: Some(node), client, command, stay, read } => {
                let (node, command) = (aim(*node).first().copied(), command.clone());
                vec![Self::Invoke { client: *client, command, node, stay: *stay, read: *read }]
            }
            Self::TransferLeadership(target) => {
                aim(*target).into_iter().take(1).map(Self::TransferLeadership).collect()
            }
            Self::Isolate(target) => each(*target, aim, Self::Isolate),
            Self::Clog(target) => each(*target, aim, Self::Clog),
            Self::CrashMidStep(target) => each(*target, aim, Self::CrashMidStep),
            Self::CrashAt { node, point } => each(*node, aim, |node| Self::CrashAt { node, point: *point }),
            Self::FailSync(target) => each(*target, aim, Self::FailSync),
            Self::FillDisk(target) => each(*target, aim, Self::FillDisk),
            Self::FreeDisk(target) => each(*target, aim, Self::FreeDisk),
            Self::Rot(target) => each(*target, aim, Self::Rot),
            Self::Pause(target) => each(*target, aim, Self::Pause),
            Self::Resume(target) => each(*target, aim, Self::Resume),
            Self::Campaign(target) => each(*target, aim, Self::Campaign),
            Self::JumpClock { node, by } => each(*node, aim, |node| Self::JumpClock { node, by: *by }),
            Self::SlowDisk { node, sync } => {
                each(*node, aim, |node| Self::SlowDisk { node, sync: sync.clone() })
            }
            Self::TakeSnapshot(target) => each(*target, aim, Self::TakeSnapshot),
            Self::Wipe(target) => each(*target, aim, Self::Wipe),
            Self::BackUp(target) => each(*target, aim, Self::BackUp),
            Self::RestoreBackup(target) => each(*target, aim, Self::RestoreBackup),
            Self::Unclog {}
            | Self::Heal {}
            | Self::Loss(_)
            | Self::Duplicate(_)
            | Self::Latency(_)
            | Self::StepDown {}
            | Self::Invoke { node: None, .. } => vec![self.clone()],
        }
    }
}

/// Two roles may mean the same node: it belongs to the first group that names it.
fn partition(mut groups: Vec<Vec<Target>>) -> Vec<Action> {
    for later in 1..groups.len() {
        let (earlier, rest) = groups.split_at_mut(later);
        rest[0].retain(|target| !earlier.iter().flatten().any(|taken| taken == target));
    }
    groups.retain(|group| !group.is_empty());
    some_if(!groups.is_empty(), Action::Partition { groups })
}

fn some_if(aimed: bool, action: Action) -> Vec<Action> {
    if aimed { vec![action] } else { Vec::new() }
}

fn each(
    target: Target,
    aim: &mut dyn FnMut(Target) -> Vec<Target>,
    action: impl Fn(Target) -> Action,
) -> Vec<Action> {
    aim(target).into_iter().map(action).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aimed(text: &str, who: &[(Target, &[u64])]) -> String {
        let action: Action = serde_json::from_str(text).unwrap();
        let mut aim = |target| match target {
            Target::Node(_) => vec![target],
            role => {
                let found = who.iter().find(|(other, _)| *other == role);
                found.map_or(Vec::new(), |(_, nodes)| nodes.iter().copied().map(Target::Node).collect())
            }
        };
        serde_json::to_string(&action.aimed(&mut aim)).unwrap()
    }

    #[test]
    fn an_action_with_one_target_becomes_one_for_each_that_is_meant() {
        let who: &[(Target, &[u64])] = &[(Target::AMinority, &[2, 4])];
        assert_eq!(aimed(r#"{"isolate": "a minority"}"#, who), r#"[{"isolate":2},{"isolate":4}]"#);
        assert_eq!(aimed(r#"{"isolate": "leader"}"#, who), "[]");
        assert_eq!(aimed(r#"{"transfer_leadership": "a minority"}"#, who), r#"[{"transfer_leadership":2}]"#);
    }

    #[test]
    fn a_list_names_nobody_twice_and_nobody_at_all_is_no_action() {
        let who: &[(Target, &[u64])] = &[(Target::Leader, &[1]), (Target::Followers, &[2, 3])];
        assert_eq!(aimed(r#"{"crash": ["leader", 1, 2]}"#, who), r#"[{"crash":[1,2]}]"#);
        assert_eq!(aimed(r#"{"crash": ["any"]}"#, who), "[]");
        assert_eq!(aimed(r#"{"cut": {"from": ["leader"], "to": ["any"]}}"#, who), "[]");
        let groups = r#"{"partition": {"groups": [["leader", 2], ["followers"]]}}"#;
        assert_eq!(aimed(groups, who), r#"[{"partition":{"groups":[[1,2],[3]]}}]"#);
    }

    #[test]
    fn who_is_asked_first_may_be_nobody() {
        let text = r#"{"invoke":{"client":1,"command":"GET a","node":"leader","stay":false}}"#;
        assert_eq!(aimed(text, &[]), r#"[{"invoke":{"client":1,"command":"GET a","stay":false}}]"#);
        let change = r#"{"change_membership": {"remove": ["any"], "node": "leader"}}"#;
        assert_eq!(aimed(change, &[(Target::Leader, &[1])]), "[]");
    }
}
