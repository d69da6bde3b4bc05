//! `auscult audit`: verifying, proving and exporting the audit log, and checking exports without a database.
//! Exit codes: 0 everything is as it was written, 1 something is not, 2 it could not be found out.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::Subcommand;

use super::{clinic_of, say};
use crate::app::open_store;
use crate::checkpoints::Checkpoints;
use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::note::{NoteSigner, Verifier};
use crate::domain::audit::{Action, Agent, AuditEntry};
use crate::domain::audit_export::{Line, Reader};
use crate::domain::audit_filter::AuditFilter;
use crate::domain::checkpoint::{Checkpoint, origin};
use crate::ids::{TenantId, UserId};
use crate::metrics::Metrics;
use crate::store::Store;
use crate::trail::export::{Export, Format};
use crate::trail::proof::{Proof, prove};
use crate::trail::{Evidence, Outside, verify};

#[derive(Subcommand)]
pub(super) enum AuditCommand {
    /// Recompute every clinic's log and compare it with every checkpoint, in the database and outside. Names the first
    /// entry that is wrong.
    Verify {
        /// A copy of the checkpoints, best from another machine; `audit.checkpoints` otherwise.
        #[arg(long, value_name = "FILE")]
        from_checkpoints: Option<PathBuf>,
        /// A copy of audit.pub; the installation's own key otherwise.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Write the proof that an entry stands in the signed log.
    Prove {
        seq: i64,
        /// Of another clinic than the first.
        #[arg(long, value_name = "ID")]
        clinic: Option<TenantId>,
    },
    /// Write the log as lines of JSON that can be checked without the database.
    Export {
        /// Only what concerns this patient; the rest stands as hashes.
        #[arg(long, value_name = "ID")]
        patient: Option<UserId>,
        /// A new file; standard output otherwise.
        #[arg(long)]
        out: Option<PathBuf>,
        #[arg(long, value_name = "ID")]
        clinic: Option<TenantId>,
    },
    /// Check an export or a proof with nothing but the public key.
    Check {
        file: PathBuf,
        /// audit.pub, or a line of it.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Checkpoints that narrow down where an export is wrong.
        #[arg(long, value_name = "FILE")]
        from_checkpoints: Option<PathBuf>,
    },
    /// Print the public key of each clinic's log (C2SP verifier key).
    Key,
}

/// Whether everything is as it was written.
pub(super) async fn run(config: &Config, command: AuditCommand) -> anyhow::Result<bool> {
    match command {
        AuditCommand::Check { file, key, from_checkpoints } => {
            check(&file, &key, from_checkpoints.as_deref())
        }
        AuditCommand::Verify { from_checkpoints, key } => {
            verify_all(config, from_checkpoints.as_deref(), key.as_deref()).await
        }
        AuditCommand::Prove { seq, clinic } => {
            let proof = proof(config, seq, clinic).await?;
            say(&serde_json::to_string_pretty(&proof)?);
            Ok(true)
        }
        AuditCommand::Export { patient, out, clinic } => {
            export(config, patient, out.as_deref(), clinic).await
        }
        AuditCommand::Key => {
            let store = open(config).await?;
            say(signer(config, &store)?.public_keys()?.trim_end());
            store.close().await;
            Ok(true)
        }
    }
}

/// The database, which has to be there: an empty one proves nothing.
async fn open(config: &Config) -> anyhow::Result<Store> {
    let path = config.database_file();
    if config.database.url.is_empty() && !path.exists() {
        bail!("{}: there is no database", path.display());
    }
    Ok(open_store(config, &Clock::System).await?.0)
}

fn signer(config: &Config, store: &Store) -> anyhow::Result<Checkpoints> {
    Checkpoints::open(config, store.clone(), Metrics::new().audit)
}

async fn verify_all(config: &Config, checkpoints: Option<&Path>, key: Option<&Path>) -> anyhow::Result<bool> {
    let key = match key {
        Some(path) => PublicKeys::read(path)?,
        None => PublicKeys::own(config)?,
    };
    let path = checkpoints.map_or_else(|| config.checkpoints_folder(), Path::to_owned);
    // Before the log is read: what is signed meanwhile would seem to be missing in it.
    let outside = match checkpoints {
        Some(file) => Outside::read(file),
        None => Outside::read_folder(&path),
    };
    let outside = outside.with_context(|| format!("checkpoints in {}", path.display()))?;
    let store = open(config).await?;
    let mut clinics = store.clinics();
    clinics.sort_unstable();
    let mut whole = true;
    for tenant in &clinics {
        let evidence = Evidence::new(key.of(&origin(*tenant))?, &outside);
        for place in &evidence.cut_off {
            say(&format!("{tenant}: {place}: not a whole note; it says nothing"));
        }
        let verdict = verify(&store, *tenant, evidence).await?;
        for finding in &verdict.findings {
            say(&format!("{tenant}: WRONG from entry {}: {finding}", finding.seq()));
        }
        if verdict.inside > 0 && verdict.outside == 0 && verdict.findings.is_empty() {
            bail!(
                "{tenant}: {} has no checkpoint of it; give a copy with --from-checkpoints",
                path.display()
            );
        }
        whole &= verdict.findings.is_empty();
        if verdict.findings.is_empty() {
            say(&format!(
                "{tenant}: {} entries are whole. {} checkpoints in the database and {} outside agree; the \
                 newest covers {} entries.",
                verdict.entries, verdict.inside, verdict.outside, verdict.signed
            ));
        }
    }
    store.close().await;
    let lost = lost_logs(&clinics, &outside, &key);
    for origin in &lost {
        say(&format!("{origin}: WRONG from entry 1: this log was signed, and it is not in the database"));
    }
    Ok(whole && lost.is_empty())
}

/// Logs that were signed with the key and are none of the clinics': the database was replaced by another one.
fn lost_logs(clinics: &[TenantId], outside: &[Outside], key: &PublicKeys) -> BTreeSet<String> {
    let known: BTreeSet<String> = clinics.iter().copied().map(origin).collect();
    let others = outside.iter().map(|one| one.origin().to_owned()).filter(|origin| !known.contains(origin));
    let was_signed = |origin: &String| {
        key.of(origin).is_ok_and(|verifier| !Evidence::new(verifier, outside).into_heads().is_empty())
    };
    others.collect::<BTreeSet<_>>().into_iter().filter(was_signed).collect()
}

async fn proof(config: &Config, seq: i64, clinic: Option<TenantId>) -> anyhow::Result<Proof> {
    let store = open(config).await?;
    let (tenant, now) = (clinic_of(&store, clinic)?, Clock::System.now());
    signer(config, &store)?.sign(tenant, now).await?;
    store.record(tenant, AuditEntry::by(Agent::Server, Action::AuditProved, seq, now)).await?;
    let proof = prove(&mut store.snapshot(tenant).await?, seq).await?;
    store.close().await;
    proof.ok_or_else(|| anyhow!("the log of {tenant} has no entry {seq}"))
}

async fn export(
    config: &Config,
    patient: Option<UserId>,
    out: Option<&Path>,
    clinic: Option<TenantId>,
) -> anyhow::Result<bool> {
    let store = open(config).await?;
    let tenant = clinic_of(&store, clinic)?;
    let checkpoints = signer(config, &store)?;
    let now = Clock::System.now();
    let subject = patient.map(|patient| patient.to_string()).unwrap_or_default();
    let entry = AuditEntry::by(Agent::Server, Action::AuditExported, subject, now);
    store.record(tenant, AuditEntry { patient, ..entry }).await?;
    let signed = checkpoints.sign(tenant, now).await?.context("the log is empty")?;
    let filter = patient.map(AuditFilter::of_patient).unwrap_or_default();
    let file: Box<dyn Write + Send> = match out {
        Some(path) => {
            let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            Box::new(created.with_context(|| path.display().to_string())?)
        }
        None => Box::new(std::io::stdout()),
    };
    let mut file = BufWriter::new(file);
    let mut export = Export::new(store.clone(), tenant, signed.clone(), filter, Format::Ndjson);
    while let Some(text) = export.next().await? {
        file.write_all(text.as_bytes())?;
    }
    file.flush()?;
    store.close().await;
    if let Some(path) = out {
        say(&format!("The log up to entry {} in {}.", signed.size, path.display()));
    }
    Ok(true)
}

/// Plain code over a file: no database, no configuration, no secret.
fn check(file: &Path, key: &Path, checkpoints: Option<&Path>) -> anyhow::Result<bool> {
    let keys = PublicKeys::read(key)?;
    let at = || file.display().to_string();
    let mut lines = BufReader::new(File::open(file).with_context(at)?).lines();
    let first = lines.next().transpose().with_context(at)?.unwrap_or_default();
    let header = match serde_json::from_str(&first) {
        Ok(Line::Log(header)) if header.is_known() => header,
        Ok(Line::Log(_)) => bail!("{}: an export of a newer version", at()),
        _ => return check_proof(file, &keys),
    };
    let verifier = keys.of(header.checkpoint.lines().next().unwrap_or_default())?;
    let head = match verifier.open(&header.checkpoint).map(Checkpoint::parse) {
        Ok(Some(checkpoint)) if checkpoint.origin == verifier.name() => checkpoint.head,
        Ok(_) => return Ok(told("WRONG: the checkpoint in the first line states nothing about this log")),
        Err(error) => return Ok(told(&format!("WRONG: the checkpoint in the first line {error}"))),
    };
    let others = match checkpoints {
        Some(path) => Outside::read(path).with_context(|| path.display().to_string())?,
        None => Vec::new(),
    };
    let others = Evidence::new(verifier.clone(), &others).into_heads();
    let tenant = verifier.name().trim_start_matches("auscult/").to_owned();
    let mut reader = Reader::new(tenant, head, others);
    for (number, line) in (2..).zip(lines) {
        let Ok(line) = serde_json::from_str(&line.with_context(at)?) else {
            return Ok(told(&format!("WRONG: line {number} is no line of an export")));
        };
        if let Err(fault) = reader.read(line) {
            return Ok(told(&format!("WRONG from entry {}: line {number}: {fault}", fault.seq())));
        }
    }
    let said = match reader.end() {
        Err(fault) => return Ok(told(&format!("WRONG from entry {}: {fault}", fault.seq()))),
        Ok(shown) => {
            format!(
                "The {shown} entries in the file stand like this in the signed log of {} entries.",
                head.size
            )
        }
    };
    say(&said);
    Ok(true)
}

fn check_proof(file: &Path, keys: &PublicKeys) -> anyhow::Result<bool> {
    let at = || file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(at)?;
    let Ok(proof) = serde_json::from_str::<Proof>(&text) else {
        bail!("{}: neither an export nor a proof", at());
    };
    let verifier = keys.of(proof.checkpoint.lines().next().unwrap_or_default())?;
    let (seq, size) = (proof.entry.seq, proof.size);
    if let Err(bad) = proof.check(&verifier) {
        return Ok(told(&format!("WRONG from entry {seq}: {bad}")));
    }
    say(&format!("Entry {seq} stands like this in the signed log of {size} entries."));
    Ok(true)
}

/// Not as it was written.
fn told(what: &str) -> bool {
    say(what);
    false
}

/// What checkpoints are checked with.
enum PublicKeys {
    /// Of every clinic there may be.
    Own(NoteSigner),
    Given(Vec<Verifier>),
}

impl PublicKeys {
    fn own(config: &Config) -> anyhow::Result<Self> {
        let folder = config.data.keys_folder();
        let key = NoteSigner::existing(&folder).context("give a copy of audit.pub with --key")?;
        Ok(Self::Own(key))
    }

    fn read(path: &Path) -> anyhow::Result<Self> {
        let at = || path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(at)?;
        let keys: Result<Vec<Verifier>, _> = text.lines().map(|line| line.trim().parse()).collect();
        let keys = keys.with_context(at)?;
        Ok(Self::Given(keys))
    }

    fn of(&self, origin: &str) -> anyhow::Result<Verifier> {
        match self {
            Self::Own(signer) => Ok(signer.verifier(origin)?),
            Self::Given(keys) => keys
                .iter()
                .find(|key| key.name() == origin)
                .cloned()
                .with_context(|| format!("there is no key for {origin:?}")),
        }
    }
}
