//! The description of the API: what stands around the handlers' own descriptions, and the pages that show it.
//!
//! `/api/v1/openapi.json` is the document, `/docs` the interactive pages; they come with the binary and need no network.

use axum::Router;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{Object, Schema, SchemaType, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder, SecurityRequirement,
    ServerBuilder,
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::app::App;

const DOCUMENT: &str = "/api/v1/openapi.json";
const ABOUT: &str = "Accounts, consultations, transcripts and audit of a clinic.\n\n\
    Ids are `<prefix>_<32 hex digits>`, times are milliseconds since the Unix epoch. A browser signs in with a cookie and \
    sends `X-CSRF-Token` with everything that changes something; other clients send an access token. An id that does not \
    exist and one that the caller may not know of answer alike: 404.";

/// What the handlers' descriptions are put into.
#[must_use]
pub fn frame() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Auscult")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .build();
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([ServerBuilder::new().url("/api/v1").build()]))
        .security(Some([cookie_and_csrf(), SecurityRequirement::new("access_token", none())]))
        .build()
}

fn cookie_and_csrf() -> SecurityRequirement {
    SecurityRequirement::new("session_cookie", none()).add("csrf_token", none())
}

const fn none() -> [&'static str; 0] {
    []
}

/// Adds what holds for every route: how to sign in, and the refusals that need no word in each handler.
#[must_use]
pub fn complete(mut description: OpenApi) -> OpenApi {
    let components = description.components.get_or_insert_default();
    let cookie = ApiKeyValue::new(crate::http::actor::COOKIE);
    let header = ApiKeyValue::new("X-CSRF-Token");
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    components.add_security_scheme("session_cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    components.add_security_scheme("csrf_token", SecurityScheme::ApiKey(ApiKey::Header(header)));
    components.add_security_scheme("access_token", SecurityScheme::Http(bearer));
    for (name, schema) in &mut components.schemas {
        if let RefOr::T(Schema::Object(object)) = schema
            && name.ends_with("View")
        {
            require_what_is_always_there(object);
        }
    }
    for (path, item) in &mut description.paths.paths {
        for operation in operations(item) {
            add_refusals(path, operation);
        }
    }
    description
}

/// What we answer holds every field: an absent value is `null`.
fn require_what_is_always_there(object: &mut Object) {
    for (name, property) in &object.properties {
        if is_nullable(property) && !object.required.contains(name) {
            object.required.push(name.clone());
        }
    }
}

fn is_nullable(property: &RefOr<Schema>) -> bool {
    let says_null = |schema_type: &SchemaType| match schema_type {
        SchemaType::Type(one) => *one == Type::Null,
        SchemaType::Array(all) => all.contains(&Type::Null),
        SchemaType::AnyValue => false,
    };
    match property {
        RefOr::T(Schema::Object(object)) => says_null(&object.schema_type),
        RefOr::T(Schema::Array(array)) => says_null(&array.schema_type),
        RefOr::T(Schema::OneOf(one_of)) => one_of.items.iter().any(is_nullable),
        _ => false,
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

fn add_refusals(path: &str, operation: &mut Operation) {
    let is_public = operation.security.is_some();
    let has_body = operation.request_body.is_some();
    let refusals = [
        ("400", "The body, the query or a header is malformed", true),
        ("401", "Not signed in", !is_public),
        ("403", "Not allowed, or the CSRF token is missing", true),
        ("404", "No such thing, or none that the caller may know of", path.contains('{')),
        ("413", "The body is too large", has_body),
        ("422", "A field is missing, unknown or wrong; `fields` says which", has_body),
        ("429", "Too many requests; `Retry-After` says when to come back", true),
        ("503", "Busy, or the database takes no writes", true),
    ];
    for (status, why, _) in refusals.into_iter().filter(|(_, _, applies)| *applies) {
        let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
        let refusal = ResponseBuilder::new().description(why).content("application/json", body).build();
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| refusal.into());
    }
}

/// The document and the interactive pages.
pub fn pages(description: OpenApi) -> Router<App> {
    // Without the bar at the top, whose logo brings a style of its own that our policy refuses.
    let config =
        Config::from(DOCUMENT).try_it_out_enabled(true).persist_authorization(false).use_base_layout();
    SwaggerUi::new("/docs").url(DOCUMENT, description).config(config).into()
}
