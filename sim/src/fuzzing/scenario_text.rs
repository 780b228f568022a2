//! Scenario files, as anybody may write them.

use crate::scenario;

/// Any bytes at all as a scenario file: an error or a scenario, never a panic. What parses prints and parses
/// again to the same.
///
/// # Panics
/// If the law does not hold.
pub fn scenario_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match scenario::parse("fuzz.json", text) {
        Ok(parsed) => {
            let again = scenario::parse("again.json", &parsed.to_json());
            assert!(again.is_ok_and(|again| again == parsed), "a printed scenario parses to itself");
        }
        Err(diagnostics) => assert!(!diagnostics.to_string().is_empty(), "an error says something"),
    }
}
