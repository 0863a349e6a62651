//! Who is let in: requests that are meant for this listener, of somebody who is known.
//!
//! A web page that a person opens can send requests to this machine, with a name of its own that leads here (DNS
//! rebinding). Its browser says so in `Host` and `Origin`, which a page cannot change (MCP, "Security Warning").

use std::net::SocketAddr;

use hyper::http::request::Parts;
use hyper::{HeaderMap, StatusCode, header};
use lockgate_runtime::Principal;

use super::answer::Refusal;
use crate::tokens::Access;

/// The names of one listener.
pub(super) struct Door {
    hosts: Vec<String>,
}

impl Door {
    /// Of a listener at `address`.
    pub(super) fn at(address: SocketAddr) -> Self {
        let port = address.port();
        let mut hosts = vec![address.to_string(), format!("localhost:{port}")];
        hosts.extend(["127.0.0.1", "[::1]"].map(|host| format!("{host}:{port}")));
        // Clients leave this port out.
        if port == 80 {
            let bare: Vec<String> =
                hosts.iter().filter_map(|host| host.strip_suffix(":80")).map(str::to_owned).collect();
            hosts.extend(bare);
        }
        Self { hosts }
    }

    /// Whether a request is meant for this listener, and comes from no other page.
    ///
    /// # Errors
    /// Where not.
    pub(super) fn check(&self, head: &Parts) -> Result<(), Refusal> {
        let target = head.uri.authority().map(|authority| authority.as_str().as_bytes());
        let mut hosts = head.headers.get_all(header::HOST).iter();
        let named = match (hosts.next(), hosts.next()) {
            (Some(host), None) => self.is_ours(host.as_bytes()) && target.is_none_or(|target| self.is_ours(target)),
            _ => return Err(Refusal::new(StatusCode::BAD_REQUEST, "a request has one Host header")),
        };
        if !named {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "the Host header is none of this listener's names: use its address, or localhost, with its port",
            ));
        }
        let is_ours = |origin: &[u8]| origin.strip_prefix(b"http://").is_some_and(|host| self.is_ours(host));
        if head.headers.get_all(header::ORIGIN).iter().all(|origin| is_ours(origin.as_bytes())) {
            Ok(())
        } else {
            Err(Refusal::new(StatusCode::FORBIDDEN, "web pages of other origins are not served"))
        }
    }

    fn is_ours(&self, host: &[u8]) -> bool {
        self.hosts.iter().any(|ours| ours.as_bytes().eq_ignore_ascii_case(host))
    }
}

/// Whose request it is (RFC 6750, §2.1 and §3).
///
/// # Errors
/// Where nobody known sent it.
pub(super) fn principal(access: &Access, headers: &HeaderMap) -> Result<Principal, Refusal> {
    let tokens = match access {
        Access::Anybody { .. } => return Ok(Principal::local()),
        Access::Tokens(tokens) => tokens,
    };
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(credentials), None) = (given.next(), given.next()) else {
        return Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "a token is needed: send `Authorization: Bearer TOKEN`; it is in the file `tokens` in Lockgate's \
             configuration folder",
        )
        .with(header::WWW_AUTHENTICATE, "Bearer"));
    };
    bearer(credentials.as_bytes()).and_then(|token| tokens.principal(token)).ok_or_else(|| {
        Refusal::new(StatusCode::UNAUTHORIZED, "this token is not known; tokens are read when the gateway starts")
            .with(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")
    })
}

/// The token of `Bearer TOKEN`. The scheme may be in any case (RFC 9110, §11.1).
fn bearer(credentials: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = credentials.split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(door: &Door, uri: &str, headers: &[(&str, &str)]) -> Option<u16> {
        let mut request = hyper::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        door.check(&head).err().map(|refusal| refusal.into_answer().status().as_u16())
    }

    #[test]
    fn only_the_listeners_own_names_and_origins_are_let_in() {
        let door = Door::at("127.0.0.1:8811".parse().unwrap());
        for host in ["127.0.0.1:8811", "localhost:8811", "LocalHost:8811", "[::1]:8811"] {
            assert_eq!(status(&door, "/mcp", &[("host", host)]), None, "{host}");
            let origin = format!("http://{host}");
            assert_eq!(status(&door, "/mcp", &[("host", host), ("origin", &origin)]), None, "{origin}");
            assert_eq!(status(&door, &format!("http://{host}/mcp"), &[("host", host)]), None);
        }
        for host in [
            "evil.example",
            "evil.example:8811",
            "localhost",
            "localhost:80",
            "localhost:88110",
            "localhost.evil.example:8811",
            "127.0.0.1.evil.example:8811",
            "127.0.0.1:8811.evil.example",
            "user@127.0.0.1:8811",
            "127.0.0.2:8811",
            "0.0.0.0:8811",
            "127.1:8811",
            "",
        ] {
            assert_eq!(status(&door, "/mcp", &[("host", host)]), Some(403), "{host}");
        }
        let host = ("host", "localhost:8811");
        for origin in [
            "null",
            "",
            "http://evil.example",
            "http://localhost",
            "http://localhost:80",
            "https://localhost:8811",
            "http://localhost:8811.evil.example",
            "http://localhost:8811/",
            "HTTP://localhost:8811",
            "file://",
            "http://localhost:8811 http://evil.example",
        ] {
            assert_eq!(status(&door, "/mcp", &[host, ("origin", origin)]), Some(403), "{origin}");
        }
        let two = [host, ("origin", "http://localhost:8811"), ("origin", "http://evil.example")];
        assert_eq!(status(&door, "/mcp", &two), Some(403));
        assert_eq!(status(&door, "http://evil.example/mcp", &[host]), Some(403));
        assert_eq!(status(&door, "/mcp", &[host, host]), Some(400));
        assert_eq!(status(&door, "/mcp", &[]), Some(400));
    }

    #[test]
    fn the_usual_port_may_be_left_out() {
        let door = Door::at("[::1]:80".parse().unwrap());
        for host in ["localhost", "[::1]", "[::1]:80"] {
            assert_eq!(status(&door, "/mcp", &[("host", host), ("origin", &format!("http://{host}"))]), None, "{host}");
        }
    }

    #[test]
    fn a_token_follows_its_scheme() {
        assert_eq!(bearer(b"Bearer abc"), Some(&b"abc"[..]));
        assert_eq!(bearer(b"bearer  abc "), Some(&b"abc"[..]));
        for other in [&b""[..], b"Bearer", b"Basic abc", b"abc", b"Bearerabc", b"Bearer\tabc"] {
            assert_eq!(bearer(other), None);
        }
    }
}
