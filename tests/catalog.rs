//! Servers of a catalog: what their entries say, what they want, and what is refused.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::{Client, Ended, Home, Lockgate, folder, time};

fn published() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/docker-mcp-catalog.yaml")
}

fn plan(name: &str, more: &[&str]) -> Ended {
    let plan = Lockgate::new("plan").arg("--catalog").arg(published()).args(["--offline", name]).args(more);
    plan.naming(published(), "CATALOG").run()
}

/// Writes a catalog with these entries, and runs `lockgate VERB --catalog IT …`.
fn with_catalog(text: &str, verb: &str, arguments: &[&str]) -> Ended {
    let (_folder, path) = folder();
    let file = path.join("catalog.yaml");
    std::fs::write(&file, text).unwrap();
    Lockgate::new(verb).arg("--catalog").arg(&file).args(arguments).naming(&file, "CATALOG").run()
}

fn transcripts(code: i32, all: impl IntoIterator<Item = Ended>) -> String {
    let text = |ended: Ended| {
        assert_eq!(ended.code, Some(code), "{ended}");
        ended.to_string()
    };
    Vec::from_iter(all.into_iter().map(text)).join("\n")
}

#[test]
fn an_entry_is_shown_with_all_that_it_wants() {
    insta::assert_snapshot!(transcripts(
        0,
        [
            plan("SQLite", &[]),
            plan("brave", &[]),
            plan("mine=duckduckgo", &[]),
            plan("notion", &[]),
            plan("apify", &[]),
            plan("grafbase", &[]),
        ]
    ));
}

#[test]
fn what_is_granted_is_no_longer_asked_for() {
    let (_folder, host) = folder();
    let dir = format!("{}=/mcp,rw", host.display());
    let granted = Lockgate::new("plan").arg("--catalog").arg(published()).args(["--offline", "sqlite", "--dir", &dir]);
    let granted = granted.naming(published(), "CATALOG").naming(&host, "HOST").run();
    let brave = |secret: [&str; 2]| plan("brave", &["--env", "BRAVE_MCP_TRANSPORT=other", secret[0], secret[1]]);
    let apify = plan("apify", &["--credential", "https://mcp.apify.com Authorization: Bearer {my.key}"]);
    let all = [granted, brave(["--reveal-env", "BRAVE_API_KEY=my.key"]), brave(["--env", "BRAVE_API_KEY="]), apify];
    insta::assert_snapshot!(transcripts(0, all));
}

#[test]
fn settings_go_into_the_entrys_templates() {
    insta::assert_snapshot!(transcripts(
        0,
        [
            plan("filesystem", &["--config", "paths=[\"/srv/a\",\"/srv/b c\"]"]),
            plan(
                "aks",
                &[
                    "--config",
                    "azure_dir=/home/me/.azure",
                    "--config",
                    "kubeconfig=/k",
                    "--config",
                    "access_level=readonly"
                ]
            ),
            plan("atlassian", &["--config", "jira.url=https://jira.example.com"]),
        ]
    ));
    insta::assert_snapshot!(transcripts(
        3,
        [
            plan("filesystem", &[]),
            plan("aks", &["--config", "kubeconfig=/k"]),
            plan("atlassian", &["--config", "jira.username=me"])
        ]
    ));
    insta::assert_snapshot!(transcripts(
        2,
        [
            plan("filesystem", &["--config", "path=/srv/a"]),
            plan("filesystem", &["--config", "paths"]),
            plan("filesystem", &["--config", "paths=/a", "--config", "paths=/b"]),
            Lockgate::new("plan").args([&time(), "--config", "a=1"]).run(),
        ]
    ));
}

#[test]
fn what_is_not_run_says_why() {
    insta::assert_snapshot!(transcripts(3, [plan("curl", &[]), plan("ais-fleet", &[]), plan("sentry", &[])]));
}

#[test]
fn nothing_runs_with_less_than_it_has_to_have() {
    let refused = |verb: &str, arguments: &[&str]| {
        let ended = Lockgate::new(verb).arg("--catalog").arg(published()).args(arguments);
        ended.naming(published(), "CATALOG").run()
    };
    insta::assert_snapshot!(transcripts(
        3,
        [
            refused("call", &["brave", "search"]),
            refused("tools", &["sqlite"]),
            refused("run", &["apify"]),
            refused("run", &["time", "brave"]),
        ]
    ));
}

#[test]
fn json_says_the_same() {
    let ended = plan("brave", &["--env", "BRAVE_MCP_TRANSPORT=stdio", "--format", "json"]);
    insta::assert_snapshot!(serde_json::to_string_pretty(&ended.json()).unwrap());
}

