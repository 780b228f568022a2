//! A file of JSON lines, read as a stream, with bounds on what a hostile or broken file can cost.

use super::{ArtifactError, at};
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// The longest text of one file, after decompression.
pub(super) const TEXT_MAX: u64 = 1 << 30;

/// The longest line.
const LINE_MAX: u64 = 1 << 20;

/// The records of a file of JSON lines. After an error there are no more.
pub struct Lines<T> {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    line: u64,
    left: u64,
    done: bool,
    record: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Lines<T> {
    /// The lines of a plain file.
    pub fn plain(path: &Path) -> Result<Self, ArtifactError> {
        let file = File::open(path).map_err(at(path))?;
        Ok(Self::new(path, Box::new(BufReader::new(file))))
    }

    /// The lines of a file that was compressed by zstd.
    pub fn compressed(path: &Path) -> Result<Self, ArtifactError> {
        let file = File::open(path).map_err(at(path))?;
        let decoder = zstd::Decoder::new(file).map_err(at(path))?;
        Ok(Self::new(path, Box::new(BufReader::new(decoder))))
    }

    /// Those of a file that holds these bytes.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn of_bytes(bytes: Vec<u8>) -> Self {
        Self::new(Path::new("bytes"), Box::new(std::io::Cursor::new(bytes)))
    }

    fn new(path: &Path, reader: Box<dyn BufRead>) -> Self {
        Self { path: path.to_owned(), reader, line: 0, left: TEXT_MAX, done: false, record: PhantomData }
    }

    fn read(&mut self) -> Result<Option<T>, ArtifactError> {
        let mut bytes = Vec::new();
        let limit = LINE_MAX.min(self.left);
        let read = (&mut self.reader).take(limit).read_until(b'\n', &mut bytes).map_err(at(&self.path))?;
        if read == 0 && limit > 0 {
            return Ok(None);
        }
        self.line += 1;
        self.left -= read as u64;
        if bytes.last() != Some(&b'\n') {
            return Err(match read as u64 == limit {
                true if self.left == 0 => ArtifactError::TooBig { path: self.path.clone(), limit: TEXT_MAX },
                true => self.malformed(format!("the line is longer than {LINE_MAX} bytes")),
                false => self.malformed("the file ends in the middle of a line".to_owned()),
            });
        }
        serde_json::from_slice(&bytes).map(Some).map_err(|error| self.malformed(error.to_string()))
    }

    /// An error about the line that was read last.
    pub(super) fn malformed(&self, reason: String) -> ArtifactError {
        ArtifactError::Malformed { path: self.path.clone(), line: self.line, reason }
    }
}

impl<T: DeserializeOwned> Iterator for Lines<T> {
    type Item = Result<T, ArtifactError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.read().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}
