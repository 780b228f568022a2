//! The key-value store: STRING, HASH and SET values under keys, and the commands on them.
//!
//! In the order in which to read: `command` and `answer`; `quote` and `grammar`, their text; `encoding` and `codec`,
//! their bytes; `value`, what the commands do; `session`, which runs each once; `snapshot`, all of it as bytes;
//! `digest`, by which replicas are compared. Everything here is a pure function of what was applied, so that equal logs
//! give equal states.

mod answer;
mod codec;
mod command;
mod digest;
mod encoding;
mod grammar;
mod quote;
mod session;
mod snapshot;
mod value;

pub use answer::{Answer, Kind};
pub use command::{Command, NAME_MAX, Part, TooLong, VALUE_MAX};
pub use encoding::{DecodeError, Problem};
pub use grammar::{ParseError, SYNOPSES, Synopsis};
pub use session::Limits;
pub use value::{Store, Value};

pub(crate) use encoding::{Reader, put_bytes, put_list, put_option, put_varint};
pub(crate) use session::{Admission, Sessions};
