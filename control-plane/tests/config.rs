//! A bad configuration file is refused with the key, the reason and the file.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write;

use control_plane::config::{Config, LogFormat};

fn load(text: &str) -> (Result<Config, String>, tempfile::NamedTempFile) {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    (Config::load(Some(file.path())).map_err(|error| error.to_string()), file)
}

#[test]
fn a_file_needs_only_what_differs() {
    let (config, _file) = load("[http]\nlisten = \"127.0.0.1:9443\"\n[telemetry]\nformat = \"json\"\n");
    let config = config.unwrap();
    assert_eq!(config.http.listen.port(), 9443);
    assert_eq!(config.telemetry.format, LogFormat::Json);
    assert_eq!(config.media, Config::default().media);
}

#[test]
fn a_bad_file_is_refused_with_its_key_and_its_name() {
    for (text, key) in [
        ("[http]\nlisten_on = \"127.0.0.1:1\"\n", "http.listen_on"),
        ("[htp]\n", "htp"),
        ("[http]\nlisten = \"nowhere\"\n", "http.listen"),
        ("[media]\nfirst_port = 99999\n", "media.first_port"),
        ("[media]\npublic_addresses = [\"300.1.1.1\"]\n", "media.public_addresses"),
        ("[telemetry]\nformat = \"xml\"\n", "telemetry.format"),
        ("[whisper]\nenabled = \"maybe\"\n", "whisper.enabled"),
    ] {
        let (result, file) = load(text);
        let error = result.expect_err(text);
        assert!(error.contains(key), "{error}");
        assert!(error.contains(file.path().to_str().unwrap()), "{error}");
    }
}

#[test]
fn values_that_make_no_sense_are_refused_with_their_key() {
    for (text, key) in [
        ("[media]\nfirst_port = 65535\nworkers = 2\n", "media.first_port"),
        ("[http]\npublic_url = \"http://care.example\"\n", "http.public_url"),
        ("[http]\nprivate_key = \"key.pem\"\n", "http.certificate"),
        ("[http]\nhandshake_timeout_s = 0\n", "http.handshake_timeout_s"),
        ("[http]\nheader_timeout_s = 0\n", "http.header_timeout_s"),
        ("[telemetry]\nlog = \"a=b=c\"\n", "telemetry.log"),
        ("[database]\nurl = \"mysql://x\"\n", "database.url"),
    ] {
        let error = load(text).0.expect_err(text);
        assert!(error.contains(key), "{error}");
    }
}

#[test]
fn a_provider_of_single_sign_on_is_reached_over_tls_only() {
    let provider = |id: &str, issuer: &str| {
        format!("{{ id = \"{id}\", name = \"Hospital\", issuer = \"{issuer}\", client_id = \"auscult\" }}")
    };
    let load = |providers: &[String]| load(&format!("[oidc]\nproviders = [{}]\n", providers.join(", "))).0;
    for issuer in ["https://sso.example/realms/a", "http://127.0.0.1:9000", "http://localhost/x"] {
        load(&[provider("hospital", issuer)]).expect(issuer);
    }
    for issuer in
        ["http://sso.example", "", "sso.example", "https://sso.example?x", "http://127.0.0.1.evil.example"]
    {
        let error = load(&[provider("hospital", issuer)]).expect_err(issuer);
        assert!(error.contains("oidc.providers") && error.contains("issuer"), "{error}");
    }
    let error = load(&[provider("a/b", "https://sso.example")]).unwrap_err();
    assert!(error.contains("a/b"), "{error}");
    let twice = [provider("one", "https://a.example"), provider("one", "https://b.example")];
    assert!(load(&twice).unwrap_err().contains("two providers"));
}

#[test]
fn files_that_are_not_there_are_named_but_only_when_asked() {
    for (text, key) in [
        ("[whisper]\nmodel = \"/no/such/model.bin\"\n", "whisper.model"),
        (
            "[http]\ncertificate = \"/no/such/cert.pem\"\nprivate_key = \"/no/such/key.pem\"\n",
            "http.certificate",
        ),
    ] {
        let error = load(text).0.expect(text).check_files().expect_err(text).to_string();
        assert!(error.contains(key) && error.contains("/no/such/"), "{error}");
    }
}

#[test]
fn a_file_that_is_no_toml_or_not_there_is_named() {
    let (result, file) = load("[http\n");
    assert!(result.unwrap_err().contains(file.path().to_str().unwrap()));
    let missing = Config::load(Some("/no/such/auscult.toml".as_ref())).unwrap_err().to_string();
    assert!(missing.contains("/no/such/auscult.toml"), "{missing}");
}
