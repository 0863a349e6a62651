//! How an SBOM names a package: a package URL (purl specification 1.0, `pkg:TYPE/NAMESPACE/NAME@VERSION?QUALIFIERS`).

use std::collections::BTreeMap;

/// The longest package URL that is read, in bytes.
const MAX_PURL_BYTES: usize = 4096;

/// A package URL, with escapes undone. Of its parts only the subpath is not kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Purl {
    /// The kind of package, as `npm`, in lower case.
    pub(crate) kind: String,
    /// What stands between type and name, as `@angular` or `github.com/acme`.
    pub(crate) namespace: Option<String>,
    /// The name within it.
    pub(crate) name: String,
    /// The version, as it was written.
    pub(crate) version: Option<String>,
    /// More about it, as `distro=debian-12`; keys are in lower case.
    pub(crate) qualifiers: BTreeMap<String, String>,
}

/// Why a text is no package URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidPurl {
    /// It does not start like one.
    #[error("a package URL starts with `pkg:` and a type, as pkg:npm/lodash@4.17.20")]
    Start,
    /// It names nothing.
    #[error("a package URL names a package after its type, as pkg:npm/lodash@4.17.20")]
    Name,
    /// Escapes in it are not UTF-8, or cut short.
    #[error("a package URL writes special characters as % and two hexadecimal digits of UTF-8")]
    Escape,
    /// A qualifier is no `key=value`, or there twice.
    #[error("the qualifiers of a package URL are `key=value`, joined by &, each key once")]
    Qualifier,
    /// It is too long to be one.
    #[error("a package URL has at most {MAX_PURL_BYTES} bytes")]
    TooLong,
}

impl Purl {
    /// Reads one, also as tools write it who escape less than they should.
    ///
    /// # Errors
    /// See [`InvalidPurl`].
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidPurl> {
        if text.len() > MAX_PURL_BYTES {
            return Err(InvalidPurl::TooLong);
        }
        let rest = text.split_once('#').map_or(text, |(before, _)| before);
        let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
        let rest = match rest.split_at_checked(4) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("pkg:") => rest.trim_start_matches('/'),
            _ => return Err(InvalidPurl::Start),
        };
        let (kind, rest) = rest.split_once('/').ok_or(InvalidPurl::Name)?;
        let mut characters = kind.chars();
        let starts_well = characters.next().is_some_and(|c| c.is_ascii_alphabetic());
        if !starts_well || !characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+')) {
            return Err(InvalidPurl::Start);
        }
        // An `@` at the start of a part is a scope of npm that was not escaped, and no version.
        let (path, version) = match rest.rsplit_once('@') {
            Some((path, version)) if !path.is_empty() && !path.ends_with('/') => (path, Some(version)),
            _ => (rest, None),
        };
        let mut parts = Vec::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            parts.push(unescaped(part)?);
        }
        let name = parts.pop().ok_or(InvalidPurl::Name)?;
        Ok(Self {
            kind: kind.to_ascii_lowercase(),
            namespace: (!parts.is_empty()).then(|| parts.join("/")),
            name,
            version: version.filter(|version| !version.is_empty()).map(unescaped).transpose()?,
            qualifiers: read_qualifiers(qualifiers)?,
        })
    }

    /// The name that its package manager knows it by, as all spellings of it are compared: `@angular/core`,
    /// `github.com/acme/tools`, `org.acme:tools`. Case never tells two packages apart here, so that it hides none.
    pub(crate) fn full_name(&self) -> String {
        let name = match &self.namespace {
            Some(namespace) if self.kind == "maven" => format!("{namespace}:{}", self.name),
            // The namespace says whose package it is, and is no part of its name.
            Some(namespace) if !matches!(self.kind.as_str(), "deb" | "apk" | "rpm") => {
                format!("{namespace}/{}", self.name)
            }
            _ => self.name.clone(),
        };
        comparable_name(&self.kind, &name)
    }

    /// Whether both name the same package, whatever the version. A package of a distribution that does not say which
    /// one it is of may be any.
    pub(crate) fn is_same_package(&self, other: &Self) -> bool {
        let of_a_distribution = matches!(self.kind.as_str(), "deb" | "apk" | "rpm");
        let namespaces_agree = match (&self.namespace, &other.namespace) {
            (Some(one), Some(other)) if of_a_distribution => one.eq_ignore_ascii_case(other),
            _ => true,
        };
        self.kind == other.kind && namespaces_agree && self.full_name() == other.full_name()
    }
}

/// A name as all its spellings are compared. Python's own rule (PEP 503) makes runs of `-`, `_` and `.` one `-`.
pub(crate) fn comparable_name(kind: &str, name: &str) -> String {
    let lower = name.to_lowercase();
    if kind != "pypi" {
        return lower;
    }
    let parts: Vec<&str> = lower.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

fn read_qualifiers(text: &str) -> Result<BTreeMap<String, String>, InvalidPurl> {
    let mut read = BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or(InvalidPurl::Qualifier)?;
        if read.insert(key.to_ascii_lowercase(), unescaped(value)?).is_some() {
            return Err(InvalidPurl::Qualifier);
        }
    }
    Ok(read)
}

