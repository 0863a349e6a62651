mod keys;
mod policy;

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use sigstore_trust_root::{SIGSTORE_GITHUB_TRUSTED_ROOT, SIGSTORE_PRODUCTION_TRUSTED_ROOT};

use super::forge::{Keepers, Served, Signer, envelope};
use super::kept::{METADATA, SEEN};
use super::{RefreshError, RootProblem, TufRoot, TufState, refresh};
use crate::artifact::Digest;
use crate::trust::authority::{Authority, Need, Who};
use crate::trust::evidence::{Evidence, Form, Place};
use crate::trust::fault::Fault;
use crate::trust::forge::Hand;
use crate::trust::forge::instance::{self, Instance, Logged, bundle};
use crate::trust::key::SignerKey;
use crate::trust::root::TrustRoot;
use crate::trust::statement::PAYLOAD_TYPE;
use crate::trust::weigh::Weighing;

const OLD: &str = SIGSTORE_GITHUB_TRUSTED_ROOT;
const NEW: &str = SIGSTORE_PRODUCTION_TRUSTED_ROOT;

/// Keepers, and a machine that trusts their first root metadata.
struct Scene {
    keepers: Keepers,
    root: TufRoot,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let mut keepers = Keepers::new();
        keepers.publish(OLD.as_bytes());
        let bootstrap = keepers.root_metadata(1);
        let root = TufRoot::new("acme", "https://tuf.example", None, bootstrap).unwrap();
        Self { keepers, root, folder: tempfile::tempdir().unwrap() }
    }

    fn fetched() -> Self {
        let scene = Self::new();
        scene.refresh().unwrap();
        scene
    }

    fn refresh_from(&self, served: &Served) -> Result<TufState, RefreshError> {
        let now = Timestamp::try_from(SystemTime::now()).unwrap();
        refresh(&self.root, served, self.folder.path(), now).now_or_never().unwrap()
    }

    fn refresh(&self) -> Result<TufState, RefreshError> {
        self.refresh_from(&self.keepers.serve())
    }

    /// The code of the refusal, after which what was kept is what it was.
    fn refused(&self) -> &'static str {
        let before = self.kept();
        let refused = self.refresh();
        assert!(self.kept() == before, "a refused refresh changes nothing");
        match refused {
            Err(RefreshError::Refused { code, .. }) => code,
            other => panic!("{other:?}"),
        }
    }

    fn kept(&self) -> Option<Vec<u8>> {
        fs::read(self.file(METADATA)).ok()
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(self.root.folder()).join(name)
    }

    /// Why it cannot be used, as whoever verifies sees it.
    fn reason(&self) -> Option<&'static str> {
        self.reason_at(SystemTime::now())
    }

    fn reason_at(&self, now: SystemTime) -> Option<&'static str> {
        self.read().state(now).unwrap().reason
    }

    /// The digest of what is used.
    fn digest(&self) -> Option<Digest> {
        self.read().state(SystemTime::now()).unwrap().digest
    }

    fn read(&self) -> std::sync::Arc<TrustRoot> {
        TrustRoot::kept(self.root.clone(), &mut |path| self.find(path))
    }

    fn find(&self, path: &Path) -> std::io::Result<Option<Vec<u8>>> {
        match fs::read(self.folder.path().join(path)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    /// The keepers change their root metadata: the second version.
    fn change_root(&mut self, change: &dyn Fn(&mut Value)) {
        let mut signed = self.keepers.root_signed(2);
        change(&mut signed);
        let by: Vec<&Signer> = self.keepers.root.iter().collect();
        self.keepers.files.insert("2.root.json".to_owned(), envelope(&signed, &by));
    }
}

#[test]
fn what_was_fetched_is_used_without_asking_anybody_and_is_the_published_one() {
    let mut scene = Scene::new();
    assert_eq!(scene.reason(), Some("root-missing"));
    let state = scene.refresh().unwrap();
    assert_eq!((scene.reason(), state.reason), (None, None));
    assert_eq!(scene.digest(), Some(Digest::of(OLD.as_bytes())));
    // Keys of the role root are replaced, and what comes then is signed with the new ones.
    let before = scene.keepers.root.pop().unwrap();
    scene.keepers.root.push(Signer::new("root-c"));
    let (signed, both) = (scene.keepers.root_signed(2), &scene.keepers.root);
    let second = envelope(&signed, &[&both[0], &both[1], &before]);
    scene.keepers.files.insert("2.root.json".to_owned(), second);
    scene.keepers.version = 2;
    scene.keepers.publish(NEW.as_bytes());
    let versions = scene.refresh().unwrap().versions.unwrap();
    assert_eq!((versions.root, versions.timestamp, versions.targets), (2, 2, 2));
    assert_eq!(scene.digest(), Some(Digest::of(NEW.as_bytes())));
    // Root metadata that is known is not asked for again.
    let served = scene.keepers.serve();
    scene.refresh_from(&served).unwrap();
    assert_eq!(served.asked.lock().unwrap().first().unwrap(), "3.root.json");
}

#[test]
fn attack_19_a_root_of_which_anything_has_expired_is_neither_fetched_nor_used() {
    for role in ["root", "timestamp", "snapshot", "targets"] {
        let mut scene = Scene::fetched();
        scene.keepers.expires.insert(role, "2020-01-01T00:00:00Z");
        if role == "root" {
            scene.keepers.files.insert("2.root.json".to_owned(), scene.keepers.root_metadata(2));
        }
        scene.keepers.version = 2;
        scene.keepers.publish(NEW.as_bytes());
        assert_eq!(scene.refused(), "root-expired", "{role}");
        assert_eq!(scene.reason(), None, "{role}");
    }
    // A mirror that gives nothing new keeps it alive no longer than its keepers said.
    let mut scene = Scene::new();
    let soon = Timestamp::try_from(SystemTime::now() + Duration::from_secs(3600)).unwrap();
    scene.keepers.expires.insert("timestamp", Box::leak(format!("{soon:.0}").into_boxed_str()));
    scene.keepers.publish(OLD.as_bytes());
    scene.refresh().unwrap();
    assert_eq!(scene.reason(), None);
    assert_eq!(scene.reason_at(SystemTime::now() + Duration::from_secs(3601)), Some("root-expired"));
}

#[test]
fn attack_19_a_root_that_is_older_than_one_that_was_there_is_refused_also_where_that_is_lost() {
    let mut scene = Scene::new();
    let first = scene.keepers.serve();
    scene.refresh().unwrap();
    let old = scene.kept().unwrap();
    scene.keepers.version = 2;
    scene.keepers.publish(NEW.as_bytes());
    scene.refresh().unwrap();
    for lost in [false, true] {
        if lost {
            fs::remove_file(scene.file(METADATA)).unwrap();
        }
        let refused = scene.refresh_from(&first);
        assert!(matches!(refused, Err(RefreshError::Refused { code: "root-rolled-back", .. })), "{refused:?}");
    }
    // Nor is what was kept of old put back unnoticed.
    fs::write(scene.file(METADATA), old).unwrap();
    assert_eq!(scene.reason(), Some("root-rolled-back"));
    scene.refresh().unwrap();
    assert_eq!(scene.reason(), None);
}

#[test]
fn keepers_that_replace_the_keys_for_what_is_newest_begin_to_count_anew() {
    let mut scene = Scene::new();
    scene.keepers.version = u64::MAX;
    scene.keepers.publish(OLD.as_bytes());
    scene.refresh().unwrap();
    scene.keepers.others = Signer::new("online-2");
    scene.keepers.files.insert("2.root.json".to_owned(), scene.keepers.root_metadata(2));
    scene.keepers.version = 1;
    scene.keepers.publish(NEW.as_bytes());
    scene.refresh().unwrap();
    assert_eq!(scene.reason(), None);
}

#[test]
fn a_mirror_that_pads_what_is_signed_locks_nobody_out() {
    let mut scene = Scene::fetched();
    let padded = |version: u64| [scene.keepers.root_metadata(version), vec![b' '; 500 << 10]].concat();
    let many: Vec<_> = (2..42).map(|version| (format!("{version}.root.json"), padded(version))).collect();
    let few: Vec<_> = many.iter().take(20).cloned().collect();
    scene.keepers.files.extend(many);
    // More than is ever read back.
    assert_eq!(scene.refused(), "root-unreadable");
    assert_eq!(scene.reason(), None);
    // As much as is just read back is not built upon.
    scene.keepers.files.retain(|name, _| !name.ends_with(".root.json"));
    scene.keepers.files.extend(few);
    scene.refresh().unwrap();
    for version in 2..42 {
        scene.keepers.files.insert(format!("{version}.root.json"), scene.keepers.root_metadata(version));
    }
    scene.refresh().unwrap();
    assert!(scene.kept().unwrap().len() < 1 << 20);
    // Nor does a file stand in the way that is too large to read.
    fs::write(scene.file(METADATA), vec![b' '; super::kept::MAX_KEPT_BYTES + 1]).unwrap();
    scene.refresh().unwrap();
    assert_eq!(scene.reason(), None);
}

#[test]
fn a_refresh_while_a_policy_is_read_does_not_look_like_a_step_back() {
    let mut scene = Scene::fetched();
    scene.keepers.version = 2;
    scene.keepers.publish(NEW.as_bytes());
    for refreshed_after in 1..=2 {
        let mut reads = 0;
        let root = TrustRoot::kept(scene.root.clone(), &mut |path| {
            let found = scene.find(path);
            reads += 1;
            if reads == refreshed_after {
                scene.refresh().unwrap();
            }
            found
        });
        assert_eq!((reads, root.state(SystemTime::now()).unwrap().reason), (2, None));
    }
}

#[test]
fn what_too_few_keepers_or_others_signed_is_refused() {
    let mut scene = Scene::fetched();
    let too_few = envelope(&scene.keepers.root_signed(2), &[&scene.keepers.root[0]]);
    scene.keepers.files.insert("2.root.json".to_owned(), too_few);
    assert_eq!(scene.refused(), "root-unreadable");
    // A version is left out.
    scene.keepers.files.insert("2.root.json".to_owned(), scene.keepers.root_metadata(3));
    assert_eq!(scene.refused(), "root-unreadable");
    // Somebody else signs everything, keys of the role root included.
    let mut scene = Scene::fetched();
    let mut others = Keepers::new();
    others.version = 2;
    others.publish(NEW.as_bytes());
    scene.keepers.files = others.files.clone();
    assert_eq!(scene.refused(), "root-unreadable");
    scene.keepers.files.insert("2.root.json".to_owned(), others.root_metadata(2));
    assert_eq!(scene.refused(), "root-unreadable");
}

#[test]
fn another_target_than_the_listed_one_is_refused() {
    let of_target = |name: &String| name.starts_with("targets/");
    // Other bytes of the same length, and longer ones.
    let mut scene = Scene::fetched();
    let target = scene.keepers.files.keys().find(|name| of_target(name)).unwrap().clone();
    scene.keepers.files.get_mut(&target).unwrap()[1] = b' ';
    assert!(matches!(scene.refresh(), Err(RefreshError::Refused { code: "root-unreadable", .. })));
    scene.keepers.files.get_mut(&target).unwrap().push(b' ');
    assert!(matches!(scene.refresh(), Err(RefreshError::Unreachable(_))));
    scene.keepers.files.remove(&target);
    assert!(matches!(scene.refresh(), Err(RefreshError::Unreachable(_))));
    assert_eq!(scene.reason(), None);
    // One that is not listed, and one that is no trusted root.
    let mut scene = Scene::new();
    scene.keepers.listed = "other.json";
    scene.keepers.publish(NEW.as_bytes());
    assert_eq!(scene.refused(), "root-unreadable");
    scene.keepers.listed = "trusted_root.json";
    scene.keepers.publish(b"{}");
    assert_eq!(scene.refused(), "root-unreadable");
}

#[test]
fn a_mirror_that_sends_endlessly_or_nothing_changes_nothing() {
    for path in ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"] {
        let scene = Scene::fetched();
        let before = scene.kept();
        let mut served = scene.keepers.serve();
        served.endless.insert(path.to_owned());
        assert!(matches!(scene.refresh_from(&served), Err(RefreshError::Unreachable(_))), "{path}");
        assert_eq!((scene.kept(), scene.reason()), (before, None), "{path}");
    }
}

