//! `--format github`: workflow commands, which GitHub Actions shows beside the code.

use super::{Output, human};
use seaworthy_sim::sweep::{Failure, Source, Summary};
use std::io;

/// A failure: an error at the scenario's file, if it has one.
pub(super) fn error(output: &mut Output, source: &Source, failure: &Failure) -> io::Result<()> {
    let file = source.file().map_or_else(String::new, |file| format!("file={},", property(file)));
    let title = property(&format!("{} seed {}: {}", failure.scenario, failure.seed, failure.word()));
    let message = data(&format!("{}\n{}", failure.headline(), failure.again()));
    output.line(format_args!("::error {file}title={title}::{message}"))?;
    output.flush()
}

/// The end of it all.
pub(super) fn verdict(output: &mut Output, summary: &Summary) -> io::Result<()> {
    let (_, word, rest) = human::verdict_of(summary);
    output.line(format_args!("::notice title=seaworthy::{}", data(&format!("{word}{rest}"))))
}

/// A command's text: it ends with the line.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a command's property: it ends with a comma or a colon, too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::output::tests::printed;
    use super::*;
    use seaworthy_sim::scenario::parse;
    use seaworthy_sim::sweep::{Batch, Outcome, Panic, Seeds};

    #[test]
    fn no_text_can_end_a_command_or_a_property_of_it() {
        assert_eq!(data("50%, a: b\r\n::error::"), "50%25, a: b%0D%0A::error::");
        assert_eq!(property("50%, a: b\n"), "50%25%2C a%3A b%0A");
    }

    #[test]
    fn a_failure_is_an_error_with_the_command_that_shows_it_again() {
        let scenario = parse("x.json", r#"{"name": "x", "claim": "Something."}"#).unwrap();
        let batches = [Batch { source: Source::fixed("a, b.json", scenario), seeds: Seeds::only(7) }];
        let mut summary = Summary::new(&batches);
        let panic = Panic { message: "100% wrong\nreally".to_owned(), location: "a.rs:1:2".to_owned() };
        let failure = summary.count(0, 7, &Outcome::Panicked(panic)).unwrap();
        let text = printed(|output| {
            error(output, &batches[0].source, &failure)?;
            error(output, &Source::bundled("first-election").unwrap(), &failure)?;
            verdict(output, &summary)
        });
        insta::assert_snapshot!(text, @r#"
            ::error title=x seed 7%3A panic::panic: 100%25 wrong%0Areally (a.rs:1:2)%0Aseaworthy replay 'a, b.json' --seed 7
            ::error file=scenarios/elections/first-election.json,title=x seed 7%3A panic::panic: 100%25 wrong%0Areally (a.rs:1:2)%0Aseaworthy replay 'a, b.json' --seed 7
            ::notice title=seaworthy::1 FAILED: 1 run, 0 ok, 0 distinct
        "#);
    }
}
