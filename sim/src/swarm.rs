//! A scenario drawn from a seed.