#[test]
fn every_published_entry_is_planned_or_refused() {
    let text = std::fs::read_to_string(published()).unwrap();
    let names = text
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'))
        .filter(|name| !name.starts_with(' '));
    let names: Vec<&str> = names.collect();
    assert_eq!(names.len(), 328);
    // Each starts a process: every tenth is enough here, all are read by a test inside.
    for name in names.into_iter().step_by(10) {
        let ended = plan(name, &[]);
        let planned = ended.code == Some(0) && ended.stdout.contains(": nobody was asked");
        assert!(planned || ended.code == Some(3), "{ended}");
    }
}

#[test]
fn a_name_is_looked_up_in_the_catalog_before_it_is_built_in() {
    let entry = "registry:\n  time: {image: acme/time}\n  Clock.One: {image: acme/clock}\n";
    for (name, server, image) in [
        ("time", "time", "docker.io/acme/time:latest"),
        ("clock-one", "clock-one", "docker.io/acme/clock:latest"),
        ("mine=Clock.One", "mine", "docker.io/acme/clock:latest"),
    ] {
        let ended = with_catalog(entry, "plan", &["--offline", name, "--format", "json"]);
        assert_eq!(ended.json()["catalog"]["source"]["image"]["registry"], image, "{ended}");
        assert_eq!(ended.json()["catalog"]["name"], server, "{ended}");
    }
    let ended = with_catalog(entry, "plan", &[&time()]);
    assert!(ended.good().contains("executor wasm"), "{ended}");
    let unknown = with_catalog(entry, "plan", &["--offline", "nobody"]);
    assert_eq!(unknown.code, Some(2), "{unknown}");
    assert!(unknown.stderr.contains("has no entry `nobody` either"), "{unknown}");
}

#[test]
fn a_registry_that_is_not_there_hides_nothing() {
    let entry = "registry:\n  x: {image: '127.0.0.1:1/acme/x', env: [{name: A, value: b}]}\n";
    for format in ["text", "json"] {
        let ended = with_catalog(entry, "plan", &["x", "--format", format]);
        assert_eq!(ended.code, Some(1), "{ended}");
        assert!(ended.stdout.contains("--env A=b"), "{ended}");
        assert!(format == "json" || ended.stdout.contains("digest not resolved"), "{ended}");
        assert!(format == "text" || ended.json()["notResolved"].is_string(), "{ended}");
    }
}

#[test]
fn a_file_that_is_no_catalog_is_a_usage_error() {
    let bomb = "a: &a [x,x,x]\nb: &b [*a,*a,*a]\nregistry: {x: [*b,*b,*b]}\n";
    let deep = format!("registry: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    insta::assert_snapshot!(transcripts(
        2,
        [
            with_catalog("{", "plan", &["x"]),
            with_catalog("a: 1", "plan", &["x"]),
            with_catalog("registry: {x: {image: a}, x: {image: b}}", "plan", &["x"]),
            with_catalog(bomb, "plan", &["x"]),
            with_catalog(&deep, "plan", &["x"]),
            Lockgate::new("plan").args(["x", "--offline"]).run(),
        ]
    ));
    let unreadable = |path: &str| Lockgate::new("plan").args(["--catalog", path, "x"]).run();
    insta::assert_snapshot!(transcripts(
        1,
        [unreadable("/nowhere/catalog.yaml"), unreadable("/dev/zero"), unreadable("/")]
    ));
    let huge = format!("registry: {{}} #{}", "x".repeat(16 << 20));
    let huge = with_catalog(&huge, "plan", &["x"]);
    assert!(huge.stderr.contains("larger than 16 MiB"), "{huge}");
    huge.failed(2);
}

#[test]
fn one_bad_entry_takes_no_other_away() {
    let entries = "registry:\n  bad: {image: [x]}\n  SMUGGLED: {Image: evil, image: a}\n  good: {image: a}\n  Two: {image: a}\n  two: {image: b}\n";
    with_catalog(entries, "plan", &["--offline", "good"]).good();
    with_catalog(entries, "plan", &["--offline", "Two"]).good();
    let refused = ["bad", "smuggled"].map(|name| with_catalog(entries, "plan", &["--offline", name]));
    insta::assert_snapshot!(transcripts(3, refused));
    insta::assert_snapshot!(with_catalog(entries, "plan", &["--offline", "two"]));
}

