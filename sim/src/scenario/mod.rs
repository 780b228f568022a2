//! Scenario files: what a cluster is, what is done to it, and what must come of it, in JSON.
//!
//! [`parse`] goes through four stages and stops at the first that fails: the text is strict JSON, neither large nor
//! deep (`syntax`); its tree has the form of a scenario (`check`, against the form that the schema describes); serde
//! reads it; it makes sense (`sense`). The last stages report everything that they find. Every error names the
//! file, the line and the column, shows the line with a caret, and says what would be right. Nothing in a scenario
//! names another file.
//!
//! # Error codes
//! | code | what is wrong |
//! |---|---|
//! | E0001 | the file cannot be read |
//! | E0002 | it is not a file |
//! | E0003 | it is larger than 4 MiB |
//! | E0004 | it is not UTF-8 |
//! | E0005 | it is empty |
//! | E0006 | it begins with a byte order mark |
//! | E0007 | it is nested too deep |
//! | E0101 | it is not JSON |
//! | E0102 | it holds a comment |
//! | E0103 | a comma follows the last element |
//! | E0104 | a key stands twice in an object |
//! | E0105 | a field does not exist |
//! | E0106 | a name is none of those that may stand there |
//! | E0107 | a field is missing |
//! | E0108 | a value has the wrong type |
//! | E0109 | a value has the right type and cannot be |
//! | E0110 | a text holds half a character |
//! | E0111 | all seems right and it still cannot be read, which is a bug of this program |
//! | E0201 | there is no such node |
//! | E0202 | there is no such client, or the workload drives it |
//! | E0203 | a command cannot be understood |
//! | E0204 | an instant lies after the end of the run |
//! | E0205 | a list is empty, or names nobody |
//! | E0206 | a node is named twice |
//! | E0207 | the timeouts do not fit together |
//! | E0208 | a number is out of range |
//! | E0209 | bounds stand in the wrong order |
//! | E0210 | every weight is zero |
//! | E0211 | an expectation can never be checked, or never hold |
//! | E0212 | an initial state is impossible in Raft |
//! | E0213 | two entries are about the same thing |
//! | E0214 | there is no such planted bug |
//! | E0215 | a rule can never match |
//! | E0216 | an action, a link or a fault does nothing |
//! | E0217 | a name or a claim cannot be shown |
//! | E0218 | time would stand still |

pub mod expectation;
pub mod model;
pub mod scalar;

mod bundle;
mod check;
mod diagnostic;
mod form;
mod layout;
mod path;
mod schema;
mod sense;
mod syntax;
mod template;
pub(crate) mod words;

pub use bundle::{Bundled, bundled, index};
pub use diagnostic::{Diagnostic, Diagnostics, Problem};
pub use model::Scenario;
pub use schema::schema;
pub use sense::validate;
pub use template::template;

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Reads a scenario from the text of the file `name`, which serves for messages only.
///
/// # Errors
/// Why it is none: the first place that is not JSON, or else every place that has not the form of a scenario, or
/// else everything in it that makes no sense (up to 100 problems).
pub fn parse(name: &str, text: &str) -> Result<Scenario, Diagnostics> {
    let tree = syntax::tree(name, text)?;
    let mut diagnostics = Diagnostics::new(name, text);
    check::check(&tree, form::scenario(), &mut diagnostics);
    if !diagnostics.problems.is_empty() {
        return Err(diagnostics);
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let scenario: Scenario = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let span = path::locate(&tree, &path);
        let message = error.inner().to_string();
        let message = message.split(" at line ").next().unwrap_or(&message).into();
        let help = "this should have been found earlier: please report it with the file".into();
        let problem = Problem { code: "E0111", message, path, help };
        let mut diagnostics = Diagnostics::new(name, text);
        diagnostics.add(problem, span);
        diagnostics
    })?;
    let (problems, omitted) = sense::problems(&scenario);
    if problems.is_empty() {
        return Ok(scenario);
    }
    for problem in problems {
        let span = path::locate(&tree, &problem.path);
        diagnostics.add(problem, span);
    }
    diagnostics.omit(omitted);
    Err(diagnostics)
}

/// Reads a scenario from a file.
///
/// # Errors
/// As [`parse`]; or the file is missing, no file, larger than 4 MiB, or not UTF-8.
pub fn load(path: &Path) -> Result<Scenario, Diagnostics> {
    let name = path.display().to_string();
    let unread = |error: std::io::Error| {
        let message = format!("the file cannot be read: {error}");
        Diagnostics::unread(&name, "E0001", message, "is the path right, and may you read it?")
    };
    let file = File::open(path).map_err(unread)?;
    let metadata = file.metadata().map_err(unread)?;
    if metadata.is_dir() {
        let help = "name the file within it";
        return Err(Diagnostics::unread(&name, "E0002", "this is a directory".into(), help));
    }
    if metadata.len() > syntax::MAX_BYTES {
        return Err(syntax::too_large(&name, metadata.len()));
    }
    // What is not a regular file has any length.
    let mut bytes = Vec::new();
    file.take(syntax::MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unread)?;
    match String::from_utf8(bytes) {
        Ok(text) => parse(&name, &text),
        Err(error) => Err(not_utf8(&name, error.as_bytes(), error.utf8_error().valid_up_to())),
    }
}

fn not_utf8(name: &str, bytes: &[u8], offset: usize) -> Diagnostics {
    let mut diagnostics = Diagnostics::new(name, &String::from_utf8_lossy(bytes));
    let message = format!("the byte 0x{:02x} is not UTF-8", bytes[offset]);
    let help = "save the file as UTF-8; is it a text at all?".into();
    let span = offset..offset + char::REPLACEMENT_CHARACTER.len_utf8();
    diagnostics.add(Problem { code: "E0004", message, path: String::new(), help }, span);
    diagnostics
}

impl Scenario {
    /// The scenario as JSON with every field, laid out for people; [`parse`] gives it back.
    pub fn to_json(&self) -> String {
        layout::layout(&self.flat_json())
    }

    /// The same without what is as it would be anyway; [`parse`] gives the same scenario back.
    pub fn to_short_json(&self) -> String {
        let mut usual = Self::named("", "");
        // No workload is the default of all, so one that is as usual must still say something.
        let none = model::Workload { clients: 0, ..model::Workload::default() };
        usual.workload = self.workload.as_ref().map(|_| none);
        layout::layout(&layout::without(&self.flat_json(), &usual.flat_json()))
    }

    fn flat_json(&self) -> String {
        serde_json::to_string(self).expect("a scenario is plain data with text keys")
    }
}

impl std::fmt::Display for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_json())
    }
}
