//! More speech than the machine can transcribe.
