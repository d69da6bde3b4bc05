//! `fixtures/access_matrix.txt`: who gets which answer from which route.

use std::path::PathBuf;

use control_plane::domain::consultation::StateName;

use super::ACTORS;

/// One question of the table.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) answers: Vec<String>,
    pub(crate) method: String,
    /// With names of things of the clinic in braces.
    pub(crate) path: String,
    pub(crate) state: StateName,
    pub(crate) body: String,
}

impl Row {
    pub(crate) fn parse(line: &str) -> Self {
        let at = line.find(|c: char| c.is_ascii_uppercase()).expect("a method");
        let (answers, question) = line.split_at(at);
        let answers = answers.split_whitespace().filter(|answer| *answer != "?").map(Into::into).collect();
        let mut words = question.splitn(3, ' ');
        let (method, path) = (words.next().unwrap().to_owned(), words.next().expect("a path").to_owned());
        let mut rest = words.next().unwrap_or_default();
        let mut state = StateName::Active;
        if let Some(named) = rest.strip_prefix('@') {
            let (name, after) = named.split_once(' ').unwrap_or((named, ""));
            state = StateName::from_name(name).expect("a state of a consultation");
            rest = after;
        }
        Self { answers, method, path, state, body: rest.to_owned() }
    }

    pub(crate) fn question(&self) -> String {
        let state =
            if self.state == StateName::Active { String::new() } else { format!(" @{}", self.state.name()) };
        format!("{} {}{state} {}", self.method, self.path, self.body).trim_end().to_owned()
    }

    /// The route that answers: whatever stands in braces is something.
    pub(crate) fn route(&self) -> String {
        let mut route = format!("{} ", self.method);
        for segment in self.path.split('?').next().unwrap().split('/').skip(1) {
            route.push_str(if segment.starts_with('{') { "/{}" } else { "/" });
            route.push_str(if segment.starts_with('{') { "" } else { segment });
        }
        route
    }

    /// The answer that the table has for `actor`.
    pub(crate) fn answer_of(&self, actor: &str) -> &str {
        &self.answers[ACTORS.iter().position(|(name, _)| *name == actor).unwrap()]
    }
}

pub(crate) fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/access_matrix.txt")
}

/// The words before the table, and its rows.
pub(crate) fn read() -> (String, Vec<Row>) {
    let text = std::fs::read_to_string(file()).unwrap();
    let head = text.lines().filter(|line| line.starts_with('#') && !line.starts_with("# anon"));
    let head = head.fold(String::new(), |head, line| head + line + "\n");
    let rows =
        text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(Row::parse).collect();
    (head, rows)
}
