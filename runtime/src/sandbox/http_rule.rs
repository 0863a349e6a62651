//! One element of a grant's `http`: which requests a guest may send.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Method;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::InvalidGrant;

/// `[METHOD,…] SCHEME://HOST[:PORT][/PATH]`: every method but CONNECT and TRACE unless some are written, every path below `PATH`. A host is a
/// name, a literal IP address, or `*.` and a name for all names below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct HttpRule {
    methods: Vec<Method>,
    scheme: String,
    host: HostRule,
    port: u16,
    path: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostRule {
    Name(String),
    Below(String),
    Address(IpAddr),
}

impl HttpRule {
    /// Whether this rule lets a request pass. `url` is the one that is sent.
    pub fn allows(&self, method: &Method, url: &Url) -> bool {
        // Neither is a request for the path of a rule (RFC 9110, §9.3.6 and §9.3.8).
        let never = [Method::CONNECT, Method::TRACE].contains(method);
        let method_allowed = !never && (self.methods.is_empty() || self.methods.contains(method));
        method_allowed
            && url.scheme() == self.scheme
            && url.port_or_known_default() == Some(self.port)
            && self.host.allows(url)
            && is_below(&self.path, url.path())
    }

    /// The address, where the rule writes one out: only such a rule reaches loopback and private networks.
    pub fn literal_address(&self) -> Option<IpAddr> {
        match self.host {
            HostRule::Address(address) => Some(address),
            HostRule::Name(_) | HostRule::Below(_) => None,
        }
    }

    /// Whether the requests go over TLS.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.scheme == "https"
    }

    /// Whether some request could be let pass by both rules.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let methods = self.methods.is_empty()
            || other.methods.is_empty()
            || self.methods.iter().any(|method| other.methods.contains(method));
        methods
            && self.scheme == other.scheme
            && self.port == other.port
            && self.host.overlaps(&other.host)
            // Coarser than `is_below`: it is better to see two rules meet that do not.
            && (self.path.starts_with(&other.path) || other.path.starts_with(&self.path))
    }
}

impl HostRule {
    fn overlaps(&self, other: &Self) -> bool {
        let is_below = |name: &str, domain: &str| name.strip_suffix(domain).is_some_and(|front| front.ends_with('.'));
        match (self, other) {
            (Self::Name(name), Self::Below(domain)) | (Self::Below(domain), Self::Name(name)) => is_below(name, domain),
            (Self::Below(a), Self::Below(b)) => a == b || is_below(a, b) || is_below(b, a),
            (a, b) => a == b,
        }
    }

    fn allows(&self, url: &Url) -> bool {
        match (self, url.host()) {
            (Self::Name(name), Some(Host::Domain(host))) => host == name,
            (Self::Below(name), Some(Host::Domain(host))) => {
                host.strip_suffix(name.as_str()).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
            }
            (Self::Address(address), Some(Host::Ipv4(host))) => *address == IpAddr::V4(host),
            (Self::Address(address), Some(Host::Ipv6(host))) => *address == IpAddr::V6(host),
            _ => false,
        }
    }
}

