//! What a sweep went through, in words.

use super::human::{grouped, list};
use super::output::{FAINT, Output, UNSURE};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use seaworthy_sim::coverage::{Coverage, ROLES, SIZES};
use std::io;

/// Prints what was covered, and which messages never met which role.
pub(super) fn print(coverage: &Coverage, output: &mut Output) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(NOTHING);
    let roles = ROLES.map(|(_, name)| name);
    table.set_header(["arrived at a".to_owned()].into_iter().chain(roles.map(str::to_owned)));
    let mut never = Vec::new();
    for (kind, by_role) in &coverage.deliveries {
        let counts = roles.map(|role| by_role.get(role).map_or(0, |counts| counts.iter().sum::<u64>()));
        table.add_row([kind.clone()].into_iter().chain(counts.map(grouped)));
        for role in roles {
            let [older, same, newer] = by_role.get(role).copied().unwrap_or_default();
            for (count, term) in [(older, "older"), (same, "same"), (newer, "newer")] {
                if count == 0 {
                    never.push(format!("{term} {kind} at a {role}"));
                }
            }
        }
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    output.line(table.trim_fmt())?;
    output.line("")?;
    let named = |counts: &mut dyn Iterator<Item = (String, u64)>| -> Vec<String> {
        counts.map(|(name, count)| format!("{name} {}", grouped(count))).collect()
    };
    let transitions = &mut coverage.transitions.iter().map(|(words, count)| (words.clone(), *count));
    list(output, FAINT, "  roles     ", &named(transitions))?;
    let titled = [
        ("  terms     ", coverage.terms, "skipped"),
        ("  lag       ", coverage.lag, "behind"),
        ("  entries   ", coverage.batches, "in a message"),
    ];
    for (title, counts, what) in titled {
        let sizes =
            &mut SIZES.into_iter().zip(counts).map(|(size, count)| (format!("{size} {what}:"), count));
        list(output, FAINT, title, &named(sizes))?;
    }
    let faults = &mut coverage.faults.iter().map(|(name, count)| ((*name).to_owned(), *count));
    list(output, FAINT, "  faults    ", &named(faults))?;
    if !never.is_empty() {
        list(output, UNSURE, "  never     ", &never)?;
    }
    output.line("")
}
