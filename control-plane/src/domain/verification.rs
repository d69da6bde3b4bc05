//! A doctor's application to be verified: one document at a time, decided by an administrator with a reason.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Largest document, in bytes.
pub const MAX_DOCUMENT: usize = 10 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerificationState {
    Pending,
    Approved,
    Rejected,
}

impl VerificationState {
    pub const ALL: [Self; 3] = [Self::Pending, Self::Approved, Self::Rejected];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What a document is, by its first bytes; what its sender calls it does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentType {
    Pdf,
    Png,
    Jpeg,
}

impl DocumentType {
    pub const ALL: [Self; 3] = [Self::Pdf, Self::Png, Self::Jpeg];

    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| bytes.starts_with(kind.signature()))
    }

    const fn signature(self) -> &'static [u8] {
        match self {
            Self::Pdf => b"%PDF-",
            Self::Png => b"\x89PNG\r\n\x1a\n",
            Self::Jpeg => b"\xff\xd8\xff",
        }
    }

    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
        }
    }

    #[must_use]
    pub fn from_media_type(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.media_type() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_what_its_first_bytes_say() {
        assert_eq!(DocumentType::of(b"%PDF-1.7\n"), Some(DocumentType::Pdf));
        assert_eq!(DocumentType::of(b"\x89PNG\r\n\x1a\n...."), Some(DocumentType::Png));
        assert_eq!(DocumentType::of(b"\xff\xd8\xff\xe0...."), Some(DocumentType::Jpeg));
        for other in [&b""[..], b"%PDF", b"<html>%PDF-", b"MZ\x90\0", b"\x89PNG\n"] {
            assert_eq!(DocumentType::of(other), None);
        }
    }
}
