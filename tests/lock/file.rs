//! The lock itself: damaged, edited, used by two at once, on a full disk.

use std::fs;

use super::{Far, Place};

#[test]
fn a_lock_that_is_not_understood_in_full_starts_nothing_and_is_left_as_it_is() {
    let far = Far::adder();
    let place = Place::of(&far);
    place.update();
    let good = place.lock_text();
    for (text, says) in [
        (good[..good.len() / 2].to_owned(), "lockgate.lock, line "),
        (good.replace("version = 1", "version = 7"), "is of version 7, and this program knows version 1"),
        (good.replace("version = 1\n", ""), "missing field `version`"),
        (format!("{good}\n<<<<<<< HEAD\n"), "lockgate.lock, line "),
        (good.replace("instructions = ", "extra = 1\ninstructions = "), "unknown field `extra`"),
        (String::new(), "missing field `version`"),
    ] {
        fs::write(place.lock(), &text).unwrap();
        for arguments in [&["run"][..], &["tools", "far"], &["update", "--yes"]] {
            let refused = place.run(arguments);
            assert!(refused.failed(2).contains(says), "{refused}");
            assert!(refused.stderr.contains("help: "), "{refused}");
        }
        assert_eq!(place.lock_text(), text);
    }
    // Edited by hand: what is written counts, and not what the server says.
    let digest = good.lines().find_map(|line| line.strip_prefix("\"add\" = ")).unwrap();
    fs::write(place.lock(), good.replace(digest, &format!("\"sha256:{}\"", "0".repeat(64)))).unwrap();
    assert!(place.run(&["tools", "far"]).failed(3).contains("its tool `add` changed"));
    let other = good.replace(&format!("source = \"{}\"", far.server.url()), "source = \"https://other.example/mcp\"");
    fs::write(place.lock(), other).unwrap();
    assert!(place.run(&["tools", "far"]).failed(3).contains("not-locked"));
}

#[test]
fn two_updates_at_once_lose_nothing() {
    let servers: Vec<Far> = (0..4).map(|_| Far::adder()).collect();
    let config: String = servers
        .iter()
        .enumerate()
        .map(|(number, far)| format!("[servers.s{number}]\nsource = \"{}\"\n", far.server.url()))
        .collect();
    let place = Place::new(&config);
    let running: Vec<_> =
        (0..4).map(|number| place.lockgate(&["update", "--yes", &format!("s{number}")]).start()).collect();
    for process in running {
        process.finish().good();
    }
    let text = place.lock_text();
    for number in 0..4 {
        assert!(text.contains(&format!("[servers.s{number}]")), "{text}");
    }
    assert_eq!(place.update(), "nothing changed");
}

#[test]
fn a_disk_without_room_leaves_the_lock_as_it_was() {
    let far = Far::adder();
    let place = Place::of(&far);
    place.update();
    let before = place.lock_text();
    far.says(|said| said.instructions = "Other words.");
    let full = place.lockgate(&["update", "--yes"]).after("trap '' XFSZ; ulimit -f 0").run();
    assert!(full.failed(1).contains("which is as it was"), "{full}");
    assert_eq!(place.lock_text(), before);
    let files = || fs::read_dir(place.home.path().join("config")).unwrap().count();
    assert_eq!(files(), 2, "the configuration and its lock");
    place.update();
    assert_ne!(place.lock_text(), before);
}
