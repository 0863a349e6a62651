//! Whose signatures count, and until when what they signed may not become older.

use super::*;

#[test]
fn attack_19_keys_that_are_only_described_otherwise_or_joined_by_others_do_not_begin_to_count_anew() {
    let second = Signer::new("second");
    for change in [
        &(|signed: &mut Value| signed["keys"]["online"]["x-tuf-on-ci-online-uri"] = "gcpkms://new".into())
            as &dyn Fn(&mut Value),
        &|signed| {
            let key = &mut signed["keys"]["online"]["keyval"]["public"];
            *key = key.as_str().unwrap().to_uppercase().into();
        },
        &|signed| {
            signed["keys"]["second"] = second.key();
            for role in ["timestamp", "snapshot", "targets"] {
                signed["roles"][role]["keyids"] = json!(["online", "second"]);
            }
        },
    ] {
        let mut scene = Scene::new();
        scene.keepers.version = 2;
        scene.keepers.publish(NEW.as_bytes());
        scene.refresh().unwrap();
        scene.change_root(change);
        scene.keepers.version = 1;
        scene.keepers.publish(OLD.as_bytes());
        assert_eq!(scene.refused(), "root-rolled-back");
        // What is newer is taken with these keys.
        scene.keepers.version = 3;
        scene.keepers.publish(NEW.as_bytes());
        scene.refresh().unwrap();
    }
    // The same key by another name.
    let mut scene = Scene::new();
    scene.keepers.version = 2;
    scene.keepers.publish(NEW.as_bytes());
    scene.refresh().unwrap();
    scene.keepers.others.name = "renamed".to_owned();
    scene.change_root(&|_| ());
    scene.keepers.version = 1;
    scene.keepers.publish(OLD.as_bytes());
    assert_eq!(scene.refused(), "root-rolled-back");
}

#[test]
fn replaced_keys_of_one_role_leave_the_others_where_they_are() {
    let mut scene = Scene::new();
    scene.keepers.version = 2;
    scene.keepers.publish(NEW.as_bytes());
    scene.refresh().unwrap();
    let old = std::mem::replace(&mut scene.keepers.others, Signer::new("online-2"));
    // The new one says what is newest, and no more.
    scene.change_root(&|signed| {
        signed["keys"]["online"] = old.key();
        for role in ["snapshot", "targets"] {
            signed["roles"][role]["keyids"] = json!(["online"]);
        }
    });
    scene.keepers.version = 1;
    scene.keepers.publish_by(OLD.as_bytes(), Some(&old));
    assert_eq!(scene.refused(), "root-rolled-back");
    scene.keepers.version = 2;
    scene.keepers.publish_by(NEW.as_bytes(), Some(&old));
    scene.refresh().unwrap();
}

#[test]
fn a_key_with_two_names_signs_for_nobody() {
    let twice = |signed: &mut Value, role: &str, known: &str, spelled: &dyn Fn(&str) -> String| {
        signed["keys"]["again"] = signed["keys"][known].clone();
        let public = signed["keys"][known]["keyval"]["public"].as_str().unwrap();
        signed["keys"]["again"]["keyval"]["public"] = spelled(public).into();
        signed["roles"][role]["keyids"].as_array_mut().unwrap().push("again".into());
    };
    let (same, upper) = (|text: &str| text.to_owned(), |text: &str| text.to_uppercase());
    for (role, known) in [("root", "root-a"), ("timestamp", "online"), ("targets", "online")] {
        for spelled in [&same as &dyn Fn(&str) -> String, &upper] {
            let mut scene = Scene::fetched();
            scene.change_root(&|signed| twice(signed, role, known, spelled));
            assert_eq!(scene.refused(), "root-unreadable", "{role}");
            assert_eq!(scene.reason(), None);
        }
    }
    // One keeper alone, who would be two.
    let keepers = Keepers::new();
    let mut signed = keepers.root_signed(1);
    twice(&mut signed, "root", "root-a", &same);
    let mut begin: Value = serde_json::from_slice(&envelope(&signed, &[&keepers.root[0]])).unwrap();
    let mut again = begin["signatures"][0].clone();
    again["keyid"] = "again".into();
    begin["signatures"].as_array_mut().unwrap().push(again);
    let refused = TufRoot::new("acme", "https://tuf.example", None, begin.to_string().into_bytes());
    assert!(refused.unwrap_err().contains("one key under two names"));
}
