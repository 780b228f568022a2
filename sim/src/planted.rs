//! The planted bugs and who must catch them.
