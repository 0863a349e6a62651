//! What a container can do, and what it cannot.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use super::SHELL;
use crate::support::{Engine, Home, Lockgate, folder};

fn shell() -> &'static str {
    static SHELL_IMAGE: OnceLock<String> = OnceLock::new();
    SHELL_IMAGE.get_or_init(|| Engine::shared().image_of(SHELL, &["ENV FROM_IMAGE=1", "VOLUME /data"]))
}

/// Calls `run` with a command.
fn call(command: &str) -> Lockgate {
    let source = format!("shell=docker://{}", shell());
    Engine::shared().lockgate("call").arg(source).arg("run").arg(format!("command={command}"))
}

/// What the command prints in the container.
fn printed(call: Lockgate) -> String {
    use std::io::Write;
    let ended = call.run();
    let mut decode = std::process::Command::new("base64")
        .arg("--decode")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    decode.stdin.take().unwrap().write_all(ended.good().as_bytes()).unwrap();
    String::from_utf8(decode.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

#[test]
fn there_is_no_network() {
    let interfaces = printed(call("ls /sys/class/net; cat /proc/net/route | tail -n +2"));
    assert_eq!(interfaces, "lo");
}

#[test]
fn there_are_no_capabilities_and_none_can_be_gained() {
    let status = printed(call("grep -e ^Cap -e NoNewPrivs: -e Seccomp: /proc/self/status"));
    for (name, value) in status.lines().filter_map(|line| line.split_once(":\t")) {
        match name {
            "NoNewPrivs" => assert_eq!(value, "1"),
            "Seccomp" => assert_eq!(value, "2"),
            _ => assert_eq!(value, "0000000000000000", "{name}"),
        }
    }
    assert_eq!(status.lines().count(), 7, "{status}");
}

#[test]
fn nothing_of_the_image_can_be_written_and_what_is_written_is_memory() {
    let said = printed(call(
        "touch /x; touch /bin/x; touch /tmp/x /data/x && echo written; grep -e tmpfs./tmp -e tmpfs./data /proc/mounts",
    ));
    assert!(said.contains("/x: Read-only file system") && said.contains("/bin/x: Read-only"), "{said}");
    assert!(said.contains("written"), "{said}");
    let writable: Vec<&str> = said.lines().filter(|line| line.starts_with("tmpfs /")).collect();
    assert_eq!(writable.len(), 2, "{said}");
    assert!(writable.iter().all(|mount| mount.contains("noexec") && mount.contains("size=65536k")), "{said}");
}

#[test]
fn variables_are_those_of_the_image_and_of_the_grant() {
    let said = printed(call("cat /proc/1/environ | tr \\\\\\\\0 \\\\\\\\n").args(["--env", "GRANTED=yes"]));
    for line in said.lines().filter(|line| !line.is_empty()) {
        let name = line.split('=').next().unwrap();
        assert!(["PATH", "HOME", "HOSTNAME", "FROM_IMAGE", "GRANTED"].contains(&name), "{said}");
    }
    assert!(said.contains("GRANTED=yes"), "{said}");
}

#[test]
fn a_directory_is_read_only_unless_said() {
    let (_kept, folder) = folder();
    fs::write(folder.join("there"), "content").unwrap();
    let read =
        printed(call("cat /shared/there; touch /shared/new").arg("--dir").arg(format!("{}=/shared", folder.display())));
    assert!(read.contains("content") && read.contains("Read-only file system"), "{read}");
    assert!(!folder.join("new").exists());
    let written = printed(call("touch /shared/new").arg("--dir").arg(format!("{}=/shared,rw", folder.display())));
    assert_eq!(written, "");
    assert!(folder.join("new").exists());
}

#[test]
fn a_directory_with_sockets_of_other_programs_is_not_given() {
    for folder in ["/run", "/", "/dev", "/dev/shm"] {
        let ended = call("true").arg("--dir").arg(format!("{folder}=/shared")).run();
        let said = ended.failed(3);
        assert!(said.contains("is not given to a container") || said.contains("/ is not granted"), "{ended}");
    }
    // The engine's own socket, through which everything could be had.
    let engine = Engine::shared().socket();
    let ended = call("true").arg("--dir").arg(format!("{}=/shared", engine.parent().unwrap().display())).run();
    ended.failed(3);
}

#[test]
fn our_own_house_is_not_given() {
    let home = Home::empty();
    fs::create_dir_all(home.path().join("data")).unwrap();
    for place in [home.path().to_owned(), home.path().join("data")] {
        let place = place.canonicalize().unwrap();
        let ended = call("true").home(home.path()).arg("--dir").arg(format!("{}=/shared", place.display())).run();
        assert!(ended.failed(3).contains("belongs to Lockgate itself"), "{ended}");
    }
}

#[test]
fn what_a_container_could_not_be_held_to_is_refused_when_it_is_planned() {
    let source = format!("docker://{}", shell());
    let ended = Engine::shared().lockgate("plan").arg(&source).args(["--allow-http", "https://example.com/"]).run();
    assert!(ended.failed(3).contains("a container has no network"), "{ended}");
    for place in ["/", "/proc", "/sys/x", "/dev", "/run/y"] {
        let ended = Engine::shared().lockgate("plan").arg(&source).arg("--dir").arg(format!("/tmp={place}")).run();
        assert!(ended.failed(3).contains("cannot be given to a container as"), "{ended}");
    }
}

#[test]
fn processes_and_memory_are_bounded() {
    let many = printed(call("for i in $(yes | head -n 400); do sleep 5 & done; echo done"));
    assert!(many.contains("fork") && !many.ends_with("done"), "{many}");
    let ended = call("tail /dev/zero; tail /dev/zero").args(["--memory", "32MiB"]).run();
    // The kernel picks what to kill: the program that asked, or the server.
    assert!(ended.code == Some(0) || ended.failed(1).contains("its container was killed"), "{ended}");
}

#[test]
fn the_granted_directory_is_the_one_that_was_checked() {
    assert!(Path::new("/proc/self/fd").exists());
    let (_kept, folder) = folder();
    fs::create_dir(folder.join("real")).unwrap();
    std::os::unix::fs::symlink(folder.join("real"), folder.join("link")).unwrap();
    let ended = call("true").arg("--dir").arg(format!("{}=/shared", folder.join("link").display())).run();
    assert!(ended.failed(3).contains("symbolic link"), "{ended}");
}

#[test]
fn another_directory_at_the_path_of_a_granted_one_is_not_given() {
    use serde_json::json;
    let (_kept, folder) = folder();
    let (granted, secret) = (folder.join("granted"), folder.join("secret"));
    fs::create_dir(&granted).unwrap();
    fs::create_dir(&secret).unwrap();
    let source = format!("swapped=docker://{}", shell());
    let run = Engine::shared().lockgate("run").arg(source).arg("--dir").arg(format!("{}=/shared", granted.display()));
    let mut client = crate::support::Client::start(run);
    client.initialize("2025-11-25", json!({}));
    let container = Engine::shared().wait_for("swapped", 1);
    // Its session goes on in a new container, which would see what is at the path now.
    assert!(Engine::shared().docker(["rm", "--force", &container[0]]).output().unwrap().status.success());
    fs::rename(&granted, folder.join("moved")).unwrap();
    std::os::unix::fs::symlink(&secret, &granted).unwrap();
    client.call(1, "run", json!({"command": "ls /shared"}));
    let mut answer = client.answer(1);
    if answer["error"]["message"].to_string().contains("the connection to the server ended") {
        client.call(2, "run", json!({"command": "ls /shared"}));
        answer = client.answer(2);
    }
    // The directory goes with its descriptor: `moved` is still the one that was granted.
    let text = answer["result"]["content"][0]["text"].as_str();
    assert!(
        text == Some("") || answer["error"]["message"].to_string().contains("not the directory any more"),
        "{answer}"
    );
    client.close().0.good();
}

#[test]
fn a_secret_is_given_where_the_grant_reveals_it_and_otherwise_refused() {
    let home = Home::empty();
    fs::create_dir_all(home.path().join("config")).unwrap();
    let configured = |credential: &str| {
        let text = format!(
            "[servers.shell]\nsource = \"docker://{}\"\n[servers.shell.grant.credentials.token]\nsecret = \"env:VALUE\"\n{credential}\n",
            shell()
        );
        fs::write(home.path().join("config/config.toml"), text).unwrap();
        let call = Engine::shared().lockgate("call").args(["shell", "run", "command=echo got $TOKEN"]);
        call.home(home.path()).env("VALUE", "s3cret")
    };
    assert_eq!(printed(configured("reveal-env = \"TOKEN\"")), "got s3cret");
    let sent = configured("header = \"Authorization\"\nto = [\"https://example.com\"]").run();
    assert!(sent.failed(3).contains("a container sends none"), "{sent}");
}
