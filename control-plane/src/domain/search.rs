//! Finding people by what somebody types.

/// Whether every word of `query` begins a word of one of `fields`, without regard to case. An empty query finds all.
#[must_use]
pub fn matches<'a>(query: &str, fields: impl IntoIterator<Item = &'a String>) -> bool {
    if query.trim().is_empty() {
        return true;
    }
    let words: Vec<String> =
        fields.into_iter().flat_map(|field| field.split_whitespace()).map(str::to_lowercase).collect();
    query
        .split_whitespace()
        .map(str::to_lowercase)
        .all(|begin| words.iter().any(|word| word.starts_with(&begin)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_must_begin_a_word() {
        let fields = ["Ada King Lovelace", "Skin diseases", "ada@example.org"].map(str::to_owned);
        for found in ["", "  ", "ada", "LOVE a", "king", "skin", "ada@ex", "dis lov"] {
            assert!(matches(found, &fields), "{found}");
        }
        for missed in ["da", "ada x", "example", "lovelaces"] {
            assert!(!matches(missed, &fields), "{missed}");
        }
        assert!(matches("Ö", &["Jörg ÖZ".to_owned()]));
    }
}
