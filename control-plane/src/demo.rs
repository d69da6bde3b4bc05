//! The demonstration clinic: one doctor and one patient with random passwords, in an empty database only.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;

use crate::app::App;
use crate::cli::{NewAccount, create_account, say};
use crate::domain::user::Role;

const FILE: &str = "demo-credentials.txt";

/// Seeds an empty database and prints how to sign in; later starts say where that is written.
pub async fn prepare(app: &App) -> anyhow::Result<()> {
    let path = app.config.data.folder.join(FILE);
    if !app.store.has_users().await? {
        let mut lines =
            vec!["# Accounts of the demonstration clinic: role  email  password  name".to_owned()];
        for (role, email, name, specialty) in [
            (Role::Doctor, "doctor@demo.example", "Dr. Maya Lindgren", "General practice"),
            (Role::Patient, "patient@demo.example", "Jonas Weber", ""),
        ] {
            let account = NewAccount {
                email: email.to_owned(),
                name: name.to_owned(),
                role,
                specialty: specialty.to_owned(),
            };
            let password = create_account(&app.store, account, app.clock.now()).await?;
            lines.push(format!("{}  {email}  {password}  {name}", role.name()));
        }
        let text = lines.join("\n") + "\n";
        write_private(&path, &text).with_context(|| path.display().to_string())?;
        say(&text);
    }
    if path.is_file() {
        say(&format!("How to sign in to the demonstration clinic is in {}", path.display()));
    }
    Ok(())
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
