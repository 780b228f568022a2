//! Plays one script: one function a command.
//!
//! | command | what it does |
//! |---|---|
//! | `cluster nodes=3 learners=1 blank=1` | starts a cluster: three voters, a learner, and a server that belongs to nothing |
//! | … `pre_vote=off check_quorum=off lease=1000 disk=manual` | … with other protocols; a lease for clocks that drift 1000 ppm |
//! | … `batch=1 batch_bytes=99 window=2 window_bytes=99 entry_bytes=9 uncommitted_bytes=99 reads=1 chunk=4` | … with other limits |
//! | … `trailing=2 snapshot_bytes=99` | … with logs that go back further behind a snapshot, and no more bytes than that |
//! | `restore 1 term=8 vote=2 log=1x3,4x2` | restarts node 1 from a disk with three entries of term 1 and two of term 4 |
//! | `campaign 1` · `timeout 1` | asks node 1 to campaign; lets its timer pass, and nobody else's |
//! | `tick 200ms` · `run 200ms` | lets time pass for all, while messages and writes stand still, or take no time |
//! | `propose 1 x` · `read 1` · `read 2 mode=follower` | a client of a node writes or reads |
//! | `change 1 +4 ~3 -2` · `leave 1` | an operator asks for a voter, a learner and one less; for the end of a joint configuration |
//! | `transfer 1 2` · `stepdown 1` · `snapshot 1` | hands over to node 2; gives up; takes a snapshot of what is committed |
//! | `deliver` · `drop` · `duplicate` · `delay` · `release` | what becomes of messages; see below |
//! | `stabilize` | delivers and persists all but the delayed, oldest first, until nothing is on its way |
//! | `persist 1` · `persist 1 w2` · `autopersist 1 on` | makes the writes of node 1 durable: all, up to w2, each at once |
//! | `crash 1` · `crash 1 keep=1` · `wipe 1` · `restart 1` | loses what is not durable, but for the next write; loses all |
//! | `backup 1` · `rollback 1` | keeps a copy of a disk; restarts the node from the copy |
//! | `partition 1 2 \| 3` · `heal` | cuts the links between the groups; ends that |
//! | `state` · `log 1` · `disk 1` · `members` · `progress 1` · `network` | show |
//!
//! Messages are selected by `1->2`, `from=1`, `to=2`, `kind=AppendEntries` and `nth=2`, all of which must hold;
//! nothing at all selects all. `quiet` before a command leaves out its messages and writes.

use crate::arguments::{Arguments, node, runs};
use crate::cluster::notation::{self, Detail, Letter};
use crate::cluster::{Cluster, Options, Packet, log};
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::HardState;
use seaworthy_core::input::{Input, ReadMode};
use seaworthy_core::types::{EntryId, NodeId, Term, Token, WriteSeq};
use seaworthy_core::view::{Progress, Role};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::NonZeroU64;
use std::time::Duration;

/// The script with what happened after each of its blocks of commands.
pub(crate) fn play(name: &str, script: &str) -> String {
    let mut runner = Runner::default();
    let mut played = String::new();
    let mut lines = (1..).zip(script.lines());
    while let Some((number, line)) = lines.next() {
        writeln!(played, "{line}").expect("a string takes everything");
        if line == "---" {
            // What stood here is what happened when the script was written.
            let _ = lines.by_ref().take_while(|(_, line)| !line.is_empty()).count();
            let happened = runner.take();
            played.push_str(if happened.is_empty() { "nothing happens\n" } else { &happened });
            played.push('\n');
        } else if !line.is_empty() && !line.starts_with('#') {
            runner.run(line).unwrap_or_else(|why| panic!("{name}:{number}: {why}: {line}"));
        }
    }
    while played.ends_with("\n\n") {
        played.pop();
    }
    played
}

type Outcome = Result<(), String>;

