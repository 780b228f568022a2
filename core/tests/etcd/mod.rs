//! The data-driven cases of etcd's raft, unmodified, which lie beside the checkout in `shared/data/etcd-raft`.

use std::path::Path;

/// One case: what is asked, line by line, and, after a line of dashes, what that prints.
pub(crate) struct Case {
    /// Where it stands, for messages.
    pub(crate) place: String,
    pub(crate) input: Vec<String>,
    pub(crate) expected: String,
}

/// The cases of each of these files. Where they are absent there is nothing to compare with; that is said, and there
/// are none.
///
/// # Panics
/// If a file is not made of such cases.
pub(crate) fn cases(folder: &str, names: &[&str]) -> Vec<Vec<Case>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/etcd-raft").join(folder);
    if !directory.is_dir() {
        println!("{} is absent: nothing to compare with", directory.display());
        return vec![];
    }
    let read = |name: &&str| {
        let text =
            std::fs::read_to_string(directory.join(name)).unwrap_or_else(|why| panic!("{name}: {why}"));
        parse(name, &text)
    };
    names.iter().map(read).collect()
}

/// A case ends at an empty line.
fn parse(name: &str, text: &str) -> Vec<Case> {
    let mut cases = vec![];
    let mut lines = text.lines().enumerate();
    while let Some((number, first)) = lines.next() {
        if first.is_empty() || first.starts_with('#') {
            continue;
        }
        let mut rest = lines.by_ref().map(|(_, line)| line);
        let more = rest.by_ref().take_while(|line| *line != "----");
        let input = [first].into_iter().chain(more).map(Into::into).collect();
        let expected = rest.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
        cases.push(Case { place: format!("{name}:{}", number + 1), input, expected });
    }
    let dashes = text.lines().filter(|line| *line == "----").count();
    assert_eq!(cases.len(), dashes, "{name}: every case was read");
    cases
}
