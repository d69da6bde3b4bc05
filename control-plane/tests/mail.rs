//! Mail, to a mail server on loopback: what is delivered, tried again, given up, and what a shutdown waits for.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use control_plane::config::Config;
use control_plane::mail::News;
use support::TestApp;
use support::smtp::MailServer;

async fn with_mail(server: &MailServer, login: &str, query: &str) -> TestApp {
    let url = format!("smtp://{login}{}{query}", server.address);
    TestApp::start_with(|config| set_up(config, url)).await
}

fn set_up(config: &mut Config, url: String) {
    config.mail.smtp_url = url;
    config.mail.from = "Clinic <no-reply@care.example>".into();
    config.check().unwrap();
}

fn send(app: &TestApp, to: &str) {
    app.app.send_mail(app.app.store.tenant(), to, News::ResetPassword { token: "secret-token".into() });
}

fn count(app: &TestApp, outcome: &str) -> u64 {
    app.app.metrics.letters_total.with_label_values(&[outcome]).get()
}

#[tokio::test]
async fn a_letter_arrives_with_the_clinics_name_and_a_link_to_the_clinic() {
    let mut server = MailServer::start().await;
    let app = with_mail(&server, "clinic:s3cret@", "").await;
    send(&app, "ada@example.org");
    let mail = server.next().await;
    assert_eq!((mail.from.as_str(), mail.to.as_str()), ("no-reply@care.example", "ada@example.org"));
    assert_eq!(mail.login, "clinic s3cret");
    assert!(mail.text.contains("From: Clinic <no-reply@care.example>\n"), "{}", mail.text);
    assert!(mail.text.contains("\nhttps://care.example/reset-password#secret-token\n"), "{}", mail.text);
    server.nothing_more().await;
}

#[tokio::test]
async fn another_clinics_links_lead_to_its_own_host() {
    let mut server = MailServer::start().await;
    let app = with_mail(&server, "", "").await;
    let (store, now) = (&app.app.store, app.app.clock.now());
    let second = store.create_clinic("Second", "second.example", now).await.unwrap();
    app.app.send_mail(second, "ada@example.org", News::AddressTaken);
    assert!(server.next().await.text.contains("\nhttps://second.example/signin\n"));
}

#[tokio::test]
async fn what_the_mail_server_puts_off_is_tried_again_and_what_it_refuses_is_not() {
    let mut server = MailServer::start().await;
    let app = with_mail(&server, "", "").await;
    server.refuse_next("451 4.7.1 greylisted, come back later");
    send(&app, "later@example.org");
    assert_eq!(server.next().await.to, "later@example.org");
    server.refuse_next("550 5.1.1 nobody@example.org is unknown here");
    send(&app, "nobody@example.org");
    send(&app, "ada@example.org");
    assert_eq!(server.next().await.to, "ada@example.org", "the others do not wait for it");
    server.nothing_more().await;
    assert_eq!((count(&app, "sent"), count(&app, "refused")), (2, 1));
}

#[tokio::test]
async fn a_mail_server_that_is_down_costs_nobody_anything_and_the_shutdown_tries_once_more() {
    let server = MailServer::start().await;
    // A port that nobody listens on.
    let app = TestApp::start_with(|config| set_up(config, "smtp://127.0.0.1:1".into())).await;
    send(&app, "ada@example.org");
    drop(server);
    tokio::time::sleep(Duration::from_millis(100)).await;
    tokio::time::timeout(Duration::from_secs(8), app.stop()).await.expect("an orderly stop");
    assert_eq!((count(&app, "sent"), count(&app, "given_up")), (0, 1));
}

#[tokio::test]
async fn a_shutdown_delivers_what_still_waits() {
    let mut server = MailServer::start().await;
    let app = with_mail(&server, "", "").await;
    for n in 0..5 {
        send(&app, &format!("a{n}@example.org"));
    }
    app.stop().await;
    for n in 0..5 {
        assert_eq!(server.next().await.to, format!("a{n}@example.org"));
    }
}

#[tokio::test]
async fn a_password_is_not_sent_to_a_mail_server_without_the_encryption_that_was_demanded() {
    let mut server = MailServer::start().await;
    let app = with_mail(&server, "clinic:s3cret@", "?tls=required").await;
    send(&app, "ada@example.org");
    server.nothing_more().await;
    assert_eq!(count(&app, "sent"), 0);
}

#[tokio::test]
async fn nobody_can_have_one_address_flooded_and_a_full_queue_drops() {
    let mut server = MailServer::start().await;
    let app = with_mail(&server, "", "").await;
    for _ in 0..20 {
        send(&app, "ada@example.org");
    }
    for _ in 0..5 {
        server.next().await;
    }
    server.nothing_more().await;
    assert_eq!(count(&app, "dropped"), 15);
    app.wait(Duration::from_mins(10));
    send(&app, "ada@example.org");
    server.next().await;
    // Without a point at which the task could run, the queue holds what fits.
    for n in 0..300 {
        send(&app, &format!("a{n}@example.org"));
    }
    assert_eq!(count(&app, "dropped"), 15 + 300 - 256);
}

#[tokio::test]
async fn without_mail_nothing_is_sent_and_with_it_the_links_need_an_address() {
    let app = TestApp::start().await;
    send(&app, "ada@example.org");
    assert_eq!(count(&app, "dropped"), 0);
    let mut config = Config::default();
    config.mail.smtp_url = "smtp://127.0.0.1:25".into();
    config.mail.from = "no-reply@care.example".into();
    assert!(config.check().unwrap_err().to_string().contains("http.public_url"));
}
