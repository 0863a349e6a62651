//! Who signed without a key of their own: what a certificate says of its holder, and rules for it.

use std::collections::BTreeMap;
use std::fmt;

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use sigstore_crypto::{CertificateInfo, SubjectAltName};

use crate::untrusted::Untrusted;

/// The longest rule for a subject, and the longest subject that is compared with a pattern, in bytes.
const MAX_SUBJECT_BYTES: usize = 2048;

/// The most memory that one compiled pattern may take, in bytes.
const MAX_PATTERN_SIZE: usize = 64 * 1024;

/// Whom a certificate names. Worth something only after the certificate was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Who vouched for the holder: the `iss` of their token.
    pub(crate) issuer: Untrusted,
    /// The holder.
    pub(crate) subject: Untrusted,
    pub(crate) kind: SubjectKind,
    /// What the certificate says of the build besides.
    pub(crate) claims: BTreeMap<Claim, Untrusted>,
}

/// What kind of name a subject is. A rule for one kind is never met by the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SubjectKind {
    /// A URI, as of a workflow.
    Uri,
    /// An e-mail address.
    Email,
}

/// What the certificate of a build says, by the names that policies use (Fulcio, `docs/oid-info.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Claim {
    /// The repository that was built, as a URL (`.1.12`).
    Source,
    /// The commit that was built (`.1.13`).
    SourceDigest,
    /// The branch or tag that was built, as `refs/heads/main` (`.1.14`).
    SourceRef,
    /// The number of the repository, which no renaming changes (`.1.15`).
    SourceId,
    /// The number of the repository's owner (`.1.17`).
    OwnerId,
    /// The workflow that was started, as a URL with its branch or tag (`.1.18`).
    Workflow,
    /// The workflow that signed, which may be another's that was called, as a URL with its branch or tag (`.1.9`).
    Signer,
    /// The commit of the workflow that signed (`.1.10`).
    SignerDigest,
    /// Whose machine built it: `github-hosted` or `self-hosted` (`.1.11`).
    Runner,
    /// What started the build, as `push` (`.1.20`).
    Trigger,
    /// The very run that signed, as a URL (`.1.21`). No policy can name it beforehand: provenance is compared with it.
    Run,
    /// The deployment environment, whose rules the build passed (`.1.23`).
    Environment,
}

/// As it is written.
impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::SourceDigest => "source-digest",
            Self::SourceRef => "source-ref",
            Self::SourceId => "source-id",
            Self::OwnerId => "owner-id",
            Self::Workflow => "workflow",
            Self::Signer => "signer",
            Self::SignerDigest => "signer-digest",
            Self::Runner => "runner",
            Self::Trigger => "trigger",
            Self::Run => "run",
            Self::Environment => "environment",
        })
    }
}

/// What a certificate has to say, each exactly.
pub(crate) type Claims = BTreeMap<Claim, String>;

/// Which subjects are meant.
#[derive(Clone)]
pub(crate) struct SubjectRule {
    written: String,
    kind: SubjectKind,
    /// Of a pattern alone: the whole subject has to match.
    pattern: Option<Regex>,
}

/// Why a text is no rule for subjects.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidSubject {
    /// It does not say which kind of subject it means.
    #[error("it is neither a URI, as https://github.com/…, nor an e-mail address")]
    NoKind,
    /// A pattern does not say which kind of subject it means.
    #[error("a pattern begins with a scheme and ://, as https://, or has an @ for e-mail addresses")]
    NoKindOfPattern,
    /// It is too long.
    #[error("it is longer than {MAX_SUBJECT_BYTES} bytes")]
    TooLong,
    /// It is no regular expression.
    #[error("it is no regular expression: {0}")]
    NoPattern(String),
}

