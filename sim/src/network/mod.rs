//! The network: what becomes of each message, link by link.

pub mod distribution;
pub mod rule;

#[cfg(test)]
mod tests;

use crate::choice::{Choice, Stream};
use crate::host::position;
use crate::replica::MessageFacts;
use crate::scenario::model::{self, Distribution, Scenario, Verdict};
use crate::scenario::scalar::Ppm;
use crate::time::Time;
use distribution::Sampler;
use rule::Rules;
use seaworthy_core::types::NodeId;

/// The links between nodes, and those between clients and nodes.
#[derive(Clone, Debug)]
pub struct Network {
    nodes: usize,
    latency: Sampler,
    loss: Ppm,
    duplicate: Ppm,
    fifo: bool,
    capacity: u32,
    /// By node: who holds back its messages.
    clogs: Vec<Vec<Owner>>,
    /// By sender, then addressee.
    links: Vec<Link>,
    rules: Rules,
    client_latency: Sampler,
    client_loss: Ppm,
}

/// One direction between two nodes. What it does not have of its own is as everywhere.
#[derive(Clone, Debug, Default)]
struct Link {
    latency: Option<Sampler>,
    loss: Option<Ppm>,
    duplicate: Option<Ppm>,
    /// Who has cut it; it carries messages only if that is nobody.
    cuts: Vec<Owner>,
    /// When the last message so far arrives.
    busy_until: Time,
    /// Messages on their way.
    carried: u32,
}

/// Who does something to the cluster. A nemesis mends only its own cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The scenario's timeline; when it heals, it heals all.
    Timeline,
    /// The nemesis of this position.
    Nemesis(usize),
    /// The drill once all faults are over, which only tells operators' words.
    Drill,
}

/// Why a message was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// By luck.
    Luck,
    /// The link was cut.
    Cut,
    /// A rule said so.
    Rule,
    /// The link carried as much as it can.
    Full,
    /// The addressee is down.
    Down,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// When it arrives, or why it does not.
    pub arrival: Result<Time, Cause>,
    /// When it arrives a second time.
    pub again: Option<Time>,
    /// Whether a rule decided.
    pub ruled: bool,
}

impl Network {
    /// The network of `scenario`, whole.
    pub fn new(scenario: &Scenario) -> Self {
        let model::Network { latency, loss, duplicate, fifo, capacity, client_latency, client_loss, links } =
            &scenario.network;
        let nodes = usize::try_from(scenario.cluster.servers()).expect("a cluster is small");
        let mut network = Self {
            nodes,
            latency: Sampler::from(latency),
            loss: *loss,
            duplicate: *duplicate,
            fifo: *fifo,
            capacity: capacity.unwrap_or(u32::MAX),
            clogs: vec![Vec::new(); nodes],
            links: vec![Link::default(); nodes * nodes],
            rules: Rules::new(&scenario.rules),
            client_latency: Sampler::from(client_latency),
            client_loss: *client_loss,
        };
        for own in links {
            let ends = NodeId::try_new(own.from).zip(NodeId::try_new(own.to));
            let (from, to) = ends.expect("a valid scenario numbers nodes from 1");
            let link = network.link(from, to);
            link.latency = own.latency.as_ref().map(Sampler::from);
            link.loss = own.loss;
            link.duplicate = own.duplicate;
        }
        network
    }

    /// Decides what becomes of a message that leaves now.
    ///
    /// Every draw is made whatever cuts and rules say, so that taking one of those out of a scenario leaves the
    /// link's luck as it was.
    pub fn route(&mut self, now: Time, message: &MessageFacts, choice: &mut Choice) -> Route {
        let stream = Stream::Link(message.from, message.to);
        let (latency, loss, duplicate) = (self.latency, self.loss, self.duplicate);
        let (fifo, capacity) = (self.fifo, self.capacity);
        let verdict = self.rules.judge(now, message);
        let link = self.link(message.from, message.to);

        let sampler = link.latency.unwrap_or(latency);
        let delay = sampler.draw(choice, stream);
        let lost = choice.chance(stream, link.loss.unwrap_or(loss).get());
        let twice = choice.chance(stream, link.duplicate.unwrap_or(duplicate).get());
        let further = if twice { Some(sampler.draw(choice, stream)) } else { None };

        let ruled = verdict.is_some();
        if !link.cuts.is_empty() {
            return Route { arrival: Err(Cause::Cut), again: None, ruled };
        }
        if capacity <= link.carried {
            return Route { arrival: Err(Cause::Full), again: None, ruled };
        }
        let route = match verdict {
            Some(Verdict::Drop) => Route { arrival: Err(Cause::Rule), again: None, ruled },
            // An exact delay is exact: it stands outside the order of its link.
            Some(Verdict::Delay(delay)) => Route { arrival: Ok(now + delay), again: None, ruled },
            Some(Verdict::Duplicate(later)) => {
                Route { arrival: Ok(link.arrive(now + delay, fifo)), again: Some(now + later), ruled }
            }
            None if lost => Route { arrival: Err(Cause::Luck), again: None, ruled },
            Some(Verdict::Deliver) => {
                Route { arrival: Ok(link.arrive(now + delay, fifo)), again: None, ruled }
            }
            None => {
                let arrival = link.arrive(now + delay, fifo);
                let again = further.map(|further| link.arrive(arrival + further, fifo));
                Route { arrival: Ok(arrival), again, ruled }
            }
        };
        link.carried += u32::from(route.arrival.is_ok()) + u32::from(route.again.is_some());
        route
    }

