//! What a registry asks for before it answers (RFC 9110, §11.6.1; Docker Registry Token Authentication).

use http::{HeaderMap, header};
use url::Url;

use super::detour::Detour;
use super::endpoint::Endpoint;
use super::token_host::TokenHost;
use crate::untrusted::Untrusted;

/// How to prove who asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// With a token that `realm` gives.
    Bearer { realm: Url, service: Option<String> },
    /// With a name and password.
    Basic,
}

/// Reads the first challenge that can be met. What scope it names is not read: we know what we want.
///
/// # Errors
/// And in words, where there is none, or its realm is where no credentials are sent: anywhere but at the registry itself, and
/// at `elsewhere`.
pub(super) fn challenge(
    headers: &HeaderMap,
    endpoint: &Endpoint,
    elsewhere: Option<&TokenHost>,
) -> Result<Challenge, (Detour, String)> {
    let unknown = |problem: &str| (Detour::Challenge, problem.to_owned());
    for header in headers.get_all(header::WWW_AUTHENTICATE) {
        for (scheme, parameters) in challenges(header.to_str().unwrap_or_default()) {
            let get = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
            match scheme.as_str() {
                "basic" => return Ok(Challenge::Basic),
                "bearer" => {
                    let realm = get("realm").ok_or_else(|| unknown("it wants a token and does not say from where"))?;
                    return Ok(Challenge::Bearer {
                        realm: allowed_realm(&realm, endpoint, elsewhere)?,
                        service: get("service"),
                    });
                }
                _ => {}
            }
        }
    }
    Err(unknown("it wants to know who asks, in a way that is not known here"))
}

/// The registry's word for another host is not taken: that would be sent the person's password. Some are known, and the
/// person may write others.
fn allowed_realm(text: &str, endpoint: &Endpoint, elsewhere: Option<&TokenHost>) -> Result<Url, (Detour, String)> {
    let refused = |problem: String| (Detour::Realm, problem);
    let shown = Untrusted::new(text).to_line(200);
    let realm = Url::parse(text).map_err(|_| refused(format!("it wants a token from `{shown}`, which is no URL")))?;
    let known = elsewhere.is_some_and(|host| host.origin() == realm.origin());
    let plain = realm.username().is_empty() && realm.password().is_none() && realm.fragment().is_none();
    if plain && (known || endpoint.is_at(&realm)) {
        return Ok(realm);
    }
    let host = realm.host_str().filter(|_| realm.scheme() == "https").map(|host| Untrusted::new(host).to_line(200));
    let help = host.map_or_else(String::new, |host| {
        format!(
            "; if that is where it gives its tokens, write [registry] token-hosts = {{ \"REGISTRY\" = \"{host}\" }}"
        )
    });
    Err(refused(format!("it sends us to {shown} for a token; credentials go nowhere but to the registry itself{help}")))
}

/// Schemes in lower case, each with its parameters. What does not read ends the list.
fn challenges(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (name, after) = token(rest);
        if name.is_empty() {
            return found;
        }
        let after = after.trim_start_matches([' ', '\t']);
        match after.strip_prefix('=') {
            Some(value) if !found.is_empty() => {
                let Some((value, after)) = parameter_value(value.trim_start_matches([' ', '\t'])) else { return found };
                // The first of two wins nothing: a name twice makes the challenge unreadable.
                let parameters = found.last_mut().map(|(_, parameters)| parameters);
                if let Some(parameters) = parameters {
                    if parameters.iter().any(|(key, _)| *key == name) {
                        found.pop();
                        return found;
                    }
                    parameters.push((name, value));
                }
                rest = after;
            }
            Some(_) => return found,
            None => {
                found.push((name, Vec::new()));
                rest = after;
            }
        }
    }
}

/// RFC 9110, §5.6.2, in lower case.
fn token(text: &str) -> (String, &str) {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"!#$%&'*+-.^_`|~".contains(c)).unwrap_or(text.len());
    (text[..end].to_ascii_lowercase(), &text[end..])
}