/// Undoes percent escapes (RFC 3986, §2.1).
fn unescaped(text: &str) -> Result<String, InvalidPurl> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, after @ ..] = rest else { return Err(InvalidPurl::Escape) };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (Some(high), Some(low)) = (digit(*high), digit(*low)) else { return Err(InvalidPurl::Escape) };
        bytes.push(high << 4 | low);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| InvalidPurl::Escape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, Option<String>, String, Option<String>) {
        let Purl { kind, namespace, name, version, .. } = Purl::parse(text).unwrap();
        (kind, namespace, name, version)
    }

    #[test]
    fn a_package_url_is_read_as_its_specification_says() {
        let owned = |text: &str| Some(text.to_owned());
        for (text, kind, namespace, name, version) in [
            ("pkg:npm/lodash@4.17.20", "npm", None, "lodash", owned("4.17.20")),
            ("pkg:npm/%40angular/core@12.3.1", "npm", owned("@angular"), "core", owned("12.3.1")),
            ("pkg:npm/@angular/core", "npm", owned("@angular"), "core", None),
            ("pkg:npm/@angular/core@1", "npm", owned("@angular"), "core", owned("1")),
            ("PKG:Golang/github.com/a/b@v1.2.3#sub/x", "golang", owned("github.com/a"), "b", owned("v1.2.3")),
            ("pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie", "deb", owned("debian"), "curl", owned("7.50.3-1")),
            ("pkg:deb/debian/g%2B%2B@4%3A12.2.0-3", "deb", owned("debian"), "g++", owned("4:12.2.0-3")),
            ("pkg://pypi/Django@1.11", "pypi", None, "Django", owned("1.11")),
            (
                "pkg:docker/customer/dockerimage@sha256%3A24",
                "docker",
                owned("customer"),
                "dockerimage",
                owned("sha256:24"),
            ),
            ("pkg:generic/x@", "generic", None, "x", None),
        ] {
            assert_eq!(parts(text), (kind.to_owned(), namespace, name.to_owned(), version), "{text}");
        }
        let qualifiers = Purl::parse("pkg:deb/debian/curl@1?Distro=debian-12&upstream=a%40b").unwrap().qualifiers;
        assert_eq!(
            qualifiers.into_iter().collect::<Vec<_>>(),
            [("distro".to_owned(), "debian-12".to_owned()), ("upstream".to_owned(), "a@b".to_owned())]
        );
    }

    #[test]
    fn what_is_no_package_url_is_refused() {
        for (text, problem) in [
            ("", InvalidPurl::Start),
            ("lodash", InvalidPurl::Start),
            ("pkg:", InvalidPurl::Name),
            ("pkg:npm", InvalidPurl::Name),
            ("pkg:npm/", InvalidPurl::Name),
            ("pkg:npm//", InvalidPurl::Name),
            ("pkg:n pm/x", InvalidPurl::Start),
            ("pkg:1npm/x", InvalidPurl::Start),
            ("pkg:npm/%4", InvalidPurl::Escape),
            ("pkg:npm/%ff", InvalidPurl::Escape),
            ("pkg:npm/%+1x", InvalidPurl::Escape),
            ("pkg:npm/x?a", InvalidPurl::Qualifier),
            ("pkg:npm/x?a=1&A=2", InvalidPurl::Qualifier),
        ] {
            assert_eq!(Purl::parse(text), Err(problem), "{text}");
        }
        assert_eq!(Purl::parse(&format!("pkg:npm/{}", "x".repeat(MAX_PURL_BYTES))), Err(InvalidPurl::TooLong));
    }

    #[test]
    fn spellings_of_one_package_are_one_package() {
        let same = |one: &str, other: &str| Purl::parse(one).unwrap().is_same_package(&Purl::parse(other).unwrap());
        assert!(same("pkg:npm/Lodash@1", "pkg:npm/lodash@2"));
        assert!(same("pkg:pypi/zope.interface", "pkg:pypi/Zope_Interface"));
        assert!(same("pkg:npm/%40angular/core", "pkg:npm/@angular/core"));
        assert!(same("pkg:deb/curl", "pkg:deb/debian/curl"));
        assert!(!same("pkg:deb/ubuntu/curl", "pkg:deb/debian/curl"));
        assert!(!same("pkg:npm/core", "pkg:npm/@angular/core"));
        assert!(!same("pkg:npm/lodash", "pkg:cargo/lodash"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,60}|pkg:[a-z]{1,4}/[a-z@%/?&=#0-9]{0,40}") {
            let _ = Purl::parse(&text).map(|purl| purl.full_name());
        }
    }
}
