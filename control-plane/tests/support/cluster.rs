//! A throw-away PostgreSQL cluster of a test's own, for tests that stop it, kill it or look at its files.
//! `make test` installs PostgreSQL's programs where they are missing.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A cluster that listens on a socket in its own folder only; stopped and deleted when dropped.
pub(crate) struct Cluster {
    programs: PathBuf,
    folder: TempDir,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let missing = "PostgreSQL's programs are missing: apt-get install postgresql, or use `make test`";
        let programs = std::fs::read_dir("/usr/lib/postgresql")
            .expect(missing)
            .flatten()
            .map(|entry| entry.path().join("bin"))
            .find(|bin| bin.join("initdb").exists())
            .expect(missing);
        let cluster = Self { programs, folder: tempfile::tempdir().unwrap() };
        // PostgreSQL refuses to run as root, so its folder belongs to whoever will run it.
        if is_root() {
            assert!(Command::new("chown").args(["postgres", &cluster.path()]).status().unwrap().success());
        }
        let data = cluster.data();
        cluster.run(
            "initdb",
            &["--pgdata", &data, "--username", "auscult_root", "--auth", "trust", "--no-sync"],
        );
        let options = format!("-c listen_addresses='' -c unix_socket_directories='{}'", cluster.path());
        let log = format!("{}/log", cluster.path());
        cluster.run("pg_ctl", &["--pgdata", &data, "--wait", "--options", &options, "--log", &log, "start"]);
        let roles = "CREATE ROLE auscult_owner LOGIN CREATEDB; CREATE ROLE auscult_app LOGIN;";
        let (path, root) = (cluster.path(), "auscult_root");
        cluster
            .run("psql", &["--host", &path, "--username", root, "--dbname", "postgres", "--command", roles]);
        cluster
    }

    fn path(&self) -> String {
        self.folder.path().display().to_string()
    }

    fn data(&self) -> String {
        format!("{}/data", self.path())
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> String {
        self.path()
    }

    /// A plain-text dump of one database, as the superuser sees it.
    pub(crate) fn dump(&self, database: &str) -> String {
        let program = self.programs.join("pg_dump");
        let arguments = ["--host", &self.path(), "--username", "auscult_root", database];
        let output = command(&program).args(arguments).current_dir("/").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.programs.join(program);
        let output = command(&program).args(arguments).current_dir("/").output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} failed: {errors}", program.display());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.run("pg_ctl", &["--pgdata", &self.data(), "--mode", "immediate", "stop"]);
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("--user").output().unwrap();
    output.stdout == b"0\n"
}

fn command(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(program);
    command
}