impl Identity {
    /// Reads what a certificate says. Nothing where it names no issuer or no subject.
    pub(crate) fn of(certificate: &CertificateInfo) -> Option<Self> {
        let (kind, subject) = match certificate.identity.as_ref()? {
            SubjectAltName::Uri(text) => (SubjectKind::Uri, text),
            SubjectAltName::Email(text) => (SubjectKind::Email, text),
            _ => return None,
        };
        let said = &certificate.ci_claims;
        let claims = [
            (Claim::Source, &said.source_repository_uri),
            (Claim::SourceDigest, &said.source_repository_digest),
            (Claim::SourceRef, &said.source_repository_ref),
            (Claim::SourceId, &said.source_repository_identifier),
            (Claim::OwnerId, &said.source_repository_owner_identifier),
            (Claim::Workflow, &said.build_config_uri),
            (Claim::Signer, &said.build_signer_uri),
            (Claim::SignerDigest, &said.build_signer_digest),
            (Claim::Runner, &said.runner_environment),
            (Claim::Trigger, &said.build_trigger),
            (Claim::Run, &said.run_invocation_uri),
            (Claim::Environment, &said.deployment_environment),
        ];
        let claims = claims.into_iter().filter_map(|(claim, text)| Some((claim, Untrusted::new(text.as_ref()?))));
        Some(Self {
            issuer: Untrusted::new(certificate.issuer.as_ref()?),
            subject: Untrusted::new(subject),
            kind,
            claims: claims.collect(),
        })
    }

    /// The first of these claims that it does not make, or makes otherwise.
    pub(crate) fn contradicts(&self, claims: &Claims) -> Option<Claim> {
        let differs = |(claim, wanted): &(&Claim, &String)| {
            self.claims.get(*claim).map(Untrusted::expose) != Some(wanted.as_str())
        };
        claims.iter().find(differs).map(|(claim, _)| *claim)
    }
}

impl SubjectRule {
    /// Exactly this subject: a URI or an e-mail address.
    ///
    /// # Errors
    /// Where it is neither, or too long.
    pub(crate) fn exactly(text: &str) -> Result<Self, InvalidSubject> {
        let kind = if has_scheme(text) {
            SubjectKind::Uri
        } else if text.contains('@') && !text.contains("://") {
            SubjectKind::Email
        } else {
            return Err(InvalidSubject::NoKind);
        };
        if text.len() > MAX_SUBJECT_BYTES {
            return Err(InvalidSubject::TooLong);
        }
        Ok(Self { written: text.to_owned(), kind, pattern: None })
    }

    /// Subjects that match this regular expression as a whole: it is always anchored at both ends. A dot that is not
    /// repeated is a dot.
    ///
    /// # Errors
    /// Where it is none, or does not say which kind of subject it means.
    pub(crate) fn pattern(text: &str) -> Result<Self, InvalidSubject> {
        if text.len() > MAX_SUBJECT_BYTES {
            return Err(InvalidSubject::TooLong);
        }
        let kind = if has_scheme(text.trim_start_matches('^')) {
            SubjectKind::Uri
        } else if text.contains('@') && !text.contains("://") {
            SubjectKind::Email
        } else {
            return Err(InvalidSubject::NoKindOfPattern);
        };
        let compiled = |text: &str| {
            RegexBuilder::new(text)
                .size_limit(MAX_PATTERN_SIZE)
                .build()
                .map_err(|error| InvalidSubject::NoPattern(error.to_string()))
        };
        // By itself first: the `)` of `a)|(?:b` would end our own group, and leave `b` without its end.
        let plain = with_plain_dots(text);
        compiled(&plain)?;
        let pattern = compiled(&format!("^(?:{plain})$"))?;
        Ok(Self { written: text.to_owned(), kind, pattern: Some(pattern) })
    }

    /// Whether it means this subject.
    pub(crate) fn matches(&self, identity: &Identity) -> bool {
        let subject = identity.subject.expose();
        self.kind == identity.kind
            && match &self.pattern {
                Some(pattern) => subject.len() <= MAX_SUBJECT_BYTES && pattern.is_match(subject),
                None => self.written == subject,
            }
    }

    /// What kind of subject it means.
    pub(crate) fn kind(&self) -> SubjectKind {
        self.kind
    }

    /// As it was written.
    pub(crate) fn written(&self) -> &str {
        &self.written
    }

    /// Whether it is a pattern.
    pub(crate) fn is_pattern(&self) -> bool {
        self.pattern.is_some()
    }
}

/// Whether a text begins with a scheme (RFC 3986, section 3.1) and `://`.
fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        !rest.is_empty()
            && scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'+' || c == b'-')
    })
}

/// The pattern, in which a dot alone stands for a dot: `github.com` does not match `githubxcom`. One that is repeated, as
/// `.*`, was meant to stand for any character.
fn with_plain_dots(pattern: &str) -> String {
    let mut plain = String::with_capacity(pattern.len() + 16);
    let mut characters = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = characters.next() {
        match c {
            '\\' => {
                plain.push(c);
                plain.extend(characters.next());
                continue;
            }
            '[' => in_class = true,
            ']' => in_class = false,
            '.' if !in_class && !matches!(characters.peek(), Some('*' | '+' | '{')) => plain.push('\\'),
            _ => {}
        }
        plain.push(c);
    }
    plain
}