#[test]
fn attack_19_metadata_of_one_version_beside_that_of_another_is_refused() {
    let mut scene = Scene::fetched();
    let first = scene.keepers.files.clone();
    scene.keepers.version = 2;
    scene.keepers.publish(NEW.as_bytes());
    for role in ["snapshot", "targets"] {
        let mut served = scene.keepers.serve();
        served.files.insert(format!("2.{role}.json"), first[&format!("1.{role}.json")].clone());
        let refused = scene.refresh_from(&served);
        assert!(matches!(refused, Err(RefreshError::Refused { .. })), "{role}: {refused:?}");
        assert_eq!(scene.digest(), Some(Digest::of(OLD.as_bytes())), "{role}");
    }
    // And one role in the place of another.
    let mut served = scene.keepers.serve();
    served.files.insert("timestamp.json".to_owned(), first["1.snapshot.json"].clone());
    assert!(matches!(scene.refresh_from(&served), Err(RefreshError::Refused { code: "root-unreadable", .. })));
}

#[test]
fn root_metadata_that_changes_without_end_is_not_followed() {
    let mut scene = Scene::fetched();
    for version in 2..200 {
        let changed = scene.keepers.root_metadata(version);
        scene.keepers.files.insert(format!("{version}.root.json"), changed);
    }
    let served = scene.keepers.serve();
    assert!(matches!(scene.refresh_from(&served), Err(RefreshError::Refused { code: "root-unreadable", .. })));
    assert_eq!(served.asked.lock().unwrap().len(), super::kept::MAX_ROOTS + 1);
    assert_eq!(scene.reason(), None);
}

