//! Words and figures for people, fit for 80 columns.

use super::output::{BAD, FAINT, GOOD, Output, UNSURE};
use anstyle::Style;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use seaworthy_sim::artifact::Difference;
use seaworthy_sim::report::{headline, identity};
use seaworthy_sim::run::{RunReport, TraceLine};
use seaworthy_sim::scenario::Scenario;
use seaworthy_sim::swarm::describe;
use seaworthy_sim::sweep::{Summary, Tally};
use seaworthy_sim::time::Span;
use std::io;
use std::time::Duration;

/// The line that says how a run ended, its first word in colour.
fn verdict(report: &RunReport) -> String {
    let (word, rest) = headline(report);
    let style = match word {
        "ok" => GOOD,
        "UNDECIDED" => UNSURE,
        _ => BAD,
    };
    format!("{style}{word}{style:#} {rest}").trim_end().to_owned()
}

/// How a run ended, and which run it was.
pub(super) fn which(output: &mut Output, report: &RunReport) -> io::Result<()> {
    output.line(verdict(report))?;
    output.line(format_args!("{FAINT}{}{FAINT:#}", identity(report)))
}

/// A run in a few lines: verdict, fingerprint, figures.
pub(super) fn run(output: &mut Output, report: &RunReport) -> io::Result<()> {
    which(output, report)?;
    output.line(format_args!(
        "  {} in {} of virtual time, {}",
        counted(report.steps, "step"),
        rough(report.virtual_time.into()),
        counted(report.elections, "election")
    ))?;
    let messages = report.messages;
    row(
        output,
        "messages",
        &[
            ("sent", messages.sent),
            ("delivered", messages.delivered),
            ("dropped", messages.dropped),
            ("duplicated", messages.duplicated),
        ],
    )?;
    let operations = report.operations;
    row(
        output,
        "operations",
        &[("ok", operations.ok), ("fail", operations.fail), ("info", operations.info)],
    )?;
    let faults: Vec<_> = report.faults.iter().map(|(name, count)| (*name, *count)).collect();
    if faults.is_empty() { Ok(()) } else { row(output, "faults", &faults) }
}

/// What a seed of the swarm has drawn, in the same form.
pub(super) fn draw(output: &mut Output, scenario: &Scenario) -> io::Result<()> {
    let items: Vec<String> = describe(scenario).split(", ").map(str::to_owned).collect();
    list(output, FAINT, "  draw      ", &items)
}

/// `  messages    sent 1,200, delivered 1,100`
fn row(output: &mut Output, title: &str, counts: &[(&str, u64)]) -> io::Result<()> {
    let items: Vec<_> = counts.iter().map(|(name, count)| format!("{name} {}", grouped(*count))).collect();
    list(output, FAINT, &format!("  {title:10}"), &items)
}

/// Faults that scenarios ask for and that never happened: nothing is known of how the cluster bears them.
pub(super) fn never_fired(output: &mut Output, summary: &Summary) -> io::Result<()> {
    let faults = &summary.tally.never_fired;
    if faults.is_empty() {
        return Ok(());
    }
    let item = |(name, runs)| format!("{name} (in play in {})", counted(runs, "run"));
    let items: Vec<_> = faults.iter().map(|(name, runs)| (*name, *runs)).map(item).collect();
    list(output, UNSURE, "never fired:", &items)
}

/// The runs of which nothing is known but that they took too much.
pub(super) fn undecided(output: &mut Output, summary: &Summary) -> io::Result<()> {
    for run in &summary.undecided {
        output.line(format_args!("{UNSURE}undecided, {}:{UNSURE:#} {}", run.cutoff.words(), run.again()))?;
    }
    match summary.tally.cutoffs - summary.undecided.len() as u64 {
        0 => Ok(()),
        more => output.line(format_args!("{UNSURE}undecided:{UNSURE:#} and {}", counted(more, "other"))),
    }
}

/// A title and some items, broken before a line gets too long.
pub(super) fn list(output: &mut Output, style: Style, title: &str, items: &[String]) -> io::Result<()> {
    let indent = title.len();
    let mut line = format!("{style}{title}{style:#}");
    let mut width = indent;
    for (position, item) in items.iter().enumerate() {
        let comma = if position + 1 < items.len() { "," } else { "" };
        let item = format!(" {item}{comma}");
        if width + item.len() > 80 {
            output.line(&line)?;
            line = " ".repeat(indent);
            width = indent;
        }
        width += item.len();
        line.push_str(&item);
    }
    output.line(line)
}

/// One line of the trace. A change of role stands out.
pub(super) fn trace_line(line: &TraceLine) -> String {
    if line.is_role_change() { format!("{GOOD}{line}{GOOD:#}") } else { line.to_string() }
}

