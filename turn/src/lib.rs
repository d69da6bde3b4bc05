//! TURN for clients behind firewalls that let nothing but TLS out: credentials that end by themselves (RFC 8656, the
//! REST credentials draft) and a relay towards our own media ports only. Nothing here yet: such clients reach the media
//! ports over ICE-TCP, which the media server speaks itself.

#![deny(clippy::indexing_slicing, reason = "its input is hostile")]
