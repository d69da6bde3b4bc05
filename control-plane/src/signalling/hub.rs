//! Consultations that are on: who is in them and over which sockets.

use crate::ids::ConsultationId;

/// Every running consultation. Cheap to clone.
#[derive(Clone, Default)]
pub struct Hub {}

impl Hub {
    /// Ends the call: returns once the last final caption is stored and everyone has been told, at most some seconds
    /// later. Call it after the consultation's new state is committed.
    #[expect(clippy::unused_async, reason = "the media room closes here")]
    pub async fn end_consultation(&self, consultation: ConsultationId) {
        let _ = consultation;
    }
}
