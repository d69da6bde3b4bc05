//! How long a refused sign-in takes does not tell whether there is such an account.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::{Duration, Instant};

use control_plane::domain::user::Role;
use control_plane::store::NewUser;
use serde_json::json;
use support::{Client, PASSWORD, TestApp};

/// Of each kind.
const ATTEMPTS: usize = 500;
/// On one account, one below the lock.
const PER_ACCOUNT: usize = 4;
/// A run that was disturbed (the machine does other things as well) is repeated; one that leaks fails every time.
const RUNS: usize = 3;

/// Gives what one refusal took. Each from an address of its own, so that nothing but the account is counted.
#[expect(clippy::disallowed_methods, reason = "real time is what is measured")]
async fn refusal(app: &TestApp, n: usize, email: &str) -> Duration {
    let client =
        Client { address: format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255), ..app.anonymous() };
    let started = Instant::now();
    let reply = client.post("/api/v1/session", json!({"email": email, "password": "wrong password"})).await;
    let took = started.elapsed();
    reply.refused(401, "unauthenticated");
    took
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Medians for accounts that exist and for addresses that nobody has, measured in turn.
async fn medians(app: &TestApp, run: usize) -> (Duration, Duration) {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for n in 0..ATTEMPTS {
        let (account, address) = (n / PER_ACCOUNT, (run * ATTEMPTS + n) * 2);
        let [there, nobody] =
            [format!("p{run}-{account}@example.org"), format!("n{run}-{account}@example.org")];
        // In turns first and second, so that neither always follows the other.
        if n % 2 == 0 {
            known.push(refusal(app, address, &there).await);
            unknown.push(refusal(app, address + 1, &nobody).await);
        } else {
            unknown.push(refusal(app, address, &nobody).await);
            known.push(refusal(app, address + 1, &there).await);
        }
    }
    (median(known), median(unknown))
}

#[tokio::test]
async fn an_unknown_account_takes_as_long_as_a_wrong_password() {
    let app = TestApp::start().await;
    let hash = app.app.passwords.hash(PASSWORD).await.unwrap();
    let mut seen = Vec::new();
    for run in 0..RUNS {
        for account in 0..ATTEMPTS / PER_ACCOUNT {
            let new = NewUser {
                email: Some(format!("p{run}-{account}@example.org")),
                name: "Pat".into(),
                role: Role::Patient,
                specialty: String::new(),
                password_hash: Some(hash.clone()),
                email_verified: true,
                approved: true,
            };
            app.app.store.create_user(&new, app.app.clock.now()).await.unwrap();
        }
        let (known, unknown) = medians(&app, run).await;
        assert!(known > Duration::from_millis(2), "a hash was computed: {known:?}");
        let difference = known.abs_diff(unknown);
        if difference < known.max(unknown) / 20 {
            return;
        }
        seen.push((known, unknown));
    }
    panic!("known and unknown accounts differ by more than 5 %: {seen:?}");
}
