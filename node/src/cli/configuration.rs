//! The configuration file of a server: the long options as fields of an object of JSON.

use super::Result;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Largest configuration file that is read.
const CONFIG_MAX: u64 = 64 << 10;

/// The arguments, with what a configuration file says put before all other options of `serve`, so that these override
/// it.
pub(super) fn expanded(arguments: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.get(1).is_none_or(|task| task != "serve") {
        return Ok(arguments);
    }
    let place = arguments.iter().position(|argument| argument == "--config");
    let named = place.and_then(|place| arguments.get(place + 1)).map(PathBuf::from);
    let mut joined = arguments
        .iter()
        .filter_map(|argument| argument.to_str()?.strip_prefix("--config=").map(PathBuf::from));
    if let Some(path) = named.or(joined.next_back()) {
        arguments.splice(2..2, options(&path)?);
    }
    Ok(arguments)
}

/// The options that a configuration file stands for.
fn options(path: &Path) -> Result<Vec<OsString>> {
    let wrong = |reason: String| format!("{}: {reason}", path.display());
    let size = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
    if CONFIG_MAX < size {
        return Err(wrong("is too large for a configuration file".to_owned()).into());
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let mut options = Vec::new();
    for (name, value) in object {
        if name == "config" {
            return Err(wrong("one configuration file does not name another".to_owned()).into());
        }
        let word = |value: &serde_json::Value| match value {
            serde_json::Value::String(text) => Ok(text.clone()),
            serde_json::Value::Number(number) => Ok(number.to_string()),
            _ => Err(wrong(format!("{name} is no text, number, list of them, true or false"))),
        };
        match &value {
            serde_json::Value::Bool(true) => options.push(format!("--{name}").into()),
            serde_json::Value::Bool(false) => {}
            serde_json::Value::Array(values) => {
                let words = values.iter().map(word).collect::<std::result::Result<Vec<_>, _>>()?;
                options.push(format!("--{name}={}", words.join(",")).into());
            }
            value => options.push(format!("--{name}={}", word(value)?).into()),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::super::arguments::{Arguments, Task};
    use super::*;
    use clap::Parser;
    use seaworthy_core::types::NodeId;
    use std::io::Write as _;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("there is room");
        file.write_all(text.as_bytes()).expect("there is room");
        file
    }

    #[test]
    fn a_flag_is_stronger_than_the_file() {
        let file = file(
            r#"{"id": 3, "listen": "127.0.0.1:1", "data": "d", "peers": ["1=a:1", "2=b:2"], "join": true}"#,
        );
        let path = file.path().to_str().expect("it is text");
        let line = ["seaworthy-node", "serve", "--id", "4", "--config", path].map(OsString::from);
        let arguments =
            Arguments::try_parse_from(expanded(line).expect("it can be read")).expect("it makes sense");
        let Some(Task::Serve(serve)) = arguments.task else { panic!("serve was asked for") };
        assert_eq!((serve.id, serve.listen.as_str(), serve.join), (NodeId::new(4), "127.0.0.1:1", true));
        assert_eq!(serve.peers, [(NodeId::new(1), "a:1".to_owned()), (NodeId::new(2), "b:2".to_owned())]);
    }

    #[test]
    fn a_file_that_makes_no_sense_is_refused_by_name() {
        for (text, why) in [
            ("{", "EOF"),
            ("[]", "a map"),
            (r#"{"peers": {"1": "a:1"}}"#, "peers is no text"),
            (r#"{"config": "other.json"}"#, "does not name another"),
        ] {
            let file = file(text);
            let error = options(file.path()).expect_err("it makes no sense").to_string();
            assert!(error.starts_with(&*file.path().to_string_lossy()) && error.contains(why), "{error}");
        }
    }
}
