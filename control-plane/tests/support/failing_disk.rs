//! A PostgreSQL cluster whose disk fails when it is told to. Its own user and mount namespaces hold it, so that it needs no
//! more powers than whoever runs the tests has. Whenever it stops it is started again, as by a service manager.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sqlx::AnyPool;
use tempfile::TempDir;

use super::ledger::failing_fsync;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No room on the disk of the tables: a statement fails.
    FullTables,
    /// No room on the disk of the write-ahead log: PostgreSQL panics.
    FullLog,
    /// `fsync` and `fdatasync` fail: PostgreSQL panics.
    NoSync,
}

/// `$1` the folder, `$2` that of the log, `$3` the user whom PostgreSQL runs as. A small disk is full while `$FULL` exists.
/// The inner namespace has no root: PostgreSQL refuses to be that.
const SCRIPT: &str = r#"
mount -t tmpfs -o size=24m,mode=777 tmpfs "$1/small" || exit 1
exec unshare --user --map-user="$3" --map-group="$3" sh -c '
programs=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
"$programs/initdb" --pgdata "$1/data" --waldir "$2" --wal-segsize 1 --username auscult_root --auth trust --no-sync || exit 1
mkdir "$1/small/rows"
filler="$1/small/filler"
(while sleep 0.05; do
    if [ -e "$FULL" ]; then [ -e "$filler" ] || cat /dev/zero > "$filler"; else rm -f "$filler"; fi
done) &
while sleep 0.1; do
    LD_PRELOAD=$LIBRARY "$programs/postgres" -D "$1/data" -c listen_addresses= -c unix_socket_directories="$1" \
        -c wal_recycle=off -c min_wal_size=2MB
done' sh "$@"
"#;

/// Rows go to the small disk.
const TABLESPACE: &str = "CREATE TABLESPACE small LOCATION";
const ROLES: &str = "CREATE ROLE auscult_owner LOGIN CREATEDB; CREATE ROLE auscult_app LOGIN;";
const ON_THE_SMALL_DISK: &str = "GRANT CREATE ON TABLESPACE small TO auscult_owner;
                                 ALTER ROLE auscult_owner SET default_tablespace = small;";

/// Stopped and deleted when dropped.
pub(crate) struct FailingDisk {
    namespace: Child,
    folder: TempDir,
    failing: PathBuf,
}

impl FailingDisk {
    pub(crate) async fn start(failure: Failure) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("small")).unwrap();
        let (library, no_sync) = failing_fsync(folder.path());
        let full = path("full");
        let log = if failure == Failure::FullLog { path("small/log") } else { path("log") };
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"]);
        command.args(["sh", "-c", SCRIPT, "sh"]).arg(folder.path()).arg(log).arg("postgres");
        command.env("FULL", &full).env("LIBRARY", library).env("FAIL_FSYNC", &no_sync);
        let output = std::fs::File::create(path("output")).unwrap();
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let failing = if failure == Failure::NoSync { no_sync } else { full };
        let cluster = Self { namespace: command.spawn().unwrap(), folder, failing };
        cluster.prepare(failure).await;
        cluster
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> String {
        self.folder.path().display().to_string()
    }

    pub(crate) fn fail(&self) {
        std::fs::write(&self.failing, "").unwrap();
    }

    pub(crate) fn mend(&self) {
        std::fs::remove_file(&self.failing).unwrap();
    }

    async fn prepare(&self, failure: Failure) {
        let root = self.connected().await;
        sqlx::raw_sql(ROLES).execute(&root).await.unwrap();
        if failure == Failure::FullTables {
            let tablespace = format!("{TABLESPACE} '{}/small/rows'", self.socket());
            sqlx::raw_sql(sqlx::AssertSqlSafe(tablespace)).execute(&root).await.unwrap();
            sqlx::raw_sql(ON_THE_SMALL_DISK).execute(&root).await.unwrap();
        }
        root.close().await;
    }

    async fn connected(&self) -> AnyPool {
        sqlx::any::install_default_drivers();
        let url = format!("postgres://auscult_root@localhost/postgres?host={}", self.socket());
        for _ in 0..600 {
            if let Ok(pool) = AnyPool::connect(&url).await {
                return pool;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{}", std::fs::read_to_string(self.folder.path().join("output")).unwrap());
    }
}

impl Drop for FailingDisk {
    fn drop(&mut self) {
        let _ = self.namespace.kill();
        let _ = self.namespace.wait();
    }
}
