//! A server that does all it can: each call ends with a message that says what happened, and the next call works.

use crate::support::{Ended, Lockgate, evil, folder};

/// Calls a tool of the hostile guest, and then another one, which has to work.
fn call(tool: &str, arguments: &[&str]) -> Ended {
    let ended = Lockgate::call(&evil(), tool).args(arguments).run();
    assert!(ended.code.is_some(), "{ended}");
    assert!(!ended.stderr.contains("gateway/src") && !ended.stderr.contains("runtime/src"), "{ended}");
    assert_eq!(Lockgate::call(&evil(), "ok").run().good(), "ok");
    ended
}

/// The transcripts of calls that fail with this code.
fn failing<'a>(code: i32, calls: impl IntoIterator<Item = &'a [&'a str]>) -> String {
    let transcripts = calls.into_iter().map(|words| {
        let ended = call(words[0], &words[1..]);
        ended.failed(code);
        assert_eq!(ended.stdout.is_empty(), code != 5, "{ended}");
        ended.to_string()
    });
    transcripts.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_guest_that_ends_itself_ends_its_call_alone() {
    let calls = [&["trap"][..], &["abort"], &["exit"], &["overflow"]];
    insta::assert_snapshot!(failing(1, calls));
}

#[test]
fn a_panic_is_shown_as_the_guests_own_words() {
    let ended = call("panic", &[]);
    assert_eq!(ended.code, Some(1), "{ended}");
    insta::assert_snapshot!(ended);
}

#[test]
fn a_guest_that_never_returns_is_ended() {
    let calls = [&["spin", "--time", "500ms"][..], &["sleep", "ms=100000", "--time", "500ms"]];
    insta::assert_snapshot!(failing(1, calls));
}

#[test]
fn ten_gibibytes_of_memory_are_not_had() {
    let ended = call("allocate", &[]);
    // The guest is refused memory, and says how much it got.
    let given = serde_json::from_str::<serde_json::Value>(ended.good()).unwrap()["mebibytes"].as_u64().unwrap();
    assert!((1..128).contains(&given), "{ended}");
    let ended = call("allocate", &["--memory", "16MiB"]);
    let given = serde_json::from_str::<serde_json::Value>(ended.good()).unwrap()["mebibytes"].as_u64().unwrap();
    assert!((1..16).contains(&given), "{ended}");
}

#[test]
fn what_costs_the_host_memory_is_bounded() {
    let calls = [&["handles"][..], &["random", "bytes=2000000"], &["random", "bytes=18446744073709551615"]];
    insta::assert_snapshot!(failing(1, calls));
}

#[test]
fn listings_of_directories_are_bounded() {
    let (_folder, host) = folder();
    let ended = call("listings", &["--dir", &format!("{}=/data", host.display())]);
    assert_eq!(ended.good(), r#"{"open":64,"again":true}"#);
}

#[test]
fn a_gibibyte_of_answer_ends_the_call() {
    insta::assert_snapshot!(failing(1, [&["flood-output"][..]]));
    // With enough memory for the text, it is the host that stops it.
    let ended = call("flood-output", &["--memory", "4GiB"]);
    ended.failed(1);
    insta::assert_snapshot!("a_gibibyte_of_answer_with_memory_for_it", ended);
}

#[test]
fn a_million_notifications_end_the_call() {
    for tool in ["flood-log", "flood-progress"] {
        let ended = call(tool, &[]);
        ended.failed(1);
        let last = ended.stderr.lines().next_back().unwrap();
        assert!(last.contains("more than 16 MiB, its output limit; ask for less"), "{last}");
        assert!(ended.stderr.len() < 64 << 20, "{} bytes of log", ended.stderr.len());
    }
}

#[test]
fn a_gibibyte_of_log_is_taken_and_forgotten() {
    for tool in ["flood-stdout", "flood-stderr"] {
        // It is done, or at its time limit: that is a matter of the machine.
        let ended = call(tool, &["--time", "2s"]);
        assert!(matches!(ended.code, Some(0 | 1)), "{:?}", ended.code);
        assert!(ended.stderr.contains("(what it writes further in this call is not shown)"));
        assert!(ended.stderr.len() < 80 << 10, "{} bytes of log", ended.stderr.len());
    }
}

#[test]
fn what_is_no_json_is_not_passed_on() {
    let calls = [&["bad-json"][..], &["duplicate-json"], &["trailing-json"], &["deep-json"], &["bad-meta"]];
    insta::assert_snapshot!(failing(1, calls));
}

#[test]
fn metadata_that_is_no_object_is_not_passed_on() {
    insta::assert_snapshot!(failing(1, [&["array-meta"][..]]));
}

#[test]
fn a_tool_that_fails_is_told_from_a_server_that_fails() {
    insta::assert_snapshot!(failing(5, [&["fail"][..]]));
}

#[test]
fn a_question_cannot_be_answered_by_a_single_call() {
    insta::assert_snapshot!(failing(1, [&["ask"][..], &["ask-forever"]]));
}

#[test]
fn a_tool_that_is_not_there_is_said_to_be_missing() {
    let ended = call("no-such-tool", &[]);
    ended.failed(1);
    insta::assert_snapshot!(ended);
}

#[test]
fn a_list_that_cannot_be_had_is_an_error() {
    // `call` lists the tools first, to know the schema.
    for evil_does in ["list-loop", "start-loop", "list-trap", "start-trap", "page-loop", "list-flood", "list-bad-json"]
    {
        let variable = format!("EVIL={evil_does}");
        let line = ["ok", "--time", "1s", "--env", &variable];
        insta::assert_snapshot!(format!("a_list_that_cannot_be_had_{evil_does}"), failing(1, [&line[..]]));
    }
}

#[test]
fn a_list_over_many_pages_is_read_to_its_end() {
    assert_eq!(call("ok", &["--env", "EVIL=many-pages"]).good(), "ok");
    let whole = Lockgate::new("tools").arg(evil()).run();
    let pages = Lockgate::new("tools").arg(evil()).args(["--env", "EVIL=many-pages"]).run();
    assert_eq!(pages.good(), whole.good());
}

#[test]
fn names_that_are_no_names_do_no_harm() {
    let ended = Lockgate::new("tools").arg(evil()).args(["--env", "EVIL=list-bad-names"]).run();
    insta::assert_snapshot!(ended);
}

#[test]
fn a_text_that_controls_terminals_reaches_no_terminal() {
    // `script` gives the program a terminal of its own, on which it has to write harmless text.
    let terminal = "line=$(printf \"'%s' \" \"$@\"); set -- script -qec \"$line\" /dev/null";
    let shown = Lockgate::call(&evil(), "escapes").after(terminal).run();
    let shown = shown.good();
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{7}') && !shown.contains('\u{202e}'), "{shown:?}");
    assert!(shown.contains("\\u{1b}]0;owned\\u{7}"), "{shown:?}");
    // A program that reads the text gets it as it is.
    let ended = call("escapes", &[]);
    assert_eq!(ended.stdout, "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}\r\nnext\n");
}

#[test]
fn the_limits_of_one_call_do_not_wear_out() {
    // Each takes most of its memory; nothing of it is counted for the next.
    for _ in 0..5 {
        let ended = Lockgate::call(&evil(), "allocate").run();
        ended.good();
    }
}