#[derive(Default)]
struct Runner {
    cluster: Option<Cluster>,
    shown: String,
    /// How many tokens were given out, by letter.
    tokens: BTreeMap<Letter, u64>,
    backups: BTreeMap<NodeId, Durable>,
}

impl Runner {
    fn take(&mut self) -> String {
        std::mem::take(&mut self.shown)
    }

    fn show(&mut self, line: impl AsRef<str>) {
        writeln!(self.shown, "{}", line.as_ref()).expect("a string takes everything");
    }

    fn cluster(&mut self) -> &mut Cluster {
        self.cluster.as_mut().expect("a script starts with `cluster`")
    }

    fn run(&mut self, line: &str) -> Outcome {
        let mut words = line.split_whitespace().peekable();
        let quiet = words.next_if_eq(&"quiet").is_some();
        let command = words.next().ok_or("a command is missing")?;
        let arguments = Arguments { words: words.collect() };
        if let Some(cluster) = &mut self.cluster {
            cluster.notation.start(if quiet { Detail::Turns } else { Detail::Everything });
        }
        self.dispatch(command, &arguments)?;
        let happened = self.cluster().notation.take();
        self.shown.push_str(&happened);
        Ok(())
    }

    fn dispatch(&mut self, command: &str, arguments: &Arguments) -> Outcome {
        match command {
            "cluster" => self.start(arguments),
            "restore" => self.restore(arguments),
            "campaign" => self.campaign(arguments),
            "timeout" => self.timeout(arguments),
            "tick" => self.tick(arguments),
            "run" => self.run_for(arguments),
            "propose" => self.propose(arguments),
            "read" => self.read(arguments),
            "change" | "leave" => self.change(arguments),
            "transfer" => self.transfer(arguments),
            "stepdown" => self.step_down(arguments),
            "snapshot" => self.snapshot(arguments),
            "deliver" => self.deliver(arguments),
            "drop" => self.drop(arguments),
            "duplicate" => self.duplicate(arguments),
            "delay" => self.delay(arguments),
            "release" => self.release(arguments),
            "stabilize" => self.stabilize(),
            "persist" => self.persist(arguments),
            "autopersist" => self.autopersist(arguments),
            "crash" => self.crash(arguments),
            "wipe" => self.wipe(arguments),
            "backup" => self.backup(arguments),
            "rollback" => self.rollback(arguments),
            "restart" => self.restart(arguments),
            "partition" => self.partition(arguments),
            "heal" => self.heal(),
            "state" => self.state(),
            "log" => self.log(arguments),
            "disk" => self.disk(arguments),
            "members" => self.members(),
            "progress" => self.progress(arguments),
            "network" => self.network(),
            _ => Err("no such command".to_string()),
        }
    }

    fn start(&mut self, arguments: &Arguments) -> Outcome {
        let mut options = Options::default();
        options.nodes = arguments.number("nodes")?.unwrap_or(options.nodes);
        options.learners = arguments.number("learners")?.unwrap_or(options.learners);
        options.blank = arguments.number("blank")?.unwrap_or(options.blank);
        options.auto_persist = arguments.key("disk") != Some("manual");
        let config = &mut options.config;
        config.pre_vote = arguments.switch("pre_vote", config.pre_vote)?;
        config.check_quorum = arguments.switch("check_quorum", config.check_quorum)?;
        config.lease_drift_ppm = arguments.number("lease")?;
        config.trailing_entries = arguments.number("trailing")?.unwrap_or(config.trailing_entries);
        config.snapshot_bytes = arguments.number("snapshot_bytes")?.and_then(NonZeroU64::new);
        for (key, limit) in [
            ("batch", &mut config.max_batch_entries),
            ("batch_bytes", &mut config.max_batch_bytes),
            ("window", &mut config.max_inflight_messages),
            ("window_bytes", &mut config.max_inflight_bytes),
            ("entry_bytes", &mut config.max_entry_bytes),
            ("uncommitted_bytes", &mut config.max_uncommitted_bytes),
            ("reads", &mut config.max_pending_reads),
            ("chunk", &mut config.max_chunk_bytes),
        ] {
            *limit = arguments.number(key)?.unwrap_or(*limit);
        }
        self.cluster = Some(Cluster::new(&options));
        Ok(())
    }

