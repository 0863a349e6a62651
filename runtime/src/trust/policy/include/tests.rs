use bytes::Bytes;

use super::*;
use crate::artifact::Digest;
use crate::trust::forge::{Given, Hand};
use crate::trust::scope::Name;

const INCLUDE: &str = "[[include]]\npolicy = \"ghcr.io/acme/policy:stable\"\nsigners = [{ key = \"acme.pub\", log = \"ignore\" }]\nmax-age = \"1d\"\n";

fn read(text: &str) -> Result<TrustPolicy, String> {
    let pem = Hand::new().pem().into_bytes();
    let mut files = Given::new([("acme.pub", pem)]);
    TrustPolicy::read(&format!("default = \"reject\"\n{text}"), &mut files).map_err(|error| error.to_string())
}

fn fetched(text: &str) -> Result<TrustPolicy, Problem> {
    let files = [("acme.pub".to_owned(), Bytes::from(Hand::new().pem()))];
    let layers = PolicyLayers { text: Bytes::from(text.to_owned()), files: files.into() };
    TrustPolicy::fetched_from(&"ghcr.io/acme/policy:stable".parse().unwrap(), &layers)
}

fn counted(policy: TrustPolicy) -> Counted {
    Counted::new(policy, Published("2026-11-28T00:00:00Z".parse().unwrap()))
}

/// What has become of a policy that is too old by now.
fn stale(include: &Include, policy: TrustPolicy) -> Fetched {
    include.missing(Reason::POLICY_TOO_OLD.into(), Some(counted(policy)), SystemTime::now())
}

fn name(repository: &str) -> Name {
    Name::of(&format!("{repository}:1").parse().unwrap())
}

fn scope_of(pattern: &str, digest: &Digest) -> String {
    format!("[[scope]]\nmatch = \"{pattern}\"\ndigests = [\"{digest}\"]\n")
}

#[test]
fn an_include_says_whose_policy_it_is_and_how_old_it_may_be() {
    let policy = read(INCLUDE).unwrap();
    assert_eq!(policy.includes().len(), 1);
    assert_eq!(policy.refresh(), Some(REFRESH));
    let often = read(&INCLUDE.replace("max-age", "refresh = \"30s\"\nmax-age")).unwrap();
    assert_eq!(often.refresh(), Some(Duration::from_secs(30)));
    let digest = format!("ghcr.io/acme/policy@{}", Digest::of(b""));
    for (from, to, problem) in [
        ("max-age = \"1d\"\n", "", "missing field `max-age`"),
        ("\"1d\"", "\"1\"", "max-age = \"1\" is no time"),
        ("max-age", "refresh = \"0s\"\nmax-age", "refresh = \"0s\" is no time"),
        ("max-age", "threshold = 2\nmax-age", "2 signers can never have signed"),
        ("max-age", "threshold = 0\nmax-age", "a threshold of 0"),
        ("max-age", "maxage = 1\nmax-age", "unknown field `maxage`"),
        ("ghcr.io/acme/policy:stable", "policy", "`policy`"),
        ("ghcr.io/acme/policy:stable", &digest, "name a tag"),
        ("{ key = \"acme.pub\", log = \"ignore\" }", "", "nobody is named"),
    ] {
        assert!(INCLUDE.contains(from), "{from}");
        let error = read(&INCLUDE.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(problem), "{problem}: {error}");
    }
    assert!(read(&format!("{INCLUDE}{INCLUDE}")).unwrap_err().contains("included twice"));
}

#[test]
fn a_policy_that_lacks_what_it_includes_is_not_whole() {
    let policy = read(INCLUDE).unwrap();
    assert_eq!(policy.incomplete().unwrap().reason, Reason::POLICY_MISSING);
    let other = || fetched("default = \"reject\"\n").unwrap();
    assert_eq!(policy.clone().with(vec![Fetched::current(counted(other()))]).incomplete(), None);
    let stale = stale(&policy.includes()[0], other());
    assert_eq!(policy.with(vec![stale]).incomplete().unwrap().reason, Reason::POLICY_TOO_OLD);
}

