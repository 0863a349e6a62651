use super::*;

fn written(toml: &str) -> Result<Credential, String> {
    let written: WrittenCredential = toml::from_str(toml).map_err(|error| error.to_string())?;
    Credential::new("token".parse().unwrap(), written).map_err(|error| error.to_string())
}

#[test]
fn a_credential_is_read_as_the_configuration_has_it() {
    let credential = written(
        r#"
        secret = "github.token"
        header = "Authorization"
        format = "Bearer {}"
        to = ["https://api.github.com", "GET https://uploads.github.com/a/"]
        placeholder = "GITHUB_TOKEN"
        "#,
    );
    let credential = credential.unwrap();
    let header = credential.header.as_ref().unwrap();
    assert_eq!((header.name.as_str(), header.format.fill("x").as_str()), ("authorization", "Bearer x"));
    assert_eq!(header.to[1].to_string(), "GET https://uploads.github.com/a/");
    assert_eq!(Vec::from_iter(credential.variables()), ["GITHUB_TOKEN"]);
    let revealed = written("secret = 'env:X'\nreveal-env = 'TOKEN'").unwrap();
    assert_eq!((revealed.header, revealed.reveal_env.as_deref()), (None, Some("TOKEN")));
}

#[test]
fn a_credential_reads_back_as_written() {
    for text in [
        r#"{"name":"a","secret":"env:T","header":"x-key","format":"{}","to":["https://example.com/"],"placeholder":"P"}"#,
        r#"{"name":"a","secret":"file:/x","reveal-env":"T"}"#,
    ] {
        let credential: Credential = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&credential).unwrap(), text);
    }
}

#[test]
fn what_would_be_unclear_is_no_credential() {
    let good = "secret = 's'\nheader = 'X-Key'\nto = ['https://example.com']\n";
    written(good).unwrap();
    for (toml, said) in [
        ("secret = 's'", "neither"),
        ("header = 'X-Key'\nto = ['https://example.com']", "secret"),
        ("secret = 's'\nto = ['https://example.com']\nreveal-env = 'A'", "no header is written"),
        ("secret = 's'\nformat = 'x {}'\nreveal-env = 'A'", "no header is written"),
        ("secret = 's'\nplaceholder = 'A'", "no header is written"),
        ("secret = 's'\nreveal-env = 'A B'", "no name of a variable"),
        ("secret = 's'\nreveal_env = 'A'", "unknown field"),
        ("secret = 'command:x'\nreveal-env = 'A'", "yet"),
        (&good.replace("X-Key", "Host"), "belongs to the connection"),
        (&good.replace("X-Key", "content-length"), "belongs to the connection"),
        (&good.replace("X-Key", "Transfer-Encoding"), "belongs to the connection"),
        (&good.replace("X-Key", "Proxy-Authorization"), "belongs to the connection"),
        (&good.replace("X-Key", "X Key"), "none of HTTP"),
        (&good.replace("https:", "http:"), "over https"),
        (&good.replace("https://example.com", "https://user@example.com"), "user"),
        (&format!("{good}placeholder = 'A'\nreveal-env = 'B'"), "one of them"),
        (&format!("{good}format = 'Bearer'"), "exactly one {}"),
        (&format!("{good}format = '{{}}{{}}'"), "exactly one {}"),
        (&format!("{good}format = '{{ {{}} }}'"), "exactly one {}"),
        (&format!("{good}format = ' {{}}'"), "exactly one {}"),
        (&format!("{good}format = \"a\\n{{}}\""), "exactly one {}"),
        (&format!("{good}format = 'ä{{}}'"), "exactly one {}"),
    ] {
        let error = written(toml).unwrap_err();
        assert!(error.contains(said), "{toml}\n{error}");
    }
}

#[test]
fn a_secret_goes_in_the_clear_only_to_a_literal_address() {
    for (text, good) in [
        ("http://127.0.0.1:8080/", true),
        ("http://[::1]/", true),
        ("http://localhost/", false),
        ("http://*.example.com/", false),
        ("https://*.example.com/", true),
    ] {
        assert_eq!(text.parse::<Destination>().is_ok(), good, "{text}");
    }
    let origin = |url: &str| Destination::origin_of(&Url::parse(url).unwrap()).map(|to| to.to_string());
    assert_eq!(origin("https://example.com:8443/mcp?x=1").as_deref(), Some("https://example.com:8443/"));
    assert_eq!(origin("http://127.0.0.1:9/mcp").as_deref(), Some("http://127.0.0.1:9/"));
    assert_eq!(origin("http://example.com/mcp"), None);
}

#[test]
fn a_flag_names_destination_header_and_secret() {
    for (text, source, header, format, to, name) in [
        (
            "https://api.example.com X-Api-Key: {brave.api_key}",
            "brave.api_key",
            "x-api-key",
            "{}",
            "https://api.example.com/",
            "brave.api_key",
        ),
        (
            "GET,POST https://a.example/v1 Authorization: Bearer {env:TOKEN}",
            "env:TOKEN",
            "authorization",
            "Bearer {}",
            "GET,POST https://a.example/v1",
            "TOKEN",
        ),
        (
            "http://127.0.0.1:80 cookie:s={file:/run/my secret}; x",
            "file:/run/my secret",
            "cookie",
            "s={}; x",
            "http://127.0.0.1/",
            "my-secret",
        ),
    ] {
        let credential = Credential::parse_flag(text).unwrap();
        let sent = credential.header.unwrap();
        let found =
            (credential.secret.to_string(), sent.name.to_string(), sent.format.to_string(), sent.to[0].to_string());
        assert_eq!(found, (source.to_owned(), header.to_owned(), format.to_owned(), to.to_owned()));
        assert_eq!(credential.name.as_str(), name);
    }
}

#[test]
fn what_is_no_flag_is_refused_and_not_repeated() {
    for text in [
        "",
        "hunter2",
        "https://example.com",
        "https://example.com hunter2",
        "https://example.com Authorization: Bearer hunter2",
        "https://example.com Authorization: Bearer {hunter2",
        "https://example.com Authorization: {command:hunter2}",
        "https://example.com Authorization: {one} {hunter2}",
        "https://example.com Authorization: {hunter2 !}",
        "https://example.com Host: {hunter2}",
        "https://example.com Auth orization: {hunter2}",
        "Authorization: {hunter2} https://example.com",
    ] {
        let error = Credential::parse_flag(text).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{text}: {error}");
    }
    for text in ["", "A", "=hunter2", "A B=hunter2", "A=", "A=hunter2 !", "A=command:hunter2"] {
        let error = Credential::parse_reveal_flag(text).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{text}: {error}");
    }
    assert_eq!(Credential::parse_reveal_flag("A=env:B").unwrap().secret.to_string(), "env:B");
}

proptest::proptest! {
    #[test]
    fn what_a_flag_says_reads_back(text in "((GET )?https?://[a-z1.:/]{1,12} )?[A-Za-z-]{0,8}:? ?.{0,6}\\{?(env:)?[a-z]{0,5}\\}?.{0,4}") {
        if let Ok(credential) = Credential::parse_flag(&text) {
            let json = serde_json::to_string(&credential).unwrap();
            proptest::prop_assert_eq!(serde_json::from_str::<Credential>(&json).unwrap(), credential);
        }
    }

    #[test]
    fn any_format_with_one_hole_is_filled_once(front in "[!-z]{0,9}", back in "[!-z]{0,9}", secret in "\\PC{1,9}") {
        let format: Format = format!("{front}{{}}{back}").parse().unwrap();
        proptest::prop_assert_eq!(format.fill(&secret), format!("{front}{secret}{back}"));
    }
}
