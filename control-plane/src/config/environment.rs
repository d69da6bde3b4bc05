//! Master keys in the environment, for machines whose secrets arrive that way.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::ConfigError;

const NAME: &str = "AUSCULT_MASTER_KEY";

/// 32 bytes each, by version.
type MasterKeys = BTreeMap<u32, Zeroizing<[u8; 32]>>;

/// `AUSCULT_MASTER_KEY` is the newest version, `AUSCULT_MASTER_KEY_<version>` are the earlier ones; 64 hex digits each.
/// Without the former the highest number is the newest, so that versions that were given up can be left out.
pub fn master_keys_in_environment() -> Result<MasterKeys, ConfigError> {
    parse(std::env::vars().map(|(name, value)| (name, Zeroizing::new(value))))
}

fn parse(variables: impl Iterator<Item = (String, Zeroizing<String>)>) -> Result<MasterKeys, ConfigError> {
    let (mut keys, mut newest) = (MasterKeys::new(), None);
    for (name, value) in variables {
        match name.strip_prefix(NAME) {
            Some("") => newest = Some(key(&name, &value)?),
            Some(rest) if rest.starts_with('_') => {
                let version = rest.trim_start_matches('_').parse().ok().filter(|version| *version > 0);
                let version = version.ok_or_else(|| refused(&name, "must end in a version from 1"))?;
                keys.insert(version, key(&name, &value)?);
            }
            _ => {}
        }
    }
    if let Some(newest) = newest {
        let version = keys.last_key_value().map_or(1, |(version, _)| version + 1);
        keys.insert(version, newest);
    }
    if keys.is_empty() {
        return Err(refused(NAME, "is not set, and keys.provider is \"environment\""));
    }
    Ok(keys)
}

fn key(name: &str, value: &str) -> Result<Zeroizing<[u8; 32]>, ConfigError> {
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_to_slice(value.trim(), &mut *key).map_err(|_| refused(name, "must be 64 hex digits"))?;
    Ok(key)
}

fn refused(name: &str, why: &str) -> ConfigError {
    ConfigError::Refused(format!("{name} {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(variables: &[(&str, &str)]) -> Result<MasterKeys, String> {
        let variables =
            variables.iter().map(|(name, value)| ((*name).into(), Zeroizing::new((*value).into())));
        parse(variables).map_err(|error| error.to_string())
    }

    #[test]
    fn the_unnumbered_key_is_the_newest() {
        let (one, two, three) = ("11".repeat(32), "22".repeat(32), "33".repeat(32));
        let keys =
            parsed(&[("AUSCULT_MASTER_KEY", &one), ("PATH", "x"), ("AUSCULT_MASTER_KEYS", "x")]).unwrap();
        assert_eq!(keys.into_iter().map(|(version, key)| (version, key[0])).collect::<Vec<_>>(), [(1, 0x11)]);
        let keys = parsed(&[("AUSCULT_MASTER_KEY_2", &two), ("AUSCULT_MASTER_KEY", &three)]).unwrap();
        let found: Vec<_> = keys.into_iter().map(|(version, key)| (version, key[0])).collect();
        assert_eq!(found, [(2, 0x22), (3, 0x33)]);
    }

    #[test]
    fn what_is_no_key_is_refused_by_name_and_never_shown() {
        assert!(parsed(&[]).unwrap_err().contains("AUSCULT_MASTER_KEY is not set"));
        let error = parsed(&[("AUSCULT_MASTER_KEY", "c0ffee")]).unwrap_err();
        assert!(
            error.contains("AUSCULT_MASTER_KEY must be 64 hex digits") && !error.contains("c0ffee"),
            "{error}"
        );
        let error = parsed(&[("AUSCULT_MASTER_KEY_OLD", &"11".repeat(32))]).unwrap_err();
        assert!(error.contains("AUSCULT_MASTER_KEY_OLD must end in a version"), "{error}");
    }
}
