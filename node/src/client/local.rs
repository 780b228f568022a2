//! Clients of servers in the same process.

use super::{Failure, Transport};
use crate::network::Switch;
use crate::server::RequestError;
use seaworthy_core::member::ReadMode;
use seaworthy_core::state_machine::{Outcome, Request};
use seaworthy_core::types::NodeId;

impl Transport for Switch {
    fn servers(&self) -> Vec<String> {
        self.handles().iter().map(|handle| handle.id().to_string()).collect()
    }

    async fn execute(&self, server: &str, request: Request, mode: ReadMode) -> Result<Outcome, Failure> {
        let handle = self.handles().into_iter().find(|handle| handle.id().to_string() == server);
        let Some(handle) = handle else {
            return Err(Failure::Unreachable(format!("{server} is down")));
        };
        let name = |node: NodeId| Some(node.to_string());
        handle.request(request, mode).await.map_err(|error| match error {
            RequestError::Refused(refusal) => Failure::from_refusal(refusal, name),
            RequestError::Stopped => {
                Failure::Lost { reason: format!("{server} stopped meanwhile"), leader: None }
            }
        })
    }
}