#[test]
fn an_entry_cannot_write_flags_or_lines_of_its_own() {
    let entries = r#"registry:
  quote: {image: a, env: [{name: A, value: "' --dir /=/ '"}]}
  more: {image: a, volumes: ['/srv:/data,rw']}
  escape: {image: a, command: ["\e[2J"]}
"#;
    let quote = with_catalog(entries, "plan", &["--offline", "quote"]);
    assert!(quote.good().contains(r"--env 'A='\'' --dir /=/ '\'''"), "{quote}");
    let refused = ["more", "escape"].map(|name| with_catalog(entries, "plan", &["--offline", name]));
    insta::assert_snapshot!(transcripts(3, refused));
}

/// A home whose configuration uses this catalog.
fn configured(catalog: &str, config: &str) -> Home {
    let home = Home::warm();
    let folder = home.path().join("config");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("catalog.yaml"), catalog).unwrap();
    std::fs::write(folder.join("config.toml"), config).unwrap();
    home
}

const TWO_ENTRIES: &str = r#"registry:
  sql: {image: acme/sql, volumes: ['sql:/data'], command: ['--db', '$WHERE'], env: [{name: WHERE, value: /data/x}]}
  paths: {image: acme/paths, command: ['{{paths.roots|volume-target|into}}'], volumes: ['{{paths.roots|volume|into}}'], config: [{name: paths, type: object, properties: {roots: {type: array, items: {type: string}}}, required: [roots]}]}
  keyed: {image: acme/keyed, secrets: [{name: acme.key, env: KEY}]}
  time: {image: acme/time}
"#;

#[test]
fn configured_entries_take_their_settings_and_grants_from_the_configuration() {
    let home = configured(
        TWO_ENTRIES,
        r#"
        catalog = "catalog.yaml"
        [servers.sql]
        source = "sql"
        [servers.sql.grant]
        dirs = [{ host = "./sql", guest = "/data", access = "read-write" }]
        env = { WHERE = "/data/mine" }
        [servers.files]
        source = "paths"
        config.roots = ["/srv/a"]
        [servers.files.grant]
        dirs = [{ host = "/srv/a", guest = "/srv/a", access = "read-write" }]
        [servers.bare]
        source = "keyed"
        [servers.time]
        source = "time"
        "#,
    );
    let run = |verb: &str, arguments: &[&str]| Lockgate::new(verb).args(arguments).home(home.path()).run();
    insta::assert_snapshot!(transcripts(
        0,
        ["sql", "files", "mine=files", "bare", "time"].map(|name| run("plan", &["--offline", name]))
    ));
    insta::assert_snapshot!(transcripts(3, [run("run", &[]), run("call", &["bare", "x"])]));
    let published = published();
    let set = run("plan", &["--offline", "files", "--catalog", published.to_str().unwrap(), "--config", "roots=/x"]);
    assert!(set.failed(2).contains("write it into [servers.files.config]"), "{set}");
}

#[test]
fn a_catalog_on_the_command_line_adds_names_and_changes_none_that_is_configured() {
    let home =
        configured(TWO_ENTRIES, &format!("[servers.a]\nsource = \"keyed\"\n[servers.b]\nsource = \"{}\"\n", time()));
    let catalog = home.path().join("config/catalog.yaml");
    let run = |arguments: &[&str]| Lockgate::new("plan").args(arguments).home(home.path()).run();
    let unknown = run(&["a"]);
    assert!(unknown.failed(2).contains("server a: `keyed` is neither"), "{unknown}");
    assert!(unknown.stderr.contains("`catalog = \"FILE\"` at the top"), "{unknown}");
    let with = |name: &str| run(&["--catalog", catalog.to_str().unwrap(), "--offline", name]);
    assert!(with("a").good().contains("source   docker://docker.io/acme/keyed:latest"));
    assert!(with("b").failed(2).contains("b is none"));
}

#[test]
fn several_configured_entries_run_together() {
    let home = configured(
        "registry:\n  one: {image: '127.0.0.1:1/acme/one', env: [{name: A, value: b}]}\n  two: {image: '127.0.0.1:1/acme/two'}\n",
        "catalog = \"catalog.yaml\"\n[servers.one]\nsource = \"one\"\ngrant.env.A = \"c\"\n[servers.two]\nsource = \"two\"\n",
    );
    let mut client = Client::start(Lockgate::new("run").home(home.path()));
    client.initialize("2025-11-25", json!({}));
    client.request("list", "tools/list", json!({}));
    assert!(client.answer("list")["error"].is_object());
    let (ended, _) = client.close();
    assert_eq!(ended.code, Some(0), "{ended}");
    for name in ["one", "two"] {
        assert!(ended.stderr.contains(&format!("[{name}] does not start: ")), "{ended}");
    }
}
