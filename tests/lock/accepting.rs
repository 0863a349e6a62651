//! What `lockgate update` shows, asks and writes, and what runs without it.

use std::io::Write;

use serde_json::{Value, json};

use super::{Far, Place, tool};
use crate::support::Ended;

#[test]
fn what_is_locked_is_shown_and_written_once() {
    let far = Far::adder();
    let place = Place::of(&far);
    let locked = place.lockgate(&["update", "--yes"]).naming(far.server.url(), "URL").run();
    insta::assert_snapshot!(locked);
    let text = place.lock_text();
    insta::assert_snapshot!(text.replace(&far.server.url(), "URL").replace(&far.server.port().to_string(), "PORT"));
    let again = place.lockgate(&["update"]).naming(far.server.url(), "URL").run();
    assert_eq!(again.good(), "nothing changed");
    assert_eq!(place.lock_text(), text);
    assert_eq!(place.run(&["call", "far", "add", "--locked"]).good(), "did add");
    assert_eq!(place.run(&["tools", "far"]).good().lines().count(), 2);
}

#[test]
fn without_a_terminal_nothing_is_locked_unless_it_is_said() {
    let far = Far::adder();
    let place = Place::of(&far);
    let asked = place.run(&["update"]);
    assert!(asked.failed(3).contains("nothing was accepted"), "{asked}");
    assert!(!place.lock().exists());
    let document = place.run(&["update", "--format", "json"]);
    assert_eq!(document.code, Some(3), "{document}");
    let server = &document.json()["servers"][0];
    assert_eq!((&server["what"], &document.json()["accepted"]), (&json!("new"), &json!(false)));
    let subjects: Vec<&Value> =
        server["differences"].as_array().unwrap().iter().map(|difference| &difference["subject"]).collect();
    assert!(subjects.contains(&&json!({ "kind": "tool", "name": "add" })), "{document}");
}

#[test]
fn a_server_runs_unlocked_only_where_nothing_is_locked() {
    let far = Far::adder();
    let place = Place::of(&far);
    let run = |place: &Place, arguments: &[&str]| {
        place.lockgate(arguments).naming(far.server.url(), "URL").naming(far.server.port().to_string(), "PORT").run()
    };
    let mut transcripts = vec![run(&place, &["run"])];
    assert_eq!(transcripts[0].code, Some(0), "{}", transcripts[0]);
    transcripts.push(run(&place, &["run", "--locked"]));
    place.update();
    place.configure(&format!("[servers.far]\nsource = \"{0}\"\n[servers.new]\nsource = \"{0}\"\n", far.server.url()));
    transcripts.push(run(&place, &["tools", "new"]));
    transcripts.push(run(&place, &["run", "--locked"]));
    transcripts.push(run(&place, &["run", "--locked", &format!("x={}", far.server.url())]));
    assert!(transcripts[1..].iter().all(|ended| ended.code == Some(3)));
    insta::assert_snapshot!(Vec::from_iter(transcripts.iter().map(ToString::to_string)).join("\n"));
    run(&place, &["tools", "far", "--locked"]).good();
    run(&place, &["tools", &format!("x={}", far.server.url())]).good();
}

#[test]
fn where_ci_is_set_what_is_configured_runs_only_if_it_is_locked() {
    let far = Far::adder();
    let place = Place::of(&far);
    let run = |ci: &str, arguments: &[&str]| {
        let lockgate = place.lockgate(arguments).env("CI", ci);
        lockgate.naming(far.server.url(), "URL").naming(far.server.port().to_string(), "PORT").run()
    };
    let refused = ["run", "tools"].map(|verb| {
        let arguments: &[&str] = if verb == "run" { &["run"] } else { &["tools", "far"] };
        let ended = run("true", arguments);
        assert_eq!(ended.code, Some(3), "{ended}");
        ended.to_string()
    });
    insta::assert_snapshot!(refused.join("\n"));
    assert!(!place.lock().exists(), "nothing is locked by itself");
    for no in ["", "false", "0"] {
        run(no, &["tools", "far"]).good();
    }
    // What is named alone has no place where it could be locked.
    run("1", &["tools", &format!("x={}", far.server.url())]).good();
    place.update();
    run("true", &["tools", "far"]).good();
    assert_eq!(run("true", &["run"]).code, Some(0));
    place.configure(&format!("[servers.far]\nsource = \"{0}\"\n[servers.new]\nsource = \"{0}\"\n", far.server.url()));
    assert!(run("true", &["run"]).failed(3).contains("new is not locked (not-locked)"));
}