    fn restore(&mut self, arguments: &Arguments) -> Outcome {
        let id = arguments.node()?;
        let term = Term(arguments.number("term")?.ok_or("`term` is missing")?);
        let vote = arguments.key("vote").map(node).transpose()?;
        let terms = runs(arguments.key("log").unwrap_or_default())?;
        let disk = self.cluster().server(id).disk.clone();
        let disk = Durable { hard_state: HardState { term, vote }, log: log(&terms), ..disk };
        self.cluster().restore(id, disk);
        Ok(())
    }

    fn campaign(&mut self, arguments: &Arguments) -> Outcome {
        self.cluster().step(arguments.node()?, Input::Campaign);
        Ok(())
    }

    fn timeout(&mut self, arguments: &Arguments) -> Outcome {
        self.cluster().timeout(arguments.node()?);
        Ok(())
    }

    fn tick(&mut self, arguments: &Arguments) -> Outcome {
        self.cluster().tick(arguments.span()?);
        Ok(())
    }

    fn run_for(&mut self, arguments: &Arguments) -> Outcome {
        self.cluster().run(arguments.span()?);
        Ok(())
    }

    /// The next of its kind.
    fn token(&mut self, letter: Letter) -> Token {
        let number = self.tokens.entry(letter).or_default();
        *number += 1;
        letter.token(*number)
    }

    fn propose(&mut self, arguments: &Arguments) -> Outcome {
        let (id, data) = (arguments.node()?, arguments.word(1)?.into());
        let token = self.token(Letter::P);
        self.cluster().step(id, Input::Propose { token, data });
        Ok(())
    }

    fn read(&mut self, arguments: &Arguments) -> Outcome {
        let id = arguments.node()?;
        let mode = match arguments.key("mode") {
            None => ReadMode::Leader,
            Some("lease") => ReadMode::Lease,
            Some("follower") => ReadMode::Follower,
            Some(_) => return Err("a mode is lease or follower".to_string()),
        };
        let token = self.token(Letter::R);
        self.cluster().step(id, Input::Read { token, mode });
        Ok(())
    }

    fn change(&mut self, arguments: &Arguments) -> Outcome {
        let (id, changes) = (arguments.node()?, arguments.changes()?);
        let token = self.token(Letter::C);
        self.cluster().step(id, Input::ChangeMembership { token, changes });
        Ok(())
    }

    fn transfer(&mut self, arguments: &Arguments) -> Outcome {
        let (id, to) = (arguments.node()?, node(arguments.word(1)?)?);
        let token = self.token(Letter::T);
        self.cluster().step(id, Input::TransferLeadership { token, to });
        Ok(())
    }

    fn step_down(&mut self, arguments: &Arguments) -> Outcome {
        let id = arguments.node()?;
        let token = self.token(Letter::T);
        self.cluster().step(id, Input::StepDown { token });
        Ok(())
    }

    fn snapshot(&mut self, arguments: &Arguments) -> Outcome {
        self.cluster().take_snapshot(arguments.node()?);
        Ok(())
    }

