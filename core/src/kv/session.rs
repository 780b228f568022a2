//! Client sessions (thesis §6.3).
