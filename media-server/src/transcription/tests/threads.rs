//! The real threads.
