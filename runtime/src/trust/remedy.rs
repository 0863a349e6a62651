//! What a person writes to let a refused artifact run: the exact lines, and when they are right.

mod written;

use std::collections::BTreeSet;
use std::time::SystemTime;

pub(super) use self::written::{attestation, key, quoted, signer};
use self::written::{attestations, digests, signers};
use super::authority::{Authority, Need};
use super::claimed::{Claimant, Claimed};
use super::decision::Remedy;
use super::judge::Subject;
use super::policy::{Attestations, Scope, TrustPolicy};
use super::provenance::Provenance;
use super::tuf::{TufState, refresh_line};

/// What would let it run. `unknown` are those who made something that its scope does not take from them, and
/// `lacks_signature` says whether the scope asks for signatures in vain.
pub(crate) fn remedies(
    waivable: bool,
    subject: &Subject,
    policy: &TrustPolicy,
    unknown: &[Claimed],
    lacks_signature: bool,
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
    let room = Room { subject, policy, scope };
    let states = scope.map(|scope| scope.root_states(now)).unwrap_or_default();
    let mut remedies = of_roots(&states);
    remedies.push(Remedy {
        when: format!("if you have reviewed exactly this content, write {}", room.place()),
        write: room.lines(digests(scope, digest)),
    });
    remedies.extend(unknown.iter().filter_map(|claimed| room.trusting(claimed, lacks_signature)));
    if waivable {
        remedies.push(Remedy {
            when: "to run it this once though nobody vouches for it, add".to_owned(),
            write: format!("--allow-unsigned {digest}"),
        });
    }
    remedies
}

/// What lets those of these trust roots count again that cannot be used.
pub(super) fn of_roots(states: &[TufState]) -> Vec<Remedy> {
    let fetch = |state: &TufState| {
        let reason = state.reason?;
        let when = format!("to fetch the trust root {} ({reason}), run", state.name);
        Some(Remedy { when, write: refresh_line(&state.name) })
    };
    states.iter().filter_map(fetch).collect()
}

/// The policy that would be written into.
struct Room<'a> {
    subject: &'a Subject,
    policy: &'a TrustPolicy,
    /// The person's scope for the subject, if they have one.
    scope: Option<&'a Scope>,
}

impl Room<'_> {
    fn place(&self) -> String {
        match self.scope {
            Some(scope) => format!("in the scope `{}` of {}", scope.written, self.policy.place()),
            None => format!("in {}", self.policy.place()),
        }
    }

    /// Lines of an existing scope, a scope of its own, or a whole policy.
    fn lines(&self, lines: String) -> String {
        if self.scope.is_some() { lines } else { self.scope_of(&lines) }
    }

    fn scope_of(&self, lines: &str) -> String {
        let default = if self.policy.is_written() { "" } else { "default = \"reject\"\n" };
        format!("{default}[[scope]]\nmatch = \"{}\"\n{lines}", self.subject.name)
    }

    /// What trusts somebody for what they said; nothing where a policy has no words for that.
    fn trusting(&self, claimed: &Claimed, lacks_signature: bool) -> Option<Remedy> {
        let (place, write) = match self.scope {
            Some(scope) if scope.has_requirements() => match in_scope(scope, claimed, lacks_signature) {
                Some(lines) => (self.place(), lines),
                // Whatever is added to it, it asks for something that they did not say.
                None => (instead_of(scope, self.policy), self.scope_of(&alone(claimed)?)),
            },
            Some(_) | None => (self.place(), self.lines(alone(claimed)?)),
        };
        let keep = match claimed.who {
            Claimant::Key { .. } => ", and keep their public key as THEIR.pub beside it",
            Claimant::Named(_) => "",
        };
        Some(Remedy { when: format!("if you trust {}, write {place}{keep}", whom(claimed)), write })
    }
}

/// Who it is, and for what they would be trusted, in words.
fn whom(claimed: &Claimed) -> String {
    let types: Vec<String> = types(claimed).map(|kind| kind.escape_debug().to_string()).collect();
    let attested = format!("for what they attested of it without signing it ({})", types.join(", "));
    let named = |authority: &Authority| {
        let by = authority
            .written_root()
            .map(|root| format!(" (by the trust root {})", root.name().escape_debug()))
            .unwrap_or_default();
        format!("{}{by}", authority.name.escape_debug())
    };
    match &claimed.who {
        Claimant::Named(authority) if claimed.signed => format!("{}, who signed it", named(authority)),
        Claimant::Named(authority) => format!("{} {attested}", named(authority)),
        Claimant::Key { .. } if claimed.signed => "who signed it".to_owned(),
        Claimant::Key { .. } => format!("the owner of the key {attested}"),
    }
}

/// The types of what somebody attested that a policy can ask for.
fn types(claimed: &Claimed) -> impl Iterator<Item = &str> {
    claimed.attested.iter().map(String::as_str).filter(|kind| Attestations::is_type(kind))
}

/// The one of these types that says most of where an artifact comes from.
pub(super) fn most_telling(types: &BTreeSet<String>) -> Option<&str> {
    let types = || types.iter().map(String::as_str).filter(|kind| Attestations::is_type(kind));
    types().find(|kind| Provenance::version(kind).is_some()).or_else(|| types().next())
}

fn item(claimed: &Claimed) -> String {
    match &claimed.who {
        Claimant::Named(authority) => signer(authority),
        Claimant::Key { logged } => key("THEIR.pub", if *logged { Need::Required } else { Need::Ignore }),
    }
}

/// What a scope says that asks for nothing but what they said: their signature, or else one of their attestations.
fn alone(claimed: &Claimed) -> Option<String> {
    if claimed.signed {
        return Some(signers(None, &item(claimed)));
    }
    let kind = most_telling(&claimed.attested)?;
    Some(attestations(None, &[kind], &item(claimed)))
}

/// What a scope says with them among those whom it trusts for what it asks for; nothing where that would not be enough.
fn in_scope(scope: &Scope, claimed: &Claimed, lacks_signature: bool) -> Option<String> {
    let signs = claimed.signed && !scope.signers.is_empty();
    if lacks_signature && !signs {
        return None;
    }
    let is_known = |authority: &Authority| match &claimed.who {
        Claimant::Named(named) => authority.is_one_with(named),
        Claimant::Key { .. } => false,
    };
    let kinds: Vec<&str> = types(claimed)
        .filter(|kind| scope.names_type(kind) || !signs && scope.takes_from_signers(kind))
        .filter(|kind| !scope.attesters(kind).iter().any(|authority| is_known(authority)))
        .collect();
    let signers = signs.then(|| signers(Some(scope), &item(claimed)));
    let attestations = (!kinds.is_empty()).then(|| attestations(Some(scope), &kinds, &item(claimed)));
    let lines: Vec<String> = signers.into_iter().chain(attestations).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Where a scope goes that holds in the place of another.
fn instead_of(scope: &Scope, policy: &TrustPolicy) -> String {
    let (written, place) = (&scope.written, policy.place());
    if scope.is_for_one_name() {
        return format!("in the place of the scope `{written}` of {place}");
    }
    format!("in {place}, where it takes the place of the scope `{written}` for this repository")
}
