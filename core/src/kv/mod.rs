//! The key-value store: STRING, HASH and SET values under keys, and the commands on them.
//!
//! In the order in which to read: the commands and what they answer, their text ([`Command::parse`] and back) and
//! their bytes ([`Command::encode`] and back), the values and what the commands do to them, the client sessions
//! above. Everything here is a pure function of what was applied, so that equal logs give equal states.

mod command;

mod answer;

mod quote;

mod grammar;

mod codec;

mod digest;

mod value;

mod session;

pub use answer::{Answer, Kind};
pub use command::{Command, NAME_MAX, Part, TooLong, VALUE_MAX};
pub use grammar::{ParseError, SYNOPSES, Synopsis};
pub use value::{Store, Value};

pub(crate) use codec::{Reader, put_varint};
pub(crate) use session::{Admission, Sessions};
