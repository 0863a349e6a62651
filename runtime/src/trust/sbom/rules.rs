//! What a policy asks of SBOMs, as a person writes it: `sbom = { … }`.

use std::fmt;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::licence::DeniedLicences;
use super::purl::Purl;
use crate::trust::time;
use crate::trust::version::Scheme;
use crate::trust::vulnerability::Severity;

/// How old a snapshot of advisories may be where nothing is written.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What a policy asks of an artifact's SBOM. Whatever of it could not be enforced was refused when it was read.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Written")]
pub(crate) struct SbomRules {
    /// Whether there has to be one. Where there need not, one that is there is judged all the same.
    pub(crate) is_required: bool,
    /// What every package, or the document, has to say.
    pub(super) minimum: Vec<Field>,
    pub(super) denied_packages: Vec<DeniedPackages>,
    pub(super) denied_licences: DeniedLicences,
    pub(super) unknown_licences: Unknown,
    pub(super) vulnerabilities: Option<VulnerabilityRule>,
}

/// How vulnerable packages may be.
#[derive(Debug, Clone)]
pub(super) struct VulnerabilityRule {
    /// Where the snapshot of advisories lies, as it is written.
    pub(super) snapshot: PathBuf,
    /// The worst that is let through.
    pub(super) max_severity: Severity,
    pub(super) max_age: SignedDuration,
    pub(super) vex: VexRule,
}

/// Something that an SBOM has to say: NTIA's seven ("The Minimum Elements for a Software Bill of Materials", 2021), and
/// the licence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Field {
    /// Who supplies each package.
    Supplier,
    /// What each package is called.
    Name,
    /// The version of each package.
    Version,
    /// A package URL, CPE or SWID of each package.
    Id,
    /// Which package needs which.
    Relationships,
    /// Who wrote the document.
    Author,
    /// When it was written.
    Timestamp,
    /// The licence of each package.
    Licence,
}

/// What is done about a licence that no machine can judge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Unknown {
    /// It is said that it is there.
    #[default]
    Report,
    /// It is refused.
    Deny,
}

/// Whose word counts that a vulnerability does not concern the artifact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum VexRule {
    /// Nobody's.
    #[default]
    Ignore,
    /// That of whoever may speak for the artifact, signed.
    Signed,
}

/// Versions of a package that are denied.
#[derive(Debug, Clone)]
pub(super) struct DeniedPackages {
    /// As it is written.
    pub(super) written: String,
    pub(super) purl: Purl,
    /// All of them hold together; none means every version.
    bounds: Vec<Bound>,
    scheme: Option<Scheme>,
}

#[derive(Debug, Clone)]
struct Bound {
    operator: Operator,
    version: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
}

/// Kinds of packages that package URLs have names for and that SBOMs use. Any other is a slip of the pen.
const KINDS: [&str; 33] = [
    "alpm",
    "apk",
    "bitbucket",
    "bitnami",
    "cargo",
    "cocoapods",
    "composer",
    "conan",
    "conda",
    "cpan",
    "cran",
    "deb",
    "docker",
    "gem",
    "generic",
    "github",
    "githubactions",
    "gitlab",
    "golang",
    "hackage",
    "hex",
    "huggingface",
    "julia",
    "luarocks",
    "maven",
    "mlflow",
    "npm",
    "nuget",
    "oci",
    "pub",
    "pypi",
    "rpm",
    "swift",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    required: bool,
    #[serde(default)]
    minimum: Minimum,
    #[serde(default)]
    deny_packages: Vec<String>,
    #[serde(default)]
    deny_licences: Vec<String>,
    #[serde(default)]
    unknown_licences: Unknown,
    max_severity: Option<Severity>,
    vulnerabilities: Option<PathBuf>,
    max_age: Option<String>,
    vex: Option<VexRule>,
}

/// A list of fields, or the name of one.
#[derive(Default)]
struct Minimum(Vec<Field>);

