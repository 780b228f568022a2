//! The wording of diagnostics: quoting what a file says, listing what it could say, finding what was meant.

/// `text`, at most `limit` characters of it, with whatever a terminal would obey escaped.
pub(super) fn shown(text: &str, limit: usize) -> String {
    let mut words: String = text.chars().take(limit).flat_map(harmless).collect();
    if text.chars().nth(limit).is_some() {
        words.push_str("...");
    }
    words
}

fn harmless(character: char) -> impl Iterator<Item = char> {
    let plain = matches!(character, '"' | '\'' | '\\');
    plain
        .then_some(character)
        .into_iter()
        .chain((!plain).then(|| character.escape_debug()).into_iter().flatten())
}

/// `text` between backticks, fit for a line.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", shown(text, 60))
}

/// "`a`, `b` or `c`".
pub(super) fn alternatives<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(quoted).collect();
    match names.split_last() {
        None => "nothing".into(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

/// The name that was probably meant, if any is near enough.
pub(crate) fn nearest<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The comparison costs the product of the lengths, and no name of ours is that long.
    if given.chars().nth(40).is_some() {
        return None;
    }
    let plain = |name: &str| name.to_lowercase().replace(['-', ' '], "_");
    let given = plain(given);
    let names: Vec<&str> = names.into_iter().collect();
    let distance = |name: &str| strsim::damerau_levenshtein(&given, &plain(name));
    let near = names.iter().map(|name| (distance(name), *name)).min_by_key(|(distance, _)| *distance);
    let limit = (given.chars().count() / 3).max(1);
    let near = near.filter(|(distance, _)| *distance <= limit).map(|(_, name)| name);
    near.or_else(|| {
        let related = |name: &str| name.contains(&given) || given.contains(name);
        let mut related =
            names.iter().filter(|name| given.len() > 3 && name.len() > 3 && related(&plain(name)));
        related.next().filter(|_| related.next().is_none()).copied()
    })
}

/// "1 node", "3 nodes".
pub(super) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood_and_a_foreign_word_is_not() {
        let names = ["crash", "crash_mid_step", "heal"];
        assert_eq!(nearest("crahs", names), Some("crash"));
        assert_eq!(nearest("Crash-Mid-Step", names), Some("crash_mid_step"));
        assert_eq!(nearest("explode", names), None);
        assert_eq!(nearest("the leader", ["leader", "followers"]), Some("leader"));
        assert_eq!(nearest(&"crash".repeat(1000), names), None);
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_quoted() {
        assert_eq!(quoted("a\u{1b}[31m\u{202e}\n\"b\\"), "`a\\u{1b}[31m\\u{202e}\\n\"b\\`");
        assert_eq!(quoted(&"x".repeat(100)).len(), 65);
    }

    #[test]
    fn alternatives_read_as_a_sentence() {
        assert_eq!(alternatives(["a"]), "`a`");
        assert_eq!(alternatives(["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