#[test]
fn what_somebody_changed_on_this_machine_is_not_used_and_fetched_again() {
    let scene = Scene::fetched();
    let good = String::from_utf8(scene.kept().unwrap()).unwrap();
    let value: Value = serde_json::from_str(&good).unwrap();
    for changed in [
        good.replace("github", "evilhub"),
        good.replace("\"roots\"", "\"Roots\""),
        good.replacen('{', "{\"target\":\"{}\",", 1),
        good[..good.len() / 2].to_owned(),
        String::new(),
        json!({ "roots": [], "timestamp": value["snapshot"], "snapshot": value["snapshot"], "targets": value["targets"], "target": value["target"] }).to_string(),
    ] {
        assert_ne!(changed, good);
        fs::write(scene.file(METADATA), &changed).unwrap();
        assert_eq!(scene.reason(), Some("root-unreadable"), "{changed}");
        scene.refresh().unwrap();
        assert_eq!(scene.reason(), None);
    }
    fs::write(scene.file(SEEN), "{}").unwrap();
    assert_eq!((scene.reason(), scene.refused()), (Some("root-unreadable"), "root-unreadable"));
}

#[test]
fn only_its_owner_reads_what_is_kept_and_another_beginning_or_place_is_another_root() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::fetched();
    for (path, mode) in [(scene.file(METADATA), 0o600), (scene.file(SEEN), 0o600), (scene.file("."), 0o700)] {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode, "{}", path.display());
    }
    let bootstrap = scene.keepers.root_metadata(1);
    let other = |url: &str, target, bootstrap| TufRoot::new("acme", url, target, bootstrap).unwrap().folder();
    let same = other("https://tuf.example/", None, bootstrap.clone());
    assert_eq!(same, scene.root.folder());
    for folder in [
        other("https://tuf.example/x", None, bootstrap.clone()),
        other("https://tuf.example", Some("other.json"), bootstrap.clone()),
        other("https://tuf.example", None, scene.keepers.root_metadata(2)),
    ] {
        assert_ne!(folder, same);
    }
}

