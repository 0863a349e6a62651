//! Items of a policy as a person writes them.

use std::sync::Arc;

use crate::artifact::Digest;
use crate::trust::authority::{Authority, Need, Who};
use crate::trust::policy::{Scope, is_shipped};

/// The digests of a scope, with one more.
pub(super) fn digests(scope: Option<&Scope>, added: &Digest) -> String {
    let known = scope.into_iter().flat_map(|scope| &scope.digests);
    let all = known.chain([added]).map(|digest| format!("\"{digest}\""));
    format!("digests = [{}]", Vec::from_iter(all).join(", "))
}

/// The signers of a scope, with one more.
pub(super) fn signers(scope: Option<&Scope>, added: &str) -> String {
    let known = scope.into_iter().flat_map(|scope| items(&scope.signers));
    format!("signers = [{}]", Vec::from_iter(known.chain([added.to_owned()])).join(", "))
}

/// The attestations that a scope asks for, with one more who may make those of these types.
pub(super) fn attestations(scope: Option<&Scope>, types: &[&str], added: &str) -> String {
    let mut asked: Vec<(&str, Vec<String>)> = Vec::new();
    for known in scope.into_iter().flat_map(|scope| &scope.attestations) {
        let signers: Vec<String> = items(&known.signers).collect();
        // What a builtin asks for is not written out.
        let kinds = known.types.iter().filter(|_| !signers.is_empty());
        asked.extend(kinds.map(|kind| (kind.as_str(), signers.clone())));
    }
    for kind in types {
        match asked.iter_mut().find(|(known, _)| known == kind) {
            Some((_, signers)) => signers.push(added.to_owned()),
            None => {
                let known = scope.map(|scope| scope.attesters(kind)).unwrap_or_default();
                asked.push((*kind, items(&known).chain([added.to_owned()]).collect()));
            }
        }
    }
    let all = asked.iter().map(|(kind, signers)| attestation(kind, &signers.join(", ")));
    format!("attestations = [{}]", Vec::from_iter(all).join(", "))
}

/// An attestation that is asked for, as it is written.
pub(in crate::trust) fn attestation(kind: &str, signers: &str) -> String {
    format!("{{ type = {}, signers = [{signers}] }}", quoted(kind))
}

/// Those of these who are written in a policy, and do not come with a builtin.
fn items(authorities: &[Arc<Authority>]) -> impl Iterator<Item = String> {
    authorities.iter().filter(|authority| !is_shipped(authority)).map(|authority| signer(authority))
}

/// A signer as it is written.
pub(in crate::trust) fn signer(authority: &Authority) -> String {
    let Authority { name, who, log, sct, timestamp, .. } = authority;
    // What is written in any case has no default.
    let (mut parts, log_default, sct_default) = match who {
        Who::Key(_) => (vec![format!("key = {}", quoted(name))], None, Need::Ignore),
        Who::Keyless { issuer, subject, claims } => {
            let what = if subject.is_pattern() { "subject-pattern" } else { "subject" };
            let mut parts =
                vec![format!("issuer = {}", quoted(issuer)), format!("{what} = {}", quoted(subject.written()))];
            parts.extend(claims.iter().map(|(claim, value)| format!("{claim} = {}", quoted(value))));
            (parts, Some(Need::Required), Need::Required)
        }
    };
    if let Some(root) = authority.written_root() {
        parts.push(format!("root = {}", quoted(root.name())));
    }
    for (name, need, default) in
        [("log", log, log_default), ("sct", sct, Some(sct_default)), ("timestamp", timestamp, Some(Need::Ignore))]
    {
        if Some(*need) != default {
            parts.push(format!("{name} = \"{need}\""));
        }
    }
    format!("{{ {} }}", parts.join(", "))
}

/// A key as it is written.
pub(in crate::trust) fn key(path: &str, log: Need) -> String {
    format!("{{ key = {}, log = \"{log}\" }}", quoted(path))
}

/// As TOML reads it back: a basic string (TOML 1.0, "String").
pub(in crate::trust) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric() => quoted.push(c),
            // What a terminal could act on, or a reader not see.
            c => quoted.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}
