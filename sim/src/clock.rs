//! Clocks that err.
