//! What happens between clients and nodes.

use super::{Stop, World};
use crate::event::Event;
use crate::fault::FaultKind;
use crate::history::{ClientId, Completion, HistoryEvent};
use crate::host::{Asker, position};
use crate::observation::Fact;
use crate::replica::Replica;
use crate::trace::Record;
use crate::workload::ClientEffect;
use seaworthy_core::member::Refusal;
use seaworthy_core::state_machine::Outcome;
use seaworthy_core::types::{NodeId, SessionId, Token};

impl<R: Replica> World<'_, R> {
    pub(super) fn wake_client(&mut self, client: ClientId) -> Result<(), Stop> {
        self.clients.wake(self.witness.now, client, self.choice, &mut self.client_effects);
        // A wake in vain does nothing. All else counts, so that no client can keep a run going for ever.
        self.witness.steps += u64::from(!self.client_effects.is_empty());
        self.follow_clients()
    }

    /// An answer arrives at its client.
    pub(super) fn answered(
        &mut self,
        client: ClientId,
        from: NodeId,
        token: Token,
        writes: Option<(SessionId, u64)>,
        result: &Result<Outcome, Refusal>,
    ) -> Result<(), Stop> {
        self.witness.steps += 1;
        let now = self.witness.now;
        self.witness.note(Record::Answered { client, node: from });
        if let (Some((session, sequence)), Ok(Outcome::Answer(_))) = (writes, result) {
            self.witness.observe(&Fact::Acknowledged { session, sequence })?;
        }
        self.clients.reply(now, client, from, token, result, self.choice, &mut self.client_effects);
        self.follow_clients()
    }

    /// A node answers a request, if it has not answered it before.
    pub(super) fn send_reply(&mut self, node: usize, token: Token, result: Result<Outcome, Refusal>) {
        let host = &mut self.hosts[node];
        let from = host.id;
        let Some(Asker { client, writes }) = host.waiting.remove(&token) else { return };
        match self.network.route_client(self.witness.now, client.0, self.choice) {
            Some(arrival) => {
                self.queue.schedule(arrival, Event::Reply { client, from, token, writes, result });
            }
            None => self.client_lost(client, from),
        }
    }

    /// A message between a client and a node is lost on its way.
    fn client_lost(&mut self, client: ClientId, node: NodeId) {
        self.counts.fault(FaultKind::ClientDrop);
        self.witness.note(Record::ClientLost { client, node });
    }

    /// Has happen what the clients want.
    pub(super) fn follow_clients(&mut self) -> Result<(), Stop> {
        let mut effects = std::mem::take(&mut self.client_effects);
        let done = effects.drain(..).try_for_each(|effect| self.follow_client(effect));
        self.client_effects = effects;
        done
    }

    fn follow_client(&mut self, effect: ClientEffect) -> Result<(), Stop> {
        let now = self.witness.now;
        match effect {
            ClientEffect::Send { client, to: node, token, request, mode } => {
                assert!(position(node) < self.hosts.len(), "a client asked {node}, which does not exist");
                match self.network.route_client(now, client.0, self.choice) {
                    Some(arrival) => {
                        self.queue.schedule(arrival, Event::Request { node, client, token, request, mode });
                    }
                    None => self.client_lost(client, node),
                }
                Ok(())
            }
            ClientEffect::Wake { client, at } => {
                self.queue.schedule(at.max(now), Event::ClientWake { client });
                Ok(())
            }
            ClientEffect::History(event) => {
                if let HistoryEvent::Completed { client, completion, .. } = &event {
                    let counts = &mut self.counts.operations;
                    match completion {
                        Completion::Ok(_) => counts.ok += 1,
                        Completion::Fail => counts.fail += 1,
                        Completion::Info => counts.info += 1,
                    }
                    self.last_completions.insert(*client, completion.clone());
                }
                self.witness.client(event)
            }
            ClientEffect::Retired(key) => self.witness.observe(&Fact::Retired { key: &key }),
        }
    }
}