#[test]
fn one_that_is_not_there_keeps_its_lock_and_the_others_get_theirs() {
    let (far, other) = (Far::adder(), Far::adder());
    let config =
        |url: &str| format!("[servers.far]\nsource = \"{}\"\n[servers.other]\nsource = \"{url}\"\n", far.server.url());
    let place = Place::new(&config(&other.server.url()));
    place.update();
    let locked = |text: &str| text.split("\n\n").filter(|part| part.contains("servers.other")).collect::<String>();
    let before = locked(&place.lock_text());
    far.says(|said| said.instructions = "Other words.");
    let url = other.server.url();
    drop(other);
    let ended = place.run(&["update", "--yes"]);
    assert!(ended.failed(1).contains("1 of 2 could not be looked at"), "{ended}");
    assert_eq!(locked(&place.lock_text()), before);
    place.run(&["tools", "far", "--locked"]).good();
    // What is no longer configured goes, when all are looked at.
    place.configure(&format!("[servers.far]\nsource = \"{}\"\n", far.server.url()));
    assert!(place.update().contains("other is not configured any more"));
    assert!(!place.lock_text().contains(&url));
}

/// Runs a command on a terminal, whose person types this.
fn at_terminal(place: &Place, arguments: &[&str], typed: &str) -> Ended {
    let mut process = place.lockgate(arguments).after("exec script -qec \"$*\" /dev/null").start();
    process.stdin().write_all(typed.as_bytes()).unwrap();
    process.finish()
}

#[test]
fn a_person_at_a_terminal_is_asked_and_only_a_yes_is_one() {
    let far = Far::adder();
    let place = Place::of(&far);
    for no in ["n\n", "\n", "\u{4}"] {
        let ended = at_terminal(&place, &["update"], no);
        assert!(
            ended.stdout.contains("accept this? [y/N]") && ended.stdout.contains("nothing was accepted"),
            "{ended}"
        );
        assert!(!place.lock().exists());
    }
    let ended = at_terminal(&place, &["update"], "y\n");
    assert!(ended.stdout.contains("locked in"), "{ended}");
    // A server that the lock does not have is offered where somebody can answer.
    place.configure(&format!("[servers.far]\nsource = \"{0}\"\n[servers.new]\nsource = \"{0}\"\n", far.server.url()));
    let ended = at_terminal(&place, &["call", "new", "add"], "n\n");
    assert!(ended.stdout.contains("new is new:") && !ended.stdout.contains("did add"), "{ended}");
    let ended = at_terminal(&place, &["call", "new", "add"], "y\n");
    assert!(ended.stdout.contains("did add"), "{ended}");
    place.run(&["tools", "new", "--locked"]).good();
    // A change is never accepted on the way.
    far.says(|said| said.instructions = "Other words.");
    let ended = at_terminal(&place, &["call", "new", "add"], "y\n");
    assert!(
        ended.stdout.contains("new is not what was locked (changed)") && !ended.stdout.contains("did add"),
        "{ended}"
    );
}

#[test]
fn lists_that_change_all_the_time_are_left_out_where_the_configuration_says_so() {
    let far = Far::adder();
    let config =
        |unlocked: &str| format!("[servers.far]\nsource = \"{}\"\nunlocked = [{unlocked}]\n", far.server.url());
    let place = Place::new(&config("\"tools\""));
    let shown = place.update();
    assert!(shown.contains("its tools are not locked: they may change at any time"), "{shown}");
    assert!(place.lock_text().contains("unlocked = [\"tools\"]") && !place.lock_text().contains(".tools]"));
    far.says(|said| said.tools = vec![tool("other", "Anything.")]);
    assert_eq!(place.run(&["call", "far", "other", "--locked"]).good(), "did other");
    far.says(|said| said.instructions = "Other words.");
    assert!(place.run(&["tools", "far"]).failed(3).contains("its instructions changed (changed)"));
    place.update();
    // What is left out is locked with the rest: it does not change on the way.
    place.configure(&config(""));
    assert!(place.run(&["tools", "far"]).failed(3).contains("the lock has another `unlocked` for it (not-locked)"));
    assert!(place.update().contains("its tool `other` is new"));
    far.says(|said| said.tools = vec![tool("more", "Anything.")]);
    place.run(&["tools", "far"]).failed(3);
}
