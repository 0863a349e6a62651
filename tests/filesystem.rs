//! The server `filesystem`: each of its tools, and the ways out that it does not take.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::json;

use crate::support::{Client, Ended, Lockgate, filesystem, folder};

/// Calls a tool on `host`, which is `/data`, with the access that the flag's end says.
fn call(tool: &str, arguments: &[&str], host: &Path, access: &str) -> Ended {
    let dir = format!("{}=/data{access}", host.display());
    Lockgate::call(&filesystem(), tool).args(arguments).args(["--dir", &dir]).naming(host, "HOST").run()
}

/// The text of a call that succeeds.
fn said(tool: &str, arguments: &[&str], host: &Path) -> String {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--format", "json"]).collect();
    text(&call(tool, &arguments, host, ",rw"))
}

/// The text of an answer, which is its content as a program reads it, too.
fn text(ended: &Ended) -> String {
    ended.good();
    let answer = ended.json();
    assert_eq!(answer["content"][0]["text"], answer["structuredContent"]["content"], "{ended}");
    answer["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{ended}")).to_owned()
}

/// What a call is refused with.
fn refused(tool: &str, arguments: &[&str], host: &Path, access: &str) -> String {
    let ended = call(tool, arguments, host, access);
    assert_eq!(ended.code, Some(5), "{ended}");
    format!("{}{}", ended.stdout, ended.stderr)
}

