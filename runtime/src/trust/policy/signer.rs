//! From a signer as it is written to whom that means.

use std::path::Path;
use std::sync::Arc;

use super::PolicyFiles;
use super::roots::Roots;
use super::written::WrittenSigner;
use crate::trust::authority::{Authority, Need, Who};
use crate::trust::identity::SubjectRule;
use crate::trust::key::{MAX_KEY_BYTES, SignerKey};
use crate::trust::root::{PUBLIC_GOOD, TrustRoot};

/// What every signer of a policy is read with.
pub(super) struct Reader<'a> {
    pub(super) files: &'a mut dyn PolicyFiles,
    pub(super) roots: Roots,
}

impl Reader<'_> {
    /// Whom a signer means.
    ///
    /// # Errors
    /// Where it is neither a key nor an identity, says something that cannot be held to, or its key cannot be read.
    pub(super) fn signer(&mut self, written: &WrittenSigner) -> Result<Authority, String> {
        match (&written.key, &written.issuer) {
            (Some(key), None) => self.key(key, written),
            (None, Some(issuer)) => self.identity(issuer, written),
            (Some(_), Some(_)) => Err("a signer has a `key` or an `issuer`, not both".to_owned()),
            (None, None) => {
                Err("a signer has a `key`, or an `issuer` with a `subject` or `subject-pattern`".to_owned())
            }
        }
    }

    fn key(&mut self, name: &str, written: &WrittenSigner) -> Result<Authority, String> {
        let of_identity =
            written.subject.is_some() || written.subject_pattern.is_some() || !written.claims().is_empty();
        if of_identity || written.sct.is_some() {
            return Err(format!(
                "the key `{name}` has no certificate: only `root`, `log` and `timestamp` go with a key"
            ));
        }
        let log = written.log.ok_or(r#"a key needs `log`: "required", or "ignore" written out"#)?;
        let bytes =
            self.files.read(Path::new(name)).map_err(|error| format!("the key `{name}` cannot be read: {error}"))?;
        if bytes.len() > MAX_KEY_BYTES {
            return Err(format!("the key `{name}` is larger than {} KiB", MAX_KEY_BYTES >> 10));
        }
        let text = String::from_utf8_lossy(&bytes);
        let key = SignerKey::from_pem(&text).map_err(|error| format!("the key `{name}`: {error}"))?;
        let root = self.root(written)?;
        let timestamp = written.timestamp.unwrap_or(Need::Ignore);
        let authority =
            Authority { name: name.to_owned(), who: Who::Key(key), root, log, sct: Need::Ignore, timestamp };
        if written.root.is_some() && authority.root_in_use().is_none() {
            return Err(format!(
                r#"the key `{name}`: `root` says whose log and timestamps count, and neither is asked for; write log = "required", or leave `root` out"#
            ));
        }
        can_count(&format!("the key `{name}`"), &authority)?;
        Ok(authority)
    }

    fn identity(&mut self, issuer: &str, written: &WrittenSigner) -> Result<Authority, String> {
        if !issuer.starts_with("https://") && !issuer.starts_with("http://") {
            return Err(format!("the issuer `{issuer}` is no URL, as https://token.actions.githubusercontent.com"));
        }
        let (subject, invalid) = match (&written.subject, &written.subject_pattern) {
            (Some(exact), None) => (exact, SubjectRule::exactly(exact)),
            (None, Some(pattern)) => (pattern, SubjectRule::pattern(pattern)),
            (Some(_), Some(_)) => return Err("a signer has a `subject` or a `subject-pattern`, not both".to_owned()),
            (None, None) => {
                return Err(format!("whom {issuer} vouches for is not said: give a `subject` or a `subject-pattern`"));
            }
        };
        let rule = invalid.map_err(|error| format!("the subject `{subject}`: {error}"))?;
        let root = self.root(written)?;
        let (log, sct) = (written.log.unwrap_or(Need::Required), written.sct.unwrap_or(Need::Required));
        let timestamp = written.timestamp.unwrap_or(Need::Ignore);
        let name = format!("{subject} by {issuer}");
        let who = Who::Keyless { issuer: issuer.to_owned(), subject: rule, claims: written.claims() };
        let authority = Authority { name: name.clone(), who, root: Arc::clone(&root), log, sct, timestamp };
        can_count(&name, &authority)?;
        if !root.has_authorities() && root.source().is_none() {
            return Err(format!("{name}: the trust root `{}` has no certificate authority", root.name()));
        }
        if log == Need::Ignore && timestamp == Need::Ignore {
            return Err(format!(
                r#"{name}: its certificates live for minutes, and without log or timestamp nobody knows when it signed; write timestamp = "required""#
            ));
        }
        Ok(authority)
    }

    /// Whose certificates, logs and timestamps count.
    fn root(&mut self, written: &WrittenSigner) -> Result<Arc<TrustRoot>, String> {
        self.roots.named(written.root.as_deref().unwrap_or(PUBLIC_GOOD), self.files)
    }
}

/// Checks that the trust root has whatever is asked of a signature. `name` is the signer's, for messages.
pub(super) fn can_count(name: &str, authority: &Authority) -> Result<(), String> {
    let Authority { root, log, sct, timestamp, .. } = authority;
    for (asked, has, what, line) in [
        (log, root.has_logs(), "log", "log"),
        (sct, root.has_certificate_logs(), "log of certificates", "sct"),
        (timestamp, root.has_timestamps(), "timestamp authority", "timestamp"),
    ] {
        // What comes by TUF is not the person's to write: what it lacks is found when something is weighed.
        if asked.is_required() && !has && root.source().is_none() {
            return Err(format!(
                r#"{name}: the trust root `{}` has no {what}, so that no signature could ever count; write {line} = "ignore" if you mean that"#,
                root.name()
            ));
        }
    }
    Ok(())
}
