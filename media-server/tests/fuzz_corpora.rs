//! Every input in `fuzz/corpus`, what fuzzing has found among them, through the code that the fuzz targets run.

#[expect(dead_code, reason = "other test files use the rest of it")]
mod support;

use std::path::Path;

use support::fuzzed::{self, Call};

/// Runs `each` on every input of a target; says which one failed.
fn replay(target: &str, each: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut names: Vec<_> =
        folder.read_dir().expect("a corpus").map(|entry| entry.expect("readable").path()).collect();
    names.sort();
    assert!(names.len() >= 5, "{} inputs", names.len());
    for name in names {
        let input = std::fs::read(&name).expect("readable");
        let survived = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| each(&input)));
        assert!(survived.is_ok(), "{}", name.display());
    }
}

#[test]
fn datagrams_of_the_corpus_get_no_answer_and_cause_no_panic() {
    replay("datagram", fuzzed::datagrams);
}

#[test]
fn offers_of_the_corpus_are_answered_or_refused() {
    replay("sdp_offer", fuzzed::sdp_offer);
}

#[test]
fn packets_of_the_corpus_end_no_session_and_cause_no_storm() {
    replay("media", |data| Call::open().media(data));
}
