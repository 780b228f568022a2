//! Links, cuts, rules and latencies.
