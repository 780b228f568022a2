//! Faults that come at random.
