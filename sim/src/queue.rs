//! The event queue, ordered by (time, sequence).