#[test]
fn every_tool_does_its_work() {
    let (_folder, host) = folder();
    let said = |tool, arguments: &[&str]| said(tool, arguments, &host);
    assert_eq!(said("list_allowed_directories", &[]), "Allowed directories:\n/data");
    assert_eq!(said("create_directory", &["path=/data/sub/deep"]), "Successfully created directory /data/sub/deep");
    assert_eq!(said("write_file", &["path=sub/a.txt", "content=one\ntwo\n"]), "Successfully wrote to sub/a.txt");
    assert_eq!(fs::read_to_string(host.join("sub/a.txt")).unwrap(), "one\ntwo\n");
    for tool in ["read_file", "read_text_file"] {
        assert_eq!(said(tool, &["path=/data/sub/a.txt"]), "one\ntwo\n");
    }
    assert_eq!(said("read_text_file", &["path=sub/a.txt", "head=1"]), "one");
    assert_eq!(said("read_text_file", &["path=sub/a.txt", "tail=2"]), "two\n");
    let edits = r#"edits=[{"oldText":"two","newText":"2"}]"#;
    let diff = "```diff\nIndex: /data/sub/a.txt\n===================================================================\n\
                --- /data/sub/a.txt\toriginal\n+++ /data/sub/a.txt\tmodified\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n```\n\n";
    assert_eq!(said("edit_file", &["path=sub/a.txt", edits, "dryRun=true"]), diff);
    assert_eq!(fs::read_to_string(host.join("sub/a.txt")).unwrap(), "one\ntwo\n");
    assert_eq!(said("edit_file", &["path=sub/a.txt", edits]), diff);
    assert_eq!(fs::read_to_string(host.join("sub/a.txt")).unwrap(), "one\n2\n");
    let moved = said("move_file", &["source=sub/a.txt", "destination=sub/deep/b.txt"]);
    assert_eq!(moved, "Successfully moved sub/a.txt to sub/deep/b.txt");
    assert!(!host.join("sub/a.txt").exists() && host.join("sub/deep/b.txt").exists());
    assert_eq!(said("list_directory", &["path=/data"]), "[DIR] sub");
    assert!(said("list_directory_with_sizes", &["path=sub/deep"]).starts_with("[FILE] b.txt  "));
    assert!(said("directory_tree", &["path=/data"]).contains("\"children\": ["));
    assert_eq!(said("search_files", &["path=/data", "pattern=**/*.txt"]), "/data/sub/deep/b.txt");
    assert!(said("get_file_info", &["path=sub/deep/b.txt"]).starts_with("size: 6\ncreated: unknown\nmodified: "));
    let both = said("read_multiple_files", &[r#"paths=["sub/deep/b.txt","none"]"#]);
    assert!(both.starts_with("sub/deep/b.txt:\none\n2\n\n\n---\nnone: Error - ENOENT: "), "{both}");
}

#[test]
fn media_come_as_bytes_and_in_base64() {
    let (_folder, host) = folder();
    fs::write(host.join("dot.png"), [0x89, b'P', b'N', b'G', 0]).unwrap();
    fs::write(host.join("any"), [0xff, 0]).unwrap();
    let read = |path: &str| {
        let mut client =
            Client::start(Lockgate::new("run").args(["--dir", &format!("{}=/data", host.display())]).arg(filesystem()));
        client.initialize("2025-11-25", json!({}));
        client.call("read", "read_media_file", json!({ "path": path }));
        let answer = client.answer("read");
        assert_eq!(answer["result"]["content"], answer["result"]["structuredContent"]["content"], "{answer}");
        answer["result"]["content"][0].clone()
    };
    assert_eq!(read("dot.png"), json!({ "type": "image", "data": "iVBORwA=", "mimeType": "image/png" }));
    let resource = json!({ "uri": "file:///data/any", "mimeType": "application/octet-stream", "blob": "/wA=" });
    assert_eq!(read("any"), json!({ "type": "resource", "resource": resource }));
}

/// Every tool that takes a path, with what else it needs.
const TAKING_A_PATH: &[(&str, &str, &[&str])] = &[
    ("read_file", "path", &[]),
    ("read_text_file", "path", &[]),
    ("read_text_file", "path", &["head=1"]),
    ("read_text_file", "path", &["tail=1"]),
    ("read_media_file", "path", &[]),
    ("write_file", "path", &["content=changed"]),
    ("edit_file", "path", &[r#"edits=[{"oldText":"secret","newText":"changed"}]"#]),
    ("get_file_info", "path", &[]),
    ("move_file", "source", &["destination=taken"]),
    ("move_file", "destination", &["source=mine"]),
    ("list_directory", "path", &[]),
    ("list_directory_with_sizes", "path", &[]),
    ("directory_tree", "path", &[]),
    ("search_files", "path", &["pattern=**"]),
    ("create_directory", "path", &[]),
];

#[test]
fn no_tool_takes_a_way_out() {
    let (_folder, base) = folder();
    let host = base.join("granted");
    fs::create_dir_all(&host).unwrap();
    fs::create_dir_all(base.join("granted2")).unwrap();
    fs::write(base.join("secret"), "secret words").unwrap();
    fs::write(host.join("mine"), "mine").unwrap();
    symlink("../secret", host.join("link")).unwrap();
    symlink("..", host.join("up")).unwrap();
    symlink(base.join("secret"), host.join("absolute")).unwrap();
    for way in ["../secret", "/data/../secret", "/etc/passwd", "/proc/self/environ", "link", "up/secret", "absolute"] {
        for (tool, name, others) in TAKING_A_PATH {
            let path = format!("{name}={way}");
            let arguments: Vec<&str> = others.iter().copied().chain([path.as_str()]).collect();
            let told = refused(tool, &arguments, &host, ",rw");
            assert!(told.contains("Access denied - "), "{tool} {way}: {told}");
            assert!(!told.contains("secret words") && !told.contains("root:"), "{tool} {way}: {told}");
        }
    }
    let both = said("read_multiple_files", &[r#"paths=["../secret","link","/etc/passwd","absolute"]"#], &host);
    assert_eq!(both.matches(": Error - Access denied - ").count(), 4, "{both}");
    let found = said("search_files", &["path=.", "pattern=**"], &host);
    assert_eq!(found, "/data/mine");
    assert_eq!(fs::read_to_string(base.join("secret")).unwrap(), "secret words");
    let left = |folder: &Path| fs::read_dir(folder).unwrap().count();
    assert_eq!((left(&base), left(&base.join("granted2")), left(&host)), (3, 0, 4));
}

#[test]
fn a_directory_for_reading_is_not_written() {
    let (_folder, host) = folder();
    fs::write(host.join("a.txt"), "words").unwrap();
    for (tool, arguments) in [
        ("write_file", &["path=a.txt", "content=x"][..]),
        ("write_file", &["path=new.txt", "content=x"]),
        ("edit_file", &["path=a.txt", r#"edits=[{"oldText":"words","newText":"x"}]"#]),
        ("create_directory", &["path=new"]),
        ("move_file", &["source=a.txt", "destination=b.txt"]),
    ] {
        let told = refused(tool, arguments, &host, "");
        assert!(told.contains("EPERM: operation not permitted, "), "{tool}: {told}");
    }
    assert_eq!(fs::read_to_string(host.join("a.txt")).unwrap(), "words");
    assert_eq!(fs::read_dir(&host).unwrap().count(), 1);
}

#[test]
fn several_directories_are_searched_in_the_order_of_their_grant() {
    let (_folder, base) = folder();
    for name in ["one", "two"] {
        fs::create_dir(base.join(name)).unwrap();
        fs::write(base.join(name).join("a.txt"), name).unwrap();
    }
    symlink("../two/a.txt", base.join("one/link")).unwrap();
    let read = |arguments: &[&str]| {
        let dirs = ["one", "two"].map(|name| format!("{}=/{name}", base.join(name).display()));
        let call = Lockgate::call(&filesystem(), arguments[0]).args(&arguments[1..]);
        let ended = call.args(["--format", "json", "--dir", &dirs[0], "--dir", &dirs[1]]).run();
        text(&ended)
    };
    assert_eq!(read(&["list_allowed_directories"]), "Allowed directories:\n/one\n/two");
    assert_eq!(read(&["read_text_file", "path=a.txt"]), "one");
    assert_eq!(read(&["read_text_file", "path=/two/a.txt"]), "two");
    // From one to the other a link may lead.
    assert_eq!(read(&["read_text_file", "path=link"]), "two");
}

#[test]
fn without_a_directory_there_is_nothing() {
    let ended = Lockgate::call(&filesystem(), "list_allowed_directories").args(["--format", "json"]).run();
    assert_eq!(text(&ended), "Allowed directories:\n");
    let ended = Lockgate::call(&filesystem(), "read_text_file").arg("path=/etc/passwd").run();
    assert_eq!(ended.code, Some(5), "{ended}");
}

#[test]
fn names_that_are_not_utf_8_do_not_hide_the_others() {
    let (_folder, host) = folder();
    fs::write(host.join("a"), "").unwrap();
    fs::write(host.join(std::ffi::OsStr::from_bytes(b"b\xff")), "").unwrap();
    fs::write(host.join("c"), "").unwrap();
    assert_eq!(said("list_directory", &["path=."], &host), "[FILE] a\n[FILE] c\n[FILE] \u{fffd}");
    assert_eq!(said("search_files", &["path=.", "pattern=*"], &host), "/data/a\n/data/c");
}

#[test]
fn a_large_file_is_read_in_parts() {
    let (_folder, host) = folder();
    fs::write(host.join("large"), format!("first\n{}\nlast", "x".repeat(40 << 20))).unwrap();
    assert_eq!(said("read_text_file", &["path=large", "head=1"], &host), "first");
    assert_eq!(said("read_text_file", &["path=large", "tail=1"], &host), "last");
    for tool in ["read_text_file", "read_media_file"] {
        let told = refused(tool, &["path=large"], &host, "");
        assert!(told.contains("File too large: "), "{told}");
    }
}

#[test]
fn the_largest_file_comes_whole() {
    let (_folder, host) = folder();
    let text = "0123456789abcde\n".repeat((5 << 20) / 16);
    fs::write(host.join("text"), &text).unwrap();
    assert_eq!(said("read_text_file", &["path=text"], &host), text);
    // Where JSON makes it too long, that is said.
    fs::write(host.join("control"), "\u{1}".repeat(2 << 20)).unwrap();
    let told = refused("read_text_file", &["path=control"], &host, "");
    assert!(told.contains("The answer is too large: "), "{told}");
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let (_folder, host) = folder();
    rustix::fs::mknodat(rustix::fs::CWD, host.join("fifo"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    for tool in ["read_text_file", "read_media_file"] {
        refused(tool, &["path=fifo"], &host, "");
    }
    assert_eq!(said("list_directory", &["path=."], &host), "[FILE] fifo");
}

#[test]
fn a_clients_roots_widen_nothing() {
    let (_folder, host) = folder();
    let dir = format!("{}=/data", host.display());
    let mut client = Client::start(Lockgate::new("run").args(["--dir", &dir]).arg(filesystem()));
    client.initialize("2025-11-25", json!({ "roots": { "listChanged": true } }));
    client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/roots/list_changed" }));
    assert_eq!(client.text("list_allowed_directories", json!({})), "Allowed directories:\n/data");
    let (_, others) = client.close();
    assert!(others.iter().all(|message| message["method"] != "roots/list"), "{others:?}");
}
