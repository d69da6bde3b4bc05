//! JSON bodies: refused with the name of the field that is wrong, and never with what was in it.

use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde::de::DeserializeOwned;

use super::upload::Upload;
use crate::error::ApiError;

/// The body of a request, checked field by field.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if content_type.and_then(|value| value.split(';').next()) != Some("application/json") {
            return Err(ApiError::Malformed("the body must be application/json"));
        }
        let Upload(bytes) = Upload::from_request(request, state).await?;
        parse(&bytes).map(Self)
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // serde would take an array for a struct too.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(ApiError::Malformed("the body must be a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        explain(&path, error.inner())
    })?;
    json.end().map_err(|_| ApiError::Malformed("the body is not one JSON value"))?;
    Ok(value)
}

/// serde's message in our words: it may quote what was sent, which must not come back or be logged.
fn explain(path: &str, error: &serde_json::Error) -> ApiError {
    if !error.is_data() {
        return ApiError::Malformed("the body is not JSON");
    }
    let message = error.to_string();
    let quoted = message.split('`').nth(1);
    if let Some(name) = quoted.filter(|_| message.starts_with("missing field")) {
        return ApiError::field(name, "is missing");
    }
    if let Some(name) = quoted.filter(|_| message.starts_with("unknown field")) {
        return ApiError::field(name, "is not known here");
    }
    let expected = message.rsplit_once(", expected ").map_or("something else", |(_, expected)| expected);
    let expected = expected.split(" at line ").next().unwrap_or(expected);
    ApiError::field(path, format!("must be {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FieldErrors;
    use crate::http::views::{SetAvailability, SignIn};

    fn fields<T: DeserializeOwned>(body: &str) -> FieldErrors {
        match parse::<T>(body.as_bytes()) {
            Err(ApiError::Invalid(fields)) => fields,
            Err(other) => panic!("{body}: {other}"),
            Ok(_) => panic!("{body} was accepted"),
        }
    }

    #[test]
    fn the_field_that_is_wrong_is_named_and_its_content_is_not() {
        let one = |name: &str, what: &str| FieldErrors::from([(name.to_owned(), what.to_owned())]);
        assert_eq!(fields::<SignIn>(r#"{"email":"a@b"}"#), one("password", "is missing"));
        assert_eq!(fields::<SignIn>(r#"{"email":7,"password":"x"}"#), one("email", "must be a string"));
        assert_eq!(
            fields::<SignIn>(r#"{"email":"a@b","password":"x","admin":true}"#),
            one("admin", "is not known here")
        );
        assert_eq!(
            fields::<SetAvailability>(r#"{"availability":"secret words, expected by nobody"}"#),
            one("availability", "must be one of `online`, `busy`, `offline`")
        );
    }

    #[test]
    fn what_is_no_json_object_is_malformed() {
        let deep = format!("{{\"email\":{}", "[".repeat(60_000));
        for bad in [
            "",
            "{",
            "nonsense",
            "{\"email\":\"a\"",
            "[]7",
            "7",
            "\"text\"",
            "null",
            "{} {}",
            r#"["a@b","c"]"#,
            &deep,
        ] {
            let refused = parse::<SignIn>(bad.as_bytes());
            assert!(refused.is_err(), "{bad}");
        }
        assert!(matches!(parse::<SignIn>(b"{"), Err(ApiError::Malformed(_))));
        assert!(matches!(parse::<SignIn>(b"7"), Err(ApiError::Malformed(_))));
    }
}
