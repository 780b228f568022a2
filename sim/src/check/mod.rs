//! The checkers, one property a file.
