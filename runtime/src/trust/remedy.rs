//! What a person writes to let a refused artifact run: the exact lines, and when they are right.

use super::decision::{Reason, Remedy};
use super::judge::Subject;
use super::policy::{LogRule, Scope, Signer, TrustPolicy};
use crate::artifact::Digest;

/// What would let it run. `unknown` has, for each signature by an unknown key, whether it claims to be logged.
pub(crate) fn remedies(reason: Reason, subject: &Subject, policy: &TrustPolicy, unknown: &[bool]) -> Vec<Remedy> {
    let scope = policy.scope(&subject.name);
    // What each of the manifests stands for is the same; the first one is what a person sees at the registry. A key on
    // the command line was given for this once, and stands in no file.
    let Some(digest) = subject.manifests.first().filter(|_| !scope.is_some_and(Scope::is_of_command_line)) else {
        return Vec::new();
    };
    let place = match scope {
        Some(scope) => format!("in the scope `{}` of {}", scope.written, policy.place()),
        None => format!("in {}", policy.place()),
    };
    let mut remedies = vec![Remedy {
        when: format!("if you have reviewed exactly this content, write {place}"),
        write: lines(subject, policy, &digests(scope, digest)),
    }];
    if let Some(logged) = unknown.first() {
        remedies.push(Remedy {
            when: format!(
                "if you trust who signed it, write {place}, and keep their public key as THEIR.pub beside it"
            ),
            write: lines(subject, policy, &signers(scope, *logged)),
        });
    }
    if reason.can_be_waived() {
        remedies.push(Remedy {
            when: "to run it this once though nobody vouches for it, add".to_owned(),
            write: format!("--allow-unsigned {digest}"),
        });
    }
    remedies
}

/// A line of an existing scope, a scope of its own, or a whole policy.
fn lines(subject: &Subject, policy: &TrustPolicy, line: &str) -> String {
    if policy.scope(&subject.name).is_some() {
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

fn signers(scope: Option<&Scope>, logged: bool) -> String {
    let line = |name: &str, log: LogRule| {
        let log = match log {
            LogRule::Required => "required",
            LogRule::Ignore => "ignore",
        };
        format!("{{ key = {}, log = \"{log}\" }}", quoted(name))
    };
    let known = scope.into_iter().flat_map(|scope| &scope.signers);
    let known = known.map(|Signer { name, log, .. }| line(name, *log));
    let added = line("THEIR.pub", if logged { LogRule::Required } else { LogRule::Ignore });
    format!("signers = [{}]", Vec::from_iter(known.chain([added])).join(", "))
}

/// As TOML reads it back: a JSON string is a basic string, too (TOML 1.0, "String").
fn quoted(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}
