//! Recovery: what a directory of files comes to, or why it must not be trusted.

use super::file::File;
use super::journal::{Journal, Place};
use super::record::{Kind, replay};
use super::segment::{HEADER_SIZE, Header, Segment};
use super::{Geometry, Identity, RecoveryError};
use crate::durable::Durable;
use crate::flaw::{Flaw, Flaws, Sound};
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What recovery found.
#[derive(Debug)]
pub struct Recovery<F = Sound> {
    /// The state, from which a node may start once all operations of the journal have been carried out: until then it
    /// may stand in a cache alone.
    pub durable: Durable,
    /// The journal, which goes on after it.
    pub journal: Journal<F>,
    /// What else is worth telling.
    pub report: Report,
}

/// What recovery saw on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many segments the log was read from.
    pub segments: u64,
    /// How many records of it were read.
    pub records: u64,
    /// The end that a crash tore off, if it left anything of it.
    pub torn: Option<Torn>,
    /// Files that no one needs any more; they are deleted.
    pub leftovers: Vec<File>,
    /// Names that are none of ours; they are not touched.
    pub strangers: Vec<String>,
}

/// The bytes of records that were being written when the host crashed. None of them was ever reported as durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The last segment.
    pub file: File,
    /// Where the torn records begin.
    pub offset: u64,
    /// How many bytes of them there are, up to the last that is not zero.
    pub bytes: u64,
}

impl<F: Flaws> Journal<F> {
    /// The journal in a directory of these files, each with its name and contents.
    ///
    /// Total, and of a cost in proportion to the bytes, whatever they are.
    ///
    /// # Panics
    /// If the sector size is 0.
    ///
    /// # Errors
    /// If the files are not what a journal of `identity` can have left, whatever crashes it went through.
    pub fn recover<'a>(
        identity: Identity,
        geometry: Geometry,
        flaws: F,
        files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Recovery<F>, RecoveryError> {
        let mut strangers = Vec::new();
        let mut contents = BTreeMap::new();
        for (name, bytes) in files {
            match File::parse(name) {
                Some(file) => drop(contents.insert(file, bytes)),
                None => strangers.push(name.to_string()),
            }
        }
        let segments = Segments::find(&contents, identity)?;
        let (durable, torn, end) = segments.replay(flaws)?;
        let (first, last) = (segments.first(), segments.last().segment);
        let leftover = |file: &File| !matches!(file, File::Segment(number) if first.segment <= *number);
        let report = Report {
            segments: last - first.segment + 1,
            records: end - first.first,
            torn,
            leftovers: contents.keys().copied().filter(leftover).collect(),
            strangers,
        };
        // The next segment is made under the name of one that was never finished, and takes it away.
        contents.remove(&File::Temporary(last + 1));
        let place = Place { segment: last + 1, position: end, obsolete: contents.into_keys().collect() };
        let journal = Self::begin(identity, geometry, flaws, durable.clone(), place);
        Ok(Recovery { durable, journal, report })
    }
}

/// The segments that the state is read from, ascending; never empty.
///
/// - Their numbers are consecutive, and the first stands alone, no other.
/// - No segment begins before the records that the one before it was born with end.
struct Segments<'a>(Vec<Segment<'a>>);

impl<'a> Segments<'a> {
    /// The newest segment that stands alone, and all after it.
    fn find(files: &BTreeMap<File, &'a [u8]>, identity: Identity) -> Result<Self, RecoveryError> {
        let mut segments = Vec::<Segment<'a>>::new();
        for (file, bytes) in files.iter().rev() {
            let File::Segment(number) = *file else { continue };
            if let Some(after) = segments.last()
                && after.header.segment != number + 1
            {
                break;
            }
            let segment = Segment::open(bytes, number, identity)?;
            let header = segment.header;
            if let Some(after) = segments.last()
                && after.header.first < header.settled
            {
                let (file, record) = (after.file(), after.header.first);
                return Err(RecoveryError::Malformed { file, offset: 0, record });
            }
            segments.push(segment);
            if header.stands_alone {
                segments.reverse();
                return Ok(Self(segments));
            }
        }
        let missing = segments.last().map(|after| after.header.segment.saturating_sub(1));
        Err(missing.map_or(RecoveryError::Unformatted, |segment| RecoveryError::MissingSegment { segment }))
    }

    fn first(&self) -> &Header {
        &self.0.first().expect("there is one at least").header
    }

    fn last(&self) -> &Header {
        &self.0.last().expect("there is one at least").header
    }

