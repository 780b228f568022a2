//! The bytes of a segment: its header, and records one after the other. The table is in the module's page.

use super::Identity;
use super::entry::NUMBER_END;
use super::error::RecoveryError;
use super::file::{File, Padded};
use super::record::Kind;
use crate::types::NodeId;
use alloc::vec::Vec;
use core::ops::Range;
use crc::{CRC_32_ISCSI, Crc, Table};

/// With the small table: records are small, and the large one would push all else out of the cache.
static CRC: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISCSI);

const MAGIC: [u8; 8] = *b"seaworth";

/// What this code writes, and all that it reads. A later version keeps the magic, the version and the checksum where
/// they are, so that the two can tell each other.
pub(super) const VERSION: u32 = 1;

/// How long a segment's header is.
pub(super) const HEADER_SIZE: usize = 60;

/// How long a record is besides its body.
const RECORD_HEADER_SIZE: usize = 33;

/// Room for a batch of one small command, and its filler.
const SMALL_BATCH: usize = 256;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Whether the log begins here: the first record is a checkpoint, and no segment before this one is needed.
    pub stands_alone: bool,
    /// Whose log it is.
    pub identity: Identity,
    /// The segment's number.
    pub segment: u64,
    /// The position of the first record.
    pub first: u64,
    /// The records before this position were durable before the file got its name.
    pub settled: u64,
}

impl Header {
    fn encode(&self) -> [u8; HEADER_SIZE] {
        let fields = [
            &MAGIC[..],
            &VERSION.to_le_bytes(),
            &u32::from(self.stands_alone).to_le_bytes(),
            &self.identity.cluster.to_le_bytes(),
            &self.identity.node.get().to_le_bytes(),
            &self.segment.to_le_bytes(),
            &self.first.to_le_bytes(),
            &self.settled.to_le_bytes(),
        ];
        closed(&fields, |fields| CRC.checksum(fields))
    }

    /// The header of segment `number`, which must be of `identity`.
    fn decode(bytes: &[u8], number: u64, identity: Identity) -> Result<Self, RecoveryError> {
        let file = File::Segment(number);
        let damaged = RecoveryError::DamagedHeader { file };
        let (mut fields, rest) = bytes.split_at_checked(HEADER_SIZE - 4).ok_or(damaged)?;
        let checksum = rest.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        if checksum != Some(CRC.checksum(fields)) || fields.split_off(..8) != Some(&MAGIC) {
            return Err(damaged);
        }
        let mut u32 =
            || fields.split_off(..4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
        let [version, kind] = [u32(), u32()].map(|field| field.expect("the header is longer"));
        if version != VERSION {
            return Err(RecoveryError::Version { file, version });
        }
        let [cluster, node, segment, first, settled] =
            [(); 5].map(|()| u64_from(&mut fields).expect("the header is longer"));
        let sensible = kind <= 1 && first <= settled && settled < NUMBER_END && segment < NUMBER_END;
        let node = NodeId::try_new(node).filter(|_| sensible);
        let node = node.ok_or(RecoveryError::Malformed { file, offset: 0, record: first })?;
        if cluster != identity.cluster {
            return Err(RecoveryError::WrongCluster { file, found: cluster, expected: identity.cluster });
        }
        if node != identity.node {
            return Err(RecoveryError::WrongNode { file, found: node, expected: identity.node });
        }
        if segment != number {
            return Err(RecoveryError::Misnamed { file, segment });
        }
        Ok(Self { stands_alone: kind == 1, identity, segment, first, settled })
    }

    /// What the records of this segment are bound to it with, so that a record of any other is none here.
    fn seed(&self) -> [u8; 4] {
        *self.encode().last_chunk().expect("the header ends with its checksum")
    }
}

/// The bytes of a header, which end with the checksum of the fields before it.
///
/// # Panics
/// If the fields and the checksum are not as long as the header.
fn closed<const SIZE: usize>(fields: &[&[u8]], checksum: impl FnOnce(&[u8]) -> u32) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    let (start, end) = bytes.split_at_mut(SIZE - 4);
    let mut rest = &mut *start;
    for field in fields {
        let place = rest.split_off_mut(..field.len()).expect("the header is as long as its fields");
        place.copy_from_slice(field);
    }
    assert!(rest.is_empty(), "the fields are as long as the header");
    end.copy_from_slice(&checksum(start).to_le_bytes());
    bytes
}

