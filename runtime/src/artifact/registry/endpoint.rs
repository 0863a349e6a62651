//! Where a registry is reached.

use std::net::{IpAddr, Ipv4Addr};

use url::Url;

/// A registry's address. HTTPS, but for a registry on this machine that is written out as such.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    /// `scheme://host[:port]/`.
    base: Url,
    /// The address was written as a literal, or as `localhost`: such a one is dialled even where it is private.
    written_out: bool,
}

impl Endpoint {
    /// The endpoint of a registry as references name it.
    pub(super) fn of(registry: &str) -> Option<Self> {
        let (host, port) = match registry.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, format!(":{port}")),
            _ => (registry, String::new()),
        };
        // The names of Docker Hub are those of a website.
        let host = if matches!(host, "docker.io" | "index.docker.io") { "registry-1.docker.io" } else { host };
        // A resolver is not asked: it could say anything.
        let localhost = (host == "localhost").then_some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse().ok().or(localhost);
        let scheme = if literal.is_some_and(|address| address.is_loopback()) { "http" } else { "https" };
        let host = literal.map_or_else(|| host.to_owned(), written);
        let base = Url::parse(&format!("{scheme}://{host}{port}/")).ok()?;
        Some(Self { base, written_out: literal.is_some() })
    }

    /// A path of the registry's interface (OCI Distribution Specification, "Endpoints").
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("/v2/{path}"));
        url
    }

    /// Whether a URL leads to this very registry: scheme, host and port.
    pub(super) fn is_at(&self, url: &Url) -> bool {
        self.base.origin() == url.origin()
    }

    /// Whether a connection for this URL may be to a private address: only where it is the one that was written out.
    pub(super) fn wrote_out(&self, url: &Url) -> bool {
        self.written_out && self.is_at(url)
    }

    /// Whether it is reached without TLS.
    pub(super) fn is_plain(&self) -> bool {
        self.base.scheme() == "http"
    }
}

fn written(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_registry_on_this_machine_is_asked_without_tls() {
        for (registry, base, written_out) in [
            ("ghcr.io", "https://ghcr.io/", false),
            ("docker.io", "https://registry-1.docker.io/", false),
            ("index.docker.io", "https://registry-1.docker.io/", false),
            ("127.0.0.1:5000", "http://127.0.0.1:5000/", true),
            ("127.8.0.1", "http://127.8.0.1/", true),
            ("localhost", "http://127.0.0.1/", true),
            ("localhost:5000", "http://127.0.0.1:5000/", true),
            ("[::1]:5000", "http://[::1]:5000/", true),
            ("192.168.1.9:5000", "https://192.168.1.9:5000/", true),
            ("[fe80::1]", "https://[fe80::1]/", true),
            ("localhost.example:5000", "https://localhost.example:5000/", false),
        ] {
            let endpoint = Endpoint::of(registry).unwrap();
            assert_eq!((endpoint.base.as_str(), endpoint.written_out), (base, written_out), "{registry}");
        }
    }

    #[test]
    fn an_address_in_disguise_is_not_written_out() {
        for registry in ["127.1", "0x7f.1:5000", "2130706433.0:80"] {
            assert!(Endpoint::of(registry).is_none_or(|endpoint| !endpoint.written_out && !endpoint.is_plain()));
        }
    }

    #[test]
    fn a_url_elsewhere_is_not_the_registry() {
        let endpoint = Endpoint::of("127.0.0.1:5000").unwrap();
        for (url, here) in [
            ("http://127.0.0.1:5000/v2/x", true),
            ("http://127.0.0.1:5001/v2/x", false),
            ("https://127.0.0.1:5000/v2/x", false),
            ("http://127.0.0.2:5000/v2/x", false),
        ] {
            assert_eq!(endpoint.wrote_out(&Url::parse(url).unwrap()), here, "{url}");
        }
    }
}