    /// The state, what was torn off, and the position after the last record.
    fn replay<F: Flaws>(&self, flaws: F) -> Result<(Durable, Option<Torn>, u64), RecoveryError> {
        let (mut state, mut position, mut torn) = (Durable::default(), self.first().first, None);
        for (place, segment) in self.0.iter().enumerate() {
            let file = segment.file();
            let successor = self.0.get(place + 1).map(|next| next.header.first);
            let mut offset = HEADER_SIZE;
            while position < successor.unwrap_or(u64::MAX)
                && let Some(record) = segment.record(offset, position)
            {
                let begins = segment.header.stands_alone && position == segment.header.first;
                let kind = Kind::of(record.kind).filter(|kind| (*kind == Kind::Checkpoint) == begins);
                if kind.and_then(|kind| replay(kind, record.body, &mut state)).is_none() {
                    return Err(RecoveryError::Malformed { file, offset: offset as u64, record: position });
                }
                (offset, position) = (record.end, position + 1);
            }
            // A segment begins only once all before it is durable.
            let settled = successor.unwrap_or_else(|| segment.settled_after(offset, position));
            let (bytes, offset) = (segment.remains(offset) as u64, offset as u64);
            if position < settled && !flaws.has(Flaw::CutsAtFirstDamage) {
                return Err(RecoveryError::Damaged { file, offset, record: position, settled });
            }
            torn = (bytes != 0).then_some(Torn { file, offset, bytes });
        }
        Ok((state, torn, position))
    }
}

#[cfg(test)]
mod tests {
    use super::super::segment::Tail;
    use super::*;
    use crate::flaw::Sound;
    use crate::log::Log;
    use crate::types::NodeId;
    use alloc::vec;
    use proptest::prelude::*;

    const IDENTITY: Identity = Identity { cluster: 7, node: NodeId::new(1) };
    const GEOMETRY: Geometry = Geometry { sector_size: 16, segment_size: 64 };

    /// A segment of records with these bodies, each of them whole. A filler ends a batch.
    fn segment(number: u64, header: (bool, u64, u64), bodies: &[(Kind, Vec<u8>)]) -> (String, Vec<u8>) {
        let (stands_alone, first, settled) = header;
        let header = Header { stands_alone, identity: IDENTITY, segment: number, first, settled };
        let mut tail = Tail::new(&header);
        let mut bytes = vec![];
        for (kind, body) in bodies {
            match kind {
                Kind::Filler => bytes.extend(tail.end_batch(16).1.into_vec()),
                _ => tail.push(*kind, |out| out.extend(body)),
            }
        }
        bytes.extend(tail.end_batch(16).1.into_vec());
        (File::Segment(number).to_string(), bytes)
    }

    fn recover(files: &[(String, Vec<u8>)]) -> Result<Recovery, RecoveryError> {
        let files = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        Journal::recover(IDENTITY, GEOMETRY, Sound, files)
    }

    /// The checkpoint of a blank disk.
    fn blank() -> (Kind, Vec<u8>) {
        (Kind::Checkpoint, vec![0; 6])
    }

    #[test]
    fn a_record_that_no_journal_writes_is_refused() {
        let malformed = |files: &[(String, Vec<u8>)]| match recover(files) {
            Err(RecoveryError::Malformed { record, .. }) => Some(record),
            _ => None,
        };
        let vote = || (Kind::HardState, vec![1, 1]);
        assert_eq!(
            recover(&[segment(1, (true, 1, 3), &[blank()])]).map(|it| it.durable),
            Ok(Durable::default())
        );
        assert_eq!(
            malformed(&[segment(1, (true, 1, 3), &[vote()])]),
            Some(1),
            "no checkpoint at the beginning"
        );
        assert_eq!(
            malformed(&[segment(1, (true, 1, 4), &[blank(), blank()])]),
            Some(2),
            "a second checkpoint"
        );
        let gap = (Kind::Append, vec![1, 1, 2, 1]);
        assert_eq!(malformed(&[segment(1, (true, 1, 4), &[blank(), gap])]), Some(2), "an entry after a gap");
        let first = || segment(1, (true, 1, 3), &[blank()]);
        assert_eq!(
            malformed(&[first(), segment(2, (false, 2, 3), &[])]),
            Some(2),
            "the checkpoint's filler again"
        );
        assert_eq!(recover(&[first(), segment(2, (false, 3, 4), &[])]).map(|it| it.report.records), Ok(3));
        let late = recover(&[first(), segment(2, (false, 4, 5), &[])]).map(|it| it.durable);
        let file = File::Segment(1);
        assert_eq!(late, Err(RecoveryError::Damaged { file, offset: 144, record: 3, settled: 4 }));
    }

    fn kinds() -> impl Strategy<Value = Kind> {
        prop::sample::select(vec![Kind::Checkpoint, Kind::HardState, Kind::Append, Kind::Filler])
    }

    proptest! {
        #[test]
        fn whatever_whole_records_say_is_recovered_or_refused(
            bodies in prop::collection::vec((kinds(), prop::collection::vec(0..4u8, 0..12)), 0..6),
            header in (any::<bool>(), 0..4u64, 0..9u64),
        ) {
            let bodies = [&[blank()][..], &bodies].concat();
            if let Ok(recovery) = recover(&[segment(1, header, &bodies)]) {
                // A log that can be built again entry by entry has no gaps and no descending terms.
                let mut log = Log::after(recovery.durable.log.base());
                recovery.durable.log.entries().iter().for_each(|entry| log.push(entry.clone()));
                prop_assert_eq!(log, recovery.durable.log);
            }
        }
    }
}
