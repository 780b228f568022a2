//! How servers reach each other: a port of one function, and its adapters.
//!
//! | adapter | for |
//! |---|---|
//! | [`Switch`] | servers in one process |
//! | [`grpc::Peers`](crate::grpc::Peers) | servers anywhere |
//! | [`Faulty`] | either, with faults |

mod faults;
mod switch;

pub use faults::{Faults, Faulty};
pub use switch::{Outlet, Switch};

use seaworthy_core::message::Message;

/// The way out of one server. What comes in goes to [`Handle::deliver`](crate::server::Handle::deliver).
pub trait Network: Send + Sync + 'static {
    /// Sends a message, or loses it; never waits. Messages may arrive late, twice and out of order.
    fn send(&self, message: Message);
}