    /// The numbers of the packets that are meant, which must be some.
    fn select(&mut self, arguments: &Arguments, delayed: bool) -> Result<Vec<u64>, String> {
        let mut from = arguments.key("from").map(node).transpose()?;
        let mut to = arguments.key("to").map(node).transpose()?;
        if let Some((one, other)) = arguments.words.iter().find_map(|word| word.split_once("->")) {
            (from, to) = (Some(node(one)?), Some(node(other)?));
        }
        let kind = arguments.key("kind");
        let selected = |packet: &&Packet| {
            from.is_none_or(|from| packet.message.from == from)
                && to.is_none_or(|to| packet.message.to == to)
                && kind.is_none_or(|kind| notation::kind(&packet.message.body) == kind)
                && packet.delayed == delayed
        };
        let packets = self.cluster().network.iter();
        let mut numbers: Vec<_> = packets.filter(selected).map(|packet| packet.number).collect();
        if let Some(nth) = arguments.number::<usize>("nth")? {
            numbers = numbers.get(nth.wrapping_sub(1)).copied().into_iter().collect();
        }
        if numbers.is_empty() { Err("no such message is on its way".to_string()) } else { Ok(numbers) }
    }

    fn position(&mut self, number: u64) -> usize {
        let position = self.cluster().network.iter().position(|packet| packet.number == number);
        position.expect("it was selected just now")
    }

    fn deliver(&mut self, arguments: &Arguments) -> Outcome {
        for number in self.select(arguments, false)? {
            let position = self.position(number);
            self.cluster().deliver(position);
        }
        Ok(())
    }

    fn drop(&mut self, arguments: &Arguments) -> Outcome {
        for number in self.select(arguments, false)? {
            let position = self.position(number);
            self.cluster().drop_packet(position);
        }
        Ok(())
    }

    fn duplicate(&mut self, arguments: &Arguments) -> Outcome {
        for number in self.select(arguments, false)? {
            let position = self.position(number);
            let message = self.cluster().network[position].message.clone();
            self.cluster().send_again(message);
        }
        Ok(())
    }

    fn delay(&mut self, arguments: &Arguments) -> Outcome {
        for number in self.select(arguments, false)? {
            let position = self.position(number);
            self.cluster().network[position].delayed = true;
        }
        Ok(())
    }

    fn release(&mut self, arguments: &Arguments) -> Outcome {
        for number in self.select(arguments, true)? {
            let position = self.position(number);
            self.cluster().network[position].delayed = false;
        }
        Ok(())
    }

    fn stabilize(&mut self) -> Outcome {
        self.cluster().stabilize();
        Ok(())
    }

    fn persist(&mut self, arguments: &Arguments) -> Outcome {
        let limit = match arguments.words.get(1) {
            None => WriteSeq(u64::MAX),
            Some(word) => {
                let number = word.strip_prefix('w').and_then(|number| number.parse().ok());
                WriteSeq(number.ok_or("a write is named w2")?)
            }
        };
        self.cluster().persist(arguments.node()?, limit);
        Ok(())
    }

    fn autopersist(&mut self, arguments: &Arguments) -> Outcome {
        let (id, on) = (arguments.node()?, arguments.word(1)? == "on");
        self.cluster().persist(id, WriteSeq(u64::MAX));
        self.cluster().server_mut(id).auto_persist = on;
        Ok(())
    }

    fn crash(&mut self, arguments: &Arguments) -> Outcome {
        let keep = arguments.number("keep")?.unwrap_or(0);
        self.cluster().crash(arguments.node()?, keep);
        Ok(())
    }

    fn wipe(&mut self, arguments: &Arguments) -> Outcome {
        self.cluster().wipe(arguments.node()?);
        Ok(())
    }

    fn backup(&mut self, arguments: &Arguments) -> Outcome {
        let id = arguments.node()?;
        let disk = self.cluster().server(id).disk.clone();
        self.backups.insert(id, disk);
        Ok(())
    }

    fn rollback(&mut self, arguments: &Arguments) -> Outcome {
        let id = arguments.node()?;
        let disk = self.backups.get(&id).ok_or("there is no backup")?.clone();
        self.cluster().wipe(id);
        self.cluster().restore(id, disk);
        Ok(())
    }

    fn restart(&mut self, arguments: &Arguments) -> Outcome {
        self.cluster().restart(arguments.node()?);
        Ok(())
    }