impl TryFrom<Written> for SbomRules {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { vulnerabilities, max_severity, max_age, vex, .. } = written;
        let vulnerabilities = match (vulnerabilities, max_severity) {
            (Some(_), Some(Severity::Critical)) => {
                return Err(
                    "nothing is worse than `critical`: write the worst that may run, as max-severity = \"high\""
                        .to_owned(),
                );
            }
            (Some(snapshot), _) if snapshot.as_os_str().is_empty() => {
                return Err("vulnerabilities = \"\" names no folder of advisories".to_owned());
            }
            (Some(snapshot), Some(max_severity)) => Some(VulnerabilityRule {
                snapshot,
                max_severity,
                max_age: max_age.as_deref().map_or(Ok(MAX_AGE), parse_age)?,
                vex: vex.unwrap_or_default(),
            }),
            (Some(_), None) => return Err("`vulnerabilities` needs `max-severity`: the worst that may run".to_owned()),
            (None, Some(_)) => {
                return Err(
                    "`max-severity` needs `vulnerabilities`: a folder of advisories in the OSV format".to_owned()
                );
            }
            (None, None) if max_age.is_some() => {
                return Err("`max-age` is that of `vulnerabilities`, which is missing".to_owned());
            }
            (None, None) if vex.is_some() => {
                return Err("`vex` speaks of `vulnerabilities`, which is missing".to_owned());
            }
            (None, None) => None,
        };
        let denied_packages = written.deny_packages.iter().map(|text| DeniedPackages::parse(text));
        Ok(Self {
            is_required: written.required,
            minimum: written.minimum.0,
            denied_packages: denied_packages.collect::<Result<_, _>>()?,
            denied_licences: DeniedLicences::read(&written.deny_licences).map_err(|error| error.to_string())?,
            unknown_licences: written.unknown_licences,
            vulnerabilities,
        })
    }
}

impl SbomRules {
    /// Says where its snapshot of advisories lies: a relative path counts from the policy.
    ///
    /// # Errors
    /// Where it lies nowhere.
    pub(crate) fn snapshot_from(
        &mut self,
        place: impl FnOnce(&Path) -> std::io::Result<PathBuf>,
    ) -> std::io::Result<()> {
        if let Some(rule) = &mut self.vulnerabilities {
            rule.snapshot = place(&rule.snapshot)?;
        }
        Ok(())
    }

    /// The folder of advisories, if it asks for one.
    pub(crate) fn snapshot(&self) -> Option<&Path> {
        self.vulnerabilities.as_ref().map(|rule| rule.snapshot.as_path())
    }

    /// What it asks, in words.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = vec![if self.is_required { "an SBOM" } else { "of an SBOM, if there is one" }.to_owned()];
        if !self.minimum.is_empty() {
            let fields: Vec<&str> = self.minimum.iter().map(|field| field.words()).collect();
            words.push(format!("in the SBOM: {}", fields.join(", ")));
        }
        words.extend(self.denied_packages.iter().map(|denied| format!("not inside: {}", denied.written)));
        if !self.denied_licences.is_empty() {
            words.push(format!("no package under: {}", self.denied_licences.written().join(", ")));
        }
        if self.unknown_licences == Unknown::Deny {
            words.push("no package whose licence is unknown".to_owned());
        }
        if let Some(rule) = &self.vulnerabilities {
            words.push(format!(
                "no vulnerability above {}, by the advisories in {}, which are at most {:#} old",
                rule.max_severity,
                rule.snapshot.display(),
                rule.max_age
            ));
        }
        words
    }

    /// Whether signed VEX documents count.
    pub(crate) fn wants_vex(&self) -> bool {
        self.vulnerabilities.as_ref().is_some_and(|rule| rule.vex == VexRule::Signed)
    }
}

impl Minimum {
    const NTIA: [Field; 7] = [
        Field::Supplier,
        Field::Name,
        Field::Version,
        Field::Id,
        Field::Relationships,
        Field::Author,
        Field::Timestamp,
    ];
}

impl<'de> Deserialize<'de> for Minimum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MinimumVisitor;
        impl<'de> Visitor<'de> for MinimumVisitor {
            type Value = Minimum;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"ntia\", or a list of fields, as [\"supplier\", \"version\"]")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Minimum, E> {
                match name {
                    "ntia" => Ok(Minimum(Minimum::NTIA.to_vec())),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(name), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Minimum, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = items.next_element()? {
                    fields.push(field);
                }
                Ok(Minimum(fields))
            }
        }
        deserializer.deserialize_any(MinimumVisitor)
    }
}

impl DeniedPackages {
    /// Reads `pkg:npm/lodash`, `pkg:npm/lodash@4.17.20`, or `pkg:npm/lodash@>=4.0.0,<4.17.21`.
    fn parse(written: &str) -> Result<Self, String> {
        let problem = |problem: &dyn fmt::Display| format!("`{written}`: {problem}");
        let mut purl = Purl::parse(written).map_err(|error| problem(&error))?;
        if !KINDS.contains(&purl.kind.as_str()) {
            return Err(problem(&format_args!("no packages of the kind `{}` are known here", purl.kind)));
        }
        let scheme = Scheme::of_kind(&purl.kind);
        let mut bounds = Vec::new();
        for bound in purl.version.take().iter().flat_map(|range| range.split(',')) {
            let bound = Bound::parse(bound.trim()).ok_or_else(|| problem(&"it has a bound without a version"))?;
            match scheme {
                Some(scheme) if !scheme.reads(&bound.version) => {
                    return Err(problem(&format_args!("`{}` is no version of such a package", bound.version)));
                }
                None if bound.operator != Operator::Equal => {
                    return Err(problem(&format_args!(
                        "versions of `{}` packages cannot be compared here: name single versions, or none to deny all",
                        purl.kind
                    )));
                }
                _ => bounds.push(bound),
            }
        }
        Ok(Self { written: written.to_owned(), purl, bounds, scheme })
    }

