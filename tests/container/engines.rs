//! Engines that are not there, or not well.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;

use crate::support::{Ended, Lockgate, folder};

fn planned(host: &str) -> Ended {
    let image = format!("docker://sha256:{}", "0".repeat(64));
    Lockgate::new("plan").arg(image).env("DOCKER_HOST", host).run()
}

#[test]
fn without_an_engine_it_says_what_to_do() {
    for host in ["tcp://127.0.0.1:2375", "ssh://host"] {
        assert!(planned(host).failed(1).contains("DOCKER_HOST=unix:///"), "{host}");
    }
    let ended = planned("unix:///nowhere/docker.sock");
    assert!(
        ended.failed(1).contains("the container engine at /nowhere/docker.sock cannot be used: No such file"),
        "{ended}"
    );
}

#[test]
fn an_engine_that_hangs_is_given_up() {
    let (_kept, folder) = folder();
    let socket = folder.join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let ended = planned(&format!("unix://{}", socket.display()));
    assert!(ended.failed(1).contains("did not say its version within 10s"), "{ended}");
}

#[test]
fn an_engine_that_is_too_old_or_no_engine_is_an_error() {
    let version = |api: &str| format!(r#"{{"ApiVersion":"{api}","Os":"linux","Version":"1"}}"#);
    for (body, expected) in [
        (version("1.40"), "speaks API 1.40, but 1.41"),
        (version("one"), "speaks API one, but 1.41"),
        ("{}".to_owned(), "speaks API , but 1.41"),
        ("hello".to_owned(), "cannot be used: it did not say its version"),
        (r#"{"ApiVersion":"1.45","Os":"windows"}"#.to_owned(), "it does not run Linux containers"),
    ] {
        let (_kept, folder) = folder();
        let socket = folder.join("socket");
        answering(&socket, body);
        let ended = planned(&format!("unix://{}", socket.display()));
        assert!(ended.failed(1).contains(expected), "{expected}: {ended}");
    }
}

/// An engine that says the same to everything.
fn answering(socket: &Path, body: String) {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            if lines.by_ref().take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty())).count() == 0 {
                continue;
            }
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
}
