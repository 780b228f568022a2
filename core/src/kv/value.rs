//! The values and the commands' effect on them.
