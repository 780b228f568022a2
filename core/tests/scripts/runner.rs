//! Plays one script: one function a command.
//!
//! | command | what it does |
//! |---|---|
//! | `cluster nodes=3 pre_vote=off check_quorum=off batch=1 window=2 disk=manual` | starts a cluster; all but `nodes` as shown if named |
//! | `restore 1 term=8 vote=2 log=1x3,4x2` | restarts node 1 from a disk with three entries of term 1 and two of term 4 |
//! | `campaign 1` · `timeout 1` | asks node 1 to campaign; lets its timer pass, and nobody else's |
//! | `tick 200ms` · `run 200ms` | lets time pass for all, while messages and writes stand still, or take no time |
//! | `propose 1 x` · `read 1` | a client of node 1 writes or reads |
//! | `deliver` · `drop` · `duplicate` · `delay` · `release` | what becomes of messages; see below |
//! | `stabilize` | delivers and persists all but the delayed, oldest first, until nothing is on its way |
//! | `persist 1` · `persist 1 w2` · `autopersist 1 on` | makes the writes of node 1 durable: all, up to w2, each at once |
//! | `crash 1` · `crash 1 keep=1` · `restart 1` | loses what is not durable, but for the next write |
//! | `partition 1 2 \| 3` · `heal` | cuts the links between the groups; ends that |
//! | `state` · `log 1` · `disk 1` · `progress 1` · `network` | show |
//!
//! Messages are selected by `1->2`, `from=1`, `to=2`, `kind=AppendEntries` and `nth=2`, all of which must hold;
//! nothing at all selects all. `quiet` before a command leaves out its messages and writes.

use crate::cluster::notation::{self, Detail, Letter};
use crate::cluster::{Cluster, Options, Packet, log};
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::HardState;
use seaworthy_core::input::{Input, ReadMode};
use seaworthy_core::types::{NodeId, Term, WriteSeq};
use seaworthy_core::view::Role;
use std::fmt::Write as _;
use std::str::FromStr;
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
    proposals: u64,
    reads: u64,
}

/// The words after a command: `key=value` and all others.
struct Arguments<'a> {
    words: Vec<&'a str>,
}

impl<'a> Arguments<'a> {
    fn key(&self, key: &str) -> Option<&'a str> {
        self.words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    fn number<T: FromStr>(&self, key: &str) -> Result<Option<T>, String> {
        let number = |value: &str| value.parse().map_err(|_| format!("`{key}` takes a number"));
        self.key(key).map(number).transpose()
    }

    fn switch(&self, key: &str, default: bool) -> Result<bool, String> {
        match self.key(key) {
            None => Ok(default),
            Some("on") => Ok(true),
            Some("off") => Ok(false),
            Some(_) => Err(format!("`{key}` is on or off")),
        }
    }

    fn word(&self, position: usize) -> Result<&'a str, String> {
        self.words.get(position).copied().ok_or_else(|| format!("word {} is missing", position + 1))
    }

    fn span(&self) -> Result<Duration, String> {
        let millis = self.word(0)?.strip_suffix("ms").and_then(|millis| millis.parse().ok());
        millis.map(Duration::from_millis).ok_or_else(|| "a span is written as 50ms".to_string())
    }

    fn node(&self) -> Result<NodeId, String> {
        node(self.word(0)?)
    }
}

fn node(word: &str) -> Result<NodeId, String> {
    word.parse().ok().and_then(NodeId::try_new).ok_or_else(|| format!("`{word}` is no node"))
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
            "deliver" => self.deliver(arguments),
            "drop" => self.drop(arguments),
            "duplicate" => self.duplicate(arguments),
            "delay" => self.delay(arguments),
            "release" => self.release(arguments),
            "stabilize" => self.stabilize(),
            "persist" => self.persist(arguments),
            "autopersist" => self.autopersist(arguments),
            "crash" => self.crash(arguments),
            "restart" => self.restart(arguments),
            "partition" => self.partition(arguments),
            "heal" => self.heal(),
            "state" => self.state(),
            "log" => self.log(arguments),
            "disk" => self.disk(arguments),
            "progress" => self.progress(arguments),
            "network" => self.network(),
            _ => Err("no such command".to_string()),
        }
    }

    fn start(&mut self, arguments: &Arguments) -> Outcome {
        let default = Options::default();
        self.cluster = Some(Cluster::new(&Options {
            nodes: arguments.number("nodes")?.unwrap_or(default.nodes),
            pre_vote: arguments.switch("pre_vote", default.pre_vote)?,
            check_quorum: arguments.switch("check_quorum", default.check_quorum)?,
            max_batch_entries: arguments.number("batch")?.unwrap_or(default.max_batch_entries),
            max_inflight_messages: arguments.number("window")?.unwrap_or(default.max_inflight_messages),
            auto_persist: arguments.key("disk") != Some("manual"),
        }));
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

    fn propose(&mut self, arguments: &Arguments) -> Outcome {
        self.proposals += 1;
        let token = Letter::P.token(self.proposals);
        self.cluster().step(arguments.node()?, Input::Propose { token, data: arguments.word(1)?.into() });
        Ok(())
    }

    fn read(&mut self, arguments: &Arguments) -> Outcome {
        self.reads += 1;
        let token = Letter::R.token(self.reads);
        self.cluster().step(arguments.node()?, Input::Read { token, mode: ReadMode::Leader });
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
            let known = |node: Option<NodeId>| node.map_or("nobody".to_string(), |node| node.to_string());
            let line = format!(
                "{id}@{} {}, vote {}, leader {}, last {}, commit {}",
                view.term,
                notation::role(view.role),
                known(view.vote),
                known(view.leader),
                view.last,
                view.commit
            );
            self.show(line);
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
        let Durable { hard_state, log, .. } = self.cluster().server(id).disk.clone();
        let vote = hard_state.vote.map_or("nobody".to_string(), |vote| vote.to_string());
        let log = notation::held(&log);
        self.show(format!("{id} disk: term {}, vote {vote}, log: {log}", hard_state.term));
        Ok(())
    }

    fn progress(&mut self, arguments: &Arguments) -> Outcome {
        let id = arguments.node()?;
        let view = self.cluster().view(id);
        if view.role != Role::Leader {
            return Err("only a leader follows up its followers".to_string());
        }
        let followers = view.followers.iter();
        let lines: Vec<_> = followers
            .map(|follower| format!("{} matched {} next {}", follower.node, follower.matched, follower.next))
            .collect();
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

/// The terms of `1x3,4x2`: 1 1 1 4 4.
fn runs(text: &str) -> Result<Vec<u64>, String> {
    let mut terms = Vec::new();
    for run in text.split(',').filter(|run| !run.is_empty()) {
        let (term, count) = run.split_once('x').unwrap_or((run, "1"));
        let number = |text: &str| text.parse::<u64>().map_err(|_| format!("`{run}` is no run such as 4x2"));
        terms.extend((0..number(count)?).map(|_| number(term)).collect::<Result<Vec<_>, _>>()?);
    }
    Ok(terms)
}
