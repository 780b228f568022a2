//! What a run came to, in words.
