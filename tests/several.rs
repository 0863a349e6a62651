//! Several servers behind one gateway, as the configuration lists them.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Client, Home, Lockgate, modern, probe, time};

/// A home with this configuration.
fn configured(text: &str) -> Home {
    let home = Home::warm();
    let folder = home.path().join("config");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), text).unwrap();
    home
}

fn server(name: &str, source: &str) -> String {
    format!("[servers.{name}]\nsource = \"{source}\"\n")
}

fn names(list: &Value, member: &str) -> Vec<String> {
    let items = list["result"][member].as_array().unwrap_or_else(|| panic!("{list}"));
    items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn all_that_is_configured_is_served_under_prefixed_names() {
    let home = configured(&(server("clock", &time()) + &server("probe", &probe())));
    let mut client = Client::start(Lockgate::new("run").home(home.path()));
    let welcome = client.initialize("2025-11-25", json!({}));
    assert_eq!(welcome["result"]["serverInfo"]["name"], "lockgate");
    client.request("list", "tools/list", json!({}));
    let tools = names(&client.answer("list"), "tools");
    assert!(tools.contains(&"clock__get_current_time".to_owned()), "{tools:?}");
    // On the probe's second page.
    assert!(tools.contains(&"probe__touch".to_owned()), "{tools:?}");
    assert_eq!(tools.iter().filter(|name| name.starts_with("clock__")).count(), 2, "{tools:?}");
    let text = client.text("clock__get_current_time", json!({ "timezone": "UTC" }));
    assert!(text.contains("\"UTC\""), "{text}");
    assert_eq!(client.text("probe__echo", json!({ "text": "hello" })), "hello");
    client.call("bare", "echo", json!({ "text": "hello" }));
    let refused = client.answer("bare");
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    assert!(refused["error"]["message"].as_str().unwrap().contains("the servers are clock, probe"), "{refused}");
    assert_eq!(client.close().0.code, Some(0));
}

#[test]
fn resources_are_read_by_the_uris_that_are_shown() {
    let home = configured(&(server("clock", &time()) + &server("probe", &probe())));
    let mut client = Client::start(Lockgate::new("run").home(home.path()));
    let mut params = json!({});
    params["_meta"] = modern();
    client.request(1, "resources/list", params.clone());
    let list = client.answer(1);
    let uri = list["result"]["resources"][0]["uri"].as_str().unwrap_or_else(|| panic!("{list}")).to_owned();
    assert!(uri.starts_with("lockgate://probe/"), "{uri}");
    params["uri"] = uri.clone().into();
    client.request(2, "resources/read", params);
    let read = client.answer(2);
    assert_eq!(read["result"]["contents"][0]["uri"], uri, "{read}");
}

#[test]
fn a_server_without_a_prefix_keeps_its_names() {
    let home = configured(&format!("{}{}prefix = \"\"\n", server("clock", &time()), server("probe", &probe())));
    let mut client = Client::start(Lockgate::new("run").home(home.path()));
    client.initialize("2025-06-18", json!({}));
    assert_eq!(client.text("echo", json!({ "text": "hello" })), "hello");
}

#[test]
fn a_server_that_does_not_start_takes_only_itself_away() {
    let home = configured(&(server("broken", "/nowhere.wasm") + &server("clock", &time())));
    let mut client = Client::start(Lockgate::new("run").home(home.path()));
    client.initialize("2025-06-18", json!({}));
    client.request("list", "tools/list", json!({}));
    let tools = names(&client.answer("list"), "tools");
    assert_eq!(tools, ["clock__get_current_time", "clock__convert_time"]);
    client.call("call", "broken__anything", json!({}));
    let failed = client.answer("call");
    let message = failed["error"]["message"].as_str().unwrap_or_else(|| panic!("{failed}"));
    assert!(message.contains("the server broken is not available: cannot read /nowhere.wasm"), "{message}");
    let (ended, _) = client.close();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(ended.stderr.contains("[broken] does not start"), "{ended}");
}

#[test]
fn servers_are_named_on_the_command_line_with_grants_from_the_configuration() {
    let home = configured(&(server("clock", &time()) + "[servers.clock.grant]\nenv = { A = \"b\" }\n"));
    let plan = Lockgate::new("plan").arg("clock").home(home.path()).run();
    assert!(plan.good().contains("env      A (configuration)"), "{plan}");
    let both = Lockgate::new("plan").arg("other=clock").args(["--env", "C=d"]).home(home.path()).run();
    assert!(both.good().contains("server   other") && both.good().contains("env      C (flag)"), "{both}");
    let mut client = Client::start(Lockgate::new("run").arg("clock").arg(format!("p={}", probe())).home(home.path()));
    client.initialize("2025-06-18", json!({}));
    assert_eq!(client.text("p__echo", json!({ "text": "hello" })), "hello");
}

#[test]
fn what_cannot_be_meant_is_said_and_nothing_runs() {
    let home = configured("");
    let run = |arguments: &[&str]| Lockgate::new("run").args(arguments).home(home.path()).run();
    assert!(run(&[]).failed(2).contains("no server is named, and none is configured"));
    let (time, probe) = (time(), probe());
    let flags = run(&[&time, &probe, "--env", "A=b"]);
    assert!(flags.failed(2).contains("exactly one server"), "{flags}");
    let twice = run(&[&time, &time]);
    assert!(twice.failed(2).contains("two servers are named time"), "{twice}");
    let home = configured("[servers.a]\nsource = \"./a.wasm\"\nsuorce = 1\n");
    let unknown = Lockgate::new("run").home(home.path()).run();
    assert!(unknown.failed(2).contains("config.toml, line 3: unknown field `suorce`"), "{unknown}");
}

#[test]
fn a_projects_file_is_read_once_it_was_allowed() {
    let (home, project) = (configured(""), tempfile::tempdir().unwrap());
    let file = project.path().join("lockgate.toml");
    std::fs::write(&file, server("clock", &time())).unwrap();
    let lockgate = |verb: &str| Lockgate::new(verb).home(home.path()).current_dir(project.path());
    let inert = lockgate("run").run();
    assert!(inert.failed(2).contains("nobody approved it"), "{inert}");
    let allowed = lockgate("allow").arg("./lockgate.toml").run();
    assert!(allowed.good().contains("clock from"), "{allowed}");
    assert!(lockgate("plan").arg("clock").run().good().contains("server   clock"));
    append(&file, "# changed\n");
    let changed = lockgate("plan").arg("clock").run();
    assert!(changed.failed(2).contains("lockgate allow ./lockgate.toml"), "{changed}");
    let other = lockgate("allow").arg("/etc/hostname").run();
    assert!(other.failed(2).contains("only a file named lockgate.toml is"), "{other}");
}

fn append(file: &Path, text: &str) {
    let before = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, before + text).unwrap();
}