/// Two rules are the same if they mean the same subjects.
impl PartialEq for SubjectRule {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written && self.is_pattern() == other.is_pattern()
    }
}

impl Eq for SubjectRule {}

impl fmt::Debug for SubjectRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.is_pattern() { "pattern " } else { "" };
        write!(f, "SubjectRule({how}{})", self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(kind: SubjectKind, subject: &str) -> Identity {
        let issuer = Untrusted::new("https://issuer.example");
        Identity { issuer, subject: Untrusted::new(subject), kind, claims: BTreeMap::new() }
    }

    fn uri(subject: &str) -> Identity {
        identity(SubjectKind::Uri, subject)
    }

    const WORKFLOW: &str = "https://github.com/acme/time/.github/workflows/release.yml@refs/heads/main";

    #[test]
    fn an_exact_subject_is_that_one_alone() {
        let rule = SubjectRule::exactly(WORKFLOW).unwrap();
        assert!(rule.matches(&uri(WORKFLOW)));
        for other in [
            "",
            &format!("{WORKFLOW}x"),
            &format!("{WORKFLOW}\n"),
            &format!("x{WORKFLOW}"),
            &WORKFLOW.replace("main", "dev"),
            &WORKFLOW.replace("release", "test"),
            &WORKFLOW.replace("acme", "Acme"),
        ] {
            assert!(!rule.matches(&uri(other)), "{other}");
        }
    }

    #[test]
    fn attack_03_a_pattern_is_anchored_at_both_ends_however_it_is_written() {
        let pattern = r"https://github\.com/acme/[a-z]+/\.github/workflows/release\.yml@refs/heads/main";
        for written in [pattern, &format!("^{pattern}$"), &format!("{pattern}|https://a/b")] {
            let rule = SubjectRule::pattern(written).unwrap();
            assert!(rule.matches(&uri(WORKFLOW)), "{written}");
            for other in [
                &format!("{WORKFLOW}.evil"),
                &format!("{WORKFLOW}\n"),
                &format!("{WORKFLOW}\nhttps://a/c"),
                &format!("https://evil.example/?{WORKFLOW}"),
                &format!("evil\n{WORKFLOW}"),
                &WORKFLOW.replace("github.com", "githubxcom"),
                &WORKFLOW.replace("main", "mainx"),
                &WORKFLOW.replace("time", "time/evil"),
            ] {
                assert!(!rule.matches(&uri(other)), "{written} {other}");
            }
        }
        let addresses = SubjectRule::pattern(r"[a-z]+@gmail\.com").unwrap();
        assert!(addresses.matches(&identity(SubjectKind::Email, "joe@gmail.com")));
        for other in ["joe@gmail.com.evil", "joe@gmailxcom", "evil.joe@gmail.com", "joe@gmail.com@evil"] {
            assert!(!addresses.matches(&identity(SubjectKind::Email, other)), "{other}");
        }
        // Groups and flags of its own do not reach ours.
        for written in ["https://a)|(?:https://b", "https://a(?x) #", "(?m)https://a", "https://a(?-u)["] {
            let evil = uri("https://evil.example/https://b");
            assert!(SubjectRule::pattern(written).map_or(true, |rule| !rule.matches(&evil)), "{written}");
        }
        let lines = SubjectRule::pattern("https://a(?m)$").unwrap();
        assert!(!lines.matches(&uri("https://a\nevil")));
    }

    #[test]
    fn attack_03_a_dot_alone_is_a_dot() {
        let rule = SubjectRule::pattern("https://github.com/acme/[a-z]+/.github/workflows/release.yml@refs/heads/.*");
        let rule = rule.unwrap();
        assert!(rule.matches(&uri(WORKFLOW)));
        for other in [
            &WORKFLOW.replace("github.com", "githubxcom"),
            &WORKFLOW.replace("/.github", "/xgithub"),
            &WORKFLOW.replace("release.yml", "releaseyyml"),
        ] {
            assert!(!rule.matches(&uri(other)), "{other}");
        }
        let address = |text: &str| identity(SubjectKind::Email, text);
        let rule = SubjectRule::pattern("joe@gmail.com").unwrap();
        assert!(rule.matches(&address("joe@gmail.com")));
        assert!(!rule.matches(&address("joe@gmailxcom")) && !rule.matches(&address("joe@gmail.com.evil")));
        for (written, plain) in [
            (r"a\.b", r"a\.b"),
            (r"a\\.b", r"a\\\.b"),
            ("[.]x.", r"[.]x\."),
            ("a.*b.+c.{3}", "a.*b.+c.{3}"),
            ("a.?", r"a\.?"),
        ] {
            assert_eq!(with_plain_dots(written), plain);
        }
    }

    #[test]
    fn attack_05_a_rule_for_a_uri_is_not_met_by_an_address_nor_the_other_way() {
        let (exact, pattern) = (SubjectRule::exactly(WORKFLOW).unwrap(), SubjectRule::pattern("https://.*").unwrap());
        for rule in [exact, pattern] {
            assert!(rule.matches(&uri(WORKFLOW)));
            assert!(!rule.matches(&identity(SubjectKind::Email, WORKFLOW)));
        }
        let (exact, pattern) = (SubjectRule::exactly("a@b.c").unwrap(), SubjectRule::pattern(".*@.*").unwrap());
        for rule in [exact, pattern] {
            assert!(rule.matches(&identity(SubjectKind::Email, "a@b.c")));
            assert!(!rule.matches(&uri("a@b.c")));
        }
    }

    #[test]
    fn a_rule_says_which_kind_of_subject_it_means() {
        for text in ["", "acme", "https://", "://a@b", "HTTPS://a", "mailto:", "*"] {
            assert!(matches!(SubjectRule::exactly(text), Err(InvalidSubject::NoKind)), "{text}");
        }
        for text in ["", ".*", "(https://a|https://b)", "https?://a", "[a-z]+://a@b"] {
            assert!(matches!(SubjectRule::pattern(text), Err(InvalidSubject::NoKindOfPattern)), "{text}");
        }
    }

    #[test]
    fn a_pattern_that_would_cost_much_is_refused() {
        let long = format!("https://{}", "a".repeat(MAX_SUBJECT_BYTES));
        assert!(matches!(SubjectRule::pattern(&long), Err(InvalidSubject::TooLong)));
        assert!(matches!(SubjectRule::exactly(&long), Err(InvalidSubject::TooLong)));
        for text in ["https://(a{1000}){1000}", "https://((a{100}){100}){100}", "https://("] {
            assert!(matches!(SubjectRule::pattern(text), Err(InvalidSubject::NoPattern(_))), "{text}");
        }
    }

    #[test]
    fn claims_are_compared_exactly_and_a_missing_one_is_none() {
        let mut identity = uri(WORKFLOW);
        identity.claims.insert(Claim::Source, Untrusted::new("https://github.com/acme/time"));
        identity.claims.insert(Claim::SourceRef, Untrusted::new("refs/heads/main"));
        let contradicts = |claim: Claim, text: &str| identity.contradicts(&Claims::from([(claim, text.to_owned())]));
        assert_eq!(identity.contradicts(&Claims::new()), None);
        assert_eq!(contradicts(Claim::Source, "https://github.com/acme/time"), None);
        assert_eq!(contradicts(Claim::Source, "https://github.com/acme/tim"), Some(Claim::Source));
        assert_eq!(contradicts(Claim::SourceRef, "refs/heads/main2"), Some(Claim::SourceRef));
        assert_eq!(contradicts(Claim::Runner, "github-hosted"), Some(Claim::Runner));
        assert_eq!(contradicts(Claim::Runner, ""), Some(Claim::Runner));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_rule_or_refused(text in "(https://)?\\PC{0,60}", subject in "\\PC{0,60}") {
            if let Ok(rule) = SubjectRule::pattern(&text) {
                let _ = rule.matches(&uri(&subject));
            }
            if let Ok(rule) = SubjectRule::exactly(&text) {
                proptest::prop_assert_eq!(rule.matches(&uri(&subject)), rule.kind == SubjectKind::Uri && text == subject);
            }
        }

        #[test]
        fn nothing_around_what_matches_matches(before in "[a-z\\n]{0,4}", after in "[a-z\\n]{0,4}") {
            let rule = SubjectRule::pattern(r"https://a\.example/x").unwrap();
            let subject = format!("{before}https://a.example/x{after}");
            proptest::prop_assert_eq!(rule.matches(&uri(&subject)), before.is_empty() && after.is_empty());
        }
    }
}
