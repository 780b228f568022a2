//! How far a command is: a bar where a person looks at it, otherwise a line now and then. Always on stderr.

use super::human::grouped;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

/// How often a log that nobody looks at gets a line.
const HEARTBEAT: Duration = Duration::from_secs(10);

const TEMPLATE: &str = "{bar:30} {human_pos}/{human_len} {prefix}  {rate}  ETA {eta}  {msg}";

/// The progress of so many runs, or whatever else is done one by one.
pub(super) struct Progress {
    what: &'static str,
    bar: ProgressBar,
    heartbeat: Option<Instant>,
    started: Instant,
    done: u64,
    total: u64,
}

impl Progress {
    pub(super) fn new(total: u64, what: &'static str) -> Self {
        let watched = is_watched();
        let target = if watched { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        // A failure to write a rate is shown as no rate.
        let rate = |state: &ProgressState, out: &mut dyn Write| {
            let _ = write!(out, "{:.0}/s", state.per_sec());
        };
        let style = ProgressStyle::with_template(TEMPLATE).expect("the template is well formed");
        let style = style.with_key("rate", rate);
        let bar = ProgressBar::with_draw_target(Some(total), target).with_style(style).with_prefix(what);
        let started = Instant::now();
        Self { what, bar, heartbeat: (!watched).then_some(started), started, done: 0, total }
    }

    /// One more is done; so many have failed.
    pub(super) fn advance(&mut self, failed: u64) {
        self.done += 1;
        self.bar.inc(1);
        if failed > 0 {
            self.bar.set_message(format!("{failed} failed"));
        }
        if let Some(last) = self.heartbeat
            && last.elapsed() >= HEARTBEAT
        {
            self.heartbeat = Some(Instant::now());
            let (done, total) = (grouped(self.done), grouped(self.total));
            let seconds = self.started.elapsed().as_secs();
            anstream::eprintln!("{done}/{total} {} in {seconds}s, {failed} failed", self.what);
        }
    }

    /// Says something without breaking the bar.
    pub(super) fn say(&self, line: &str) {
        self.bar.suspend(|| anstream::eprintln!("{line}"));
    }

    /// How long it has taken.
    pub(super) fn finish(self) -> Duration {
        self.bar.finish_and_clear();
        self.started.elapsed()
    }
}

/// How far something is of which nobody knows how long it takes: one line that is written over, or a line now and then.
pub(super) struct Ticker {
    bar: ProgressBar,
    heartbeat: Option<Instant>,
}

impl Ticker {
    pub(super) fn new() -> Self {
        let watched = is_watched();
        let target = if watched { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style =
            ProgressStyle::with_template("{spinner} {wide_msg}").expect("the template is well formed");
        let bar = ProgressBar::with_draw_target(None, target).with_style(style);
        Self { bar, heartbeat: (!watched).then(Instant::now) }
    }

    /// This is how far it is.
    pub(super) fn tell(&mut self, line: &str) {
        self.bar.set_message(line.to_owned());
        self.bar.tick();
        if let Some(last) = self.heartbeat
            && last.elapsed() >= HEARTBEAT
        {
            self.heartbeat = Some(Instant::now());
            anstream::eprintln!("{line}");
        }
    }

    /// It is done.
    pub(super) fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// Whether a person looks at stderr.
fn is_watched() -> bool {
    stderr().is_terminal() && std::env::var_os("CI").is_none()
}