/// A token or a quoted string (RFC 9110, §5.6.4).
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::token_host::TokenHosts;
    use super::*;

    fn read(registry: &str, header: &str) -> Result<Challenge, (Detour, String)> {
        let mut headers = HeaderMap::new();
        headers.insert(header::WWW_AUTHENTICATE, header.parse().unwrap());
        challenge(&headers, &Endpoint::of(registry).unwrap(), TokenHost::of(registry, &written()).as_ref())
    }

    /// What a person wrote.
    fn written() -> TokenHosts {
        TokenHosts::from([("registry.acme.example".to_owned(), "git.acme.example".parse().unwrap())])
    }

    #[test]
    fn registries_as_they_are_can_be_met() {
        for (registry, header, realm) in [
            (
                "docker.io",
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull""#,
                "https://auth.docker.io/token",
            ),
            ("registry.gitlab.com", r#"Bearer realm="https://gitlab.com/jwt/auth""#, "https://gitlab.com/jwt/auth"),
            ("registry.acme.example", r#"Bearer realm="https://git.acme.example/x""#, "https://git.acme.example/x"),
            ("ghcr.io", r#"bearer realm="https://ghcr.io/token", service="x""#, "https://ghcr.io/token"),
            ("127.0.0.1:5000", r#"Bearer realm="http://127.0.0.1:5000/token""#, "http://127.0.0.1:5000/token"),
            ("x.example", r#"Negotiate, Bearer error="a\"b , c" , realm=https://x.example/t"#, "https://x.example/t"),
        ] {
            match read(registry, header) {
                Ok(Challenge::Bearer { realm: found, .. }) => assert_eq!(found.as_str(), realm),
                other => panic!("{header}: {other:?}"),
            }
        }
        assert_eq!(read("x.example", r#"Basic realm="x""#), Ok(Challenge::Basic));
    }

    #[test]
    fn attack_48_a_realm_elsewhere_gets_no_credentials() {
        for (registry, realm) in [
            ("ghcr.io", "https://evil.example/token"),
            ("ghcr.io", "http://ghcr.io/token"),
            ("ghcr.io", "https://ghcr.io:8443/token"),
            ("ghcr.io", "https://auth.docker.io/token"),
            ("ghcr.io", "https://ghcr.io.evil.example/token"),
            ("ghcr.io", "https://ghcr.io@evil.example/token"),
            ("ghcr.io", "https://user:password@ghcr.io/token"),
            ("ghcr.io", "http://169.254.169.254/latest/meta-data"),
            ("ghcr.io", "/token"),
            ("ghcr.io", ""),
            ("docker.io", "https://auth.docker.io.evil.example/token"),
            ("docker.io", "http://auth.docker.io/token"),
            ("registry.gitlab.com", "http://gitlab.com/jwt/auth"),
            ("registry.gitlab.com", "https://gitlab.com:8443/jwt/auth"),
            ("registry.gitlab.com", "https://evil.gitlab.com/jwt/auth"),
            ("registry.gitlab.com:5000", "https://gitlab.com/jwt/auth"),
            ("ghcr.io", "https://gitlab.com/jwt/auth"),
            ("registry.acme.example", "http://git.acme.example/x"),
            ("acme.example", "https://git.acme.example/x"),
            ("127.0.0.1:5000", "http://127.0.0.1:5001/token"),
            ("127.0.0.1:5000", "http://169.254.169.254/token"),
        ] {
            let (detour, _) = read(registry, &format!(r#"Bearer realm="{realm}""#)).unwrap_err();
            assert_eq!(detour.code(), "realm-not-allowed", "{realm}");
        }
        for header in ["Bearer", "Digest x", "", r#"realm="https://ghcr.io/""#, r#"Bearer realm="https://ghcr.io/"#] {
            assert!(read("ghcr.io", header).is_err(), "{header}");
        }
        let twice = r#"Bearer realm="https://ghcr.io/t",realm="https://evil.example/""#;
        assert!(read("ghcr.io", twice).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_header_leads_credentials_elsewhere(header in "(Bearer|Basic|[a-z]{0,4}) ?(realm=)?[\\x20-\\x7e]{0,60}") {
            if let Ok(Challenge::Bearer { realm, .. }) = read("ghcr.io", &header) {
                proptest::prop_assert_eq!(realm.origin().ascii_serialization(), "https://ghcr.io");
            }
        }

        #[test]
        fn quoted_text_is_read_back(value in "[\\x20-\\x7e]{0,30}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let found = challenges(&format!(r#"Bearer a="{quoted}",b=c"#));
            proptest::prop_assert_eq!(found, vec![("bearer".to_owned(), vec![("a".to_owned(), value), ("b".to_owned(), "c".to_owned())])]);
        }
    }
}