#[test]
fn a_place_that_is_not_dialled_or_no_beginning_is_refused() {
    let bootstrap = Keepers::new().root_metadata(1);
    let new = |url: &str, target| TufRoot::new("acme", url, target, bootstrap.clone());
    for url in ["https://tuf.example", "http://127.0.0.1:8080/tuf", "http://192.168.1.2", "http://[::1]:1"] {
        assert!(new(url, None).is_ok(), "{url}");
    }
    for url in [
        "",
        "tuf.example",
        "http://tuf.example",
        "http://localhost",
        "http://8.8.8.8",
        "ftp://127.0.0.1",
        "https://a:b@tuf.example",
        "https://tuf.example?x",
        "https://tuf.example#x",
    ] {
        assert!(new(url, None).is_err(), "{url}");
    }
    for target in ["", "../x", "a/b", ".x", "a b", "a?b"] {
        assert!(new("https://tuf.example", Some(target)).is_err(), "{target}");
    }
    for bytes in [&b""[..], b"{}", NEW.as_bytes()] {
        assert!(TufRoot::new("acme", "https://tuf.example", None, bytes.to_vec()).is_err());
    }
}

#[test]
fn the_shipped_beginnings_are_signed_by_those_they_name() {
    for instance in ["public-good", "github"] {
        let root = TufRoot::shipped("x", instance).unwrap();
        super::chain::begin(&root).unwrap();
    }
    assert!(TufRoot::shipped("x", "https://tuf.example").is_none());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_that_are_kept_are_read_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let root = TufRoot::shipped("x", "github").unwrap();
        let read = TrustRoot::kept(root, &mut |_| Ok(Some(bytes.clone())));
        proptest::prop_assert!(read.fault(SystemTime::now()).is_some());
    }
}

