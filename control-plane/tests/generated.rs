//! The description of the API and the TypeScript types that the web client is built against are generated and checked in.
//! `UPDATE_GENERATED=1 cargo test -p control-plane --test generated` writes them.

mod typescript;

use std::path::Path;

use control_plane::http::router::description;
use control_plane::ids::ConsultationId;
use control_plane::signalling::protocol::*;
use ts_rs::{Config, TS};

/// One exported TypeScript declaration with its documentation.
fn declaration<T: TS>(config: &Config) -> String {
    let docs = T::docs().unwrap_or_default();
    format!("{docs}export {}\n", T::decl(config))
}

macro_rules! declarations {
    ($config:expr, $($name:ty),+ $(,)?) => {
        [$(declaration::<$name>($config)),+].join("\n")
    };
}

fn messages(config: &Config) -> String {
    let types = declarations!(
        config,
        ConsultationId,
        TrackSource,
        PublishLine,
        SubscribeLine,
        Offer,
        ShownTile,
        ClientMessage,
        ParticipantKind,
        Presence,
        Quality,
        TrackView,
        ParticipantView,
        CaptionState,
        CaptionView,
        CaptionService,
        LeaveReason,
        SignalError,
        ServerMessage,
    );
    format!(
        "// Generated from control-plane/src/signalling/protocol.rs by `make gen`; do not edit.\n\n\
         export const PROTOCOL_VERSION = {PROTOCOL_VERSION};\n\n{types}"
    )
}

/// Compares with the checked-in file, or writes it.
fn check(name: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&path, generated).expect("the generated file can be written");
    }
    let checked_in = std::fs::read_to_string(&path).expect("the generated file is checked in");
    assert!(checked_in == generated, "{} is out of date: run `make gen`", path.display());
}

#[test]
fn typescript_of_the_signalling_messages_is_current() {
    check("web-client/src/api/messages.ts", &messages(&Config::new().with_large_int("number")));
}

#[test]
fn the_description_of_the_api_is_current() {
    let json = serde_json::to_string_pretty(&description()).expect("the description is JSON");
    check("docs/openapi.json", &(json + "\n"));
}

#[test]
fn typescript_of_the_api_is_current() {
    let description = serde_json::to_value(description()).expect("the description is JSON");
    check("web-client/src/api/schema.ts", &typescript::declarations(&description));
}