    /// A message has come to the end of its link.
    pub fn arrived(&mut self, from: NodeId, to: NodeId) {
        let link = self.link(from, to);
        link.carried = link.carried.checked_sub(1).expect("what arrives was sent");
    }

    /// Whether the messages of the link are held back at its end.
    pub fn is_clogged(&self, from: NodeId, to: NodeId) -> bool {
        !(self.clogs[position(from)].is_empty() && self.clogs[position(to)].is_empty())
    }

    /// Holds back the messages from and to `node`, for `owner`. Says whether `owner` had not done so already.
    pub fn clog(&mut self, owner: Owner, node: NodeId) -> bool {
        let clogs = &mut self.clogs[position(node)];
        let news = !clogs.contains(&owner);
        if news {
            clogs.push(owner);
        }
        news
    }

    /// Ends what `owner` holds back, or all of it if that is the timeline.
    pub fn unclog(&mut self, owner: Owner) {
        for clogs in &mut self.clogs {
            clogs.retain(|other| owner != Owner::Timeline && *other != owner);
        }
    }

    /// When a message between a client and a node, either way, arrives; `None` if it is lost.
    pub fn route_client(&self, now: Time, client: u32, choice: &mut Choice) -> Option<Time> {
        let stream = Stream::ClientLink(client);
        let delay = self.client_latency.draw(choice, stream);
        let lost = choice.chance(stream, self.client_loss.get());
        (!lost).then_some(now + delay)
    }

    /// Whether the link carries nothing.
    pub fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        !self.links[position(from) * self.nodes + position(to)].cuts.is_empty()
    }

    /// Cuts a link, one way, for `owner`. Says whether `owner` had not cut it already. No node can be cut off
    /// from itself.
    pub fn cut(&mut self, owner: Owner, from: NodeId, to: NodeId) -> bool {
        let cuts = &mut self.link(from, to).cuts;
        let news = from != to && !cuts.contains(&owner);
        if news {
            cuts.push(owner);
        }
        news
    }

    /// Mends the cuts of `owner`, or all if that is the timeline. Says how many links carry messages again.
    pub fn heal(&mut self, owner: Owner) -> u64 {
        let mut mended = 0;
        for link in &mut self.links {
            let was_cut = !link.cuts.is_empty();
            link.cuts.retain(|other| owner != Owner::Timeline && *other != owner);
            mended += u64::from(was_cut && link.cuts.is_empty());
        }
        mended
    }

    /// Changes how likely messages are lost, on links that have no likelihood of their own.
    pub fn set_loss(&mut self, loss: Ppm) {
        self.loss = loss;
    }

    /// Changes how likely messages arrive twice, on links that have no likelihood of their own.
    pub fn set_duplicate(&mut self, duplicate: Ppm) {
        self.duplicate = duplicate;
    }

    /// Changes how long messages take, on links that have no latency of their own.
    pub fn set_latency(&mut self, latency: &Distribution) {
        self.latency = Sampler::from(latency);
    }

    /// Ends every fault: no cuts, no rules, no loss anywhere; latency and duplicates as the scenario has them.
    pub fn calm(&mut self, scenario: &Scenario) {
        self.heal(Owner::Timeline);
        self.unclog(Owner::Timeline);
        self.rules.clear();
        self.capacity = u32::MAX;
        self.set_latency(&scenario.network.latency);
        self.set_duplicate(scenario.network.duplicate);
        self.loss = Ppm::ZERO;
        self.client_loss = Ppm::ZERO;
        for link in &mut self.links {
            link.loss = None;
        }
    }

    fn link(&mut self, from: NodeId, to: NodeId) -> &mut Link {
        &mut self.links[position(from) * self.nodes + position(to)]
    }
}

impl Link {
    fn arrive(&mut self, at: Time, fifo: bool) -> Time {
        // At one instant messages are handled in the order in which they were scheduled: equal is late enough.
        let at = if fifo { at.max(self.busy_until) } else { at };
        self.busy_until = self.busy_until.max(at);
        at
    }
}

impl Cause {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Luck => "lost",
            Self::Cut => "cut",
            Self::Rule => "rule",
            Self::Full => "link full",
            Self::Down => "down",
        }
    }
}
