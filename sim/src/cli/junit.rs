//! `--format junit`: one XML document, as CI systems read it.
//!
//! A scenario is a test suite. Each seed that failed is a test case of its own; all that held are one together,
//! as are all that are undecided: a sweep of a hundred thousand seeds is still a small document.

use super::{Output, human};
use seaworthy_sim::sweep::{Cause, Failure, ScenarioFigures, Summary, Undecided};
use std::fmt::{self, Write};
use std::io;

/// What a test case came to, in the words of JUnit.
enum Case {
    /// Nothing is to be said against it.
    Passed,
    /// What was checked does not hold.
    Failure,
    /// It could not be checked, or not to the end.
    Error,
    /// It was not begun.
    Skipped,
}

/// One suite under way.
#[derive(Default)]
struct Suite {
    cases: String,
    tests: u64,
    failures: u64,
    errors: u64,
    skipped: u64,
}

/// Writes the document.
pub(super) fn write(output: &mut Output, summary: &Summary) -> io::Result<()> {
    let mut all = Suite::default();
    let mut suites = String::new();
    // They come in the order of the scenarios.
    let mut failures = summary.failures.iter();
    for figures in summary.scenarios.iter().filter(|figures| figures.tally.runs > 0) {
        let own = failures.by_ref().take(usize::try_from(figures.tally.failed()).unwrap_or(usize::MAX));
        let undecided = summary.undecided.iter().filter(|run| run.argument == figures.argument);
        suites += &all.enclose(&figures.argument, of_scenario(figures, own, undecided));
    }
    let (_, word, rest) = human::verdict_of(summary);
    if summary.tally.runs < summary.planned {
        let mut rest_of_it = Suite::default();
        rest_of_it.case("sweep", "runs not begun", &Case::Skipped, "not_begun", &format!("{word}{rest}"));
        suites += &all.enclose("sweep", rest_of_it);
    }
    let shard = summary.shard.map_or_else(String::new, |shard| format!(" shard {shard}"));
    output.line(r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    output.line(format_args!(
        r#"<testsuites name="seaworthy{shard}" {} time="{:.3}">"#,
        all.counts(),
        summary.pace.wall_seconds
    ))?;
    output.text(suites.as_bytes())?;
    output.line("</testsuites>")
}

fn of_scenario<'a>(
    figures: &ScenarioFigures,
    failures: impl Iterator<Item = &'a Failure>,
    undecided: impl Iterator<Item = &'a Undecided>,
) -> Suite {
    let mut suite = Suite::default();
    let class = &figures.argument;
    let tally = &figures.tally;
    for failure in failures {
        let case = match failure.cause {
            Cause::Violation | Cause::Expectation => Case::Failure,
            Cause::NotDeterministic | Cause::Panic => Case::Error,
        };
        let text = format!("{}\n{}", failure.headline(), failure.again());
        suite.case(class, &format!("seed {}", failure.seed), &case, &failure.word(), &text);
    }
    if tally.cutoffs > 0 {
        let mut text = format!("{} of {} runs were cut off", tally.cutoffs, tally.runs);
        undecided.for_each(|run| text += &format!("\n{}: {}", run.cutoff.words(), run.again()));
        suite.case(class, "seeds that are undecided", &Case::Error, "undecided", &text);
    }
    if tally.ok > 0 {
        let text = format!("{} of {} runs", tally.ok, tally.runs);
        suite.case(class, "seeds that hold", &Case::Passed, "", &text);
    }
    suite
}

impl Suite {
    /// Adds a test case; the first line of `text` is its message.
    fn case(&mut self, class: &str, name: &str, case: &Case, kind: &str, text: &str) {
        let (element, count) = match case {
            Case::Passed => ("system-out", None),
            Case::Failure => ("failure", Some(&mut self.failures)),
            Case::Error => ("error", Some(&mut self.errors)),
            Case::Skipped => ("skipped", Some(&mut self.skipped)),
        };
        self.tests += 1;
        let attributes = count.map_or_else(String::new, |count| {
            *count += 1;
            let message = text.lines().next().unwrap_or_default();
            format!(r#" type="{}" message="{}""#, Xml(kind), Xml(message))
        });
        let (class, name, text) = (Xml(class), Xml(name), Xml(text));
        writeln!(
            self.cases,
            "    <testcase classname=\"{class}\" name=\"{name}\">\n      \
             <{element}{attributes}>{text}</{element}>\n    </testcase>"
        )
        .expect("a string takes all");
    }

    /// The XML of `suite`, which is counted among all.
    fn enclose(&mut self, name: &str, suite: Suite) -> String {
        let (name, counts) = (Xml(name), suite.counts());
        self.tests += suite.tests;
        self.failures += suite.failures;
        self.errors += suite.errors;
        self.skipped += suite.skipped;
        format!("  <testsuite name=\"{name}\" {counts}>\n{}  </testsuite>\n", suite.cases)
    }

    fn counts(&self) -> String {
        let Self { tests, failures, errors, skipped, .. } = self;
        format!(r#"tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skipped}""#)
    }
}

/// Text that may stand in an attribute or between tags. What XML 1.0 cannot hold is written as in Rust: `\u{1b}`.
struct Xml<'a>(&'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\n' => f.write_char(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                write!(f, "{}", c.escape_unicode())
            }
            c => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::output::tests::printed;
    use super::*;
    use seaworthy_sim::scenario::parse;
    use seaworthy_sim::sweep::{Batch, Outcome, Panic, Source};