fn u64_from(bytes: &mut &[u8]) -> Option<u64> {
    let number = bytes.split_off(..8)?;
    Some(u64::from_le_bytes(number.try_into().expect("eight bytes")))
}

/// A record's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RecordHeader {
    length: u64,
    position: u64,
    batch: u64,
    kind: u8,
    body_checksum: u32,
}

impl RecordHeader {
    fn encode(&self, seed: [u8; 4]) -> [u8; RECORD_HEADER_SIZE] {
        let fields = [
            &self.length.to_le_bytes()[..],
            &self.position.to_le_bytes(),
            &self.batch.to_le_bytes(),
            &[self.kind],
            &self.body_checksum.to_le_bytes(),
        ];
        closed(&fields, |fields| seeded(seed, fields))
    }

    /// The header at the start of `bytes` of a record at a position within `positions`; nothing else is worth a
    /// checksum.
    fn decode(bytes: &[u8], seed: [u8; 4], positions: &Range<u64>) -> Option<Self> {
        let (fields, rest) = bytes.split_at_checked(RECORD_HEADER_SIZE - 4)?;
        let mut reader = fields;
        let [length, position] = [u64_from(&mut reader)?, u64_from(&mut reader)?];
        if !positions.contains(&position) || u32::from_le_bytes(*rest.first_chunk()?) != seeded(seed, fields)
        {
            return None;
        }
        let (batch, kind) = (u64_from(&mut reader)?, *reader.split_off_first()?);
        let body_checksum = u32::from_le_bytes(*reader.first_chunk()?);
        Some(Self { length, position, batch, kind, body_checksum })
    }
}

/// Whether `body` is what the record was written with.
fn is_whole(header: &RecordHeader, body: &[u8]) -> bool {
    match Kind::of(header.kind) {
        Some(Kind::Filler) => header.body_checksum == 0 && body.iter().all(|byte| *byte == 0),
        _ => header.body_checksum == CRC.checksum(body),
    }
}

fn seeded(seed: [u8; 4], bytes: &[u8]) -> u32 {
    let mut digest = CRC.digest();
    digest.update(&seed);
    digest.update(bytes);
    digest.finalize()
}

/// A segment, as read.
pub(super) struct Segment<'a> {
    pub header: Header,
    seed: [u8; 4],
    bytes: &'a [u8],
}

/// A record, as read.
pub(super) struct Read<'a> {
    /// Its kind, whatever number that is.
    pub kind: u8,
    pub body: &'a [u8],
    /// Where the next record begins.
    pub end: usize,
}

impl<'a> Segment<'a> {
    /// The segment of `identity` that goes by this number.
    pub(super) fn open(bytes: &'a [u8], number: u64, identity: Identity) -> Result<Self, RecoveryError> {
        let header = Header::decode(bytes, number, identity)?;
        Ok(Self { header, seed: header.seed(), bytes })
    }

    pub(super) fn file(&self) -> File {
        File::Segment(self.header.segment)
    }

    /// The record `position`, if it stands whole at `offset`.
    pub(super) fn record(&self, offset: usize, position: u64) -> Option<Read<'a>> {
        let bytes = self.bytes.get(offset..)?;
        let header = RecordHeader::decode(bytes, self.seed, &(position..position + 1))?;
        let length = usize::try_from(header.length).ok()?;
        let body = bytes[RECORD_HEADER_SIZE..].get(..length)?;
        let end = offset + RECORD_HEADER_SIZE + length;
        is_whole(&header, body).then_some(Read { kind: header.kind, body, end })
    }

    /// The highest position of which the header, or that of a record from `offset` on, says that all records before it
    /// were durable. Record `position` should stand at `offset` and does not; that its length cannot be trusted makes
    /// every byte one where another may begin.
    pub(super) fn settled_after(&self, offset: usize, position: u64) -> u64 {
        let remains = self.remains(offset);
        let positions = position..position.saturating_add(remains as u64);
        let starts = (offset..offset + remains).map(|start| &self.bytes[start..]);
        let headers = starts.filter_map(|bytes| RecordHeader::decode(bytes, self.seed, &positions));
        headers.map(|header| header.batch).max().unwrap_or(0).max(self.header.settled)
    }

    /// How many bytes there are from `offset` on, up to the last that is not zero.
    pub(super) fn remains(&self, offset: usize) -> usize {
        self.bytes[offset..].iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
    }
}

