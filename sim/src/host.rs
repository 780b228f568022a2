//! A server and what it runs on.
