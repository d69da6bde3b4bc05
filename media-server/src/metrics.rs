//! Every media metric, declared once.
