//! The command line.

mod audit;
mod backup;
mod keys;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::app::open_store;
use crate::bootstrap;
use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::password::Passwords;
use crate::crypto::secret::readable_password;
use crate::domain::time::Timestamp;
use crate::domain::user::{Role, normalise_email};
use crate::ids::TenantId;
use crate::lifecycle::{self, ServeOptions};
use crate::model::{self, Model};
use crate::store::NewUser;
use crate::store::Store;
use crate::telemetry;

/// Self-hosted medical video consultations with live captions.
#[derive(Parser)]
#[command(name = "auscult", version)]
pub struct Cli {
    /// Configuration file; the embedded defaults fill what it leaves out.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// Where everything is kept; overrides `data.folder`.
    #[arg(long, global = true)]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server.
    Serve(ServeArgs),
    /// Say whether the configuration is good, else which key is wrong.
    CheckConfig,
    /// Whisper models for captions.
    #[command(subcommand)]
    Model(ModelCommand),
    /// Accounts.
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Clinics that this installation serves apart from each other.
    #[command(subcommand)]
    Clinic(ClinicCommand),
    /// Master keys.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// The audit log: is it what was written?
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// The whole database in one sealed file.
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// Bring the database's schema up to date and stop.
    Migrate,
}

#[derive(Subcommand)]
enum ClinicCommand {
    /// Make another clinic; a running server answers under its host name within seconds.
    Create {
        #[arg(long)]
        name: String,
        /// `second.care.example`, without scheme and port.
        #[arg(long)]
        host: String,
    },
}

#[derive(Args)]
struct ServeArgs {
    /// Seed a doctor and a patient into an empty database; caption with the demonstration model. Not for production.
    #[arg(long)]
    demo: bool,
    /// Download this model in the background and caption with it once it is there.
    #[arg(long, value_name = "NAME", value_parser = Model::named)]
    fetch_model: Option<&'static Model>,
}

#[derive(Subcommand)]
enum ModelCommand {
    /// Download a model, resuming an earlier attempt, and check its SHA-256.
    Fetch {
        #[arg(value_parser = Model::named)]
        name: &'static Model,
        /// Folder for it; `models` in the data folder otherwise.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
enum AdminCommand {
    /// Make an account and print its random password.
    CreateUser {
        #[arg(long)]
        email: String,
        #[arg(long)]
        name: String,
        #[arg(long)]
        role: RoleArg,
        /// A doctor's field.
        #[arg(long, default_value = "")]
        specialty: String,
    },
}

/// Roles that sign in with a password.
#[derive(Clone, Copy, ValueEnum)]
enum RoleArg {
    Patient,
    Doctor,
    Admin,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Patient => Self::Patient,
            RoleArg::Doctor => Self::Doctor,
            RoleArg::Admin => Self::Admin,
        }
    }
}

impl Cli {
    /// Carries out the command; an error has been told when this returns.
    #[must_use]
    pub fn run(self) -> ExitCode {
        // 1 says that the log was tampered with.
        let failure =
            if matches!(self.command, Command::Audit(_)) { ExitCode::from(2) } else { ExitCode::FAILURE };
        if let Err(error) = keep_memory_private() {
            tell(&error);
            return failure;
        }
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                tell(&anyhow!(error).context("asynchronous runtime"));
                return failure;
            }
        };
        let result = runtime.block_on(self.dispatch());
        // After the grace period nothing is waited for any more.
        runtime.shutdown_timeout(Duration::from_millis(200));
        match result {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                tell(&error);
                failure
            }
        }
    }

    async fn dispatch(self) -> anyhow::Result<bool> {
        let mut config = Config::load(self.config.as_deref())?;
        if let Some(folder) = self.data {
            config.data.folder = folder;
        }
        telemetry::start(&config.telemetry)?;
        match self.command {
            Command::Serve(ServeArgs { demo, fetch_model }) => {
                return lifecycle::serve(config, ServeOptions { demo, fetch_model }).await;
            }
            Command::CheckConfig => {
                config.check_files()?;
                let first = config.media.first_port;
                say(&format!(
                    "The configuration is good. HTTPS on {}, media from port {first}.",
                    config.http.listen
                ));
            }
            Command::Model(ModelCommand::Fetch { name, dir }) => {
                let folder = dir.unwrap_or_else(|| config.data.models_folder());
                let path = model::fetch(name, &config.models.base_url, &folder, show_progress()).await?;
                say(&format!("\nwhisper.model = \"{}\"", path.display()));
            }
            Command::Admin(AdminCommand::CreateUser { email, name, role, specialty }) => {
                let (store, _) = open_store(&config, &Clock::System).await?;
                let account = NewAccount { email, name, role: role.into(), specialty };
                let password = create_account(&store, account, Clock::System.now()).await?;
                store.close().await;
                say(&format!("Password, shown this once: {password}"));
            }
            Command::Clinic(ClinicCommand::Create { name, host }) => {
                let (store, _) = open_store(&config, &Clock::System).await?;
                let now = Clock::System.now();
                let clinic = store.create_clinic(&name, &host, now).await;
                let clinic = clinic.with_context(|| format!("clinic {host}"))?;
                let secret = bootstrap::offer_to(&store, clinic, now).await?.unwrap_or_default();
                let origin = store.origin_of(clinic, &config.http.public_url);
                store.close().await;
                say(&format!(
                    "{clinic} answers at {origin} within seconds of a running server. Make its first administrator \
                     there, within 7 days:\n{origin}/setup#{secret}"
                ));
            }
            Command::Keys(command) => keys::run(&config, command).await?,
            Command::Audit(command) => return audit::run(&config, command).await,
            Command::Backup(command) => backup::run(&config, command).await?,
            Command::Migrate => {
                let (store, _) = open_store(&config, &Clock::System).await?;
                store.close().await;
                say("The database is up to date.");
            }
        }
        Ok(true)
    }
}

