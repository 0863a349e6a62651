//! Identity tokens (OpenID Connect Core 1.0, section 2): what an author proves to a certificate authority who they are
//! with.

use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::message::Json;
use crate::secret::Secret;
use crate::trust::identity::{Identity, SubjectKind};
use crate::trust::time;
use crate::untrusted::Untrusted;

/// The shortest part of a token that is hidden where others repeat it, in characters: shorter ones are no secret, and may
/// be words.
const MIN_PART: usize = 8;

/// A token by which an issuer says who has it. Whoever has it can sign in their name for as long as it is valid: it is
/// sent to the certificate authority and nowhere else, and shown nowhere. Nothing of it is checked here but what would be
/// refused anyway: that is the authority's part.
pub struct IdentityToken {
    raw: Secret,
    claims: Claims,
    expires: SystemTime,
}

/// Why a text is no identity token that can be used. It says nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdentityToken {
    /// It is not three parts, of which the second is JSON with what a token says.
    #[error("it is no identity token: such a one is three parts of letters and digits with dots between them (a JWT)")]
    Unreadable,
    /// It does not say whose it is.
    #[error("it names nobody: it has neither an `email` nor a `sub`")]
    Nobody,
    /// Nobody has checked the address.
    #[error("its issuer has not verified the e-mail address that it names, so that it proves nothing")]
    EmailNotVerified,
    /// Whoever gets it could use it elsewhere.
    #[error(
        "it is meant for others than `{0}`, or for them as well, and is not sent there; ask its issuer for one with the audience `{0}` alone"
    )]
    OtherAudience(String),
    /// It is not valid any more.
    #[error("it expired at {0}: such tokens live for minutes; get another one right before signing")]
    Expired(String),
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: Option<String>,
    aud: Option<Audience>,
    exp: f64,
    email: Option<String>,
    email_verified: Option<Verified>,
    federated_claims: Option<Federated>,
    /// Of GitHub's tokens: the workflow that runs.
    job_workflow_ref: Option<String>,
    /// Of GitLab's tokens: the same, with its host.
    ci_config_ref_uri: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Some issuers write it as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Verified {
    Said(bool),
    Written(String),
}

/// Who had vouched for the holder before (Dex, "Custom Scopes, Claims and Client Features").
#[derive(Deserialize)]
struct Federated {
    connector_id: Option<String>,
}

impl IdentityToken {
    /// Reads a token that is to be used `now`.
    ///
    /// # Errors
    /// See [`InvalidIdentityToken`].
    pub fn read(raw: Secret, now: SystemTime) -> Result<Self, InvalidIdentityToken> {
        let parts: Vec<&str> = raw.expose().split('.').collect();
        let [_, claims, _] = parts.as_slice() else { return Err(InvalidIdentityToken::Unreadable) };
        let claims = claims_of(claims).ok_or(InvalidIdentityToken::Unreadable)?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !raw.expose().chars().all(is_plain) {
            return Err(InvalidIdentityToken::Unreadable);
        }
        let verified = match &claims.email_verified {
            Some(Verified::Said(said)) => *said,
            Some(Verified::Written(written)) => written == "true",
            None => false,
        };
        if claims.email.is_some() && !verified {
            return Err(InvalidIdentityToken::EmailNotVerified);
        }
        let expires =
            Duration::try_from_secs_f64(claims.exp).ok().and_then(|exp| SystemTime::UNIX_EPOCH.checked_add(exp));
        let expires = expires.ok_or(InvalidIdentityToken::Unreadable)?;
        let token = Self { raw, claims, expires };
        token.check_time(now)?;
        if token.challenge().is_empty() {
            return Err(InvalidIdentityToken::Nobody);
        }
        Ok(token)
    }

    /// Whether it is valid at this time.
    ///
    /// # Errors
    /// Where it has expired.
    pub(super) fn check_time(&self, now: SystemTime) -> Result<(), InvalidIdentityToken> {
        if self.expires > now { Ok(()) } else { Err(InvalidIdentityToken::Expired(time::shown(self.expires))) }
    }

    /// Whom it names: an e-mail address, or what its issuer calls them.
    pub fn holder(&self) -> Untrusted {
        Untrusted::new(self.challenge())
    }

    /// Who says so.
    pub fn issuer(&self) -> Untrusted {
        Untrusted::new(&*self.claims.iss)
    }

    /// The token itself, for the one who is to be convinced by it.
    pub(super) fn expose(&self) -> &str {
        self.raw.expose()
    }

