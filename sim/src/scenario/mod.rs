//! Scenario files.

pub mod model;
pub mod scalar;

pub use model::Scenario;
