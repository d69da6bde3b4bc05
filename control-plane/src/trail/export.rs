//! Exporting a log, page by page: nothing is held open while somebody reads slowly, for what a checkpoint covers does not
//! change.

use super::{ENTRIES_AT_A_TIME, TrailError};
use crate::domain::audit_export::{Condenser, Header, Line};
use crate::domain::audit_filter::AuditFilter;
use crate::domain::audit_log::{Fault, LogEntry};
use crate::ids::TenantId;
use crate::store::{SignedHead, Store};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Verifies without the database: see `domain/audit_export.rs`.
    Ndjson,
    /// For spreadsheets: only the entries that were asked for, and no proof.
    Csv,
}

/// Everything up to a checkpoint; call [`next`](Self::next) until it is `None`.
pub struct Export {
    store: Store,
    tenant: TenantId,
    filter: AuditFilter,
    format: Format,
    signed: SignedHead,
    condenser: Condenser,
    /// The last entry that was read; -1: not even the header was written.
    last: i64,
}

impl Export {
    #[must_use]
    pub fn new(
        store: Store,
        tenant: TenantId,
        signed: SignedHead,
        filter: AuditFilter,
        format: Format,
    ) -> Self {
        Self { store, tenant, filter, format, signed, condenser: Condenser::default(), last: -1 }
    }

    /// Some lines more.
    pub async fn next(&mut self) -> Result<Option<String>, TrailError> {
        if self.last < 0 {
            self.last = 0;
            return Ok(Some(self.head()));
        }
        // A page of which nothing was asked for is no reason to write nothing.
        let mut text = String::new();
        while text.is_empty() && self.last < self.signed.size {
            let mut tx = self.store.read(self.tenant).await?;
            let limit = ENTRIES_AT_A_TIME.min(self.signed.size - self.last);
            let page = tx.log_page(self.last, limit).await?;
            if page.is_empty() {
                return Err(Fault::Missing { seq: self.last + 1 }.into());
            }
            for row in page {
                self.take(row.entry, &mut text)?;
            }
        }
        Ok((!text.is_empty()).then_some(text))
    }

    fn take(&mut self, entry: LogEntry, text: &mut String) -> Result<(), TrailError> {
        if entry.seq != self.last + 1 {
            return Err(Fault::Missing { seq: self.last + 1 }.into());
        }
        self.last = entry.seq;
        let is_wanted = self.filter.matches(&entry);
        match self.format {
            Format::Csv if is_wanted => text.push_str(&csv(&entry)),
            Format::Csv => {}
            Format::Ndjson => {
                let is_last = self.last == self.signed.size;
                let lines = self.condenser.take(entry, is_wanted, is_last);
                text.extend(lines.iter().map(Line::text));
            }
        }
        Ok(())
    }

    fn head(&self) -> String {
        match self.format {
            Format::Csv => "seq,at,actor,role,action,subject,patient,purpose,outcome,address\r\n".to_owned(),
            Format::Ndjson => {
                let header = Header::new(self.signed.note.clone(), self.filter.clone());
                Line::Log(header).text()
            }
        }
    }
}

/// One record (RFC 4180). A text that a spreadsheet would take for a formula is shown as text.
fn csv(entry: &LogEntry) -> String {
    let LogEntry { seq, at, actor, role, action, subject, patient, purpose, outcome, address, .. } = entry;
    let at = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(*at) * 1_000_000)
        .ok()
        .and_then(|at| at.format(&time::format_description::well_known::Rfc3339).ok())
        .unwrap_or_else(|| at.to_string());
    let texts = [actor, role, action, subject, patient, purpose, outcome, address].map(|text| {
        let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    });
    format!("{seq},{at},{}\r\n", texts.join(","))
}
