//! The one way to a patient's clinical text: through a decision that it may be opened.

use super::{StoreError, Tx};
use crate::crypto::sealed::Place;
use crate::domain::clinical::{Access, Clinical};
use crate::ids::UserId;

/// A sealed clinical text and whose it is, as its row says.
pub(super) struct SealedText<'a> {
    pub(super) what: Clinical,
    pub(super) patient: UserId,
    pub(super) place: Place,
    pub(super) body: &'a [u8],
}

impl Tx {
    /// [`StoreError::NotFound`] when the decision is about something else.
    pub(super) async fn open_clinical(
        &mut self,
        access: &Access,
        text: &SealedText<'_>,
    ) -> Result<String, StoreError> {
        if !access.opens(text.what, text.patient) {
            return Err(StoreError::NotFound);
        }
        self.open(text.patient, &text.place, text.body).await
    }
}