#[test]
fn what_a_key_signed_counts_by_the_log_of_such_a_root_for_as_long_as_that_holds() {
    let (instance, hand, about) = (Instance::new(), Hand::new(), Digest::of(b"manifest"));
    let mut scene = Scene::new();
    let soon = Timestamp::try_from(SystemTime::now() + Duration::from_secs(3600)).unwrap();
    scene.keepers.expires.insert("timestamp", Box::leak(format!("{soon:.0}").into_boxed_str()));
    scene.keepers.publish(instance.root_json().to_string().as_bytes());
    scene.refresh().unwrap();
    let payload = serde_json::json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "digest": { "sha256": about.hex() } }],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
    });
    let payload = payload.to_string().into_bytes();
    let signature = hand.sign_raw(&sigstore_types::pae(PAYLOAD_TYPE, &payload));
    let envelope = instance::envelope(PAYLOAD_TYPE, &payload, &signature);
    let entry = instance.log.entry(&hand.pem(), &Logged::Dsse(&envelope), &signature);
    let material = serde_json::json!({ "publicKey": { "hint": "" }, "tlogEntries": [entry] });
    let form = Form::Bundle(bundle(material, ("dsseEnvelope", envelope)).to_string().into_bytes());
    let evidence = Evidence { about, place: Place::Referrers, form };
    let who = Who::Key(SignerKey::from_pem(&hand.pem()).unwrap());
    let (name, root) = ("acme.pub".to_owned(), scene.read());
    let by = Authority { name, who, root, log: Need::Required, sct: Need::Ignore, timestamp: Need::Ignore };
    assert!(Weighing::of(&evidence).by(&by, SystemTime::now()).unwrap().logged);
    let later = SystemTime::now() + Duration::from_secs(3601);
    assert_eq!(Weighing::of(&evidence).by(&by, later).unwrap_err(), Fault::Root(RootProblem::Expired));
}
