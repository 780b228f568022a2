//! A disk that is forgotten with the process.

use super::{Storage, StorageError};
use crate::lock::locked;
use seaworthy_core::durable::Durable;
use seaworthy_core::effect::Record;
use std::sync::{Arc, Mutex};

/// A disk in memory. Its clones are the same disk, so that a server that is stopped can be started again from it.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Mutex<Durable>>);

impl Memory {
    /// A disk that holds this.
    pub fn new(durable: Durable) -> Self {
        Self(Arc::new(Mutex::new(durable)))
    }
}

impl Storage for Memory {
    fn recover(&mut self) -> Result<Durable, StorageError> {
        Ok(locked(&self.0).clone())
    }

    fn persist(&mut self, batch: Vec<Record>) -> Result<(), StorageError> {
        let mut durable = locked(&self.0);
        batch.into_iter().for_each(|record| durable.persist(record));
        Ok(())
    }
}
