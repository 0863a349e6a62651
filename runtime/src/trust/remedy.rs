//! What a person writes to let a refused artifact run: the exact lines, and when they are right.

use std::time::SystemTime;

use super::authority::{Authority, Need, Who};
use super::claimed::Claimed;
use super::decision::Remedy;
use super::judge::Subject;
use super::policy::{Scope, TrustPolicy};
use super::tuf::refresh_line;
use crate::artifact::Digest;

/// What would let it run. `unknown` are those who signed it and whom its scope does not trust.
pub(crate) fn remedies(
    waivable: bool,
    subject: &Subject,
    policy: &TrustPolicy,
    unknown: &[Claimed],
    now: SystemTime,
) -> Vec<Remedy> {
    let scope = policy.scope(&subject.name);
    // What each of the manifests stands for is the same; the first one is what a person sees at the registry. A key on
    // the command line was given for this once, and stands in no file.
    let Some(digest) = subject.manifests.first().filter(|_| !scope.is_some_and(Scope::is_of_command_line)) else {
        return Vec::new();
    };
    // What is shipped or fetched is not the person's to write: a scope of their own takes its place.
    let scope = scope.filter(|scope| scope.is_written_here());
    let place = match scope {
        Some(scope) => format!("in the scope `{}` of {}", scope.written, policy.place()),
        None => format!("in {}", policy.place()),
    };
    let lines = |line: String| lines(subject, policy, scope, &line);
    let states = scope.map(|scope| scope.root_states(now)).unwrap_or_default();
    let unusable = states.iter().filter(|state| state.reason.is_some());
    let mut remedies: Vec<Remedy> = unusable
        .map(|state| Remedy {
            when: format!("to fetch the trust root {} ({}), run", state.name, state.reason.unwrap_or_default()),
            write: refresh_line(&state.name),
        })
        .collect();
    remedies.push(Remedy {
        when: format!("if you have reviewed exactly this content, write {place}"),
        write: lines(digests(scope, digest)),
    });
    for claimed in unknown {
        remedies.push(match claimed {
            Claimed::Identity(authority) => Remedy {
                when: format!("if you trust {}, who signed it, write {place}", authority.name.escape_debug()),
                write: lines(signers(scope, &signer(authority))),
            },
            Claimed::Key { logged } => Remedy {
                when: format!(
                    "if you trust who signed it, write {place}, and keep their public key as THEIR.pub beside it"
                ),
                write: lines(signers(scope, &key("THEIR.pub", if *logged { Need::Required } else { Need::Ignore }))),
            },
        });
    }
    if waivable {
        remedies.push(Remedy {
            when: "to run it this once though nobody vouches for it, add".to_owned(),
            write: format!("--allow-unsigned {digest}"),
        });
    }
    remedies
}

/// A line of an existing scope, a scope of its own, or a whole policy.
fn lines(subject: &Subject, policy: &TrustPolicy, scope: Option<&Scope>, line: &str) -> String {
    if scope.is_some() {
        return line.to_owned();
    }
    let default = if policy.is_written() { "" } else { "default = \"reject\"\n" };
    format!("{default}[[scope]]\nmatch = \"{}\"\n{line}", subject.name)
}

fn digests(scope: Option<&Scope>, added: &Digest) -> String {
    let known = scope.into_iter().flat_map(|scope| &scope.digests);
    let all = known.chain([added]).map(|digest| format!("\"{digest}\""));
    format!("digests = [{}]", Vec::from_iter(all).join(", "))
}

fn signers(scope: Option<&Scope>, added: &str) -> String {
    let known = scope.into_iter().flat_map(|scope| &scope.signers);
    let known = known.map(|authority| signer(authority));
    format!("signers = [{}]", Vec::from_iter(known.chain([added.to_owned()])).join(", "))
}

/// A signer as it is written.
pub(super) fn signer(authority: &Authority) -> String {
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
    if let Some(root) = authority.root_in_use().filter(|root| !root.is_public_good()) {
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
pub(super) fn key(path: &str, log: Need) -> String {
    format!("{{ key = {}, log = \"{log}\" }}", quoted(path))
}

/// As TOML reads it back: a basic string (TOML 1.0, "String").
pub(super) fn quoted(text: &str) -> String {
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
