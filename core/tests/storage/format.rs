//! The bytes do not change unnoticed, and bytes from anywhere do no harm.

use super::disk::{Disk, SECTOR};
use super::life::{Life, Step, formatted, founding, recover};
use proptest::prelude::*;
use seaworthy_core::flaw::Sound;

/// A small disk, sixteen bytes a line; lines of zeros are left out.
fn dump(files: &[(String, Vec<u8>)]) -> String {
    let mut text = String::new();
    for (name, bytes) in files {
        text += &format!("{name}, {} bytes\n", bytes.len());
        for (at, line) in bytes.chunks(16).enumerate().filter(|(_, line)| line.iter().any(|byte| *byte != 0))
        {
            let hex: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
            text += &format!("{:04x}  {}\n", at * 16, hex.join(" "));
        }
    }
    text
}

#[test]
fn the_bytes_of_a_disk_are_those_of_version_1() {
    let steps = [
        Step::Vote,
        Step::Append { cut: 0, count: 3, size: 5 },
        Step::Sync,
        Step::Vote,
        Step::Append { cut: 1, count: 1, size: 5 },
        Step::Seal,
        Step::Vote,
        Step::Sync,
    ];
    let (mut disk, journal) = formatted(Sound);
    Life::new(journal, founding(), usize::MAX).live(&mut disk, &steps);
    assert_eq!(dump(&disk.files()), include_str!("golden.txt"));
}

/// If there is a state in these files, it is there again after the start.
fn recovered_again_or_refused(files: &[(String, Vec<u8>)]) {
    let mut disk = Disk::holding(files);
    if let Ok((mut journal, state)) = recover(&disk, Sound) {
        while let Some(operation) = journal.next_operation() {
            disk.carry_out(&operation);
        }
        let (_, again) = recover(&disk, Sound).expect("it has just been written");
        assert_eq!(again, state);
    }
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..4u64).prop_map(|number| format!("{number:016x}.segment")),
        (0..4u64).prop_map(|number| format!("{number:016x}.temporary")),
        any::<String>(),
    ]
}

proptest! {
    #[test]
    fn any_directory_is_recovered_or_refused(
        files in prop::collection::vec((names(), prop::collection::vec(any::<u8>(), 0..200)), 0..6),
    ) {
        recovered_again_or_refused(&files);
    }

    #[test]
    fn any_damage_to_a_disk_is_recovered_or_refused(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<[u8; 4]>()), 0..9),
    ) {
        let (mut disk, journal) = formatted(Sound);
        let steps = [Step::Append { cut: 0, count: 3, size: SECTOR }, Step::Sync, Step::Vote, Step::Sync];
        Life::new(journal, founding(), usize::MAX).live(&mut disk, &steps);
        let mut files = disk.files();
        for (file, at, bytes) in damage {
            let (_, contents) = file.get_mut(&mut files);
            let at = at.index(contents.len() - 4);
            contents[at..at + 4].copy_from_slice(&bytes);
        }
        recovered_again_or_refused(&files);
    }
}
