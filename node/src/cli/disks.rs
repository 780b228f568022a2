//! The disks that the servers of this binary keep their state on.

use super::arguments::StorageKind;
use seaworthy_core::durable::Durable;
use seaworthy_core::storage::Identity;
use seaworthy_node::storage::{Files, Json, Storage, StorageError};
use std::path::Path;

impl StorageKind {
    /// Makes the disk of a server that never ran and starts from `state`.
    pub(super) fn found(self, path: &Path, identity: Identity, state: Durable) -> Result<(), StorageError> {
        match self {
            Self::Files => Files::found(path, identity, state),
            Self::Json => Json::found(path, identity, state),
        }
    }

    /// The disk of a server that was founded.
    pub(super) fn open(self, path: &Path, identity: Identity) -> Result<Box<dyn Storage>, StorageError> {
        Ok(match self {
            Self::Files => Box::new(Files::open(path, identity)?),
            Self::Json => Box::new(Json::open(path, identity)?),
        })
    }
}