    /// Without the token and its parts, where others repeat it.
    pub(super) fn without(&self, words: &str) -> String {
        let whole = words.replace(self.raw.expose(), "(the token)");
        let parts = self.raw.expose().split('.').filter(|part| part.len() >= MIN_PART);
        parts.fold(whole, |words, part| words.replace(part, "(a part of the token)"))
    }

    /// What has to be signed to show that one has the key that a certificate is asked for (Fulcio,
    /// `docs/certificate-issuance.md`).
    pub(super) fn challenge(&self) -> &str {
        self.claims.email.as_deref().or(self.claims.sub.as_deref()).unwrap_or_default()
    }

    /// Whether it is meant for whoever is called so, and for nobody else: who is sent it could use it there.
    pub(super) fn is_for(&self, audience: &str) -> bool {
        match &self.claims.aud {
            Some(Audience::One(one)) => one == audience,
            Some(Audience::Several(several)) => !several.is_empty() && several.iter().all(|one| one == audience),
            None => false,
        }
    }

    /// Whether a certificate that was asked for with it may name this identity. Where the authority alone knows how the
    /// names of an issuer are written in certificates, only the issuer is compared.
    pub(super) fn is_of(&self, identity: &Identity) -> bool {
        let Claims { iss, sub, email, federated_claims, job_workflow_ref, ci_config_ref_uri, .. } = &self.claims;
        let before = federated_claims.as_ref().and_then(|claims| claims.connector_id.as_ref());
        if identity.issuer.expose() != before.unwrap_or(iss) {
            return false;
        }
        let (subject, is_uri) = (identity.subject.expose(), identity.kind == SubjectKind::Uri);
        let is_at = |of_host: &dyn Fn(&str) -> bool| is_uri && subject.strip_prefix("https://").is_some_and(of_host);
        match (email, job_workflow_ref, ci_config_ref_uri, sub) {
            (Some(email), ..) => !is_uri && subject == email,
            (None, Some(workflow), ..) => is_at(&|rest| rest.split_once('/').is_some_and(|(_, path)| path == workflow)),
            (None, None, Some(configuration), _) => is_at(&|rest| rest == configuration),
            (None, None, None, Some(sub)) if sub.contains("://") => is_uri && subject == sub,
            (None, None, None, _) => true,
        }
    }
}

fn claims_of(part: &str) -> Option<Claims> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()?;
    Json::parse(text).ok()?.read().ok()
}