/// Whether `path` is `prefix` or lies below it. A path that a server may read as another one, through encoded slashes
/// or dots, is below nothing but the root.
fn is_below(prefix: &str, path: &str) -> bool {
    if prefix == "/" {
        return true;
    }
    let lower = path.to_ascii_lowercase();
    if ["%2f", "%5c", "%2e", "%25", "\\", "//", ";", "%00"].iter().any(|trick| lower.contains(trick)) {
        return false;
    }
    match path.strip_prefix(prefix) {
        Some(rest) => rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

impl FromStr for HttpRule {
    type Err = InvalidGrant;

    fn from_str(text: &str) -> Result<Self, InvalidGrant> {
        let invalid = |problem| InvalidGrant::Http { rule: text.to_owned(), problem };
        let (methods, address) = match text.trim().rsplit_once(' ') {
            Some((methods, address)) => (parse_methods(methods.trim()).map_err(invalid)?, address),
            None => (Vec::new(), text.trim()),
        };
        let (scheme, rest) = address.split_once("://").ok_or_else(|| invalid("it has no https://"))?;
        // A wildcard is no host that `url` would read, so it is taken off first and put into the type instead.
        let (below, rest) = match rest.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let url = Url::parse(&format!("{scheme}://{rest}")).map_err(|_| invalid("the URL cannot be read"))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(invalid("only https and http are spoken"));
        }
        if !url.username().is_empty() || url.password().is_some() || rest.contains('@') {
            return Err(invalid("a URL with a user or password is refused"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("a rule has no ? or #"));
        }
        if rest.contains('*') {
            return Err(invalid("a wildcard stands only for the first part of a host, as *.example.com"));
        }
        let host = match url.host() {
            Some(Host::Domain(name)) if below && !name.contains('.') => {
                return Err(invalid("a wildcard needs a domain with a dot behind it"));
            }
            Some(Host::Domain(name)) if below => HostRule::Below(name.to_owned()),
            Some(Host::Domain(name)) => HostRule::Name(name.to_owned()),
            Some(_) if below => return Err(invalid("a wildcard cannot stand before an address")),
            Some(Host::Ipv4(address)) => HostRule::Address(address.into()),
            Some(Host::Ipv6(address)) => HostRule::Address(address.into()),
            None => return Err(invalid("it has no host")),
        };
        let port = url.port_or_known_default().ok_or_else(|| invalid("it has no port"))?;
        if port == 0 {
            return Err(invalid("port 0 is no port"));
        }
        Ok(Self { methods, scheme: url.scheme().to_owned(), host, port, path: url.path().to_owned() })
    }
}

fn parse_methods(text: &str) -> Result<Vec<Method>, &'static str> {
    text.split(',')
        .map(|method| match method.trim().parse::<Method>() {
            Ok(method) if method.as_str().chars().all(|c| c.is_ascii_uppercase()) => Ok(method),
            _ => Err("methods are written in capitals with commas between them, as GET,POST"),
        })
        .collect()
}

impl fmt::Display for HttpRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, method) in self.methods.iter().enumerate() {
            write!(f, "{}{method}", if position == 0 { "" } else { "," })?;
        }
        let space = if self.methods.is_empty() { "" } else { " " };
        write!(f, "{space}{}://", self.scheme)?;
        match &self.host {
            HostRule::Name(name) => write!(f, "{name}")?,
            HostRule::Below(name) => write!(f, "*.{name}")?,
            HostRule::Address(IpAddr::V4(address)) => write!(f, "{address}")?,
            HostRule::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
        }
        let default_port = if self.scheme == "https" { 443 } else { 80 };
        if self.port != default_port {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.path)
    }
}

impl From<HttpRule> for String {
    fn from(rule: HttpRule) -> Self {
        rule.to_string()
    }
}

impl TryFrom<String> for HttpRule {
    type Error = InvalidGrant;

    fn try_from(text: String) -> Result<Self, InvalidGrant> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(rule: &str, request: &str) -> bool {
        let (method, url) = request.split_once(' ').unwrap();
        rule.parse::<HttpRule>().unwrap().allows(&method.parse().unwrap(), &Url::parse(url).unwrap())
    }

    #[test]
    fn a_rule_lets_pass_what_it_names() {
        for (rule, request) in [
            ("https://api.example.com", "DELETE https://api.example.com/any?x=1"),
            ("GET,POST https://api.example.com/repos/acme/", "POST https://API.example.com/repos/acme/x"),
            ("GET https://api.example.com/repos", "GET https://api.example.com:443/repos/acme"),
            ("https://*.example.com", "GET https://a.b.example.com/"),
            ("http://127.0.0.1:8080/", "GET http://127.0.0.1:8080/x"),
            ("http://[::1]:8080", "GET http://[::1]:8080/x"),
        ] {
            assert!(allows(rule, request), "{rule} should allow {request}");
        }
    }

