//! A failing run on disk.
