//! Which entries of the audit log somebody wants to see.

use serde::{Deserialize, Serialize};

use super::audit_log::LogEntry;

/// Entries that are like this in every field that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditFilter {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Milliseconds since the Unix epoch; this one and later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// Earlier than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<i64>,
}

impl AuditFilter {
    #[must_use]
    pub fn of_patient(patient: impl ToString) -> Self {
        Self { patient: Some(patient.to_string()), ..Self::default() }
    }

    #[must_use]
    pub fn matches(&self, entry: &LogEntry) -> bool {
        let like =
            |wanted: &Option<String>, text: &str| wanted.as_deref().is_none_or(|wanted| wanted == text);
        like(&self.actor, &entry.actor)
            && like(&self.patient, &entry.patient)
            && like(&self.action, &entry.action)
            && like(&self.outcome, &entry.outcome)
            && like(&self.purpose, &entry.purpose)
            && self.from.is_none_or(|from| entry.at >= from)
            && self.to.is_none_or(|to| entry.at < to)
    }
}
