//! The guide shows the code that runs.

#[test]
fn what_the_guide_shows_is_in_the_sources() {
    let sources =
        [include_str!("../src/disk.rs"), include_str!("../src/replica.rs"), include_str!("../src/ticks.rs")];
    let guide = include_str!("../README.md");
    let shown: Vec<&str> =
        guide.split("```rs\n").skip(1).map(|block| block.split("```").next().unwrap_or(block)).collect();
    assert_eq!(shown.len(), 5);
    for block in shown {
        assert!(sources.iter().any(|source| source.contains(block)), "no source has:\n{block}");
    }
}
