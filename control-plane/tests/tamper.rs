//! Whoever owns the database can change everything in it. Twelve ways of doing so, each at random places: every one is
//! found, and the entry is named. `AUSCULT_TAMPERS` says how many places each is tried at.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "somebody who tampers uses SQL")]

mod support;

use control_plane::crypto::note::{NoteError, NoteSigner};
use control_plane::domain::audit::{Action, Agent, AuditEntry};
use control_plane::domain::audit_log::{Fault, HashedEntry, LogEntry};
use control_plane::domain::checkpoint::{Checkpoint, origin};
use control_plane::domain::merkle::{Frontier, Head};
use control_plane::store::SignedHead;
use control_plane::trail::evidence::Doubt;
use control_plane::trail::{Evidence, Finding, Outside, verify};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use sqlx::AnyPool;
use support::TestApp;

const ENTRIES: usize = 45;
/// A checkpoint after so many, and none of the last five.
const SIGNED_EVERY: usize = 10;
const SIGNED: i64 = 40;

fn places() -> u32 {
    std::env::var("AUSCULT_TAMPERS").map_or(8, |text| text.parse().unwrap())
}

/// Everything that the database holds about one log.
#[derive(Clone)]
struct Log {
    rows: Vec<HashedEntry>,
    size: i64,
    frontier: Vec<u8>,
    checkpoints: Vec<SignedHead>,
}

impl Log {
    async fn read(app: &TestApp) -> Self {
        let store = &app.app.store;
        let mut tx = store.snapshot(store.tenant()).await.unwrap();
        let head = tx.log_head().await.unwrap();
        Self {
            rows: tx.log_page(0, 1000).await.unwrap(),
            size: head.size,
            frontier: head.frontier,
            checkpoints: tx.checkpoints(0).await.unwrap(),
        }
    }

    async fn write(&self, database: &AnyPool) {
        let mut tx = database.begin().await.unwrap();
        for table in ["DELETE FROM audit", "DELETE FROM checkpoints"] {
            sqlx::query(table).execute(&mut *tx).await.unwrap();
        }
        for HashedEntry { entry, leaf, root } in &self.rows {
            let sql = "INSERT INTO audit (tenant_id, seq, at, actor, role, action, subject, patient, purpose, outcome,
                           address, leaf, root)
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
            let query = sqlx::query(sql).bind(&entry.tenant).bind(entry.seq).bind(entry.at);
            let query = query.bind(&entry.actor).bind(&entry.role).bind(&entry.action).bind(&entry.subject);
            let query = query.bind(&entry.patient).bind(&entry.purpose).bind(&entry.outcome);
            query.bind(&entry.address).bind(leaf.clone()).bind(root.clone()).execute(&mut *tx).await.unwrap();
        }
        for signed in &self.checkpoints {
            sqlx::query("INSERT INTO checkpoints (tenant_id, size, note, frontier, created_at) VALUES ($1, $2, $3, $4, 1)")
                .bind(&self.rows[0].entry.tenant)
                .bind(signed.size)
                .bind(&signed.note)
                .bind(signed.frontier.clone())
                .execute(&mut *tx)
                .await
                .unwrap();
        }
        sqlx::query("UPDATE audit_heads SET seq = $1, frontier = $2")
            .bind(self.size)
            .bind(self.frontier.clone())
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// Entry `seq`.
    fn row(&mut self, seq: i64) -> &mut HashedEntry {
        &mut self.rows[usize::try_from(seq).unwrap() - 1]
    }

    /// Numbers and hashes everything anew, the head as well: without checkpoints nobody could tell.
    fn rehash(&mut self) {
        let mut tree = Frontier::default();
        for (seq, row) in (1..).zip(&mut self.rows) {
            row.entry.seq = seq;
            let leaf = row.entry.leaf();
            tree.append(leaf);
            (row.leaf, row.root) = (Some(leaf.to_vec()), Some(tree.root().to_vec()));
        }
        (self.size, self.frontier) = (self.rows.len() as i64, tree.to_bytes());
    }

    /// Signs the checkpoints anew.
    fn resign(&mut self, signer: &NoteSigner) {
        let origin = origin(self.rows[0].entry.tenant.parse().unwrap());
        let mut tree = Frontier::default();
        for row in &self.rows {
            tree.append(row.entry.leaf());
            if let Some(signed) = self.checkpoints.iter_mut().find(|one| one.size as u64 == tree.size()) {
                let head = Head { size: tree.size(), root: tree.root() };
                let text = Checkpoint { origin: origin.clone(), head }.text();
                (signed.note, signed.frontier) = (signer.sign(&origin, &text).unwrap(), tree.to_bytes());
            }
        }
    }
}