/// No core dumps, and no look into the memory by the user's other processes: it holds keys and what people say.
fn keep_memory_private() -> anyhow::Result<()> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).context("core dumps")?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("core dumps")
}

/// An account that signs in with a password.
pub struct NewAccount {
    pub email: String,
    pub name: String,
    pub role: Role,
    pub specialty: String,
}

/// Makes the account and returns its random password, which is kept nowhere but as its hash.
pub async fn create_account(store: &Store, account: NewAccount, now: Timestamp) -> anyhow::Result<String> {
    let email =
        normalise_email(&account.email).ok_or_else(|| anyhow!("{} is no e-mail address", account.email))?;
    let password = readable_password().context("password")?;
    let hash = Passwords::new()?.hash(&password).await?;
    let user = NewUser {
        email: Some(email),
        name: account.name,
        role: account.role,
        specialty: account.specialty,
        password_hash: Some(hash),
        email_verified: true,
        approved: true,
    };
    store.create_user(&user, now).await.with_context(|| format!("account {}", account.email))?;
    Ok(password)
}

/// The clinic that was named, else the first.
fn clinic_of(store: &Store, clinic: Option<TenantId>) -> anyhow::Result<TenantId> {
    let tenant = clinic.unwrap_or_else(|| store.tenant());
    if !store.clinics().contains(&tenant) {
        bail!("--clinic {tenant}: there is none");
    }
    Ok(tenant)
}

/// For people, on standard output; logs go to standard error.
pub(crate) fn say(text: &str) {
    // A closed standard output is no reason to stop.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn tell(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr(), "auscult: {error:#}");
}

/// A bar on a terminal, a line per ten percent elsewhere.
fn show_progress() -> impl FnMut(u64, Option<u64>) + Send {
    let is_terminal = std::io::stderr().is_terminal();
    let mut steps = model::Steps::default();
    move |done, total| {
        let mut stderr = std::io::stderr();
        let _ = match (is_terminal, total) {
            (true, Some(total)) => {
                let percent = model::percent(done, total);
                let filled = "#".repeat(usize::from(percent) / 2);
                write!(
                    stderr,
                    "\r[{filled:<50}] {percent:>3} %  {} of {} MB",
                    done / 1_000_000,
                    total / 1_000_000
                )
            }
            (true, None) => write!(stderr, "\r{} MB", done / 1_000_000),
            (false, total) => match steps.next(done, total) {
                Some(percent) => writeln!(stderr, "{percent} %"),
                None => Ok(()),
            },
        };
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_the_documents_promise_is_understood() {
        for line in [
            "auscult serve --demo --fetch-model base.en --data /tmp/x",
            "auscult serve --config /etc/auscult.toml",
            "auscult check-config --config /etc/auscult.toml",
            "auscult model fetch base.en --dir models",
            "auscult admin create-user --email a@b.c --name Ada --role doctor --specialty Cardiology",
            "auscult migrate",
            "auscult clinic create --name Second --host second.care.example",
            "auscult keys status",
            "auscult keys rotate",
            "auscult keys retire 1",
            "auscult audit verify --from-checkpoints ten_1.checkpoints --key audit.pub",
            "auscult audit prove 17",
            "auscult audit export --patient usr_00000000000000000000000000000001 --out log.ndjson",
            "auscult audit check log.ndjson --key audit.pub",
            "auscult audit key",
            "auscult backup create --out today.backup --key-out backup.key",
            "auscult backup verify today.backup --key backup.key",
            "auscult backup restore today.backup --to data",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        for line in ["auscult", "auscult serve --fetch-model huge", "auscult admin create-user --role guest"]
        {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