#[test]
fn scopes_of_both_count_and_ones_own_come_first() {
    let (own, theirs) = (Digest::of(b"own"), Digest::of(b"theirs"));
    let policy = read(&format!("{INCLUDE}{}", scope_of("ghcr.io/acme/*", &own))).unwrap();
    let text = format!(
        "default = \"reject\"\n{}{}",
        scope_of("ghcr.io/acme/*", &theirs),
        scope_of("ghcr.io/acme/time", &theirs)
    );
    let policy = policy.with(vec![Fetched::current(counted(fetched(&text).unwrap()))]);
    let digests = |repository: &str| policy.scope(&name(repository)).unwrap().digests.clone();
    assert_eq!(digests("ghcr.io/acme/other"), [own].into());
    assert_eq!(digests("ghcr.io/acme/time"), [theirs].into());
    assert_eq!(policy.place_of(&name("ghcr.io/acme/time")), "ghcr.io/acme/policy:stable");
    assert!(!policy.scope(&name("ghcr.io/acme/time")).unwrap().is_written_here());
}

#[test]
fn what_a_policy_denied_stays_denied_when_it_is_too_old() {
    let evil = Digest::of(b"evil");
    let denying = fetched(&format!("default = \"reject\"\ndeny = [\"{evil}\"]\n")).unwrap();
    let policy = read(INCLUDE).unwrap();
    assert!(!policy.denies(&evil));
    let stale = stale(&policy.includes()[0], denying);
    let policy = policy.with(vec![stale]);
    assert!(policy.denies(&evil) && !policy.denies(&Digest::of(b"good")));
}

#[test]
fn a_policy_that_others_include_says_no_more_than_it_may() {
    for (text, problem) in [
        ("default = \"allow-unsigned\"\n", "default = \"reject\""),
        ("default = \"reject\"\nshipped = false\n", "`shipped`"),
        (&format!("default = \"reject\"\n{INCLUDE}"), "includes none itself"),
        ("default = \"reject\"\nx = 1\n", "line 2"),
        (
            &format!("default = \"reject\"\n{}mode = \"warn\"\n", scope_of("ghcr.io/a/*", &Digest::of(b""))),
            "mode = \"warn\"",
        ),
        (
            "default = \"reject\"\n[[scope]]\nmatch = \"ghcr.io/a/*\"\nsigners = [{ key = \"other.pub\", log = \"ignore\" }]\n",
            "does not bring it along",
        ),
        (
            "default = \"reject\"\n[[scope]]\nmatch = \"ghcr.io/a/*\"\nsigners = [{ key = \"acme.pub\", log = \"ignore\" }]\nsbom = { required = true, vulnerabilities = \"osv\", max-severity = \"low\" }\n",
            "a path from / on",
        ),
    ] {
        let refused = fetched(text).unwrap_err();
        assert_eq!(refused.reason, Reason::POLICY_UNUSABLE);
        assert!(refused.problem.contains(problem), "{}", refused.problem);
    }
    let absolute = "default = \"reject\"\n[[scope]]\nmatch = \"ghcr.io/a/*\"\nsigners = [{ key = \"acme.pub\", log = \"ignore\" }]\nsbom = { required = true, vulnerabilities = \"/srv/osv\", max-severity = \"low\" }\n";
    fetched(absolute).unwrap();
}

#[test]
fn a_policy_is_followed_for_as_long_as_it_is_not_too_old() {
    let policy = read(INCLUDE).unwrap();
    let include = &policy.includes()[0];
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let at = |hours: i64| Published(Timestamp::try_from(now).unwrap() - SignedDuration::from_hours(hours));
    for hours in [0, 1, 24] {
        include.check_age(at(hours), now).unwrap();
    }
    assert_eq!(include.check_age(at(25), now).unwrap_err().reason, Reason::POLICY_TOO_OLD);
    assert_eq!(include.check_age(at(-1), now).unwrap_err().reason, Reason::POLICY_UNUSABLE);
}

#[test]
fn a_policy_that_was_fetched_names_no_root_that_comes_by_tuf() {
    for table in ["tuf = \"github\"", "tuf = \"https://tuf.example.com\"\nroot = \"acme.pub\""] {
        let refused = fetched(&format!("default = \"reject\"\n\n[roots.acme]\n{table}\n")).unwrap_err();
        assert_eq!(refused.reason, Reason::POLICY_UNUSABLE);
        let problem = "a policy that others include names no trust root that comes by TUF";
        assert!(refused.problem.contains(&format!("line 3: {problem}")), "{}", refused.problem);
    }
}

