//! Granted directories: what is in them, and nothing else.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::support::{Ended, Home, Lockgate, evil, folder};

/// Calls a tool on a path below `/data`, which is `host`.
fn call(tool: &str, arguments: &[&str], host: &Path, access: &str) -> Ended {
    let dir = format!("{}=/data{access}", host.display());
    Lockgate::call(&evil(), tool).args(arguments).args(["--dir", &dir]).naming(host, "HOST").run()
}

fn read(path: &str, host: &Path) -> Ended {
    call("read-file", &[&format!("path={path}")], host, "")
}

#[test]
fn a_granted_directory_can_be_read() {
    let (_folder, host) = folder();
    fs::create_dir(host.join("sub")).unwrap();
    fs::write(host.join("sub/a.txt"), "words").unwrap();
    assert_eq!(call("list-dir", &["path=/data"], &host, "").good(), r#"{"names":["sub"]}"#);
    assert_eq!(read("/data/sub/a.txt", &host).good(), r#"{"text":"words"}"#);
    assert_eq!(read("/data/sub/../sub/a.txt", &host).good(), r#"{"text":"words"}"#);
    // What is beside it, and above it, is not there.
    call("list-dir", &["path=/"], &host, "").failed(5);
}

#[test]
fn a_large_directory_is_listed_whole() {
    let (_folder, host) = folder();
    let names: Vec<String> = (0..2000).map(|number| format!("file-{number:04}")).collect();
    names.iter().for_each(|name| fs::write(host.join(name), "").unwrap());
    let listed: serde_json::Value = serde_json::from_str(call("list-dir", &["path=/data"], &host, "").good()).unwrap();
    assert_eq!(listed, serde_json::json!({ "names": names }));
}

#[test]
fn a_directory_is_read_only_unless_it_is_granted_for_writing() {
    let (_folder, host) = folder();
    fs::write(host.join("a.txt"), "before").unwrap();
    for (tool, arguments) in [
        ("write-file", &["path=/data/a.txt", "text=after"][..]),
        ("write-file", &["path=/data/new.txt", "text=after"]),
        ("delete-file", &["path=/data/a.txt"]),
        ("link", &["dir=/data", "name=link", "target=a.txt"]),
    ] {
        call(tool, arguments, &host, "").failed(5);
    }
    assert_eq!(fs::read_to_string(host.join("a.txt")).unwrap(), "before");
    assert_eq!(fs::read_dir(&host).unwrap().count(), 1);

    call("write-file", &["path=/data/a.txt", "text=after"], &host, ",rw").good();
    call("write-file", &["path=/data/new.txt", "text=new"], &host, ",rw").good();
    assert_eq!(fs::read_to_string(host.join("a.txt")).unwrap(), "after");
    call("delete-file", &["path=/data/a.txt"], &host, ",rw").good();
    assert!(!host.join("a.txt").exists());
}

#[test]
fn a_path_does_not_lead_out() {
    let (_folder, host) = folder();
    fs::create_dir(host.join("granted")).unwrap();
    fs::write(host.join("secret"), "secret").unwrap();
    let granted = host.join("granted");
    for path in ["/data/../secret", "/data/./../secret", "/../etc/passwd", "/data/../../../../../etc/passwd"] {
        let ended = read(path, &granted);
        ended.failed(5);
        assert!(!ended.stdout.contains("secret\"") && !ended.stdout.contains("root:"), "{ended}");
    }
    call("write-file", &["path=/data/../secret", "text=changed"], &granted, ",rw").failed(5);
    assert_eq!(fs::read_to_string(host.join("secret")).unwrap(), "secret");
}

#[test]
fn a_link_does_not_lead_out() {
    let (_folder, host) = folder();
    fs::create_dir_all(host.join("granted/sub")).unwrap();
    fs::write(host.join("secret"), "secret").unwrap();
    fs::write(host.join("granted/inside"), "inside").unwrap();
    let granted = host.join("granted");
    for (name, target) in [
        ("absolute", host.join("secret").to_str().unwrap()),
        ("relative", "../secret"),
        ("folder", ".."),
        ("root", "/"),
        ("magic", "/proc/self/root/etc/passwd"),
    ] {
        symlink(target, granted.join(name)).unwrap();
    }
    symlink("../inside", granted.join("sub/good")).unwrap();
    for path in ["absolute", "relative", "folder/secret", "root/etc/passwd", "magic", "sub/../../secret"] {
        let ended = read(&format!("/data/{path}"), &granted);
        ended.failed(5);
        assert!(!ended.stdout.contains("text"), "{ended}");
        call("write-file", &[&format!("path=/data/{path}"), "text=x"], &granted, ",rw").failed(5);
    }
    // One that stays inside is followed.
    assert_eq!(read("/data/sub/good", &granted).good(), r#"{"text":"inside"}"#);
    assert_eq!(fs::read_to_string(host.join("secret")).unwrap(), "secret");
}

#[test]
fn a_guest_makes_no_link_that_leads_out() {
    let (_folder, host) = folder();
    fs::create_dir(host.join("granted")).unwrap();
    fs::write(host.join("secret"), "secret").unwrap();
    let granted = host.join("granted");
    for target in ["/etc/passwd", "../secret"] {
        // It may be made, or refused; what counts is that nothing is read through it.
        call("link", &["dir=/data", "name=link", &format!("target={target}")], &granted, ",rw");
        read("/data/link", &granted).failed(5);
    }
}

#[test]
fn what_is_no_file_is_not_opened_and_not_waited_for() {
    let (_folder, host) = folder();
    mknodat(CWD, host.join("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(host.join("socket")).unwrap();
    // Devices can be made by root alone; a link to one has the same to be refused.
    let made = mknodat(CWD, host.join("zero"), FileType::CharacterDevice, Mode::RUSR, rustix::fs::makedev(1, 5));
    if made.is_err() {
        symlink("/dev/zero", host.join("zero")).unwrap();
    }
    for name in ["fifo", "socket", "zero"] {
        read(&format!("/data/{name}"), &host).failed(5);
        call("write-file", &[&format!("path=/data/{name}"), "text=x"], &host, ",rw").failed(5);
    }
    // They can be seen and deleted, as everything in a directory that was granted for writing.
    assert_eq!(call("list-dir", &["path=/data"], &host, "").good(), r#"{"names":["fifo","socket","zero"]}"#);
    call("delete-file", &["path=/data/fifo"], &host, ",rw").good();
}

#[test]
fn our_own_house_is_not_granted() {
    let home = Home::warm();
    let path = home.path().canonicalize().unwrap();
    let parent = path.parent().unwrap();
    fs::create_dir_all(path.join("config")).unwrap();
    for host in [&path.join("config"), &path.join("cache"), &path.join("cache/code"), &path.join("data"), &path, parent]
    {
        let dir = format!("{}=/data", host.display());
        let ended = Lockgate::call(&evil(), "list-dir").args(["path=/data", "--dir", &dir]).home(&path).run();
        let stderr = ended.failed(3);
        assert!(stderr.contains("belongs to Lockgate itself"), "{ended}");
    }
    // What lies beside it is another matter.
    fs::create_dir(path.join("mine")).unwrap();
    let dir = format!("{}=/data", path.join("mine").display());
    Lockgate::call(&evil(), "list-dir").args(["path=/data", "--dir", &dir]).home(&path).run().good();
}

#[test]
fn our_own_house_is_not_granted_under_another_name() {
    let home = Home::warm();
    let path = home.path().canonicalize().unwrap();
    for host in [format!("{}/data/../data", path.display()), format!("{}//data/.", path.display())] {
        let ended = Lockgate::call(&evil(), "ok").args(["--dir", &format!("{host}=/data")]).home(&path).run();
        ended.failed(3);
    }
}

#[test]
fn a_path_through_a_link_is_not_granted() {
    let (_folder, host) = folder();
    fs::create_dir_all(host.join("real/sub")).unwrap();
    symlink("real", host.join("link")).unwrap();
    for path in ["link", "link/sub"] {
        let ended = call("list-dir", &["path=/data"], &host.join(path), "");
        let stderr = ended.failed(3);
        assert!(stderr.contains("goes through a symbolic link; grant the directory it leads to"), "{ended}");
    }
    call("list-dir", &["path=/data"], &host.join("real/sub"), "").good();
}

#[test]
fn what_is_no_directory_is_not_granted() {
    let (_folder, host) = folder();
    fs::write(host.join("file"), "").unwrap();
    mknodat(CWD, host.join("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let transcripts = ["file", "fifo", "missing"].map(|name| {
        let dir = format!("{}=/data", host.join(name).display());
        let ended = Lockgate::call(&evil(), "ok").args(["--dir", &dir]).naming(&host, "HOST").run();
        ended.failed(1);
        ended.to_string()
    });
    insta::assert_snapshot!(transcripts.join("\n"));
}

#[test]
fn a_relative_path_counts_from_where_the_person_is() {
    let (_folder, host) = folder();
    fs::create_dir(host.join("data")).unwrap();
    fs::write(host.join("data/a.txt"), "words").unwrap();
    let ended = Lockgate::call(&evil(), "read-file").args(["path=/data/a.txt", "--dir", "./data"]);
    assert_eq!(ended.current_dir(&host).run().good(), r#"{"text":"words"}"#);
}

#[test]
fn two_directories_do_not_share_a_place() {
    let (_folder, host) = folder();
    let dir = format!("{}=/data", host.display());
    let ended = Lockgate::call(&evil(), "ok").args(["--dir", &dir, "--dir", &dir]).naming(&host, "HOST").run();
    ended.failed(2);
    insta::assert_snapshot!(ended);
}
