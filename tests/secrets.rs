//! Secrets: used for a server and not given to it, kept in a store, shown by nothing.

use serde_json::{Value, json};

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::support::{DEADLINE, Ended, Home, Listener, Lockgate, evil, fetch};

/// A value that nothing but the right header may hold.
const VALUE: &str = "v4lue-that-nobody-sees";

/// Checks that the value is nowhere in what was written.
fn not_shown(ended: &Ended) {
    for text in [&ended.stdout, &ended.stderr] {
        assert!(!text.contains(VALUE), "the value is shown:\n{ended}");
    }
}

/// The flag that sends the variable TOKEN there.
fn credential(to: &str) -> String {
    format!("{to} X-Api-Key: {{env:TOKEN}}")
}

fn fetching(url: &str) -> Lockgate {
    Lockgate::call(&fetch(), "fetch").arg(format!("url={url}")).env("TOKEN", VALUE)
}

/// The values of a header in a request.
fn header<'a>(request: &'a str, name: &str) -> Vec<&'a str> {
    let headers = request.lines().skip(1).take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(": "));
    headers.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

#[test]
fn a_server_uses_a_token_that_it_was_not_given() {
    let listener = Listener::hello();
    let ended = fetching(&listener.url("/api"))
        .args(["--allow-http", &listener.url("/"), "--credential", &credential(&listener.url("/api"))])
        .arg(r#"headers={"x-api-key":"mine","x-other":"1"}"#)
        .run();
    ended.good();
    not_shown(&ended);
    assert_eq!(header(&listener.heard()[0], "x-api-key"), [VALUE]);
    assert_eq!(header(&listener.heard()[0], "x-other"), ["1"]);
}

#[test]
fn a_request_elsewhere_has_no_token() {
    let (there, elsewhere) = (Listener::hello(), Listener::hello());
    for url in [elsewhere.url("/api"), there.url("/"), there.url("/apis"), there.url("/api/..%2f")] {
        let rules = ["--allow-http", &there.url("/"), "--allow-http", &elsewhere.url("/")];
        let ended = fetching(&url).args(rules).args(["--credential", &credential(&there.url("/api"))]).run();
        ended.good();
        not_shown(&ended);
    }
    let heard = [there.heard(), elsewhere.heard()].concat();
    assert_eq!(heard.len(), 4);
    assert!(
        heard.iter().all(|request| !request.contains(VALUE) && header(request, "x-api-key").is_empty()),
        "{heard:?}"
    );
}

#[test]
fn a_redirect_takes_no_token_along() {
    let target = Listener::hello();
    let answer = format!("HTTP/1.1 307 Go\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", target.url("/api"));
    let redirecting = Listener::answering(&answer);
    let ended = fetching(&redirecting.url("/api"))
        .args(["--allow-http", &redirecting.url("/"), "--allow-http", &target.url("/")])
        .args(["--credential", &credential(&redirecting.url("/"))])
        .run();
    assert!(ended.good().contains("307"), "{ended}");
    assert_eq!(header(&redirecting.heard()[0], "x-api-key"), [VALUE]);
    assert_eq!(target.heard(), [""; 0]);
}

#[test]
fn a_token_grants_no_reach() {
    let listener = Listener::hello();
    let ended = fetching(&listener.url("/"))
        .args(["--allow-http", "https://example.com", "--credential", &credential(&listener.url("/"))])
        .run();
    assert_eq!(ended.code, Some(5), "{ended}");
    assert!(ended.stderr.contains("no rule allows this request"), "{ended}");
    not_shown(&ended);
    assert_eq!(listener.heard(), [""; 0]);
}

#[test]
fn an_answer_with_the_token_in_it_gives_it_to_nobody() {
    let body = format!("your key is {VALUE}!");
    let length = body.len();
    let listener = Listener::answering(&format!(
        "HTTP/1.1 401 No\r\nx-echo: {VALUE}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ));
    let ended = fetching(&listener.url("/"))
        .args(["--allow-http", &listener.url("/"), "--credential", &credential(&listener.url("/"))])
        .run();
    not_shown(&ended);
    let answer: Value = serde_json::from_str(ended.good()).unwrap();
    let stars = "*".repeat(VALUE.len());
    assert_eq!(answer["body"], format!("your key is {stars}!"));
    assert_eq!(answer["headers"]["x-echo"][0], stars);
}

/// The environment that a guest sees.
fn environment(flags: &[&str]) -> Value {
    let ended = Lockgate::call(&evil(), "env").args(flags).env("TOKEN", VALUE).run();
    serde_json::from_str(ended.good()).unwrap()
}

#[test]
fn only_a_value_that_is_revealed_is_in_the_environment() {
    let used = environment(&["--credential", "https://example.com X-Api-Key: {env:TOKEN}", "--env", "A=1"]);
    assert!(!used.to_string().contains(VALUE) && used.to_string().contains('A'), "{used}");
    let revealed = environment(&["--reveal-env", "KEY=env:TOKEN"]);
    assert!(revealed.to_string().contains(VALUE) && revealed.to_string().contains("KEY"), "{revealed}");
}

#[test]
fn a_secret_that_is_not_there_is_said_before_anything_runs() {
    let listener = Listener::hello();
    for (source, said) in [
        ("github.token", "/data/secrets.age; to keep one: lockgate secret set github.token"),
        ("env:MISSING", "the environment variable MISSING is not set"),
        ("env:EMPTY", "env:EMPTY cannot be used as a secret: the value is empty"),
        ("file:/nowhere/token", "/nowhere/token cannot be read"),
        ("file:/", "it is no regular file"),
        ("env:LINES", "cannot be sent in a header"),
    ] {
        let flag = format!("{} X-Api-Key: {{{source}}}", listener.url("/"));
        let ended = fetching(&listener.url("/"))
            .args(["--allow-http", &listener.url("/"), "--credential", &flag])
            .env("EMPTY", "")
            .env("LINES", format!("a\n{VALUE}"))
            .run();
        assert!(ended.failed(1).contains(said), "{ended}");
        not_shown(&ended);
    }
    assert_eq!(listener.heard(), [""; 0]);
}

#[test]
fn what_is_no_credential_is_refused_and_not_repeated() {
    for flags in [
        ["--credential", VALUE],
        ["--credential", &format!("https://example.com Authorization: Bearer {VALUE}")],
        ["--credential", &format!("https://example.com Host: {{{VALUE}}}")],
        ["--credential", &format!("http://example.com X-Api-Key: {{{VALUE}}}")],
        ["--reveal-env", VALUE],
        ["--reveal-env", &format!("={VALUE}")],
    ] {
        let ended = Lockgate::new("plan").arg(evil()).args(flags).run();
        ended.failed(2);
        not_shown(&ended);
    }
    let twice = ["--credential", "https://example.com X-Key: {a}", "--credential", "https://example.com/b x-key: {b}"];
    let ended = Lockgate::new("plan").arg(evil()).args(twice).run();
    assert!(ended.failed(2).contains("one header holds one credential"), "{ended}");
}

#[test]
fn a_plan_shows_names_and_no_values() {
    let plan = || {
        Lockgate::new("plan")
            .arg(evil())
            .args(["--credential", "GET https://example.com/a Authorization: Bearer {env:TOKEN}"])
            .args(["--reveal-env", "KEY=env:TOKEN"])
            .env("TOKEN", VALUE)
    };
    let ended = plan().run();
    not_shown(&ended);
    let shown: Vec<&str> = ended.good().lines().filter(|line| line.contains("env:TOKEN")).collect();
    let expected = [
        "secret   env:TOKEN in the header authorization to GET https://example.com/a (flag)",
        "REVEALS  env:TOKEN itself, in the variable KEY (flag)",
    ];
    assert_eq!(shown, expected);
    let ended = plan().args(["--format", "json"]).run();
    not_shown(&ended);
    let expected = json!([
        {
            "value": {
                "name": "TOKEN",
                "secret": "env:TOKEN",
                "header": "authorization",
                "format": "Bearer {}",
                "to": ["GET https://example.com/a"],
            },
            "origin": "flag",
        },
        { "value": { "name": "TOKEN", "secret": "env:TOKEN", "reveal-env": "KEY" }, "origin": "flag" },
    ]);
    assert_eq!(ended.json()["grant"]["credentials"], expected);
}

#[test]
fn a_terminal_shows_in_red_what_is_revealed() {
    let terminal = "line=$(printf \"'%s' \" \"$@\"); set -- script -qec \"$line\" /dev/null";
    let plan = || Lockgate::new("plan").arg(evil()).args(["--reveal-env", "KEY=env:TOKEN"]).after(terminal);
    assert!(plan().run().stdout.contains("\u{1b}[31menv:TOKEN itself, in the variable KEY\u{1b}[0m"));
    assert!(!plan().env("NO_COLOR", "1").run().stdout.contains('\u{1b}'));
}

/// `lockgate secret …` with the encrypted file of this home.
fn secret(home: &Home, words: &[&str]) -> Lockgate {
    Lockgate::new("secret").args(words).home(home.path())
}

/// Runs a command, and writes this to its stdin.
fn with_input(command: Lockgate, input: impl AsRef<[u8]>) -> Ended {
    let mut process = command.start();
    // One that has refused already reads nothing.
    let _ = process.stdin().write_all(input.as_ref());
    process.finish()
}

fn set(home: &Home, name: &str, value: &str) {
    let ended = with_input(secret(home, &["set", name]), value);
    ended.good();
    not_shown(&ended);
}

fn names(home: &Home) -> Vec<String> {
    let ended = secret(home, &["ls", "--format", "json"]).run();
    not_shown(&ended);
    ended.good();
    assert_eq!(ended.json()["store"], "file");
    serde_json::from_value(ended.json()["names"].clone()).unwrap()
}

/// What a server sends in a header for this secret.
fn used(command: impl Fn(Lockgate) -> Lockgate, name: &str) -> String {
    let listener = Listener::hello();
    let flag = format!("{} X-Api-Key: {{{name}}}", listener.url("/"));
    let call = Lockgate::call(&fetch(), "fetch").arg(format!("url={}", listener.url("/")));
    let ended = command(call.args(["--allow-http", &listener.url("/"), "--credential", &flag])).run();
    not_shown(&ended);
    ended.good();
    header(&listener.heard()[0], "x-api-key").join(", ")
}

#[test]
fn a_secret_is_kept_listed_used_and_removed() {
    let home = Home::warm();
    let of_home = |call: Lockgate| call.home(home.path());
    assert_eq!(names(&home), [""; 0]);
    set(&home, "example/api.key", &format!("{VALUE}\n"));
    set(&home, "another", "old");
    set(&home, "another", "new");
    assert_eq!(names(&home), ["another", "example/api.key"]);
    insta::assert_snapshot!(secret(&home, &["ls"]).run());
    assert_eq!(used(of_home, "example/api.key"), VALUE);
    assert_eq!(used(of_home, "another"), "new");
    secret(&home, &["rm", "another"]).run().good();
    secret(&home, &["rm", "another"]).run().failed(1);
    let flag = "https://example.com X-Api-Key: {another}";
    let gone = Lockgate::call(&evil(), "ok").args(["--credential", flag]).home(home.path()).run();
    assert!(gone.failed(1).contains("there is no secret named another"), "{gone}");
    assert_eq!(names(&home), ["example/api.key"]);
}

#[test]
fn a_configured_credential_is_used() {
    let home = Home::warm();
    let listener = Listener::hello();
    std::fs::create_dir_all(home.path().join("config")).unwrap();
    std::fs::write(home.path().join("config/token"), format!("{VALUE}\n")).unwrap();
    let config = format!(
        "[secrets]\nstore = 'file'\n\
         [servers.web]\nsource = '{}'\n[servers.web.grant]\nhttp = ['{}']\n\
         [servers.web.grant.credentials.token]\nsecret = 'file:token'\nheader = 'Authorization'\n\
         format = 'Bearer {{}}'\nto = ['{}']\nplaceholder = 'TOKEN'\n",
        fetch(),
        listener.url("/"),
        listener.url("/api")
    );
    std::fs::write(home.path().join("config/config.toml"), config).unwrap();
    let ended = Lockgate::call("web", "fetch").arg(format!("url={}", listener.url("/api"))).home(home.path()).run();
    ended.good();
    not_shown(&ended);
    assert!(ended.stderr.contains("others on this machine can read the secret in"), "{ended}");
    assert_eq!(header(&listener.heard()[0], "authorization"), [format!("Bearer {VALUE}")]);
    // The store that is configured is the one that `secret` uses, also where a session has another one.
    let ls = secret(&home, &["ls"]).env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere").run();
    assert!(ls.stderr.contains("nothing is kept in the file"), "{ls}");
    let plan = Lockgate::new("plan").arg("web").home(home.path()).run();
    assert!(plan.good().contains("; a stand-in is in TOKEN (configuration)"), "{plan}");
    let nowhere = "[servers.web.grant.credentials.token]\nsecret = 's'\nheader = 'Authorization'";
    std::fs::write(home.path().join("config/config.toml"), format!("[servers.web]\nsource = '{}'\n{nowhere}", evil()))
        .unwrap();
    let ended = Lockgate::new("plan").arg("web").home(home.path()).run();
    assert!(ended.failed(2).contains("does not say where it may be sent"), "{ended}");
}

#[test]
fn a_value_is_taken_from_stdin_alone() {
    let home = Home::empty();
    let ended = secret(&home, &["set", "name", VALUE]).run();
    not_shown(&ended);
    assert!(ended.failed(2).contains("a value is not taken from the command line"), "{ended}");
    for (input, said) in [
        ("", "the value is empty"),
        ("\n", "the value is empty"),
        (&format!("{VALUE}\0"), "NUL"),
        (&VALUE.repeat(4000), "longer than 64 KiB"),
    ] {
        let ended = with_input(secret(&home, &["set", "name"]), input);
        not_shown(&ended);
        assert!(ended.failed(2).contains(said), "{ended}");
    }
    for name in ["", "a b", "../ä", "env:X", &"x".repeat(129)] {
        secret(&home, &["set", name]).run().failed(2);
    }
    assert!(!home.path().join("data/secrets.age").exists());
}

#[test]
fn a_value_is_asked_for_on_a_terminal_without_being_shown() {
    let home = Home::empty();
    let (_folder, folder) = crate::support::folder();
    let tty = folder.join("tty");
    let terminal =
        format!("line=$(printf \"'%s' \" \"$@\"); set -- script -qec \"tty > {}; $line\" /dev/null", tty.display());
    let mut process = secret(&home, &["set", "asked"]).after(terminal).start();
    // What is typed before the echo is off is shown, as everywhere.
    wait_until(|| echo_is_off(&tty));
    process.stdin().write_all(format!("{VALUE}\n").as_bytes()).unwrap();
    let ended = process.finish();
    assert!(ended.good().contains("value of asked"), "{ended}");
    not_shown(&ended);
    assert_eq!(names(&home), ["asked"]);
}

/// Whether the terminal that is named in this file shows what is typed.
fn echo_is_off(tty: &Path) -> bool {
    let Ok(path) = std::fs::read_to_string(tty) else { return false };
    let state = Command::new("stty").args(["-a", "-F", path.trim()]).output().unwrap();
    String::from_utf8_lossy(&state.stdout).split_whitespace().any(|word| word == "-echo")
}

fn wait_until(holds: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE);
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let home = Home::empty();
    set(&home, "a", VALUE);
    let key = home.path().join("config/secrets.key");
    std::fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    for words in [&["ls"][..], &["rm", "a"], &["set", "a"]] {
        let ended = with_input(secret(&home, words), "x");
        assert!(ended.failed(3).contains("chmod 600"), "{ended}");
        not_shown(&ended);
    }
}

#[test]
fn files_of_secrets_are_not_granted() {
    let home = Home::empty();
    set(&home, "a", VALUE);
    for folder in ["config", "data", ""] {
        let dir = format!("{}=/x", home.path().join(folder).canonicalize().unwrap().display());
        let ended = Lockgate::call(&evil(), "ok").args(["--dir", &dir]).home(home.path()).run();
        ended.failed(3);
    }
}

#[test]
fn a_secret_in_a_granted_directory_is_not_used_for_its_server() {
    let (_folder, folder) = crate::support::folder();
    std::fs::create_dir(folder.join("inside")).unwrap();
    std::fs::write(folder.join("inside/token"), VALUE).unwrap();
    std::os::unix::fs::symlink(folder.join("inside/token"), folder.join("link")).unwrap();
    for file in ["inside/token", "link", "inside/../inside/token"] {
        let flag = format!("https://example.com X-Api-Key: {{file:{}}}", folder.join(file).display());
        let dir = format!("{}=/x", folder.join("inside").display());
        let ended = Lockgate::call(&evil(), "ok").args(["--dir", &dir, "--credential", &flag]).run();
        assert!(ended.failed(3).contains("a directory that the server is given"), "{ended}");
        not_shown(&ended);
    }
}

#[test]
fn a_writer_that_is_ended_in_the_middle_leaves_what_was_there() {
    let home = Home::empty();
    set(&home, "kept", VALUE);
    // It waits for the lock, with the value in its hands.
    let lock = std::fs::File::open(home.path().join("data/secrets.lock")).unwrap();
    lock.lock().unwrap();
    let mut process = secret(&home, &["set", "kept"]).start();
    process.stdin().write_all(b"other").unwrap();
    process.close_stdin();
    process.signal(Signal::KILL);
    assert_eq!(process.finish().signal, Some(Signal::KILL.as_raw()));
    drop(lock);
    // And wherever it happens to be.
    for delay in 0..12 {
        let mut process = secret(&home, &["set", "kept"]).start();
        process.stdin().write_all(VALUE.as_bytes()).unwrap();
        process.close_stdin();
        std::thread::sleep(std::time::Duration::from_millis(3 * delay));
        process.kill();
        process.finish();
        assert_eq!(names(&home), ["kept"]);
    }
    set(&home, "kept", VALUE);
    let left: Vec<_> = files(&home.path().join("data"));
    assert_eq!(left, ["secrets.age", "secrets.lock"]);
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Ends with the command, as a session with a Secret Service does.
const WITH_SERVICE: &str = r#"
    printf pass | gnome-keyring-daemon --foreground --unlock --components=secrets >/dev/null 2>&1 &
    daemon=$!
    has_owner="dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner"
    until $has_owner string:org.freedesktop.secrets | grep -q true; do sleep 0.05; done
    "$@"
    code=$?
    kill $daemon
    wait $daemon
    exit $code
"#;

/// Runs a command in a session that has a Secret Service with an open keyring, or none.
fn in_session(command: Lockgate, folder: &Path, with_service: bool) -> Lockgate {
    let script = folder.join("session.sh");
    std::fs::write(&script, if with_service { WITH_SERVICE } else { "exec \"$@\"" }).unwrap();
    let bus = bus_without_services(folder);
    let session =
        format!("set -- dbus-run-session --config-file={} -- /bin/sh {} \"$@\"", bus.display(), script.display());
    command.env("HOME", folder).env("XDG_RUNTIME_DIR", folder).after(session)
}

/// A bus that starts no service by itself, so that only what a test starts is there.
fn bus_without_services(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("bus.conf");
    let policy = "<policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>\
                  <allow eavesdrop=\"true\"/><allow own=\"*\"/></policy>";
    let config =
        format!("<busconfig><type>session</type><listen>unix:tmpdir={}</listen>{policy}</busconfig>", folder.display());
    std::fs::write(&path, config).unwrap();
    path
}

#[test]
fn the_secret_service_of_a_session_is_used() {
    let home = Home::warm();
    let (_folder, session) = crate::support::folder();
    let command = |words: &[&str]| in_session(secret(&home, words), &session, true);
    with_input(command(&["set", "a/b"]), VALUE).good();
    let ended = command(&["ls", "--format", "json"]).run();
    assert_eq!(
        (&ended.json()["store"], &ended.json()["names"]),
        (&"secret-service".into(), &json!(["a/b"])),
        "{ended}"
    );
    let in_session = |call: Lockgate| in_session(call.home(home.path()), &session, true);
    assert_eq!(used(in_session, "a/b"), VALUE);
    with_input(command(&["set", "a/b"]), "other").good();
    assert_eq!(used(in_session, "a/b"), "other");
    command(&["rm", "a/b"]).run().good();
    let ended = command(&["rm", "a/b"]).run();
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(!home.path().join("data/secrets.age").exists());
}

#[test]
fn the_kernels_keyring_is_used_where_it_is_chosen() {
    let name = format!("test/{}", std::process::id());
    let home = Home::empty();
    let (_folder, folder) = crate::support::folder();
    let script = folder.join("session.sh");
    // One session, as the keyring of a session ends with it.
    let steps = "store() { \"$program\" --home \"$home\" secret --store kernel-keyring \"$@\"; }\n\
                 program=$1 home=$2 name=$3\n\
                 store set \"$name\" && store ls && store rm \"$name\" && store ls\n";
    std::fs::write(&script, steps).unwrap();
    let session =
        format!("set -- keyctl session - /bin/sh {} \"$1\" {} {name}", script.display(), home.path().display());
    let command = secret(&home, &[]).after(session);
    let ended = with_input(command, VALUE);
    not_shown(&ended);
    assert_eq!(ended.good(), format!("{name:<28} kernel-keyring"), "{ended}");
    assert!(ended.stderr.contains("is removed from the kernel's keyring"), "{ended}");
    assert!(!home.path().join("data").exists());
}

#[test]
fn a_session_without_a_secret_service_uses_the_file() {
    let home = Home::empty();
    let (_folder, session) = crate::support::folder();
    let command = |words: &[&str]| in_session(secret(&home, words), &session, false);
    with_input(command(&["set", "a"]), VALUE).good();
    assert_eq!(names(&home), ["a"]);
    let chosen = command(&["ls", "--store", "secret-service"]).run();
    assert_eq!(chosen.code, Some(1), "{chosen}");
    // A bus that is said to be somewhere and is not there is none.
    let gone = secret(&home, &["ls"]).env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus").run();
    assert!(gone.good().contains("file"), "{gone}");
}

#[test]
fn a_store_that_does_not_answer_is_not_replaced_by_another_one() {
    let home = Home::empty();
    let (_folder, folder) = crate::support::folder();
    let path = folder.join("bus");
    let _silent = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let address = format!("unix:path={}", path.display());
    let ended = with_input(secret(&home, &["set", "a"]).env("DBUS_SESSION_BUS_ADDRESS", &address), VALUE);
    not_shown(&ended);
    assert!(ended.failed(1).contains("has not answered"), "{ended}");
    assert!(!home.path().join("data/secrets.age").exists());
    let file = secret(&home, &["--store", "file", "set", "a"]).env("DBUS_SESSION_BUS_ADDRESS", &address);
    with_input(file, VALUE).good();
}

#[test]
fn no_value_is_in_the_arguments_or_environment_of_any_process() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let home = Home::warm();
    set(&home, "key", VALUE);
    let flag = format!("{url} X-Api-Key: {{key}}");
    let call = Lockgate::call(&fetch(), "fetch").arg(format!("url={url}")).home(home.path());
    let process = call.args(["--allow-http", &url, "--credential", &flag]).start();
    // The value is on its way.
    let (mut stream, _) = listener.accept().unwrap();
    for file in ["cmdline", "environ"] {
        let text = std::fs::read(format!("/proc/{}/{file}", process.pid().as_raw_nonzero())).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains(VALUE), "{file}");
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
    drop(stream);
    not_shown(&process.finish());
}
