//! Which scope is for a name, against an oracle that knows nothing but parts of paths.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::trust::scope::Repository;

/// Registries, each in all spellings that mean it.
const REGISTRIES: [&[&str]; 6] = [
    &["docker.io", "index.docker.io", "registry-1.docker.io", "Docker.IO", "docker.io:443", "INDEX.docker.io:0443"],
    &["docker.io:5000", "DOCKER.io:05000"],
    &["ghcr.io", "GHCR.io", "ghcr.io:443", "GhCr.Io:00443"],
    &["ghcr.io.evil.example", "GHCR.io.evil.example:443"],
    &["127.0.0.1:5000", "127.1:5000", "0x7f.0.0.1:5000", "2130706433:05000"],
    &["[::1]:5000", "[0:0::1]:5000", "[::0001]:05000"],
];

/// The last part of a pattern: `*`, `**`, or a part like others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    AnyDepth,
    OnePart,
    Nothing,
}

/// A pattern or a name, in one of its spellings.
#[derive(Debug, Clone)]
struct Written {
    registry: usize,
    spelling: &'static str,
    path: Vec<&'static str>,
    ending: Ending,
}

impl Written {
    fn text(&self) -> String {
        let ending = match self.ending {
            Ending::AnyDepth => Some("**"),
            Ending::OnePart => Some("*"),
            Ending::Nothing => None,
        };
        [self.spelling].into_iter().chain(self.path.iter().copied()).chain(ending).collect::<Vec<_>>().join("/")
    }

    fn name(&self) -> Name {
        Name::Repository(Repository::of(&format!("{}:1", self.text()).parse().unwrap()))
    }

    fn pattern(&self) -> Pattern {
        Pattern::parse(&self.text()).unwrap()
    }

    /// Whether it means the same as another one.
    fn is(&self, other: &Self) -> bool {
        (self.registry, &self.path, self.ending) == (other.registry, &other.path, other.ending)
    }

    fn is_for(&self, name: &Self) -> bool {
        let more = name.path.len().checked_sub(self.path.len());
        let is_deep_enough = match self.ending {
            Ending::Nothing => more == Some(0),
            Ending::OnePart => more == Some(1),
            Ending::AnyDepth => more.is_some_and(|more| more > 0),
        };
        self.registry == name.registry && is_deep_enough && name.path.starts_with(&self.path)
    }

    /// How narrow it is among all that are for one name.
    fn narrowness(&self) -> (Ending, usize) {
        (self.ending, self.path.len())
    }
}

/// With few registries and parts, so that most of what is made has to do with the rest of it.
fn written(ending: Ending) -> impl Strategy<Value = Written> {
    let shortest = usize::from(ending == Ending::Nothing);
    let path = prop::collection::vec(select(&["a", "ab", "a-b"][..]), shortest..4);
    let registry = (0..REGISTRIES.len()).prop_flat_map(|at| (Just(at), select(REGISTRIES[at])));
    (registry, path).prop_map(move |((registry, spelling), path)| Written { registry, spelling, path, ending })
}

fn pattern() -> impl Strategy<Value = Written> {
    let any = select(&[Ending::AnyDepth, Ending::OnePart, Ending::Nothing][..]).prop_flat_map(written);
    // Such a name on Docker Hub means another one, which has to be written out.
    any.prop_filter("it is ambiguous", |it| it.registry > 0 || it.ending != Ending::Nothing || it.path.len() > 1)
}

/// The same name at the registry of a pattern.
fn near(pattern: &Written, name: Written) -> Written {
    Written { registry: pattern.registry, spelling: pattern.spelling, ..name }
}

/// A pattern that has so many first parts in common with a name, where there are as many; else one of its own.
fn leading(name: &Written, parts: usize, own: Written) -> Written {
    let Some(path) = name.path.get(..parts) else { return own };
    let is_whole = parts > usize::from(name.registry == 0);
    let ending = if own.ending == Ending::Nothing && !is_whole { Ending::OnePart } else { own.ending };
    let spellings = REGISTRIES[name.registry];
    let spelling = spellings[own.path.len() % spellings.len()];
    Written { registry: name.registry, spelling, path: path.to_vec(), ending }
}

/// The scopes of these patterns, without those that mean the same as one before.
fn scopes(patterns: &[(bool, Written)], is_own: bool) -> Vec<(Written, Scope)> {
    let mut scopes: Vec<(Written, Scope)> = Vec::new();
    for (_, written) in patterns.iter().filter(|(own, _)| *own == is_own) {
        if !scopes.iter().any(|(known, _)| known.is(written)) {
            let mut scope = Scope::new(written.text(), written.pattern());
            scope.origin = if is_own { Origin::Written } else { Origin::Fetched("included".into()) };
            scopes.push((written.clone(), scope));
        }
    }
    scopes
}

fn policy(own: Vec<Scope>, included: Vec<Scope>) -> TrustPolicy {
    let included = TrustPolicy { scopes: included, without_shipped: true, ..TrustPolicy::default() };
    let published = Published(jiff::Timestamp::UNIX_EPOCH);
    let fetched = vec![Fetched::current(Counted { policy: included.into(), published })];
    TrustPolicy { scopes: own, fetched, without_shipped: true, ..TrustPolicy::default() }
}

proptest! {
    #[test]
    fn a_pattern_is_for_what_lies_below_it_in_whatever_spelling(pattern in pattern(), name in written(Ending::Nothing)) {
        let name = near(&pattern, name);
        for spelling in REGISTRIES[name.registry] {
            let name = Written { spelling, ..name.clone() };
            prop_assert_eq!(pattern.pattern().matches(&name.name()), pattern.is_for(&name), "{:?} {:?}", pattern, name);
        }
        for (registry, spellings) in REGISTRIES.iter().enumerate().filter(|(at, _)| *at != pattern.registry) {
            let name = Written { registry, spelling: spellings[0], ..name.clone() };
            prop_assert!(!pattern.pattern().matches(&name.name()));
        }
        prop_assert!(!pattern.pattern().matches(&Name::Layout));
    }

    #[test]
    fn of_several_scopes_the_narrowest_counts_in_whatever_order(
        name in written(Ending::Nothing),
        (patterns, shuffled) in prop::collection::vec((any::<bool>(), 0..6_usize, pattern()), 0..12)
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        // Many of them are for this very name.
        let told = |all: Vec<(bool, usize, Written)>| -> Vec<(bool, Written)> {
            all.into_iter().map(|(is_own, parts, own)| (is_own, leading(&name, parts, own))).collect()
        };
        let (patterns, shuffled) = (told(patterns), told(shuffled));
        let (own, included) = (scopes(&patterns, true), scopes(&patterns, false));
        let all = own.iter().map(|scope| (true, scope)).chain(included.iter().map(|scope| (false, scope)));
        // Of two for the same repositories, the policy's own.
        let expected = all
            .filter(|(_, (written, _))| written.is_for(&name))
            .max_by_key(|(is_own, (written, _))| (written.narrowness(), *is_own))
            .map(|(is_own, (written, _))| (is_own, written.clone()));
        for patterns in [&patterns, &shuffled] {
            let of = |is_own| scopes(patterns, is_own).into_iter().map(|(_, scope)| scope).collect();
            let policy = policy(of(true), of(false));
            let chosen = policy.scope(&name.name()).map(|scope| (scope.is_written_here(), scope.pattern.clone()));
            let expected = expected.as_ref().map(|(is_own, written)| (*is_own, written.pattern()));
            prop_assert_eq!(chosen, expected, "{:?} {:?}", patterns, name);
        }
    }
}
