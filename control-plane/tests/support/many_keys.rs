//! People with keys and nothing else, so that a rotation of the master key has something to do.

use control_plane::crypto::keyring::Keyring;
use control_plane::ids::{TenantId, UserId};
use sqlx::{AnyPool, AssertSqlSafe};

/// Rows of one statement.
const ROWS: usize = 500;

/// Makes `count` people in `tenant`, each with a key under version 1 of the master key.
#[expect(
    clippy::disallowed_methods,
    reason = "puts more into the tables than requests could in a test's time"
)]
pub(crate) async fn insert(database: &AnyPool, keyring: &Keyring, tenant: TenantId, count: usize) {
    let mut left = count;
    while left > 0 {
        let rows = left.min(ROWS);
        let places = |columns: usize| {
            let row = |row: usize| {
                let places: Vec<_> =
                    (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
                format!("({})", places.join(","))
            };
            (0..rows).map(row).collect::<Vec<_>>().join(",")
        };
        let users = "INSERT INTO users (tenant_id, id, name, role, specialty, availability, identity, created_at) VALUES ";
        let users = format!("{users}{}", places(8));
        let keys = "INSERT INTO patient_keys (tenant_id, patient_id, version, master_version, wrapped, created_at) VALUES ";
        let keys = format!("{keys}{}", places(6));
        let (mut users, mut keys) = (sqlx::query(AssertSqlSafe(users)), sqlx::query(AssertSqlSafe(keys)));
        for _ in 0..rows {
            let person = UserId::generate();
            let (_, key) = keyring.new_person_key(tenant, person, 1, 1).await.unwrap();
            let (tenant, person) = (tenant.to_string(), person.to_string());
            users = users.bind(tenant.clone()).bind(person.clone()).bind("").bind("patient").bind("");
            users = users.bind("offline").bind(vec![0_u8]).bind(0_i64);
            keys = keys.bind(tenant).bind(person).bind(1_i64).bind(1_i64).bind(key.bytes).bind(0_i64);
        }
        let mut transaction = database.begin().await.unwrap();
        // Row-level security binds everybody but the superuser that this is.
        users.execute(&mut *transaction).await.unwrap();
        keys.execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        left -= rows;
    }
}