    fn partition(&mut self, arguments: &Arguments) -> Outcome {
        let groups = arguments.words.split(|word| *word == "|");
        let groups = groups.map(|group| group.iter().map(|word| node(word)).collect());
        let groups: Vec<Vec<NodeId>> = groups.collect::<Result<_, _>>()?;
        self.cluster().partition(&groups);
        Ok(())
    }

    fn heal(&mut self) -> Outcome {
        self.cluster().heal();
        Ok(())
    }

    fn state(&mut self) -> Outcome {
        for id in self.cluster().ids() {
            let cluster = self.cluster();
            if !cluster.is_up(id) {
                self.show(format!("{id} down"));
                continue;
            }
            let view = cluster.view(id);
            let lease = match view.lease_until.since(cluster.now) {
                Duration::ZERO => String::new(),
                lease => format!(", lease for {lease:?}"),
            };
            let line = format!(
                "{id}@{} {}, vote {}, leader {}, last {}, commit {}{lease}",
                view.term,
                notation::role(view.role),
                notation::known(view.vote),
                notation::known(view.leader),
                view.last,
                view.commit
            );
            self.show(line);
        }
        Ok(())
    }

    fn members(&mut self) -> Outcome {
        for id in self.cluster().ids() {
            let line = match self.cluster().is_up(id) {
                true => notation::members(self.cluster().view(id).membership),
                false => "down".to_string(),
            };
            self.show(format!("{id} {line}"));
        }
        Ok(())
    }

    fn log(&mut self, arguments: &Arguments) -> Outcome {
        let ids = match arguments.words.is_empty() {
            true => self.cluster().ids(),
            false => vec![arguments.node()?],
        };
        for id in ids {
            let node = self.cluster().node(id);
            let line = format!("{id} log: {}", notation::held(node.log()));
            self.show(line);
        }
        Ok(())
    }

    fn disk(&mut self, arguments: &Arguments) -> Outcome {
        let id = arguments.node()?;
        let Durable { hard_state, log, snapshot } = &self.cluster().server(id).disk;
        let snapshot = match snapshot {
            None => ", blank".to_string(),
            Some(snapshot) if snapshot.last == EntryId::ZERO => String::new(),
            Some(snapshot) => {
                format!(", snapshot {} {}", snapshot.last, notation::members(&snapshot.membership))
            }
        };
        let (term, vote, log) = (hard_state.term, notation::known(hard_state.vote), notation::held(log));
        self.show(format!("{id} disk: term {term}, vote {vote}{snapshot}, log: {log}"));
        Ok(())
    }

    fn progress(&mut self, arguments: &Arguments) -> Outcome {
        let id = arguments.node()?;
        let view = self.cluster().view(id);
        if view.role != Role::Leader {
            return Err("only a leader follows up its followers".to_string());
        }
        let line = |follower: &Progress| {
            let learns = view.membership.learners.contains(&follower.node);
            let notes = [
                (follower.is_receiving_snapshot(), ", gets a snapshot"),
                (follower.is_amnesiac(), ", has lost its memory"),
                (learns && follower.is_caught_up(), ", has caught up"),
            ];
            let notes: String = notes.iter().filter(|(holds, _)| *holds).map(|(_, note)| *note).collect();
            format!("{} matched {} next {}{notes}", follower.node, follower.matched, follower.next)
        };
        let lines: Vec<_> = view.followers.iter().map(line).collect();
        self.show(lines.join("\n"));
        Ok(())
    }

    fn network(&mut self) -> Outcome {
        let line = |packet: &Packet| {
            let message = &packet.message;
            let delayed = if packet.delayed { ", delayed" } else { "" };
            let what = notation::said(message.term, &message.body);
            format!("{} → {} {what}{delayed}", message.from, message.to)
        };
        let lines: Vec<_> = self.cluster().network.iter().map(line).collect();
        for line in lines {
            self.show(line);
        }
        Ok(())
    }
}