/// The end of a segment that is written to, and the batch that comes next.
#[derive(Debug, Default)]
pub(super) struct Tail {
    seed: [u8; 4],
    /// The position of the next record.
    position: u64,
    /// That of the first record of the batch.
    batch: u64,
    /// Where the batch begins.
    offset: u64,
    bytes: Vec<u8>,
}

impl Tail {
    /// Of no segment yet: the first begins with the record `position`.
    pub(super) fn before(position: u64) -> Self {
        Self { position, ..Self::default() }
    }

    /// At the beginning of a segment, whose header is the first part of the first batch.
    pub(super) fn new(header: &Header) -> Self {
        let bytes = header.encode().to_vec();
        Self { seed: header.seed(), position: header.first, batch: header.first, offset: 0, bytes }
    }

    /// The position of the next record.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// How long the segment is, without the batch.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether there is nothing in the batch.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Puts a record into the batch.
    pub(super) fn push(&mut self, kind: Kind, encode: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.bytes.extend([0; RECORD_HEADER_SIZE]);
        encode(&mut self.bytes);
        let body = &self.bytes[start + RECORD_HEADER_SIZE..];
        let header = self.next_header(kind, body.len() as u64, CRC.checksum(body));
        self.bytes[start..start + RECORD_HEADER_SIZE].copy_from_slice(&header);
    }

    /// Fills up the batch to the end of a sector and takes it, with the offset at which it goes into the file.
    pub(super) fn end_batch(&mut self, sector_size: u64) -> (u64, Padded) {
        let length = (self.bytes.len() + RECORD_HEADER_SIZE) as u64;
        let zeros = (self.offset + length).next_multiple_of(sector_size) - self.offset - length;
        // A filler is known by its zeros, which are faster compared than summed.
        let filler = self.next_header(Kind::Filler, zeros, 0);
        self.bytes.extend(filler);
        let next = Vec::with_capacity(SMALL_BATCH);
        let zeros = usize::try_from(zeros).expect("a sector fits into memory");
        let batch = Padded { bytes: core::mem::replace(&mut self.bytes, next), zeros };
        let offset = self.offset;
        self.batch = self.position;
        self.offset += batch.len() as u64;
        (offset, batch)
    }

