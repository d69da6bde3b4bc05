//! The alert rules that are delivered speak only of what a running server exports: a metric or a label that is renamed or
//! forgotten would silence its alert for ever.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeSet;

use support::{Client, TestApp};

const RULES: &str = include_str!("../../config/prometheus/alerts.yml");

/// What Prometheus reads. No speech model is there, but the captions' metrics are.
async fn scrape() -> String {
    let app = TestApp::start_with(|config| {
        config.whisper.enabled = true;
        config.whisper.model = "/nowhere/model.bin".into();
    })
    .await;
    let prometheus = Client { address: "127.0.0.1".into(), ..app.anonymous() };
    let reply = prometheus.get("/metrics").await;
    assert_eq!(reply.status.as_u16(), 200);
    app.stop().await;
    reply.text
}

/// Every metric that the rules name, with the label that is asked of it: `class="5xx"`.
fn named_in(rules: &str) -> BTreeSet<(String, Option<String>)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let expressions = rules.split("expr:").skip(1).map(|rest| rest.split("labels:").next().unwrap());
    let mut found = BTreeSet::new();
    for expression in expressions {
        for (at, _) in expression.match_indices("auscult_") {
            let (name, rest) = expression[at..].split_at(expression[at..].find(|c| !is_name(c)).unwrap());
            let condition = rest.strip_prefix('{').map(|rest| rest.split('}').next().unwrap());
            let Some(condition) = condition else {
                found.insert((name.to_owned(), None));
                continue;
            };
            let (label, values) = condition.split_once('=').unwrap();
            for value in values.trim_start_matches('~').trim_matches('"').split('|') {
                found.insert((name.to_owned(), Some(format!("{label}=\"{value}\""))));
            }
        }
    }
    found
}

/// Whether a line of the scrape is a value of this metric.
fn is_exported(scrape: &str, name: &str, label: Option<&str>) -> bool {
    scrape.lines().any(|line| {
        let Some(rest) = line.strip_prefix(name) else { return false };
        match label {
            None => rest.starts_with(' ') || rest.starts_with('{'),
            Some(label) => rest.starts_with('{') && rest.contains(label),
        }
    })
}

#[tokio::test]
async fn every_metric_of_an_alert_is_exported_before_anything_happens() {
    let (scrape, named) = (scrape().await, named_in(RULES));
    assert!(named.len() >= 20, "{named:?}");
    for (name, label) in named {
        assert!(is_exported(&scrape, &name, label.as_deref()), "no {name} {label:?} in:\n{scrape}");
    }
    assert!(!is_exported(&scrape, "auscult_audit_entries", None), "the start of a name is no name");
    assert!(!is_exported(&scrape, "auscult_letters_total", Some("outcome=\"lost\"")));
}
