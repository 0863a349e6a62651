//! The command line itself: help, usage, values, exit codes, one JSON document.

use serde_json::{Value, json};

use crate::built_in;
use crate::support::{Ended, Home, Lockgate, evil, folder, probe, time};

fn transcripts<'a>(code: i32, lines: impl IntoIterator<Item = &'a [&'a str]>) -> String {
    let run = |line: &[&str]| {
        let ended = Lockgate::new(line[0]).args(&line[1..]).run();
        ended.failed(code);
        assert_eq!(ended.stdout, "", "{ended}");
        ended.to_string()
    };
    lines.into_iter().map(run).collect::<Vec<_>>().join("\n")
}

#[test]
fn help_says_what_can_be_done() {
    let verbs = ["call", "tools", "inspect", "plan", "run"];
    let mut text = Lockgate::new("--help").run().to_string();
    for verb in verbs {
        text.push_str(&format!("\n{}", Lockgate::new(verb).arg("--help").run()));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_command_that_cannot_be_understood_is_a_usage_error() {
    insta::assert_snapshot!(transcripts(
        2,
        [
            &["dance"][..],
            &["call"],
            &["call", "./x.wasm"],
            &["call", "./x.wasm", "t", "--format", "xml"],
            &["inspect", "./x.wasm", "--allow-http", "https://example.com"],
        ]
    ));
}

#[test]
fn a_name_that_nobody_knows_is_a_usage_error() {
    let said = transcripts(
        2,
        [
            &["call", "nobody", "t"][..],
            &["call", "", "t"],
            &["call", "x=", "t"],
            &["call", "A B=./x.wasm", "t"],
            &["call", "a__b=./x.wasm", "t"],
            &["call", "./_.wasm", "t"],
            &["call", "acme/server:1", "t"],
            &["call", "ghcr.io/acme/server", "t"],
            &["call", "http://example.com/mcp", "t"],
        ],
    );
    insta::assert_snapshot!(said.replace(built_in::SENTENCE, "(which servers are built in)"));
}

#[test]
fn a_grant_that_would_be_unclear_is_a_usage_error() {
    insta::assert_snapshot!(transcripts(
        2,
        [
            &["plan", "./x.wasm", "--dir", "."][..],
            &["plan", "./x.wasm", "--dir", "/data=relative"],
            &["plan", "./x.wasm", "--dir", "/data=/a/../b"],
            &["plan", "./x.wasm", "--allow-http", "example.com"],
            &["plan", "./x.wasm", "--allow-http", "https://*"],
            &["plan", "./x.wasm", "--allow-http", "https://user:pw@example.com"],
            &["plan", "./x.wasm", "--allow-http", "get https://example.com"],
            &["plan", "./x.wasm", "--env", "NAME"],
            &["plan", "./x.wasm", "--env", "=value"],
            &["plan", "./x.wasm", "--memory", "64"],
            &["plan", "./x.wasm", "--memory", "1B"],
            &["plan", "./x.wasm", "--time", "0s"],
            &["plan", "./x.wasm", "--time", "forever"],
        ]
    ));
}

#[test]
fn a_variable_is_not_set_twice() {
    let ended = Lockgate::new("plan").arg(evil()).args(["--env", "A=1", "--env", "A=2"]).run();
    ended.failed(2);
    insta::assert_snapshot!(ended);
}

#[test]
fn values_are_read_as_the_tools_schema_says() {
    let echo = |arguments: &[&str]| -> Ended { Lockgate::call(&probe(), "echo").args(arguments).run() };
    // A string stays one, whatever it looks like.
    assert_eq!(echo(&["text=12"]).good(), "12");
    assert_eq!(echo(&["text={\"a\":1}"]).good(), "{\"a\":1}");
    assert_eq!(echo(&["text="]).stdout, "\n");
    assert_eq!(echo(&["text=a=b"]).good(), "a=b");
    let add = |arguments: &[&str]| -> Ended { Lockgate::call(&probe(), "add").args(arguments).run() };
    assert_eq!(add(&["a=1", "b=2.5"]).good(), r#"{"sum":3.5}"#);
    assert_eq!(add(&["--args", r#"{"a":1}"#, "b=-2"]).good(), r#"{"sum":-1.0}"#);
    // Where the schema says nothing, JSON is JSON and the rest is text.
    let ended = Lockgate::call(&evil(), "echo").args(["n=1", "t=true", "s=word", "l=[1,2]", "z=null"]).run();
    let echoed: Value = serde_json::from_str(ended.good()).unwrap();
    assert_eq!(echoed, json!({ "n": 1, "t": true, "s": "word", "l": [1, 2], "z": null }));
}

#[test]
fn numbers_reach_the_server_as_they_were_written() {
    let ended = Lockgate::call(&evil(), "echo").arg(r#"--args={"big":123456789012345678901234567890,"f":1.50}"#).run();
    assert_eq!(ended.good(), r#"{"big":123456789012345678901234567890,"f":1.50}"#);
}

#[test]
fn values_that_do_not_fit_are_usage_errors() {
    let evil = evil();
    insta::assert_snapshot!(transcripts(
        2,
        [
            &["call", &evil, "random", "bytes=many"][..],
            &["call", &evil, "random", "bytes=1.5"],
            &["call", &evil, "random", "no-equals-sign"],
            &["call", &evil, "random", "bytes=1", "bytes=2"],
            &["call", &evil, "random", "--args", "[1]"],
            &["call", &evil, "random", "--args", "{"],
            &["call", &evil, "random", "--args", r#"{"bytes":1,"bytes":2}"#],
        ]
    ));
}

#[test]
fn json_is_one_document_and_nothing_else() {
    let (evil, probe) = (evil(), probe());
    for (line, code) in [
        (&["call", &evil, "echo", "a=1"][..], 0),
        (&["call", &evil, "fail"], 5),
        (&["call", &evil, "log"], 0),
        (&["call", &probe, "content"], 0),
        (&["tools", &evil], 0),
        (&["inspect", &evil], 0),
        (&["plan", &evil, "--env", "A=1"], 0),
    ] {
        let ended = Lockgate::new(line[0]).args(&line[1..]).args(["--format", "json"]).run();
        assert_eq!(ended.code, Some(code), "{ended}");
        assert!(ended.json().is_object(), "{ended}");
    }
    // Also where compiling comes first, which a person is told of.
    let home = Home::empty();
    let ended = Lockgate::new("tools").arg(time()).args(["--format", "json"]).home(home.path()).run();
    assert_eq!(ended.json()["tools"].as_array().unwrap().len(), 2);
    assert!(ended.stderr.contains("compiling"), "{ended}");
}

#[test]
fn json_of_a_call_is_the_servers_result() {
    let ended = Lockgate::call(&probe(), "content").args(["--format", "json"]).run();
    insta::assert_snapshot!(serde_json::to_string_pretty(&ended.json()).unwrap());
}

#[test]
fn a_description_of_a_tool_is_passed_on_whole() {
    let ended = Lockgate::new("tools").arg(probe()).args(["--format", "json"]).run();
    insta::assert_snapshot!(serde_json::to_string_pretty(&ended.json()).unwrap());
}

#[test]
fn content_of_every_type_is_shown() {
    insta::assert_snapshot!(Lockgate::call(&probe(), "content").run());
}

#[test]
fn an_error_of_the_protocol_is_shown() {
    let ended = Lockgate::call(&probe(), "refuse").run();
    ended.failed(1);
    insta::assert_snapshot!(ended);
}

#[test]
fn inspect_and_plan_say_what_would_run() {
    let probe = probe();
    let (_folder, host) = folder();
    let dir = format!("{}=/data,rw", host.display());
    let plan = Lockgate::new("plan").arg(format!("clock={}", time())).args(["--dir", &dir, "--env", "TZ=Europe/Paris"]);
    let plan = plan.args(["--allow-http", "GET https://example.com/a/", "--memory", "64MiB", "--time", "5s"]);
    let transcripts = [
        Lockgate::new("inspect").arg(time()).run(),
        Lockgate::new("plan").arg(&probe).run(),
        plan.naming(&host, "HOST").run(),
    ];
    for ended in &transcripts {
        ended.good();
    }
    insta::assert_snapshot!(transcripts.map(|ended| ended.to_string()).join("\n"));
}

#[test]
fn inspect_and_plan_run_and_compile_nothing() {
    let home = Home::empty();
    for verb in ["inspect", "plan"] {
        Lockgate::new(verb).arg(evil()).home(home.path()).run().good();
    }
    assert!(!home.code().exists());
}

#[test]
fn a_server_can_be_named() {
    let ended = Lockgate::new("plan").arg(format!("clock={}", time())).args(["--format", "json"]).run();
    assert_eq!(ended.json()["name"], "clock");
    let ended = Lockgate::call(&format!("clock={}", evil()), "panic").run();
    assert!(ended.stderr.contains("lockgate: [clock] "), "{ended}");
}

#[test]
fn without_a_home_it_says_what_to_set() {
    let ended = Lockgate::call(&time(), "get_current_time").without_home().run();
    ended.failed(2);
    insta::assert_snapshot!(ended);
}

#[test]
fn the_persons_home_is_used_where_nothing_else_is_said() {
    let (_folder, home) = folder();
    let call = || Lockgate::call(&time(), "get_current_time").arg("timezone=UTC").without_home();
    call().env("HOME", &home).run().good();
    assert!(home.join(".local/share/lockgate/code.key").is_file());
    assert!(home.join(".cache/lockgate/code").is_dir());

    let (_folder, elsewhere) = folder();
    let names = [("XDG_CONFIG_HOME", "config"), ("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache")];
    let xdg = names.iter().fold(call(), |call, (name, folder)| call.env(name, elsewhere.join(folder)));
    xdg.run().good();
    assert!(elsewhere.join("data/lockgate/code.key").is_file());
    assert!(elsewhere.join("cache/lockgate/code").is_dir());
    // The specification says to ignore relative paths.
    call().env("XDG_DATA_HOME", "relative").run().failed(2);
}

#[test]
fn a_home_can_be_relative() {
    let (_folder, path) = folder();
    Lockgate::new("tools").arg(time()).home("new/home").current_dir(&path).run().good();
    assert!(path.join("new/home/data/code.key").is_file());
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let ended = Lockgate::new("tools").arg(evil()).after("exec 1>/dev/null").run();
    assert_eq!(ended.code, Some(0), "{ended}");
    let mut process = Lockgate::new("tools").arg(evil()).start();
    drop(process.pipes());
    let ended = process.finish();
    assert_eq!(ended.code, Some(0), "{ended}");
}

#[test]
fn stdout_that_cannot_be_written_to_is_an_error() {
    let ended = Lockgate::new("tools").arg(evil()).after("exec 1>/dev/full").run();
    ended.failed(1);
    insta::assert_snapshot!(ended);
}
