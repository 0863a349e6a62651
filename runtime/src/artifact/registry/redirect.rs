//! Where a registry keeps its blobs: the only redirects that are followed, by hand.

use http::{HeaderMap, header};
use url::Url;

use super::detour::Detour;
use super::endpoint::Endpoint;
use crate::untrusted::Untrusted;

/// How often one request is redirected, at most.
pub(super) const MAX_REDIRECTS: u32 = 5;

/// Where a redirect leads (RFC 9110, §15.4).
///
/// # Errors
/// And in words, where it leads nowhere, or out of TLS.
pub(super) fn target(from: &Url, headers: &HeaderMap, endpoint: &Endpoint) -> Result<Url, (Detour, String)> {
    let invalid = |problem: String| (Detour::InvalidRedirect, problem);
    let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let shown = Untrusted::new(location).to_line(200);
    if location.is_empty() {
        return Err(invalid("it redirects nowhere".to_owned()));
    }
    let mut to = from.join(location).map_err(|_| invalid(format!("it redirects to `{shown}`, which is no URL")))?;
    to.set_fragment(None);
    if !to.username().is_empty() || to.password().is_some() {
        return Err(invalid("it redirects to a URL with a password in it".to_owned()));
    }
    // A registry on this machine may redirect to itself without TLS; nobody else may.
    let safe = to.scheme() == "https" || (endpoint.is_plain() && endpoint.is_at(&to));
    if safe {
        Ok(to)
    } else {
        Err((Detour::InsecureRedirect, format!("it redirects to `{shown}`, out of the protection of TLS")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirected(registry: &str, from: &str, location: &str) -> Result<String, &'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, location.parse().unwrap());
        let from = Url::parse(from).unwrap();
        let target = target(&from, &headers, &Endpoint::of(registry).unwrap());
        target.map(Into::into).map_err(|(detour, _)| detour.code())
    }

    #[test]
    fn a_registry_may_keep_its_blobs_elsewhere() {
        let from = "https://ghcr.io/v2/a/blobs/sha256:0";
        let go = |location: &str| redirected("ghcr.io", from, location).unwrap();
        assert_eq!(go("https://storage.example/x?sig=1#f"), "https://storage.example/x?sig=1");
        assert_eq!(go("/other"), "https://ghcr.io/other");
        assert_eq!(go("//storage.example/x"), "https://storage.example/x");
        let plain = redirected("localhost:5000", "http://127.0.0.1:5000/v2/x", "/y").unwrap();
        assert_eq!(plain, "http://127.0.0.1:5000/y");
    }

    #[test]
    fn attack_47_nobody_leads_us_out_of_tls() {
        let from = "https://ghcr.io/v2/a/blobs/sha256:0";
        for location in ["http://ghcr.io/x", "http://169.254.169.254/x", "file:///etc/passwd", "ftp://x/"] {
            assert_eq!(redirected("ghcr.io", from, location), Err("insecure-redirect"), "{location}");
        }
        for location in ["", "https://a:b@x/"] {
            assert_eq!(redirected("ghcr.io", from, location), Err("invalid-redirect"), "{location}");
        }
        let here = "http://127.0.0.1:5000/v2/x";
        for location in
            ["http://127.0.0.1:5001/", "http://127.0.0.2:5000/", "http://storage.example/", "http://[::1]:5000/"]
        {
            assert_eq!(redirected("127.0.0.1:5000", here, location), Err("insecure-redirect"), "{location}");
        }
    }
}