    /// The header of the next record.
    fn next_header(&mut self, kind: Kind, length: u64, body_checksum: u32) -> [u8; RECORD_HEADER_SIZE] {
        let header = RecordHeader {
            length,
            position: self.position,
            batch: self.batch,
            kind: kind as u8,
            body_checksum,
        };
        self.position += 1;
        header.encode(self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    const IDENTITY: Identity = Identity { cluster: 7, node: NodeId::new(1) };

    fn header() -> Header {
        Header { stands_alone: true, identity: IDENTITY, segment: 3, first: 10, settled: 12 }
    }

    /// The header with some bytes changed, and a checksum that holds.
    fn forged(at: usize, bytes: &[u8]) -> Vec<u8> {
        let mut forged = header().encode();
        forged[at..at + bytes.len()].copy_from_slice(bytes);
        let (fields, checksum) = forged.split_at_mut(HEADER_SIZE - 4);
        checksum.copy_from_slice(&CRC.checksum(fields).to_le_bytes());
        forged.to_vec()
    }

    #[test]
    fn a_header_is_read_or_refused_by_name() {
        let file = File::Segment(3);
        let decode = |bytes: &[u8]| Header::decode(bytes, 3, IDENTITY);
        let malformed = |record| Err(RecoveryError::Malformed { file, offset: 0, record });
        assert_eq!(decode(&header().encode()), Ok(header()));
        assert_eq!(decode(&forged(8, &[2])), Err(RecoveryError::Version { file, version: 2 }));
        assert_eq!(decode(&forged(0, b"s")), Ok(header()));
        assert_eq!(decode(&forged(0, b"S")), Err(RecoveryError::DamagedHeader { file }));
        assert_eq!(
            decode(&forged(16, &[8])),
            Err(RecoveryError::WrongCluster { file, found: 8, expected: 7 })
        );
        let (found, expected) = (NodeId::new(2), NodeId::new(1));
        assert_eq!(decode(&forged(24, &[2])), Err(RecoveryError::WrongNode { file, found, expected }));
        assert_eq!(decode(&forged(32, &[4])), Err(RecoveryError::Misnamed { file, segment: 4 }));
        assert_eq!(decode(&forged(12, &[2])), malformed(10), "a kind that is neither");
        assert_eq!(decode(&forged(24, &[0])), malformed(10), "node 0");
        assert_eq!(decode(&forged(40, &[13])), malformed(13), "settled before the first");
        assert_eq!(decode(&forged(48, &[0xff; 8])), malformed(10), "a position where arithmetic ends");
        for length in 0..HEADER_SIZE {
            let short = &header().encode()[..length];
            assert_eq!(decode(short), Err(RecoveryError::DamagedHeader { file }));
        }
    }

    #[test]
    fn a_record_that_claims_to_be_longer_than_all_there_is_is_none() {
        for length in [1, 1 << 32, u64::MAX] {
            let record = RecordHeader { length, position: 10, batch: 10, kind: 4, body_checksum: 0 };
            let bytes = [&header().encode()[..], &record.encode(header().seed())].concat();
            let segment = Segment::open(&bytes, 3, IDENTITY).expect("the header is whole");
            assert!(segment.record(HEADER_SIZE, 10).is_none());
        }
    }

    #[test]
    fn a_filler_of_anything_but_zeros_is_none() {
        let mut tail = Tail::new(&header());
        let bytes = tail.end_batch(200).1.into_vec();
        let filler = |bytes: &[u8]| {
            Segment::open(bytes, 3, IDENTITY).expect("the header is whole").record(HEADER_SIZE, 10).is_some()
        };
        assert!(filler(&bytes));
        for at in HEADER_SIZE..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 0x10;
            assert!(!filler(&other), "byte {at}");
        }
    }

    #[test]
    fn a_record_of_another_segment_is_none() {
        let mut other = Tail::new(&Header { segment: 2, ..header() });
        other.push(Kind::HardState, |out| out.extend([1, 1]));
        let other = other.end_batch(1).1.into_vec();
        let bytes = [&header().encode()[..], &other[HEADER_SIZE..]].concat();
        let segment = Segment::open(&bytes, 3, IDENTITY).expect("the header is whole");
        assert!(segment.record(HEADER_SIZE, 10).is_none());
        assert_eq!(segment.settled_after(HEADER_SIZE, 10), 12);
    }

    /// Also one whose last bytes are zeros, like what was never written.
    #[test]
    fn a_witness_is_found_whatever_its_bytes() {
        let zeros = (1..2000).filter(|first| {
            let mut tail = Tail::new(&Header { first: *first, settled: *first, ..header() });
            tail.push(Kind::HardState, |out| out.extend([1, 1]));
            let mut bytes = tail.end_batch(1).1.into_vec();
            bytes[HEADER_SIZE] ^= 1;
            bytes.extend(tail.end_batch(512).1.into_vec());
            let segment = Segment::open(&bytes, 3, IDENTITY).expect("the header is whole");
            assert_eq!(segment.settled_after(HEADER_SIZE, *first), first + 2);
            segment.remains(0) < HEADER_SIZE + 3 * RECORD_HEADER_SIZE + 2
        });
        assert!(0 < zeros.count(), "some end with a zero");
    }

    proptest! {
        #[test]
        fn batches_end_with_sectors_and_their_records_follow_each_other(
            batches in prop::collection::vec(prop::collection::vec(0..200usize, 0..4), 1..6),
            sector_size in 1..300u64,
        ) {
            let mut tail = Tail::new(&header());
            let mut bytes = vec![];
            let mut lengths = vec![];
            for batch in batches {
                for length in batch {
                    tail.push(Kind::HardState, |out| out.resize(out.len() + length, 1));
                    lengths.push(Some(length));
                }
                let (offset, batch) = tail.end_batch(sector_size);
                lengths.push(None);
                prop_assert_eq!(offset, bytes.len() as u64);
                prop_assert_eq!(offset % sector_size, 0);
                bytes.extend(batch.into_vec());
            }
            let segment = Segment::open(&bytes, 3, IDENTITY).expect("the header is whole");
            let mut offset = HEADER_SIZE;
            for (position, length) in (10..).zip(lengths) {
                let record = segment.record(offset, position).expect("it was written");
                prop_assert_eq!(record.kind == Kind::Filler as u8, length.is_none());
                prop_assert!(length.is_none_or(|length| record.body.len() == length));
                offset = record.end;
            }
            prop_assert_eq!((offset, tail.offset()), (bytes.len(), bytes.len() as u64));
        }
    }
}
