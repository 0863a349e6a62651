//! Which of two versions of a package comes first: every packager has rules of its own.

mod alpine;
mod debian;
mod python;

use std::cmp::Ordering;

/// The longest version that is compared, in bytes.
const MAX_VERSION_BYTES: usize = 256;

/// How versions are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Semantic Versioning 2.0.0, as npm, crates.io and Go use it.
    Semantic,
    /// Python's (PEP 440).
    Python,
    /// Debian's (Debian Policy, §5.6.12), also Ubuntu's.
    Debian,
    /// Alpine's (apk-tools, `package versions`), also Wolfi's.
    Alpine,
}

impl Scheme {
    /// The one of a kind of package, as package URLs name it; none where it cannot be compared here.
    pub(crate) fn of_kind(kind: &str) -> Option<Self> {
        match kind {
            "npm" | "cargo" | "golang" | "hex" | "pub" | "swift" => Some(Self::Semantic),
            "pypi" => Some(Self::Python),
            "deb" => Some(Self::Debian),
            "apk" => Some(Self::Alpine),
            _ => None,
        }
    }

    /// Compares two versions; nothing where one of them is none.
    pub(crate) fn compare(self, one: &str, other: &str) -> Option<Ordering> {
        if one.len().max(other.len()) > MAX_VERSION_BYTES {
            return None;
        }
        match self {
            Self::Semantic => Some(semantic(one)?.cmp_precedence(&semantic(other)?)),
            Self::Python => Some(python::Version::read(one)?.cmp(&python::Version::read(other)?)),
            Self::Debian => Some(debian::Version::read(one)?.order(&debian::Version::read(other)?)),
            Self::Alpine => Some(alpine::Version::read(one)?.order(&alpine::Version::read(other)?)),
        }
    }

    /// Whether a text is a version.
    pub(crate) fn reads(self, version: &str) -> bool {
        self.compare(version, version).is_some()
    }
}

/// A version, also as Go writes it (`v1.2.3`), or with parts left out (`1.2`), which count as 0.
fn semantic(text: &str) -> Option<semver::Version> {
    let text = text.trim().trim_start_matches(['v', 'V', '=']);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    match numbers.split('.').count() {
        1 => semver::Version::parse(&format!("{numbers}.0.0{rest}")),
        2 => semver::Version::parse(&format!("{numbers}.0{rest}")),
        _ => semver::Version::parse(text),
    }
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semantic_versions_are_read_as_npm_cargo_and_go_write_them() {
        let compare = |one, other| Scheme::Semantic.compare(one, other);
        for (one, other) in [
            ("1.2.3", "1.2.10"),
            ("v1.2.3", "1.2.4"),
            ("1.0.0-alpha", "1.0.0"),
            ("1.0.0-alpha.2", "1.0.0-alpha.10"),
            ("0-0", "0"),
            ("1.2", "1.2.1"),
            ("v0.0.0-20200101000000-abcdefabcdef", "v0.0.0-20210101000000-abcdefabcdef"),
        ] {
            assert_eq!(compare(one, other), Some(Ordering::Less), "{one} {other}");
            assert_eq!(compare(other, one), Some(Ordering::Greater), "{one} {other}");
        }
        assert_eq!(compare("1.2.3+incompatible", "v1.2.3"), Some(Ordering::Equal));
        for text in ["", "latest", "1.2.3.4", "1.x", "01.2.3", "99999999999999999999.0.0"] {
            assert!(!Scheme::Semantic.reads(text), "{text}");
        }
        assert!(!Scheme::Semantic.reads(&format!("1.0.0-{}", "a".repeat(300))));
    }

    /// Lines of `VERSION <|=|> VERSION`, as the packager's own program compares them.
    fn compare_all(scheme: Scheme, table: &str) {
        assert!(table.lines().count() > 20);
        for line in table.lines() {
            let [one, sign, other] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let expected = match sign {
                "<" => Ordering::Less,
                ">" => Ordering::Greater,
                _ => Ordering::Equal,
            };
            assert_eq!(scheme.compare(one, other), Some(expected), "{line}");
            assert_eq!(scheme.compare(other, one), Some(expected.reverse()), "{line}");
        }
    }

    #[test]
    fn debian_versions_are_ordered_as_dpkg_does() {
        compare_all(Scheme::Debian, include_str!("../../../tests/data/sbom/debian-versions.txt"));
        for text in ["", "a", ":1", "1:", "x:1", "1.0 ", "1_0", "1.0-1/2", "99999999999:1"] {
            assert!(!Scheme::Debian.reads(text), "{text}");
        }
    }

    #[test]
    fn python_versions_are_ordered_as_pip_does() {
        compare_all(Scheme::Python, include_str!("../../../tests/data/sbom/python-versions.txt"));
        for text in ["", "latest", "1.0-x", "1..0", "1.0.", "1.0a1.b2", "1.0+", "1.0+a..b", "1!", "2004d.x"] {
            assert!(!Scheme::Python.reads(text), "{text}");
        }
    }

    #[test]
    fn alpine_versions_are_ordered_as_apk_does() {
        let ordered = [
            "0.1_alpha_pre2",
            "0.1_alpha",
            "0.1_alpha2",
            "0.1_beta",
            "0.1_pre3",
            "0.1_rc1",
            "0.1",
            "0.1-r1",
            "0.1-r10",
            "0.1_git20240101",
            "0.1_p1",
            "0.1_p9-r0",
            "0.1_p10-r0",
            "0.1a",
            "0.1.0",
            "0.1.001",
            "0.1.0015",
            "0.1.002",
            "0.1.2~1234-r1",
            "0.1.2~2345-r0",
            "0.1.10",
            "1.0.2",
            "20060720",
        ];
        for (place, one) in ordered.iter().enumerate() {
            for (other_place, other) in ordered.iter().enumerate() {
                assert_eq!(Scheme::Alpine.compare(one, other), Some(place.cmp(&other_place)), "{one} {other}");
            }
        }
        for text in [
            "",
            "0.1bc",
            "0.1a1",
            "0.1_pre2~",
            "0.1_pre2~xbcd",
            "0.1_foobar",
            "0.1-r",
            "0.1-r2_pre1",
            "0.1-r2.1",
            ".1",
            "a",
            "0.1_",
            "0.1__alpha",
        ] {
            assert!(!Scheme::Alpine.reads(text), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_two_texts_are_compared_one_way_or_not_at_all(one in "\\PC{0,20}|[0-9a-z.~+:_-]{0,20}", other in "[0-9a-z.~+:_-]{0,20}") {
            for scheme in [Scheme::Semantic, Scheme::Python, Scheme::Debian, Scheme::Alpine] {
                let there = scheme.compare(&one, &other);
                proptest::prop_assert_eq!(there, scheme.compare(&other, &one).map(Ordering::reverse));
            }
        }
    }
}
