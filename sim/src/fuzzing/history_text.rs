//! Histories in files, as anybody may write them.

use crate::artifact::{HistoryRecord, Lines};

/// Any bytes at all as a history: records and then perhaps an error, never a panic. What was read prints and is read
/// again as the same.
///
/// # Panics
/// If the law does not hold.
pub fn history_text(bytes: &[u8]) {
    let mut printed = Vec::new();
    let mut records: Vec<HistoryRecord> = Vec::new();
    for line in Lines::of_bytes(bytes.to_vec()) {
        match line {
            Ok(record) => {
                serde_json::to_writer(&mut printed, &record).expect("a record is text");
                printed.push(b'\n');
                records.push(record);
            }
            Err(error) => assert!(!error.to_string().is_empty(), "an error says something"),
        }
    }
    let again: Result<Vec<HistoryRecord>, _> = Lines::of_bytes(printed).collect();
    assert!(again.is_ok_and(|again| again == records), "a printed history reads as itself");
}