/// Says nothing of it.
impl fmt::Debug for IdentityToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityToken(secret)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;

    const WORKFLOW: &str = "acme/time/.github/workflows/release.yml@refs/heads/main";

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }

    fn written(claims: &Value) -> String {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part(r#"{"alg":"RS256"}"#), part(&claims.to_string()), part("a signature"))
    }

    fn read(text: &str) -> Result<IdentityToken, InvalidIdentityToken> {
        IdentityToken::read(Secret::new(text.to_owned()).unwrap(), now())
    }

    fn token(more: Value) -> Result<IdentityToken, InvalidIdentityToken> {
        let mut claims = json!({ "iss": "https://issuer.example", "exp": 1_700_000_300 });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        read(&written(&claims))
    }

    fn names(kind: SubjectKind, subject: &str, issuer: &str) -> Identity {
        let (issuer, subject) = (Untrusted::new(issuer), Untrusted::new(subject));
        Identity { issuer, subject, kind, claims: BTreeMap::new() }
    }

    #[test]
    fn a_token_shows_nothing_and_is_taken_out_of_what_others_say() {
        let token = token(json!({ "sub": "somebody" })).unwrap();
        assert_eq!(format!("{token:?}"), "IdentityToken(secret)");
        assert_eq!(token.holder().expose(), "somebody");
        let raw = token.expose().to_owned();
        let signature = raw.rsplit('.').next().unwrap().to_owned();
        let said = token.without(&format!("bad token {raw} signed {signature} alg"));
        assert_eq!(said, "bad token (the token) signed (a part of the token) alg");
    }

    #[test]
    fn a_certificate_is_for_whom_the_token_names() {
        use SubjectKind::{Email, Uri};
        let (ours, theirs) = ("https://issuer.example", "https://other.example");
        let person = token(json!({ "sub": "x", "email": "a@b.example", "email_verified": true })).unwrap();
        let federated = json!({ "sub": "x", "email": "a@b.example", "email_verified": "true",
            "federated_claims": { "connector_id": "https://other.example" } });
        let federated = token(federated).unwrap();
        let workflow = token(json!({ "sub": "repo:acme/time", "job_workflow_ref": WORKFLOW })).unwrap();
        let pipeline = "gitlab.example/acme/time//.gitlab-ci.yml@refs/heads/main";
        let gitlab = token(json!({ "sub": "project_path:acme/time", "ci_config_ref_uri": pipeline })).unwrap();
        let workload = token(json!({ "sub": "spiffe://acme.example/build" })).unwrap();
        let opaque = token(json!({ "sub": "system:serviceaccount:a:b" })).unwrap();
        for (token, kind, subject, issuer, is_it) in [
            (&person, Email, "a@b.example", ours, true),
            (&person, Email, "a@b.example", theirs, false),
            (&person, Email, "A@b.example", ours, false),
            (&person, Uri, "a@b.example", ours, false),
            (&federated, Email, "a@b.example", theirs, true),
            (&federated, Email, "a@b.example", ours, false),
            (&workflow, Uri, &format!("https://github.com/{WORKFLOW}"), ours, true),
            (&workflow, Uri, &format!("https://github.com/evil/{WORKFLOW}"), ours, false),
            (&workflow, Uri, &format!("http://github.com/{WORKFLOW}"), ours, false),
            (&workflow, Uri, "repo:acme/time", ours, false),
            (&gitlab, Uri, &format!("https://{pipeline}"), ours, true),
            (&gitlab, Uri, &format!("https://evil.example/{pipeline}"), ours, false),
            (&gitlab, Uri, "project_path:acme/time", ours, false),
            (&workload, Uri, "spiffe://acme.example/build", ours, true),
            (&workload, Uri, "spiffe://acme.example/built", ours, false),
            (&workload, Email, "spiffe://acme.example/build", ours, false),
            (&opaque, Uri, "https://kubernetes.io/namespaces/a/serviceaccounts/b", ours, true),
            (&opaque, Uri, "https://kubernetes.io/namespaces/a/serviceaccounts/b", theirs, false),
        ] {
            assert_eq!(token.is_of(&names(kind, subject, issuer)), is_it, "{subject} by {issuer}");
        }
    }

    #[test]
    fn what_proves_nothing_is_refused() {
        use InvalidIdentityToken::{EmailNotVerified, Expired, Nobody, Unreadable};
        let expired = |exp: i64| token(json!({ "sub": "x", "exp": exp })).unwrap_err();
        assert!(matches!(expired(1_700_000_000), Expired(_)) && matches!(expired(0), Expired(_)));
        assert_eq!(expired(-1), Unreadable);
        assert_eq!(token(json!({ "sub": "x", "exp": 1e300 })).unwrap_err(), Unreadable);
        for more in [json!({ "email_verified": false }), json!({ "email_verified": "yes" }), json!({})] {
            let mut claims = json!({ "sub": "x", "email": "a@b.example" });
            claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            assert_eq!(token(claims).unwrap_err(), EmailNotVerified);
        }
        for claims in [json!({}), json!({ "sub": "" }), json!({ "sub": null })] {
            assert_eq!(token(claims).unwrap_err(), Nobody);
        }
        let good = written(&json!({ "iss": "https://issuer.example", "exp": 1_700_000_300, "sub": "x" }));
        assert!(read(&good).is_ok());
        let twice = BASE64_URL_SAFE_NO_PAD.encode(r#"{"iss":"a","iss":"b","sub":"x","exp":1700000300}"#);
        for text in ["x", "a.b.c", "..", &good.replace('.', " ."), &format!("{good}.x"), &format!("e30.{twice}.x")] {
            assert_eq!(read(text).unwrap_err(), Unreadable, "{text}");
        }
    }

    #[test]
    fn a_token_is_for_whom_it_says_and_for_nobody_else() {
        for (audience, is_for) in [
            (json!("sigstore"), true),
            (json!(["sigstore"]), true),
            (json!(["sigstore", "sigstore"]), true),
            (json!(["a", "sigstore"]), false),
            (json!(["sigstore", "sts.amazonaws.com"]), false),
            (json!("sigstore.example"), false),
            (json!([]), false),
            (Value::Null, false),
        ] {
            let token = token(json!({ "sub": "x", "aud": audience })).unwrap();
            assert_eq!(token.is_for("sigstore"), is_for, "{audience}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{1,200}", claims in "\\PC{0,80}") {
            let _ = read(&text);
            let _ = read(&format!("e30.{}.x", BASE64_URL_SAFE_NO_PAD.encode(claims)));
        }
    }
}