/// The two lines at which traces part.
pub(super) fn difference(output: &mut Output, difference: &Difference) -> io::Result<()> {
    output.line(format_args!("the traces differ first at event {}:", grouped(difference.event)))?;
    for (word, record) in [("before", &difference.before), ("now", &difference.now)] {
        let line = record.clone().map(TraceLine::try_from);
        match line {
            Some(Ok(line)) => output.line(format_args!("  {word:6} {line}"))?,
            Some(Err(reason)) => output.line(format_args!("  {word:6} (unreadable: {reason})"))?,
            None => output.line(format_args!("  {word:6} (the trace ends)"))?,
        }
    }
    Ok(())
}

/// The column of what failed.
const FAILED: usize = 2;

/// The table of a sweep. What is not failed, nor undecided where there is such a column, is ok.
pub(super) fn table(summary: &Summary) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if !table.is_tty() {
        table.set_width(80);
    }
    let undecided = summary.tally.cutoffs > 0;
    let mut header = vec!["scenario", "runs", "failed", "steps", "time", "elections", "faults"];
    if undecided {
        header.insert(FAILED + 1, "undecided");
    }
    table.set_header(header);
    for figures in summary.scenarios.iter().filter(|figures| figures.tally.runs > 0) {
        table.add_row(table_row(&figures.scenario, &figures.tally, undecided));
    }
    if summary.scenarios.len() > 1 {
        table.add_row(table_row("all", &summary.tally, undecided));
    }
    for (position, column) in table.column_iter_mut().enumerate() {
        if position == 0 {
            column.set_padding((0, 1));
        } else {
            column.set_padding((1, 0)).set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

fn table_row(name: &str, tally: &Tally, undecided: bool) -> Vec<String> {
    let mut row = vec![
        wrapped(name),
        grouped(tally.runs),
        grouped(tally.failed()),
        short(tally.steps),
        rough(tally.virtual_time),
        short(tally.elections),
        short(tally.faults_fired()),
    ];
    if undecided {
        row.insert(FAILED + 1, grouped(tally.cutoffs));
    }
    row
}

/// A name broken after a dash, so that it leaves room for the figures.
fn wrapped(name: &str) -> String {
    const WIDTH: usize = 35;
    let (mut lines, mut width) = (String::new(), 0);
    for word in name.split_inclusive('-') {
        if width > 0 && width + word.len() > WIDTH {
            lines.push('\n');
            width = 0;
        }
        width += word.len();
        lines.push_str(word);
    }
    lines
}

/// The last lines of a sweep: how fast it was, and the verdict.
pub(super) fn sweep_verdict(summary: &Summary) -> [String; 2] {
    let pace = &summary.pace;
    let pace = format!(
        "{} of virtual time in {:.1}s, {} times as fast; {} steps/s",
        rough(summary.tally.virtual_time),
        pace.wall_seconds,
        grouped(pace.virtual_per_wall as u64),
        short(pace.steps_per_second as u64),
    );
    let (style, word, rest) = verdict_of(summary);
    [format!("{FAINT}{pace}{FAINT:#}"), format!("{style}{word}{style:#}{rest}")]
}

/// What a sweep came to: its first words, how they are shown, and what follows.
pub(super) fn verdict_of(summary: &Summary) -> (Style, String, String) {
    let tally = &summary.tally;
    let (style, word) = if tally.failed() > 0 {
        (BAD, format!("{} FAILED", grouped(tally.failed())))
    } else if tally.cutoffs > 0 {
        (UNSURE, format!("{} UNDECIDED", grouped(tally.cutoffs)))
    } else if summary.interrupted {
        (UNSURE, "INTERRUPTED".to_owned())
    } else {
        (GOOD, "ok".to_owned())
    };
    let ok = if word == "ok" { String::new() } else { format!(", {} ok", grouped(tally.ok)) };
    let missing = match summary.planned.saturating_sub(tally.runs) {
        0 => String::new(),
        missing => {
            let why = match summary.interrupted {
                true if word == "INTERRUPTED" => "",
                true => "interrupted, ",
                false => "stopped, ",
            };
            format!("; {why}{} not begun", counted(missing, "run"))
        }
    };
    let share = summary.shard.map_or_else(String::new, |shard| format!("; shard {shard}"));
    let runs = counted(tally.runs, "run");
    let distinct = grouped(summary.distinct_fingerprints as u64);
    (style, word, format!(": {runs}{ok}, {distinct} distinct{share}{missing}"))
}

/// `1 run`, `1,247 runs`
pub(super) fn counted(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// `1,247`
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three or four digits: `999`, `9,999`, `12.3k`, `4.56M`.
fn short(number: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    let Some((unit, name)) = UNITS.into_iter().find(|(unit, _)| number >= *unit) else {
        return number.to_string();
    };
    if number < 10_000 {
        return grouped(number);
    }
    let (whole, rest) = (number / unit, number % unit);
    match whole {
        0..10 => format!("{whole}.{:02}{name}", rest / (unit / 100)),
        10..100 => format!("{whole}.{}{name}", rest / (unit / 10)),
        _ => format!("{whole}{name}"),
    }
}

/// Two units at most: `950ms`, `42.5s`, `12m 5s`, `3h 20m`, `5d 3h`.
pub(super) fn rough(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => Span::millis(u64::from(time.subsec_millis())).to_string(),
        1..60 => format!("{seconds}.{}s", time.subsec_millis() / 100),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::output::tests::printed;
    use super::*;
    use seaworthy_sim::fault::FaultKind;
    use seaworthy_sim::observation::Property;
    use seaworthy_sim::run::{Cutoff, Found, MessageCounts, OperationCounts, Verdict};
    use seaworthy_sim::sweep::{Batch, Outcome, Source};
    use seaworthy_sim::time::Time;
    use std::collections::{BTreeMap, BTreeSet};

    pub(in super::super) fn report(verdict: Verdict) -> RunReport {
        let found = Found {
            property: Property::ElectionSafety,
            at: Time(3_390_000_000),
            step: 1_247,
            node: None,
            detail: "n1@3 and n2@3 both lead".to_owned(),
        };
        RunReport {
            scenario: "stormy".to_owned(),
            seed: 7,
            verdict,
            violation: (verdict == Verdict::Violation).then_some(found),
            missed: None,
            cutoff: (verdict == Verdict::Cutoff).then_some(Cutoff::Steps),
            fingerprint: 0x00c0_ffee_0000_0001,
            steps: 123_456,
            virtual_time: Span::millis(12_500),
            messages: MessageCounts { sent: 90_000, delivered: 80_000, dropped: 11_000, duplicated: 1_000 },
            operations: OperationCounts { ok: 700, fail: 1, info: 23 },
            elections: 31,
            faults: ["crash_mid_step", "duplicate_burst", "isolate_leader", "partition", "slow_leader_disk"]
                .map(|name| (name, 1_234))
                .into(),
            in_play: BTreeSet::from([FaultKind::Partition, FaultKind::Wipe, FaultKind::ClockJump]),
        }
    }

    #[test]
    fn a_run_is_told_in_a_few_lines_of_at_most_80_columns() {
        let text = printed(|output| run(output, &report(Verdict::Violation)));
        insta::assert_snapshot!(text, @r#"
            VIOLATION election_safety at 3.39s (step 1247): n1@3 and n2@3 both lead
            seed 7 · scenario stormy · fingerprint 00c0ffee00000001 · seaworthy 0.1.0
              123,456 steps in 12.5s of virtual time, 31 elections
              messages   sent 90,000, delivered 80,000, dropped 11,000, duplicated 1,000
              operations ok 700, fail 1, info 23
              faults     crash_mid_step 1,234, duplicate_burst 1,234, isolate_leader 1,234,
                         partition 1,234, slow_leader_disk 1,234
        "#);
        assert!(text.lines().all(|line| line.chars().count() <= 80));
        let calm = RunReport { faults: BTreeMap::new(), ..report(Verdict::Ok) };
        insta::assert_snapshot!(printed(|output| run(output, &calm)), @r#"
            ok
            seed 7 · scenario stormy · fingerprint 00c0ffee00000001 · seaworthy 0.1.0
              123,456 steps in 12.5s of virtual time, 31 elections
              messages   sent 90,000, delivered 80,000, dropped 11,000, duplicated 1,000
              operations ok 700, fail 1, info 23
        "#);
    }

    #[test]
    fn a_sweep_is_a_table_of_at_most_80_columns_and_a_verdict() {
        let batches = ["calm", "a-follower-with-an-empty-log-never-wins-an-election"].map(|name| {
            let text = format!(r#"{{"name": "{name}", "claim": "Something."}}"#);
            let scenario = seaworthy_sim::scenario::parse("x.json", &text).unwrap();
            Batch { source: Source::fixed(name, scenario), seeds: (0..100).into() }
        });
        let mut summary = Summary::new(&batches);
        for seed in 0..12_345 {
            let verdict = if seed == 77 { Verdict::Violation } else { Verdict::Ok };
            let report = RunReport { seed, fingerprint: seed % 1_000, ..report(verdict) };
            summary.count(usize::from(seed > 300), seed, &Outcome::Finished(report));
        }
        summary.clock(Duration::from_secs(50));
        let told = format!("{}\n\n{}", table(&summary), sweep_verdict(&summary).join("\n"));
        let text = printed(|output| output.line(told));
        insta::assert_snapshot!(text, @r#"
            scenario                               runs failed steps   time elections faults
            calm                                    301      1 37.1M  1h 2m     9,331  1.85M
            a-follower-with-an-empty-log-never-  12,044      0 1.48G 1d 17h      373k  74.3M
            wins-an-election
            all                                  12,345      1 1.52G 1d 18h      382k  76.1M

            1d 18h of virtual time in 50.0s, 3,086 times as fast; 30.4M steps/s
            1 FAILED: 12,345 runs, 12,344 ok, 1,000 distinct
        "#);
        assert!(text.lines().all(|line| line.chars().count() <= 80));
    }

    fn batches() -> [Batch; 1] {
        let scenario = seaworthy_sim::scenario::parse("x.json", r#"{"name": "x", "claim": "Something."}"#);
        let source = Source::fixed("x.json", scenario.unwrap());
        [Batch { source, seeds: (0..2_000).into() }]
    }

    #[test]
    fn a_sweep_that_ended_early_says_how_much_is_missing() {
        let batches = batches();
        let mut summary = Summary::new(&batches);
        summary.count(0, 0, &Outcome::Finished(report(Verdict::Cutoff)));
        let verdict = |summary: &Summary| {
            let [_, verdict] = sweep_verdict(summary);
            printed(|output| output.line(verdict))
        };
        let expected = "1 UNDECIDED: 1 run, 0 ok, 1 distinct; stopped, 1,999 runs not begun\n";
        assert_eq!(verdict(&summary), expected);
        summary.interrupted = true;
        assert_eq!(verdict(&summary), expected.replace("stopped", "interrupted"));
        summary.shard = "2/3".parse().ok();
        assert_eq!(verdict(&summary), expected.replace("stopped", "shard 2/3; interrupted"));
        let mut calm = Summary::new(&batches);
        calm.interrupted = true;
        calm.count(0, 0, &Outcome::Finished(report(Verdict::Ok)));
        assert_eq!(verdict(&calm), "INTERRUPTED: 1 run, 1 ok, 1 distinct; 1,999 runs not begun\n");
        insta::assert_snapshot!(table(&summary), @r#"
            scenario  runs failed undecided steps  time elections faults
            x            1      0         1  123k 12.5s        31  6,170
        "#);
    }

    #[test]
    fn undecided_runs_are_named_and_counted_when_there_are_many() {
        let mut summary = Summary::new(&batches());
        let told = |summary: &Summary| printed(|output| undecided(output, summary));
        summary.count(0, 6, &Outcome::Finished(report(Verdict::Ok)));
        assert_eq!(told(&summary), "");
        for seed in 7..107 {
            summary.count(0, seed, &Outcome::Finished(report(Verdict::Cutoff)));
        }
        let text = told(&summary);
        assert_eq!(text.lines().next(), Some("undecided, too many steps: seaworthy replay x.json --seed 7"));
        assert_eq!(text.lines().next_back(), Some("undecided: and 90 others"));
        assert_eq!(text.lines().count(), 11);
    }

    #[test]
    fn a_fault_that_was_in_play_and_never_fired_is_named() {
        let mut summary = Summary::new(&batches());
        let told = |summary: &Summary| printed(|output| never_fired(output, summary));
        assert_eq!(told(&summary), "");
        let one = report(Verdict::Ok);
        for _ in 0..1_234 {
            summary.count(0, 0, &Outcome::Finished(one.clone()));
        }
        insta::assert_snapshot!(told(&summary), @"never fired: clock_jump (in play in 1,234 runs), wipe (in play in 1,234 runs)");
        let kinds = seaworthy_sim::fault::KINDS.into_iter();
        let all = RunReport { in_play: kinds.collect(), ..one };
        summary.count(0, 0, &Outcome::Finished(all));
        assert!(told(&summary).lines().all(|line| line.chars().count() <= 80), "{}", told(&summary));
    }

    #[test]
    fn figures_are_short_and_never_rounded_up() {
        let numbers = [0, 999, 9_999, 12_399, 99_999, 1_239_999, 999_999_999, 1_500_000_000, u64::MAX];
        let shown = numbers.map(short).join(" ");
        insta::assert_snapshot!(shown, @"0 999 9,999 12.3k 99.9k 1.23M 999M 1.50G 18446744T");
        let times = [0, 950, 42_590, 725_000, 12_000_000, 270_000_000].map(Duration::from_millis);
        insta::assert_snapshot!(times.map(rough).join(", "), @"0s, 950ms, 42.5s, 12m 5s, 3h 20m, 3d 3h");
        assert_eq!([0, 1, 1_234].map(|n| counted(n, "run")), ["0 runs", "1 run", "1,234 runs"]);
        assert_eq!([0, 12, 1_234, 1_234_567].map(grouped), ["0", "12", "1,234", "1,234,567"]);
    }
}