/// A manifest that says this of itself.
fn manifest(annotations: &str) -> Manifest {
    let empty =
        format!(r#"{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{}","size":2}}"#, Digest::of(b"{}"));
    let text = format!(r#"{{"schemaVersion":2,"config":{empty},"layers":[{empty}],"annotations":{{{annotations}}}}}"#);
    Manifest::read(text.into_bytes(), None).unwrap()
}

#[test]
fn a_policy_counts_where_it_was_published_to_be_followed_and_nowhere_else() {
    let policy = read(INCLUDE).unwrap();
    let include = &policy.includes()[0];
    let at = |place: &str| include.check_place(&manifest(&format!(r#""io.lockgate.policy.reference":"{place}""#)));
    at("ghcr.io/acme/policy:stable").unwrap();
    for (place, shown) in [
        ("ghcr.io/acme/policy-lab:next", "is ghcr.io/acme/policy-lab:next"),
        ("ghcr.io/acme/policy", "is ghcr.io/acme/policy,"),
        (r"\u001b[2J", r"is \u{1b}[2J"),
    ] {
        let refused = at(place).unwrap_err();
        assert_eq!(refused.reason, Reason::POLICY_MISPLACED);
        assert!(refused.problem.contains(shown), "{}", refused.problem);
    }
    assert_eq!(include.check_place(&manifest("")).unwrap_err().reason, Reason::POLICY_MISPLACED);
}

#[test]
fn what_is_known_goes_on_to_count_on_the_same_terms_and_to_deny_on_any() {
    let evil = Digest::of(b"evil");
    let denying = || fetched(&format!("default = \"reject\"\ndeny = [\"{evil}\"]\n")).unwrap();
    // The same file, read twice: a key of its own each time would be another signer.
    let pem = Hand::new().pem();
    let read = |text: &str| {
        let mut files = Given::new([("acme.pub", pem.clone().into_bytes())]);
        TrustPolicy::read(&format!("default = \"reject\"\n{text}"), &mut files).unwrap()
    };
    let before = read(INCLUDE).with(vec![Fetched::current(counted(denying()))]);
    let same = read(&format!("{INCLUDE}{}", scope_of("ghcr.io/acme/*", &evil))).knowing(&[&before]);
    assert!(same.is_fetched() && same.incomplete().is_none() && same.denies(&evil));
    for other in [INCLUDE.replace("1d", "2d"), INCLUDE.replace("\"ignore\"", "\"required\"")] {
        let other = read(&other).knowing(&[&before]);
        assert!(!other.is_fetched() && other.denies(&evil), "{other:?}");
        assert_eq!(other.incomplete().unwrap().reason, Reason::POLICY_MISSING);
    }
    let elsewhere = read(&INCLUDE.replace(":stable", ":next")).knowing(&[&before]);
    assert!(!elsewhere.is_fetched() && !elsewhere.denies(&evil));
    assert!(read("").knowing(&[&before]).is_fetched());
}

#[test]
fn what_a_policy_let_run_may_do_so_no_longer_when_none_could_be_had_for_longer_than_it_may_be_old() {
    let policy = read(INCLUDE).unwrap();
    let include = &policy.includes()[0];
    let last = || Some(counted(fetched("default = \"reject\"\n").unwrap()));
    let at = |text: &str| SystemTime::from(text.parse::<Timestamp>().unwrap());
    let missing = |now| include.missing(Reason::POLICY_MISSING.into(), last(), at(now));
    let within = policy.clone().with(vec![missing("2026-11-28T23:00:00Z")]);
    assert!(within.expired().is_none() && within.incomplete().is_some());
    let after = policy.clone().with(vec![missing("2026-11-29T01:00:00Z")]);
    assert_eq!(after.expired().unwrap().reason, Reason::POLICY_TOO_OLD);
    assert_eq!(after.incomplete().unwrap().reason, Reason::POLICY_MISSING);
    // Nothing can run by one that never counted.
    let never = include.missing(Reason::POLICY_TOO_OLD.into(), None, SystemTime::now());
    assert!(policy.with(vec![never]).expired().is_none());
}
