//! Whether what clients saw can be explained.
