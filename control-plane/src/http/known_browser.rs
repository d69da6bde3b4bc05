//! Browsers that an account has signed in from before. Each carries a cookie that only we can make; wrong passwords from
//! it are counted apart, so that a stranger who locks the account does not lock its owner's browser out.

use axum::http::{HeaderMap, HeaderValue};

use super::actor::cookie;
use crate::crypto::secret;
use crate::crypto::tenant_key::TenantKey;
use crate::error::ApiError;

const COOKIE: &str = "__Host-auscult_device";
/// Accounts that one browser is known for; the one that signed in longest ago gives way.
const MOST: usize = 5;
/// Browsers keep no cookie longer than this.
const MAX_AGE_S: u32 = 400 * 24 * 3600;

/// What a browser says it is known for: `id.tag~id.tag~…`, the latest sign-in first.
pub struct KnownBrowser(String);

impl KnownBrowser {
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        Self(cookie(headers, COOKIE).unwrap_or_default().to_owned())
    }

    /// The browser's id for an account, if that account has signed in here before. `login`: normalised address.
    #[must_use]
    pub fn id_for(&self, key: &TenantKey, login: &str) -> Option<&str> {
        let entries = self.0.split('~').take(MOST).filter_map(|entry| entry.split_once('.'));
        entries.filter(|(id, tag)| is_ours(key, id, login, tag)).map(|(id, _)| id).next()
    }

    /// `Set-Cookie` after `login` has signed in.
    pub fn remember(&self, key: &TenantKey, login: &str) -> Result<HeaderValue, ApiError> {
        let id = match self.id_for(key, login) {
            Some(id) => id.to_owned(),
            None => secret::generate()?,
        };
        let tag = hex::encode(key.mac("known browser", message(&id, login).as_bytes())?);
        let others = self.0.split('~').filter(|entry| is_plausible(entry) && !entry.starts_with(&id));
        let entries: Vec<String> =
            [format!("{id}.{tag}")].into_iter().chain(others.map(ToOwned::to_owned)).take(MOST).collect();
        let value = entries.join("~");
        let cookie =
            format!("{COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={MAX_AGE_S}");
        let mut value = HeaderValue::from_str(&cookie).map_err(|error| ApiError::Internal(error.into()))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

fn is_ours(key: &TenantKey, id: &str, login: &str, tag: &str) -> bool {
    hex::decode(tag).is_ok_and(|tag| key.is_mac("known browser", message(id, login).as_bytes(), &tag))
}

/// What may go back into a cookie although it cannot be checked without the account's address.
fn is_plausible(entry: &str) -> bool {
    (1..=120).contains(&entry.len())
        && entry.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

fn message(id: &str, login: &str) -> String {
    format!("{id} {login}")
}

#[cfg(test)]
mod tests {
    use axum::http::header;
    use zeroize::Zeroizing;

    use super::*;

    fn key(byte: u8) -> TenantKey {
        TenantKey::new(Zeroizing::new([byte; 32])).unwrap()
    }

    /// The browser after it was told to remember.
    fn after(browser: &KnownBrowser, login: &str) -> KnownBrowser {
        let set_cookie = browser.remember(&key(1), login).unwrap();
        let cookie = set_cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookie.parse().unwrap());
        KnownBrowser::of(&headers)
    }

    #[test]
    fn a_browser_is_known_for_the_accounts_that_signed_in_there() {
        let fresh = KnownBrowser(String::new());
        assert!(fresh.id_for(&key(1), "ada@x.org").is_none());
        let known = after(&fresh, "ada@x.org");
        let id = known.id_for(&key(1), "ada@x.org").unwrap().to_owned();
        assert!(known.id_for(&key(1), "bob@x.org").is_none(), "another account");
        assert!(known.id_for(&key(2), "ada@x.org").is_none(), "another clinic");
        let shared = after(&known, "bob@x.org");
        assert_eq!(shared.id_for(&key(1), "ada@x.org"), Some(id.as_str()));
        assert_eq!(after(&shared, "ada@x.org").id_for(&key(1), "ada@x.org"), Some(id.as_str()));
    }

    #[test]
    fn nobody_else_can_make_such_a_cookie() {
        let known = after(&KnownBrowser(String::new()), "ada@x.org");
        let (id, tag) = known.0.split_once('.').unwrap();
        for forged in [format!("{id}."), format!("x{id}.{tag}"), format!("{id}.{}", &tag[2..]), "~.~".into()]
        {
            assert!(KnownBrowser(forged.clone()).id_for(&key(1), "ada@x.org").is_none(), "{forged}");
        }
    }

    #[test]
    fn the_cookie_stays_small() {
        let mut browser = KnownBrowser(String::new());
        for n in 0..9 {
            browser = after(&browser, &format!("user{n}@x.org"));
        }
        assert_eq!(browser.0.split('~').count(), MOST);
        assert!(browser.id_for(&key(1), "user4@x.org").is_some());
        assert!(browser.id_for(&key(1), "user3@x.org").is_none());
    }
}
