//! A disk that takes nothing more: the call works without keeping anything, or says what to do. Never half a file.

use std::fs;

use rustix::process::geteuid;

use crate::support::{Ended, Home, Lockgate, evil, folder};

fn call(home: &Home, before: &str) -> Ended {
    Lockgate::call(&evil(), "ok").home(home.path()).after(before).run()
}

#[test]
fn a_disk_without_room_for_code_does_not_stop_a_call() {
    let home = Home::empty();
    // No file may grow beyond 400 blocks of 512 bytes: the key fits, and what is in a guest's memory at its start, which
    // is a file in memory, but its code does not.
    let ended = call(&home, "trap '' XFSZ; ulimit -f 400");
    assert_eq!(ended.good(), "ok");
    assert!(ended.stderr.contains("compiled code cannot be kept"), "{ended}");
    assert!(home.code_files().is_empty());
    home.assert_tidy();
    insta::assert_snapshot!(ended);
    // With room again, it is kept.
    assert!(!call(&home, ":").stderr.contains("cannot be kept"));
    assert_eq!(home.code_files().len(), 1);
}

#[test]
fn a_disk_without_room_for_the_key_is_an_error() {
    let home = Home::empty();
    let ended = call(&home, "trap '' XFSZ; ulimit -f 0");
    ended.failed(1);
    assert!(!home.key().exists());
    assert_eq!(fs::read_dir(home.path().join("data")).unwrap().count(), 0);
    insta::assert_snapshot!(ended);
    call(&home, ":").good();
}

#[test]
fn a_file_system_that_is_full_does_not_stop_a_call() {
    // In a mount namespace of its own, which ends with the process. Where nobody may make one, the test above says the
    // same with a limit instead of a file system.
    let (_folder, path) = folder();
    let namespace = "unshare --user --map-root-user --mount";
    let probe =
        std::process::Command::new("sh").args(["-c", &format!("{namespace} mount -t tmpfs none /mnt")]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        return;
    }
    let script = format!(
        "exec {namespace} sh -c 'mount -t tmpfs -o size=64k none {path} || exit 99; \"$@\"; code=$?; \
         cd {path}; find . -type f ! -name \"*.lock\" >&2; exit $code' sh \"$@\"",
        path = path.display()
    );
    let ended = Lockgate::call(&evil(), "ok").home(&path).after(&script).naming(&script, "in a full file system").run();
    assert_eq!(ended.good(), "ok");
    insta::assert_snapshot!(ended);
}

#[test]
fn a_cache_that_is_read_only_does_not_stop_a_call() {
    let home = Home::empty();
    call(&home, ":").good();
    fs::remove_dir_all(home.code()).unwrap();
    let cache = home.path().join("cache");
    let ended = if geteuid().is_root() {
        // Permissions say nothing to root, but a mount does.
        let mount = "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\" && exec \"$@\"";
        let script = format!("exec unshare --mount sh -c '{mount}' {} \"$@\"", cache.display());
        let ended = call(&home, &script);
        if ended.stderr.contains("unshare: ") || ended.stderr.contains("mount: ") {
            return;
        }
        ended
    } else {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&cache, fs::Permissions::from_mode(0o500)).unwrap();
        let ended = call(&home, ":");
        fs::set_permissions(&cache, fs::Permissions::from_mode(0o700)).unwrap();
        ended
    };
    assert_eq!(ended.good(), "ok");
    assert!(ended.stderr.contains("compiled code cannot be kept"), "{ended}");
    assert!(!home.code().exists());
}
