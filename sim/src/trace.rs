//! One record an event, and the fingerprint over all of them.