fn flip(bytes: &mut Option<Vec<u8>>, at: i64) {
    let bytes = bytes.as_mut().unwrap();
    let length = bytes.len();
    bytes[at as usize % length] ^= 1 << (at % 8);
}

/// What must come out.
enum Found {
    Exactly(Fault),
    /// Rewritten from here: between the checkpoints around it.
    Forked(i64),
    Unsigned(i64, NoteError),
}

/// One way of tampering, at entry `seq`.
type Tamper = fn(&mut Log, i64, &Keys) -> Found;

struct Keys {
    own: NoteSigner,
    other: NoteSigner,
}

fn truncate(log: &mut Log, seq: i64) {
    log.rows.truncate(usize::try_from(seq).unwrap() - 1);
    log.rehash();
}

const CLASSES: [(&str, Tamper); 18] = [
    ("a bit of the body", |log, seq, _| {
        let LogEntry { actor, role, action, subject, patient, purpose, outcome, address, .. } =
            &mut log.row(seq).entry;
        let texts = [actor, role, action, subject, patient, purpose, outcome, address];
        let text = texts.into_iter().nth(seq as usize % 8).unwrap();
        // One of a letter, and an empty text becomes one.
        *text = text.char_indices().map(|(at, c)| if at == 0 { (c as u8 ^ 1).into() } else { c }).collect();
        text.push_str(if text.is_empty() { "x" } else { "" });
        Found::Exactly(Fault::Changed { seq })
    }),
    ("a bit of the leaf", |log, seq, _| {
        flip(&mut log.row(seq).leaf, seq);
        Found::Exactly(Fault::Changed { seq })
    }),
    ("a bit of the root", |log, seq, _| {
        flip(&mut log.row(seq).root, seq);
        Found::Exactly(Fault::Root { seq })
    }),
    ("the number", |log, seq, _| {
        log.row(seq).entry.seq += 1000;
        Found::Exactly(Fault::Missing { seq })
    }),
    ("the time", |log, seq, _| {
        log.row(seq).entry.at ^= 1;
        Found::Exactly(Fault::Changed { seq })
    }),
    ("an entry with its hash", |log, seq, _| {
        let row = log.row(seq);
        row.entry.actor = "usr_somebody_else".into();
        row.leaf = Some(row.entry.leaf().to_vec());
        Found::Exactly(Fault::Root { seq })
    }),
    ("one deleted", |log, seq, _| {
        log.rows.remove(seq as usize - 1);
        Found::Exactly(Fault::Missing { seq })
    }),
    ("the tail cut off", |log, seq, _| {
        let size = log.size;
        let frontier = log.frontier.clone();
        truncate(log, seq);
        (log.size, log.frontier) = (size, frontier);
        Found::Exactly(Fault::Missing { seq })
    }),
    ("the tail cut off, and the head to fit", |log, seq, _| {
        truncate(log, seq);
        Found::Exactly(Fault::Missing { seq })
    }),
    ("two swapped", |log, seq, _| {
        let (one, two) = (seq.min(SIGNED - 1), seq.min(SIGNED - 1) + 1);
        log.row(one).entry.seq = two;
        log.row(two).entry.seq = one;
        log.rows.swap(one as usize - 1, two as usize - 1);
        Found::Exactly(Fault::Changed { seq: one })
    }),
    ("one inserted", |log, seq, _| {
        let mut forged = log.row(seq).clone();
        forged.entry.action = "patient.read".into();
        forged.entry.actor = "usr_somebody_else".into();
        forged.leaf = Some(forged.entry.leaf().to_vec());
        log.rows[seq as usize - 1..].iter_mut().for_each(|row| row.entry.seq += 1);
        log.rows.insert(seq as usize - 1, forged);
        Found::Exactly(Fault::Root { seq })
    }),
    ("one doubled", |log, seq, _| {
        let twin = log.row(seq).clone();
        log.rows.insert(seq as usize, twin);
        log.rows[seq as usize..].iter_mut().for_each(|row| row.entry.seq += 1);
        Found::Exactly(Fault::Changed { seq: seq + 1 })
    }),
    ("everything as it was earlier", |log, seq, _| {
        truncate(log, seq);
        log.checkpoints.retain(|signed| signed.size < seq);
        Found::Exactly(Fault::Missing { seq })
    }),
    ("rewritten from here", |log, seq, _| {
        log.row(seq).entry.purpose = "BTG".into();
        log.rehash();
        Found::Forked(seq)
    }),
    ("rewritten without one, and its checkpoints gone", |log, seq, _| {
        log.rows.remove(seq as usize - 1);
        log.rehash();
        log.checkpoints.clear();
        Found::Forked(seq)
    }),
    ("a checkpoint of another key", |log, _, keys| {
        log.resign(&keys.other);
        Found::Unsigned(log.checkpoints[0].size, NoteError::OtherKey)
    }),
    ("rewritten, and signed with another key", |log, seq, keys| {
        log.row(seq).entry.purpose = "BTG".into();
        log.rehash();
        log.resign(&keys.other);
        Found::Unsigned(log.checkpoints[0].size, NoteError::OtherKey)
    }),
    ("rewritten, and signed with the stolen key", |log, seq, keys| {
        log.row(seq).entry.purpose = "BTG".into();
        log.rehash();
        log.resign(&keys.own);
        Found::Forked(seq)
    }),
];