    /// Whether a version is among them. One that cannot be compared, or is not told, is.
    pub(super) fn has(&self, version: Option<&str>) -> bool {
        let Some(version) = version else { return true };
        self.bounds.iter().all(|bound| match self.scheme {
            Some(scheme) => scheme.compare(version, &bound.version).is_none_or(|ordering| match bound.operator {
                Operator::Less => ordering.is_lt(),
                Operator::LessOrEqual => ordering.is_le(),
                Operator::Greater => ordering.is_gt(),
                Operator::GreaterOrEqual => ordering.is_ge(),
                Operator::Equal => ordering.is_eq(),
            }),
            None => version == bound.version,
        })
    }
}

impl Bound {
    fn parse(text: &str) -> Option<Self> {
        let operators = [
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
            ("=", Operator::Equal),
        ];
        let found = operators.into_iter().find_map(|(sign, operator)| Some((text.strip_prefix(sign)?, operator)));
        let (version, operator) = found.unwrap_or((text, Operator::Equal));
        let version = version.trim().to_owned();
        (!version.is_empty()).then_some(Self { operator, version })
    }
}

/// Reads an age, as `7d`, from an hour to ten years.
fn parse_age(text: &str) -> Result<SignedDuration, String> {
    time::parse_age(text).filter(|age| *age >= SignedDuration::from_hours(1)).ok_or_else(|| {
        format!("max-age = \"{text}\" is no time from 1h to 3650d: write a whole number and h, d or w, as 7d")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rules: &str) -> Result<SbomRules, String> {
        #[derive(Deserialize)]
        struct Scope {
            sbom: SbomRules,
        }
        toml::from_str(&format!("sbom = {{ {rules} }}"))
            .map(|scope: Scope| scope.sbom)
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn rules_are_what_they_say() {
        let rules = read(
            r#"required = true, minimum = "ntia", deny-packages = ["pkg:npm/lodash@<4.17.21"],
               deny-licences = ["AGPL-3.0-only"], unknown-licences = "deny", max-severity = "high",
               vulnerabilities = "osv-snapshot/", max-age = "2w", vex = "signed""#,
        )
        .unwrap();
        assert!(rules.is_required && rules.wants_vex());
        assert_eq!((rules.minimum.len(), rules.unknown_licences), (7, Unknown::Deny));
        let mut rules = rules;
        rules.snapshot_from(|path| Ok(Path::new("/policy").join(path))).unwrap();
        let rule = rules.vulnerabilities.unwrap();
        assert_eq!(rule.snapshot, Path::new("/policy/osv-snapshot/"));
        assert_eq!((rule.max_severity, rule.max_age), (Severity::High, SignedDuration::from_hours(14 * 24)));
    }

    #[test]
    fn nothing_is_asked_that_is_not_written() {
        let rules = read("required = false").unwrap();
        assert!(!rules.is_required && !rules.wants_vex() && rules.vulnerabilities.is_none());
        assert!(rules.minimum.is_empty() && rules.denied_packages.is_empty() && rules.denied_licences.is_empty());
        // As the shortest rule for vulnerabilities: advisories of a week, and nobody's word against them.
        let rules = read(r#"required = true, max-severity = "low", vulnerabilities = "osv""#).unwrap();
        let rule = rules.vulnerabilities.unwrap();
        assert_eq!((rule.max_age, rule.vex), (MAX_AGE, VexRule::Ignore));
        assert_eq!(
            read(r#"required = true, minimum = ["supplier", "licence"]"#).unwrap().minimum,
            [Field::Supplier, Field::Licence]
        );
    }

    #[test]
    fn a_rule_that_cannot_be_enforced_is_refused_when_it_is_read() {
        for (rules, problem) in [
            ("", "missing field `required`"),
            ("required = \"yes\"", "invalid type: string \"yes\", expected a boolean"),
            ("required = true, deny = []", "unknown field `deny`, expected one of"),
            ("required = true, max_age = \"7d\"", "unknown field `max_age`, expected one of"),
            (
                "required = true, minimum = \"all\"",
                "invalid value: string \"all\", expected \"ntia\", or a list of fields",
            ),
            (
                "required = true, minimum = [\"author\", \"colour\"]",
                "unknown variant `colour`, expected one of `supplier`",
            ),
            ("required = true, max-severity = \"high\"", "`max-severity` needs `vulnerabilities`"),
            ("required = true, vulnerabilities = \"osv\"", "`vulnerabilities` needs `max-severity`"),
            (
                "required = true, vulnerabilities = \"\", max-severity = \"low\"",
                "vulnerabilities = \"\" names no folder",
            ),
            ("required = true, vulnerabilities = \"osv\", max-severity = \"grave\"", "unknown variant `grave`"),
            (
                "required = true, vulnerabilities = \"osv\", max-severity = \"critical\"",
                "nothing is worse than `critical`",
            ),
            ("required = true, max-age = \"7d\"", "`max-age` is that of `vulnerabilities`"),
            ("required = true, vex = \"signed\"", "`vex` speaks of `vulnerabilities`"),
            ("required = true, unknown-licences = \"allow\"", "unknown variant `allow`, expected `report` or `deny`"),
            ("required = true, deny-licences = [\"AGPL\"]", "`AGPL` is not the name of one licence"),
            ("required = true, deny-packages = [\"lodash\"]", "`lodash`: a package URL starts with `pkg:`"),
            (
                "required = true, deny-packages = [\"pkg:nmp/lodash\"]",
                "`pkg:nmp/lodash`: no packages of the kind `nmp`",
            ),
            ("required = true, deny-packages = [\"pkg:npm/lodash@<x\"]", "`pkg:npm/lodash@<x`: `x` is no version"),
            ("required = true, deny-packages = [\"pkg:npm/lodash@<\"]", "`pkg:npm/lodash@<`: it has a bound without"),
            (
                "required = true, deny-packages = [\"pkg:npm/lodash@<2,\"]",
                "`pkg:npm/lodash@<2,`: it has a bound without",
            ),
            (
                "required = true, deny-packages = [\"pkg:maven/org.acme/x@<2\"]",
                "`pkg:maven/org.acme/x@<2`: versions of `maven`",
            ),
        ] {
            let error = read(rules).unwrap_err();
            assert!(error.starts_with(problem), "{rules}: {error}");
        }
        for age in ["", "7", "d", "7 d", "-7d", "0d", "+7d", "1.5d", "7m", "99999d", "9999999999999999999d", "7é"] {
            let rules =
                format!("required = true, vulnerabilities = \"o\", max-severity = \"low\", max-age = \"{age}\"");
            assert!(read(&rules).unwrap_err().starts_with("max-age = "), "{age}");
        }
    }

    #[test]
    fn a_denied_range_has_the_versions_in_it_and_those_that_cannot_be_told() {
        let denied = |written: &str, version: &str| DeniedPackages::parse(written).unwrap().has(Some(version));
        for (written, inside, outside) in [
            ("pkg:npm/lodash", &["0.0.1", "99.0.0", "?"][..], &[][..]),
            ("pkg:npm/lodash@4.17.20", &["4.17.20", "v4.17.20", "4.17.20+build", "?"], &["4.17.2", "4.17.21"]),
            ("pkg:npm/lodash@<4.17.21", &["4.17.20", "4.17.21-rc.1", "0.0.0", "?", ""], &["4.17.21", "5.0.0"]),
            ("pkg:npm/lodash@>=4.0.0, <4.17.21", &["4.0.0", "4.17.20"], &["3.9.9", "4.17.21"]),
            ("pkg:npm/lodash@>4.0.0,<=4.17.21", &["4.0.1", "4.17.21"], &["4.0.0", "4.17.22"]),
            ("pkg:pypi/requests@<2.32", &["2.31.0", "2.32rc1", "2"], &["2.32.0", "2.32.post1", "1!1"]),
            ("pkg:deb/debian/openssl@<3.0.11-1~deb12u2", &["3.0.11-1~deb12u1"], &["3.0.11-1", "1:1.0"]),
            ("pkg:apk/alpine/openssl@<3.1.4-r5", &["3.1.4-r4", "3.1.4_rc1"], &["3.1.4-r5", "3.1.5"]),
            ("pkg:maven/org.acme/x@=1.0", &["1.0"], &["1.0.0", "2"]),
        ] {
            for version in inside {
                assert!(denied(written, version), "{written} has {version}");
            }
            for version in outside {
                assert!(!denied(written, version), "{written} does not have {version}");
            }
            assert!(DeniedPackages::parse(written).unwrap().has(None));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_rules_are_read_or_refused(
            rules in "([a-z=\\[\\]\",. ]|required = |true|deny-packages|deny-licences|minimum|max-age|pkg:npm/|<1,){0,30}",
        ) {
            let _ = read(&rules);
        }

        #[test]
        fn a_denied_package_is_read_or_refused(text in "pkg:(npm|deb|pypi|maven)/[a-z@<>=,0-9.]{0,20}|.{0,30}") {
            if let Ok(denied) = DeniedPackages::parse(&text) {
                proptest::prop_assert!(denied.has(None));
            }
        }
    }
}
