//! `auscult keys`: the versions of the master key.

use anyhow::Context;
use clap::Subcommand;
use time::OffsetDateTime;

use super::{clinic_of, say};
use crate::app::open_store;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::audit::{Action, Agent, AuditEntry};
use crate::ids::{TenantId, UserId};

#[derive(Subcommand)]
pub(super) enum KeysCommand {
    /// Say which versions of the master key there are and how many keys each one wraps.
    Status,
    /// Make a new master key and re-wrap every key with it, also while the server runs; finish an interrupted rotation.
    Rotate {
        /// Only a new version of this person's own key: what is sealed from now on needs it.
        #[arg(long, value_name = "ID")]
        person: Option<UserId>,
        /// Of another clinic than the first.
        #[arg(long, value_name = "ID", requires = "person")]
        clinic: Option<TenantId>,
    },
    /// Give up a version of the master key that wraps nothing any more, and destroy it.
    Retire { version: u32 },
}

pub(super) async fn run(config: &Config, command: KeysCommand) -> anyhow::Result<()> {
    let clock = Clock::System;
    let (store, _) = open_store(config, &clock).await?;
    match command {
        KeysCommand::Status => {
            say("version  state    keys        fingerprint       since");
            for line in store.key_status().await? {
                let (master, keys) = (line.master, line.keys);
                let since = OffsetDateTime::from_unix_timestamp(master.created_at.millis() / 1000)?.date();
                let (version, state) = (master.version, master.state.name());
                say(&format!("{version:<8} {state:<8} {keys:<11} {:<17} {since}", master.fingerprint));
            }
        }
        KeysCommand::Rotate { person: Some(person), clinic } => {
            let tenant = clinic_of(&store, clinic)?;
            let patient = store.patient_with_id(tenant, person).await?;
            let mut tx = store.begin(tenant).await?;
            let rotated = tx.rotate_person_key(person, clock.now()).await;
            let version = rotated.with_context(|| format!("the key of {person} in {tenant}"))?;
            let entry = AuditEntry::by(Agent::Server, Action::KeysRotated, person, clock.now());
            tx.commit(AuditEntry { patient, ..entry }).await?;
            say(&format!("What is sealed for {person} from now on needs version {version} of their key."));
        }
        KeysCommand::Rotate { person: None, .. } => {
            let rotation = store.rotate_master_key(clock.now(), |_| {}).await?;
            let (version, count) = (rotation.version, rotation.rewrapped);
            let verb = if rotation.resumed { "An earlier rotation is finished" } else { "Rotated" };
            say(&format!(
                "{verb}: version {version} of the master key wraps everything ({count} keys re-wrapped)."
            ));
            say(&format!("Back it up now. `auscult keys retire {}` destroys the one before.", version - 1));
        }
        KeysCommand::Retire { version } => {
            store.retire_master_key(version, clock.now()).await?;
            say(&format!(
                "Version {version} of the master key is destroyed. Backups made before need a copy of it."
            ));
        }
    }
    store.close().await;
    Ok(())
}
