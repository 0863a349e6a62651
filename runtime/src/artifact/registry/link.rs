//! Where an answer goes on (RFC 8288, as the OCI Distribution Specification uses it: "Listing Referrers").

use http::{HeaderMap, header};
use url::Url;

use super::detour::Detour;
use super::endpoint::Endpoint;
use crate::untrusted::Untrusted;

/// The next page of an answer that came from `from`; nothing where this was the last one.
///
/// # Errors
/// And in words, where it goes on somewhere else than at the same registry, or nobody can say where.
pub(super) fn next_page(from: &Url, headers: &HeaderMap, endpoint: &Endpoint) -> Result<Option<Url>, (Detour, String)> {
    let elsewhere = |problem: String| (Detour::NextPage, problem);
    let mut targets = Vec::new();
    for header in headers.get_all(header::LINK) {
        let unreadable = || elsewhere("it says that its list goes on, and where cannot be read".to_owned());
        let links = links(header.to_str().map_err(|_| unreadable())?).ok_or_else(unreadable)?;
        targets.extend(links.into_iter().filter(|link| link.is_next).map(|link| link.target));
    }
    let target = match targets.as_slice() {
        [] => return Ok(None),
        [target] => target,
        _ => return Err(elsewhere("it says of two places that its list goes on there".to_owned())),
    };
    let shown = Untrusted::new(target.as_str()).to_line(200);
    let next = from.join(target);
    let next = next.map_err(|_| elsewhere(format!("its list goes on at `{shown}`, which is no URL")))?;
    let plain = next.username().is_empty() && next.password().is_none();
    if plain && endpoint.is_at(&next) && next.path().starts_with("/v2/") {
        Ok(Some(next))
    } else {
        Err(elsewhere(format!("its list goes on at {shown}, which is not the registry itself")))
    }
}

/// One link of a header.
struct Link {
    target: String,
    is_next: bool,
}

/// The links of a header; nothing where it does not read.
fn links(text: &str) -> Option<Vec<Link>> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (target, after) = rest.strip_prefix('<')?.split_once('>')?;
        let (parameters, after) = parameters(after)?;
        let relation = parameters.iter().find(|(name, _)| name == "rel").map(|(_, value)| value.as_str());
        let is_next = relation.is_some_and(|names| names.split(' ').any(|name| name.eq_ignore_ascii_case("next")));
        found.push(Link { target: target.to_owned(), is_next });
        rest = after;
    }
    Some(found)
}

/// The parameters of a link, and what comes after the comma behind them.
fn parameters(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some((found, ""));
        }
        if let Some(after) = rest.strip_prefix(',') {
            return Some((found, after.trim_start()));
        }
        rest = rest.strip_prefix(';')?.trim_start();
        let end = rest.find(['=', ';', ',']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let (value, after) = match after.strip_prefix('=') {
            None => (String::new(), after),
            Some(after) => match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').map(|(value, after)| (value.to_owned(), after))?,
                None => {
                    let end = after.find([';', ',']).unwrap_or(after.len());
                    (after[..end].trim().to_owned(), &after[end..])
                }
            },
        };
        found.push((name.trim().to_ascii_lowercase(), value));
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(headers: &[&str]) -> Result<Option<String>, (Detour, String)> {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(header::LINK, header.parse().unwrap());
        }
        let from = Url::parse("https://ghcr.io/v2/a/referrers/sha256:0").unwrap();
        Ok(next_page(&from, &map, &Endpoint::of("ghcr.io").unwrap())?.map(Into::into))
    }

    #[test]
    fn a_list_goes_on_at_the_same_registry() {
        assert_eq!(next(&[]), Ok(None));
        for header in [
            r#"</v2/a/referrers/sha256:0?n=2>; rel="next""#,
            "<https://ghcr.io/v2/a/referrers/sha256:0?n=2>;rel=next",
            r#"<?n=2>; title="a, <b>"; rel="last next""#,
            r#"</v2/x>; rel="prev", <?n=2>; REL=NEXT"#,
        ] {
            let expected = "https://ghcr.io/v2/a/referrers/sha256:0?n=2";
            assert_eq!(next(&[header]).as_ref().map(Option::as_deref), Ok(Some(expected)), "{header}");
        }
        assert_eq!(next(&[r#"</v2/x>; rel="prev""#]), Ok(None));
        assert_eq!(next(&["</v2/x>"]), Ok(None));
    }

    #[test]
    fn attack_44_a_list_never_goes_on_elsewhere() {
        for target in [
            "https://evil.example/v2/a",
            "//evil.example/v2/a",
            "http://ghcr.io/v2/a",
            "https://ghcr.io:8443/v2/a",
            "https://user@ghcr.io/v2/a",
            "http://169.254.169.254/v2/",
            "file:///v2/x",
            "/token",
            "/v2/../token",
        ] {
            let (detour, error) = next(&[&format!(r#"<{target}>; rel="next""#)]).unwrap_err();
            assert_eq!(detour.code(), "next-page-elsewhere", "{target}");
            assert!(error.contains("not the registry itself"), "{target}: {error}");
        }
        let two = [r#"</v2/a>; rel="next""#, r#"</v2/b>; rel="next""#];
        assert!(next(&two).is_err());
        for unread in ["next", "</v2/a; rel=next", r#"</v2/a>; rel="next"#, "</v2/a> next"] {
            assert!(next(&[unread]).is_err(), "{unread}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_header_leads_elsewhere(header in "<?[\\x20-\\x7e]{0,40}>?; ?rel=\"?next\"?") {
            if let Ok(Some(found)) = next(&[&header]) {
                proptest::prop_assert!(found.starts_with("https://ghcr.io/v2/"), "{}", found);
            }
        }
    }
}
