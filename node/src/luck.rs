//! Luck from the operating system: seeds, names that nobody else takes, jitter.

/// Any number.
///
/// # Panics
/// If the operating system has no luck to give, so that no two servers can be told apart.
pub(crate) fn word() -> u64 {
    getrandom::u64().expect("the operating system gives random numbers")
}

/// A number below `bound`, which is not 0. Each is as likely as any other, as far as jitter needs it.
pub(crate) fn below(bound: u64) -> u64 {
    word() % bound
}