    #[test]
    fn any_text_is_text_of_xml_1_0() {
        let text = "a <b attr=\"c\"> & ]]> 'd'\n\t\r\u{0}\u{1b}[31m\u{85}\u{fffe}\u{ffff} → é\u{1f6a2}";
        insta::assert_snapshot!(Xml(text), @r#"
            a &lt;b attr=&quot;c&quot;&gt; &amp; ]]&gt; 'd'
            \u{9}\u{d}\u{0}\u{1b}[31m\u{85}\u{fffe}\u{ffff} → é🚢
        "#);
    }

    #[test]
    fn a_scenario_is_a_suite_and_only_what_failed_is_a_case_of_its_own() {
        let batches = ["calm.json", "st<or>m.json", "late.json"].map(|argument| {
            let scenario = parse("x.json", r#"{"name": "x", "claim": "Something."}"#).unwrap();
            Batch { source: Source::fixed(argument, scenario), seeds: (0..2_000).into() }
        });
        let mut summary = Summary::new(&batches);
        summary.shard = "2/3".parse().ok();
        for seed in 0..4_000 {
            let outcome = match seed {
                2_007 => {
                    Outcome::Panicked(Panic { message: "\u{1b}<&>".into(), location: "a.rs:1:2".into() })
                }
                2_008 => Outcome::Finished(human::tests::report(seaworthy_sim::run::Verdict::Violation)),
                2_009 => Outcome::Finished(human::tests::report(seaworthy_sim::run::Verdict::Cutoff)),
                _ => Outcome::Finished(human::tests::report(seaworthy_sim::run::Verdict::Ok)),
            };
            let failure = summary.count(usize::from(seed >= 2_000), seed % 2_000, &outcome);
            summary.failures.extend(failure);
        }
        insta::assert_snapshot!(printed(|output| write(output, &summary)), @r#"
            <?xml version="1.0" encoding="UTF-8"?>
            <testsuites name="seaworthy shard 2/3" tests="6" failures="1" errors="2" skipped="1" time="0.000">
              <testsuite name="calm.json" tests="1" failures="0" errors="0" skipped="0">
                <testcase classname="calm.json" name="seeds that hold">
                  <system-out>2000 of 2000 runs</system-out>
                </testcase>
              </testsuite>
              <testsuite name="st&lt;or&gt;m.json" tests="4" failures="1" errors="2" skipped="0">
                <testcase classname="st&lt;or&gt;m.json" name="seed 7">
                  <error type="panic" message="panic: \u{1b}&lt;&amp;&gt; (a.rs:1:2)">panic: \u{1b}&lt;&amp;&gt; (a.rs:1:2)
            seaworthy replay 'st&lt;or&gt;m.json' --seed 7</error>
                </testcase>
                <testcase classname="st&lt;or&gt;m.json" name="seed 8">
                  <failure type="election_safety" message="election_safety at 3.39s (step 1247): n1@3 and n2@3 both lead">election_safety at 3.39s (step 1247): n1@3 and n2@3 both lead
            seaworthy replay 'st&lt;or&gt;m.json' --seed 8</failure>
                </testcase>
                <testcase classname="st&lt;or&gt;m.json" name="seeds that are undecided">
                  <error type="undecided" message="1 of 2000 runs were cut off">1 of 2000 runs were cut off
            too many steps: seaworthy replay 'st&lt;or&gt;m.json' --seed 9</error>
                </testcase>
                <testcase classname="st&lt;or&gt;m.json" name="seeds that hold">
                  <system-out>1997 of 2000 runs</system-out>
                </testcase>
              </testsuite>
              <testsuite name="sweep" tests="1" failures="0" errors="0" skipped="1">
                <testcase classname="sweep" name="runs not begun">
                  <skipped type="not_begun" message="2 FAILED: 4,000 runs, 3,997 ok, 1 distinct; shard 2/3; stopped, 2,000 runs not begun">2 FAILED: 4,000 runs, 3,997 ok, 1 distinct; shard 2/3; stopped, 2,000 runs not begun</skipped>
                </testcase>
              </testsuite>
            </testsuites>
        "#);
    }
}