    #[test]
    fn a_rule_stops_everything_else() {
        for (rule, request) in [
            ("GET https://api.example.com", "POST https://api.example.com/"),
            ("https://api.example.com", "GET http://api.example.com/"),
            ("https://api.example.com", "GET https://api.example.com:8443/"),
            ("https://api.example.com", "GET https://api.example.com.evil.org/"),
            ("https://api.example.com", "GET https://api.example.com./"),
            ("https://example.com", "GET https://api.example.com/"),
            ("https://*.example.com", "GET https://example.com/"),
            ("https://*.example.com", "GET https://evilexample.com/"),
            ("https://api.example.com/repos", "GET https://api.example.com/repositories"),
            ("https://api.example.com/a/", "GET https://api.example.com/a/../b"),
            ("https://api.example.com/a/", "GET https://api.example.com/a/%2e%2e/b"),
            ("https://api.example.com/a/", "GET https://api.example.com/a/..%2fb"),
            ("https://api.example.com/a/", "GET https://api.example.com/a//b"),
            ("https://api.example.com/a/", "GET https://api.example.com/a/%252e%252e%252fb"),
            ("https://api.example.com", "CONNECT https://api.example.com/"),
            ("https://127.0.0.1", "GET https://localhost/"),
        ] {
            assert!(!allows(rule, request), "{rule} should not allow {request}");
        }
    }

    #[test]
    fn another_spelling_of_an_address_is_the_same_address() {
        assert!(allows("http://127.0.0.1", "GET http://2130706433/"));
        assert!(!allows("http://10.0.0.1", "GET http://0x7f.1/"));
    }

    #[test]
    fn rules_overlap_where_one_request_passes_both() {
        let overlap = |a: &str, b: &str| {
            let (a, b): (HttpRule, HttpRule) = (a.parse().unwrap(), b.parse().unwrap());
            assert_eq!(a.overlaps(&b), b.overlaps(&a), "{a} {b}");
            a.overlaps(&b)
        };
        for (a, b) in [
            ("https://example.com", "GET https://example.com/a"),
            ("GET,POST https://example.com", "POST,PUT https://example.com"),
            ("https://*.example.com", "https://a.b.example.com"),
            ("https://*.example.com", "https://*.b.example.com"),
        ] {
            assert!(overlap(a, b), "{a} {b}");
        }
        for (a, b) in [
            ("https://example.com/a", "https://example.com/b"),
            ("GET https://example.com", "POST https://example.com"),
            ("https://*.example.com", "https://example.com"),
            ("https://*.example.com", "https://*.badexample.com"),
            ("https://127.0.0.1:1", "https://127.0.0.1:2"),
            ("https://127.0.0.1", "http://127.0.0.1:443"),
        ] {
            assert!(!overlap(a, b), "{a} {b}");
        }
    }

    #[test]
    fn a_rule_reads_back_as_written() {
        for rule in ["https://api.example.com/", "GET,POST https://*.example.com:8443/a/", "GET http://[::1]:80/x"] {
            let canonical = rule.replace(":80/", "/");
            assert_eq!(rule.parse::<HttpRule>().unwrap().to_string(), canonical);
        }
    }

    #[test]
    fn what_would_be_unclear_is_no_rule() {
        for rule in [
            "",
            "*",
            "https://*",
            "https://*.com",
            "api.example.com",
            "ftp://example.com",
            "get https://example.com",
            "https://user@example.com",
            "https://example.com/?q",
            "https://example.com/#x",
            "https://a.*.example.com",
            "https://*.127.0.0.1",
            "GET,,POST https://example.com",
            "https://example.com:0",
            "https://",
        ] {
            assert!(rule.parse::<HttpRule>().is_err(), "{rule}");
        }
    }
}