async fn inspect(app: &TestApp) -> Vec<Finding> {
    let (store, checkpoints) = (&app.app.store, &app.app.checkpoints);
    let tenant = store.tenant();
    // There is none before the first checkpoint.
    let outside = Outside::read(&checkpoints.file(tenant)).unwrap_or_default();
    let evidence = Evidence::new(checkpoints.verifier(tenant).unwrap(), &outside);
    verify(store, tenant, evidence).await.unwrap().findings
}

#[track_caller]
fn is_found(what: &str, seq: i64, findings: &[Finding], expected: &Found) {
    let fits = |finding: &Finding| match (expected, finding) {
        (Found::Exactly(expected), Finding::Log(fault)) => expected == fault,
        (Found::Forked(at), Finding::Log(Fault::Fork { after, seq })) => after < at && at <= seq,
        (Found::Unsigned(size, why), Finding::Checkpoint(bad)) => {
            bad.size == *size && bad.doubt == Doubt::Note(*why) && bad.place == "the database"
        }
        _ => false,
    };
    assert!(findings.iter().any(fits), "{what}, entry {seq}: {findings:?}");
    if !matches!(expected, Found::Unsigned(..)) {
        assert!(findings[0].seq() <= seq + 1, "{what}, entry {seq}: the first is named first: {findings:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_changed_is_found_and_located() {
    let app = TestApp::start_with(|config| config.audit.checkpoint_interval_s = 100_000).await;
    let (store, now) = (&app.app.store, app.app.clock.now());
    for number in 1..=ENTRIES {
        let entry = AuditEntry::by(Agent::Server, Action::PatientRead, number, now);
        store.record(store.tenant(), entry).await.unwrap();
        if number % SIGNED_EVERY == 0 {
            app.app.checkpoints.sign(store.tenant(), now).await.unwrap();
        }
    }
    let database = app.tamperer().await;
    let good = Log::read(&app).await;
    assert_eq!((good.size, good.checkpoints.len()), (ENTRIES as i64, 4));
    assert_eq!(inspect(&app).await, []);
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::set_permissions(elsewhere.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let keys = Keys {
        own: NoteSigner::existing(&app.app.config.data.keys_folder()).unwrap(),
        other: NoteSigner::open(elsewhere.path()).unwrap(),
    };
    let mut random = TestRunner::deterministic();
    for (what, tamper) in CLASSES {
        // Every column of the body is changed at least once.
        let mut seqs: Vec<_> =
            if what == "a bit of the body" { (2..=SIGNED).collect() } else { vec![2, SIGNED] };
        seqs.extend((0..places()).map(|_| (2..=SIGNED).new_tree(&mut random).unwrap().current()));
        for seq in seqs {
            let mut log = good.clone();
            let expected = tamper(&mut log, seq, &keys);
            log.write(&database).await;
            is_found(what, seq, &inspect(&app).await, &expected);
        }
    }
    good.write(&database).await;
    assert_eq!(inspect(&app).await, [], "and what was put back is whole again");
}

#[tokio::test]
async fn the_first_and_the_last_entry_are_missed_too() {
    let app = TestApp::start_with(|config| config.audit.checkpoint_interval_s = 100_000).await;
    let (store, now) = (&app.app.store, app.app.clock.now());
    for number in 0..5 {
        let entry = AuditEntry::by(Agent::Server, Action::PatientRead, number, now);
        store.record(store.tenant(), entry).await.unwrap();
    }
    let database = app.tamperer().await;
    let good = Log::read(&app).await;
    for (index, seq) in [(0, 1), (4, 5)] {
        let mut log = good.clone();
        log.rows.remove(index);
        log.write(&database).await;
        assert_eq!(inspect(&app).await, [Finding::Log(Fault::Missing { seq })]);
    }
    let mut log = good.clone();
    log.frontier[3] ^= 1;
    log.write(&database).await;
    assert_eq!(inspect(&app).await, [Finding::Log(Fault::Head { size: 5 })]);
}
