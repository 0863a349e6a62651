//! Registries that are down, slow, broken or hostile: nothing but the bytes that were asked for comes in, and nothing goes
//! where it does not belong.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::support::own_registry::{Artifact, MANIFEST, OwnRegistry, Reply, digest_of, not_found};
use crate::support::{DEADLINE, Ended, Home, Listener, Lockgate, folder};

/// Bytes that begin as a component does.
fn component(size: usize) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    bytes.extend((bytes.len()..size).map(|at| u8::try_from(at * 7 % 251).unwrap()));
    bytes
}

fn artifact() -> Artifact {
    Artifact::component(&component(200_000))
}

fn pull_of(reference: &str, home: &Home) -> Lockgate {
    Lockgate::new("pull").arg(reference).home(home.path())
}

fn pull(reference: &str, home: &Home) -> Ended {
    pull_of(reference, home).run()
}

/// Pulls from a registry that answers like this, which has to fail with words; nothing of it is left.
fn is_refused(code: i32, words: &str, registry: &OwnRegistry) -> Ended {
    let home = Home::empty();
    let ended = pull(&registry.reference("acme/x:1"), &home);
    assert!(ended.failed(code).contains(words), "{words}: {ended}");
    let incoming = fs::read_dir(home.path().join("data/store/incoming"));
    assert_eq!(incoming.map_or(0, Iterator::count), 0, "{ended}");
    ended
}

/// As much, for a cause that has a code.
fn is_refused_for(exit: i32, code: &str, registry: &OwnRegistry) -> Ended {
    is_refused(exit, &format!("({code})\n"), registry)
}

fn is_blob(path: &str) -> bool {
    path.contains("/blobs/")
}

#[test]
fn a_registry_as_it_should_be_is_pulled_from() {
    let (registry, home) = (OwnRegistry::serving(vec![artifact()], |_, _| None), Home::empty());
    assert_eq!(pull(&registry.reference("acme/x:1"), &home).good(), artifact().digest());
    assert_eq!(registry.lines().len(), 3);
    assert!(registry.authorizations().iter().all(Option::is_none));
    // And then nothing but the tag is asked.
    pull(&registry.reference("acme/x:1"), &home).good();
    assert_eq!(registry.lines().len(), 4);
}

#[test]
fn nobody_there_is_an_error() {
    let registry = OwnRegistry::start(|_, _| not_found());
    let reference = registry.reference("acme/x:1");
    drop(registry);
    let ended = pull(&reference, &Home::empty());
    assert!(ended.failed(1).contains("cannot be reached"), "{ended}");
    assert!(ended.stderr.contains("check its name and your network"), "{ended}");
}

#[test]
fn a_name_for_a_private_address_is_not_dialled() {
    for reference in ["127.1:5000/a/b:1", "0x7f.1:5000/a/b:1", "localhost.localdomain:5000/a/b:1"] {
        let ended = pull(reference, &Home::empty());
        assert_ne!(ended.code, Some(0), "{ended}");
    }
}

#[test]
fn attack_28_lies_about_a_manifest_are_refused() {
    let both = json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "manifests": []}).to_string();
    let index = "application/vnd.oci.image.index.v1+json";
    for (code, reply) in [
        ("manifest-ambiguous", Reply::ok(MANIFEST, both.as_bytes())),
        ("manifest-type", Reply::ok(index, &artifact().manifest)),
        ("manifest-type", Reply::ok("text/html", &artifact().manifest)),
        ("manifest-type", Reply::new("200 OK", &[], &artifact().manifest)),
        ("manifest-unreadable", Reply::ok(MANIFEST, b"<html>")),
    ] {
        let reply = std::sync::Mutex::new(Some(reply));
        let registry = OwnRegistry::start(move |_, _| reply.lock().unwrap().take().unwrap());
        is_refused_for(3, code, &registry);
    }
}

#[test]
fn attack_29_the_same_key_twice_is_refused_wherever_it_is() {
    let good = String::from_utf8(artifact().manifest).unwrap();
    for (from, to) in [
        ("{", r#"{"schemaVersion":2,"#),
        (r#""layers":["#, r#""layers":[],"layers":["#),
        (r#""layers":["#, r#""l\u0061yers":[],"layers":["#),
        (r#""size":"#, r#""size":1,"size":"#),
        (r#""digest":"#, r#""digest":"sha256:x","digest":"#),
    ] {
        let manifest = good.replacen(from, to, 1);
        assert_ne!(manifest, good, "{from}");
        let registry = OwnRegistry::start(move |_, _| Reply::ok(MANIFEST, manifest.as_bytes()));
        is_refused_for(3, "duplicate-key", &registry);
    }
}

#[test]
fn attack_42_nobody_is_asked_for_the_digest_alone() {
    let registry = OwnRegistry::serving(vec![artifact()], |heard, _| {
        let lie = digest_of(b"lie");
        (heard.method == "HEAD").then(|| Reply::new("200 OK", &[("docker-content-digest", &lie)], b""))
    });
    assert_eq!(pull(&registry.reference("acme/x:1"), &Home::empty()).good(), artifact().digest());
    assert!(registry.lines().iter().all(|line| line.starts_with("GET ")), "{:?}", registry.lines());
    // What a HEAD says is there, and no GET gives, is not there.
    let registry = OwnRegistry::start(|heard, _| {
        let said = artifact().digest();
        if heard.method == "HEAD" {
            Reply::new("200 OK", &[("docker-content-digest", &said)], b"")
        } else {
            not_found()
        }
    });
    is_refused_for(1, "not-found", &registry);
}

#[test]
fn attack_43_another_manifest_than_the_one_that_was_asked_for_is_refused_whatever_its_header_says() {
    let asked = artifact().digest();
    let sha512 = format!("sha512:{}", "0".repeat(128));
    for said in [asked.as_str(), &sha512, "md5:d41d8cd98f00b204e9800998ecf8427e", ""] {
        let (other, said) = (Artifact::component(&component(1000)), said.to_owned());
        let registry = OwnRegistry::start(move |_, _| {
            let headers = [("content-type", MANIFEST), ("docker-content-digest", &*said)];
            Reply::new("200 OK", &headers, &other.manifest)
        });
        let ended = pull(&registry.reference(&format!("acme/x@{asked}")), &Home::empty());
        assert!(ended.failed(3).contains("(manifest-digest-mismatch)"), "{ended}");
    }
    // Nor does a header spoil what is right.
    let registry = OwnRegistry::serving(vec![artifact()], |heard, _| {
        let headers = [("content-type", MANIFEST), ("docker-content-digest", "md5:0")];
        heard.path.contains("/manifests/").then(|| Reply::new("200 OK", &headers, &artifact().manifest))
    });
    assert_eq!(pull(&registry.reference("acme/x:1"), &Home::empty()).good(), asked);
}

/// The same name gives other bytes the second time, whatever was said of the first ones.
#[test]
fn attack_41_other_bytes_the_second_time_are_refused_and_what_came_first_stays() {
    let (first, blob) = (artifact(), digest_of(&component(200_000)));
    let manifest = first.digest();
    for (name, code) in [(blob, "blob-digest-mismatch"), (manifest.clone(), "manifest-digest-mismatch")] {
        let (kind, other) = if name == manifest {
            (MANIFEST, Artifact::component(&component(1000)).manifest)
        } else {
            let mut other = component(200_000);
            other[100_000] ^= 1;
            ("application/octet-stream", other)
        };
        let asked = AtomicUsize::new(0);
        let registry = OwnRegistry::serving(vec![first.clone()], move |heard, _| {
            let again = heard.path.ends_with(&name) && asked.fetch_add(1, Ordering::Relaxed) > 0;
            again.then(|| Reply::ok(kind, &other))
        });
        let (reference, home) = (registry.reference(&format!("acme/x@{manifest}")), Home::empty());
        assert_eq!(pull(&reference, &home).good(), manifest);
        // What was had once is not asked for again.
        let asked = registry.lines().len();
        assert_eq!(pull(&reference, &home).good(), manifest);
        assert_eq!(registry.lines().len(), asked);
        // Whoever has to ask again is not given anything else under the same name.
        let refused = pull(&reference, &Home::empty());
        assert!(refused.failed(3).contains(&format!("({code})")), "{refused}");
    }
}

#[test]
fn attack_50_a_manifest_without_end_is_not_read_to_its_end() {
    let says = |length: usize| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {MANIFEST}\r\ncontent-length: {length}\r\n\r\n");
        OwnRegistry::start(move |_, _| Reply::raw(head.clone()).then(Duration::from_secs(1), vec![b' '; 1000]))
    };
    let ended = is_refused_for(3, "answer-too-large", &says(400_000_000));
    assert!(ended.stderr.contains("has 400000000 bytes or more; at most 4194304 are read"), "{ended}");
    let registry = OwnRegistry::start(|_, _| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {MANIFEST}\r\nconnection: close\r\n\r\n");
        (0..40).fold(Reply::raw(head), |reply, _| reply.then(Duration::ZERO, vec![b' '; 1_000_000]))
    });
    is_refused_for(3, "answer-too-large", &registry);
}

#[test]
fn attack_51_a_blob_of_another_size_than_said_is_refused() {
    let whole = component(200_000);
    let longer = [&whole[..], b"more"].concat();
    let blob = digest_of(&whole);
    for (words, reply) in [
        ("has 200004 bytes and not 200000", longer),
        ("has 100 bytes and not 200000", whole[..100].to_vec()),
        ("has 0 bytes and not 200000", Vec::new()),
    ] {
        let blob = blob.clone();
        let registry = OwnRegistry::serving(vec![artifact()], move |heard, _| {
            heard.path.ends_with(&blob).then(|| Reply::ok("application/octet-stream", &reply))
        });
        let ended = is_refused_for(3, "size-mismatch", &registry);
        assert!(ended.stderr.contains(words), "{ended}");
    }
    // Without saying how long it is.
    let endless = OwnRegistry::serving(vec![artifact()], move |heard, _| {
        let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
        heard.path.ends_with(&blob).then(|| Reply::raw([head.as_bytes(), &whole, b"more"].concat()))
    });
    is_refused_for(3, "size-mismatch", &endless);
}

#[test]
fn a_blob_that_breaks_off_is_taken_up_again() {
    let whole = component(3_000_000);
    let artifact = Artifact::component(&whole);
    let (blob, digest) = (digest_of(&whole), artifact.digest());
    let registry = OwnRegistry::serving(vec![artifact], move |heard, _| {
        let breaks = heard.path.ends_with(&blob) && heard.range_from().is_none();
        breaks.then(|| Reply::lying("200 OK", &[], whole.len(), &whole[..1_000_000]))
    });
    assert_eq!(pull(&registry.reference("acme/x:1"), &Home::empty()).good(), digest);
    assert_eq!(registry.lines().len(), 4);
}

#[test]
fn a_registry_that_cannot_take_up_again_sends_the_blob_anew() {
    let whole = component(3_000_000);
    let artifact = Artifact::component(&whole);
    let (blob, digest) = (digest_of(&whole), artifact.digest());
    let registry = OwnRegistry::serving(vec![artifact], move |heard, before| {
        if !heard.path.ends_with(&blob) {
            return None;
        }
        let end = if before < 4 { 1_000_000 } else { whole.len() };
        Some(Reply::lying("200 OK", &[], whole.len(), &whole[..end]))
    });
    assert_eq!(pull(&registry.reference("acme/x:1"), &Home::empty()).good(), digest);
}

#[test]
fn attack_52_two_blobs_are_not_spliced() {
    let whole = component(3_000_000);
    let artifact = Artifact::component(&whole);
    let blob = digest_of(&whole);
    for (exit, code, range) in [
        (3, "resumed-digest-mismatch", "bytes FROM-2999999/3000000"),
        (1, "range-mismatch", "bytes 0-2999999/3000000"),
        (1, "range-mismatch", "bytes FROM-2999999/9000000"),
    ] {
        let (whole, blob) = (whole.clone(), blob.clone());
        let registry = OwnRegistry::serving(vec![artifact.clone()], move |heard, _| {
            if !heard.path.ends_with(&blob) {
                return None;
            }
            Some(match heard.range_from() {
                None => Reply::lying("200 OK", &[], whole.len(), &whole[..1_000_000]),
                Some(from) => {
                    let range = range.replace("FROM", &from.to_string());
                    let rest = vec![b'x'; whole.len() - from];
                    Reply::new("206 Partial Content", &[("content-range", &range)], &rest)
                }
            })
        });
        is_refused_for(exit, code, &registry);
    }
}

#[test]
fn a_blob_that_always_breaks_off_is_given_up() {
    let blob = digest_of(&component(200_000));
    let registry = OwnRegistry::serving(vec![artifact()], move |heard, _| {
        heard.path.ends_with(&blob).then(|| Reply::lying("200 OK", &[], 200_000, b"\0asm"))
    });
    is_refused(1, "the blob broke off", &registry);
}

#[test]
fn attack_47_redirects_out_of_the_registry_are_not_followed() {
    let target = Listener::hello();
    for (code, to) in [
        ("insecure-redirect", target.url("/stolen")),
        ("insecure-redirect", "http://169.254.169.254/latest/meta-data".to_owned()),
        ("insecure-redirect", "http://example.com/".to_owned()),
        ("address-not-allowed", "https://169.254.169.254/latest/meta-data".to_owned()),
        ("address-not-allowed", format!("https://127.0.0.1:{}/", target.port())),
        ("address-not-allowed", format!("https://[::ffff:127.0.0.1]:{}/", target.port())),
        ("address-not-allowed", format!("https://localhost:{}/", target.port())),
        ("invalid-redirect", "https://a:b@example.com/".to_owned()),
        ("insecure-redirect", "file:///etc/passwd".to_owned()),
        ("invalid-redirect", String::new()),
        ("too-many-redirects", "/v2/acme/x/blobs/sha256:again".to_owned()),
    ] {
        let registry =
            OwnRegistry::serving(vec![artifact()], move |heard, _| is_blob(&heard.path).then(|| Reply::redirect(&to)));
        is_refused_for(3, code, &registry);
    }
    assert_eq!(target.heard(), [""; 0]);
}

#[test]
fn attack_47_what_proves_who_asks_is_not_carried_to_another_host_nor_back_from_there() {
    // In a network of its own, where addresses of the public internet are this machine.
    let namespace = "unshare --user --map-root-user --net";
    let network = "ip link set lo up && ip address add 9.9.9.10/32 dev lo && ip address add 9.9.9.11/32 dev lo";
    // Where nobody may make one, this says so, and does not pass.
    output(std::process::Command::new("sh").args(["-c", &format!("{namespace} sh -c '{network}'")]));
    let (home, (_folder, folder)) = (Home::empty(), folder());
    let certificate = rcgen::generate_simple_self_signed(["9.9.9.10".to_owned(), "9.9.9.11".to_owned()]).unwrap();
    let (key, certificate) = (certificate.signing_key.serialize_pem(), certificate.cert.pem());
    fs::write(folder.join("tls.pem"), format!("{key}{certificate}")).unwrap();
    fs::write(folder.join("ca.pem"), certificate).unwrap();
    fs::write(folder.join("manifest"), artifact().manifest).unwrap();
    fs::create_dir(folder.join("blobs")).unwrap();
    for blob in artifact().blobs {
        fs::write(folder.join("blobs").join(&digest_of(&blob)["sha256:".len()..]), blob).unwrap();
    }
    let auths = json!({"auths": {"9.9.9.10": {"auth": "bWU6c2VjcmV0"}}});
    fs::write(folder.join("config.json"), auths.to_string()).unwrap();
    fs::create_dir_all(home.path().join("config")).unwrap();
    let config = format!("[network]\nroots = [\"{}\"]\n", folder.join("ca.pem").display());
    fs::write(home.path().join("config/config.toml"), config).unwrap();
    let program = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/clients/two_hosts.py");
    // The server ends with the command.
    let script = format!(
        "exec {namespace} sh -c '{network} || exit 99; python3 {program} {folder} & server=$!; \
         while ! [ -e {folder}/ready ]; do kill -0 $server || exit 98; sleep 0.05; done; \
         \"$@\"; code=$?; kill $server; exit $code' sh \"$@\"",
        program = program.display(),
        folder = folder.display(),
    );
    let pulled = pull_of("9.9.9.10/acme/x:1", &home).env("DOCKER_CONFIG", &folder).after(&script).run();
    assert_eq!(pulled.good(), artifact().digest());
    let heard = fs::read_to_string(folder.join("heard")).unwrap();
    let proven = |part: &str| -> Vec<bool> {
        heard.lines().filter(|line| line.contains(part)).map(|line| line.ends_with(" Basic bWU6c2VjcmV0")).collect()
    };
    assert_eq!(proven("9.9.9.10 /v2/"), [false, true, true, true], "{heard}");
    assert_eq!((proven("9.9.9.11 "), proven("/back/")), (vec![false; 2], vec![false; 2]), "{heard}");
}

#[test]
fn a_blob_may_lie_elsewhere_in_the_registry() {
    let registry = OwnRegistry::serving(vec![artifact()], |heard, _| {
        let moved = is_blob(&heard.path) && !heard.path.starts_with("/elsewhere");
        moved.then(|| Reply::redirect(&format!("/elsewhere{}", heard.path)))
    });
    assert_eq!(pull(&registry.reference("acme/x:1"), &Home::empty()).good(), artifact().digest());
}

#[test]
fn attack_47_a_manifest_does_not_lie_elsewhere() {
    let registry = OwnRegistry::start(|_, _| Reply::redirect("/v2/other/manifests/1"));
    is_refused_for(3, "unexpected-redirect", &registry);
}

#[test]
fn attack_48_credentials_go_nowhere_but_to_the_registry() {
    let target = Listener::hello();
    let (_folder, docker) = folder();
    for realm in [
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "https://169.254.169.254/token".to_owned(),
        target.url("/token"),
        "https://auth.docker.io/token".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let registry = OwnRegistry::start(move |_, _| {
            let wanted = format!("Bearer realm=\"{realm}\",service=\"x\"");
            Reply::new("401 Unauthorized", &[("www-authenticate", &wanted)], b"")
        });
        let config = json!({"auths": {registry.reference("").trim_end_matches('/'): {"auth": "bWU6c2VjcmV0"}}});
        fs::write(docker.join("config.json"), config.to_string()).unwrap();
        let reference = registry.reference("acme/x:1");
        let ended = pull_of(&reference, &Home::empty()).env("DOCKER_CONFIG", &docker).run();
        assert!(ended.failed(3).contains("(realm-not-allowed)"), "{ended}");
        assert_eq!(registry.authorizations(), [None]);
    }
    assert_eq!(target.heard(), [""; 0]);
}

#[test]
fn a_token_is_asked_for_with_the_password_and_used_for_the_rest() {
    let (_folder, docker) = folder();
    let registry = OwnRegistry::serving(vec![artifact()], |heard, _| {
        if heard.path.starts_with("/token?") {
            return Some(Reply::ok("application/json", br#"{"token":"t0ken"}"#));
        }
        let host = heard.header("host").unwrap();
        let wanted = format!("Bearer realm=\"http://{host}/token\",service=\"s\",scope=\"repository:evil/y:push\"");
        let known = heard.header("authorization") == Some("Bearer t0ken");
        (!known).then(|| Reply::new("401 Unauthorized", &[("www-authenticate", &wanted)], b""))
    });
    let config = json!({"auths": {registry.reference("").trim_end_matches('/'): {"auth": "bWU6c2VjcmV0"}}});
    fs::write(docker.join("config.json"), config.to_string()).unwrap();
    let reference = registry.reference("acme/x:1");
    let ended = pull_of(&reference, &Home::empty()).env("DOCKER_CONFIG", &docker).run();
    assert_eq!(ended.good(), artifact().digest());
    // The scope is ours, whatever the registry says it is.
    assert_eq!(registry.lines()[1], "GET /token?service=s&scope=repository%3Aacme%2Fx%3Apull");
    let sent: Vec<String> = registry.authorizations().into_iter().map(Option::unwrap_or_default).collect();
    let bearer = "Bearer t0ken".to_owned();
    assert_eq!(sent, [String::new(), "Basic bWU6c2VjcmV0".into(), bearer.clone(), bearer.clone(), bearer]);
}

#[test]
fn who_is_not_let_in_learns_what_would_help() {
    for status in ["401 Unauthorized", "403 Forbidden"] {
        let registry = OwnRegistry::start(move |_, _| {
            let body = json!({"errors": [{"code": "DENIED", "message": "\u{1b}[2J no"}]}).to_string();
            Reply::new(status, &[("www-authenticate", "Basic realm=\"x\"")], body.as_bytes())
        });
        let ended = is_refused(1, "does not let you have", &registry);
        assert!(ended.stderr.contains("docker login") && !ended.stderr.contains('\u{1b}'), "{ended}");
    }
}

#[test]
fn a_registry_that_is_busy_is_asked_again() {
    for status in ["429 Too Many Requests", "503 Service Unavailable", "500 Internal Server Error"] {
        let registry = OwnRegistry::serving(vec![artifact()], move |_, before| {
            (before % 2 == 0).then(|| Reply::new(status, &[("retry-after", "0")], b""))
        });
        let ended = pull(&registry.reference("acme/x:1"), &Home::empty());
        assert_eq!(ended.good(), artifact().digest());
        assert!(ended.stderr.contains("asking again in"), "{ended}");
    }
}

#[test]
fn a_registry_that_is_broken_is_given_up() {
    let registry = OwnRegistry::start(|_, _| Reply::new("502 Bad Gateway", &[], b"<html>"));
    let ended = is_refused(1, "it answers 502 Bad Gateway (asked 4 times)", &registry);
    assert!(ended.stderr.contains("try again later"), "{ended}");
    let registry = OwnRegistry::start(|_, _| Reply::new("429 Too Many Requests", &[("retry-after", "86400")], b""));
    is_refused(1, "asks to wait 86400 s (asked 1 times)", &registry);
    assert_eq!(registry.lines().len(), 1);
    let registry = OwnRegistry::start(|_, _| Reply::raw(""));
    is_refused(1, "the connection broke", &registry);
    let registry = OwnRegistry::start(|_, _| Reply::raw("no http at all\r\n\r\n"));
    is_refused(1, "the connection broke", &registry);
}

#[test]
fn a_page_of_somebody_between_is_not_taken_for_the_registrys_word() {
    let registry = OwnRegistry::start(|_, _| Reply::new("404 Not Found", &[], b"<html>no such page</html>"));
    is_refused(1, "it answers 404 Not Found", &registry);
    let registry = OwnRegistry::start(|_, _| not_found());
    is_refused(1, "there is no", &registry);
}

#[test]
fn attack_50_a_registry_that_drips_is_not_waited_for() {
    let silent = OwnRegistry::start(|_, _| Reply::raw("").then(DEADLINE, "HTTP/1.1 200 OK\r\n\r\n"));
    is_refused_for(1, "too-slow", &silent);
}

#[test]
fn attack_50_a_blob_that_drips_is_not_waited_for() {
    let blob = digest_of(&component(200_000));
    let dripping = OwnRegistry::serving(vec![artifact()], move |heard, _| {
        let head = Reply::lying("200 OK", &[], 200_000, b"");
        let drip = |reply: Reply, _| reply.then(Duration::from_secs(5), "x");
        heard.path.ends_with(&blob).then(|| (0..20).fold(head, drip))
    });
    is_refused_for(1, "too-slow", &dripping);
}

#[test]
fn attack_49_urls_in_a_manifest_are_not_asked() {
    let target = Listener::hello();
    let whole = component(1000);
    let more = json!({"urls": [target.url("/x"), "http://169.254.169.254/"], "data": "aGVsbG8="});
    let foreign = Artifact::of(b"{}", "x/y", &whole, "application/wasm", more);
    let digest = foreign.digest();
    let registry = OwnRegistry::serving(vec![foreign.clone()], |_, _| None);
    assert_eq!(pull(&registry.reference("acme/x:1"), &Home::empty()).good(), digest);
    // Nor where the registry itself does not have what they promise.
    let registry = OwnRegistry::serving(vec![foreign], |heard, _| is_blob(&heard.path).then(not_found));
    is_refused_for(1, "blob-unknown", &registry);
    assert_eq!(target.heard(), [""; 0]);
}

#[test]
fn attack_53_nothing_is_unpacked_on_the_way_whatever_is_said_to_be_packed() {
    // 10 MB of zeros, and what it takes to say so. A client that unpacked would read them as a manifest or blob.
    let bomb = compressed("gzip", &vec![b' '; 10_000_000]);
    assert!(bomb.len() < 20_000);
    for encoding in ["gzip", "zstd", "br", "deflate"] {
        let manifest = bomb.clone();
        let registry = OwnRegistry::start(move |_, _| {
            Reply::new("200 OK", &[("content-type", MANIFEST), ("content-encoding", encoding)], &manifest)
        });
        is_refused_for(3, "manifest-unreadable", &registry);
        let (blob, bytes) = (digest_of(&component(200_000)), compressed("gzip", &component(200_000)));
        let registry = OwnRegistry::serving(vec![artifact()], move |heard, _| {
            let packed = || Reply::new("200 OK", &[("content-encoding", encoding)], &bytes);
            heard.path.ends_with(&blob).then(packed)
        });
        is_refused_for(3, "size-mismatch", &registry);
    }
    // A layer that is packed is no component, and stays as it is.
    let packed = compressed("gzip", &component(200_000));
    let kind = "application/wasm";
    let artifact = Artifact::of(b"{}", "x/y", &packed, kind, json!({}));
    is_refused_for(3, "no-wasm", &OwnRegistry::serving(vec![artifact], |_, _| None));
}

#[test]
fn attack_54_no_name_of_a_stranger_becomes_a_path() {
    let (_folder, folder) = folder();
    fs::create_dir(folder.join("home")).unwrap();
    fs::write(folder.join("victim"), "untouched").unwrap();
    // An archive whose members lead out of wherever it would be unpacked. Lockgate unpacks none: its bytes are kept as
    // they came, under their digest, and are no component.
    let outside = folder.join("victim").display().to_string();
    let tar = [
        member("../../../victim", b'0', "", b"evil"),
        member(&outside, b'0', "", b"evil"),
        member("link", b'2', &outside, b""),
        member("link/../victim", b'0', "", b"evil"),
        member("hard", b'1', &outside, b""),
        member("disk", b'4', "", b""),
        member("null", b'3', "", b""),
        member("pipe", b'6', "", b""),
        vec![0; 1024],
    ]
    .concat();
    let image = Artifact::of(b"{}", "x/y", &tar, "application/vnd.oci.image.layer.v1.tar", json!({}));
    let registry = OwnRegistry::serving(vec![image.clone()], |heard, _| {
        (heard.path.contains("sha256-") || heard.path.contains("/referrers/")).then(not_found)
    });
    is_refused_for(3, "no-component", &registry);
    let pulled = Lockgate::new("pull").arg(registry.reference("acme/x:1")).arg("--to").arg(folder.join("copy"));
    pulled.home(folder.join("home")).run().good();
    let copied = folder.join("copy/blobs/sha256").join(&digest_of(&tar)["sha256:".len()..]);
    assert_eq!(fs::read(copied).unwrap(), tar);
    // Digests and tags that are paths.
    for digest in ["sha256:../../../../victim", "../victim", "sha256:/etc/passwd", "sha256:", "sha256:.."] {
        let manifest = String::from_utf8(artifact().manifest).unwrap();
        let manifest = manifest.replace(&digest_of(&component(200_000)), digest);
        let registry = OwnRegistry::start(move |_, _| Reply::ok(MANIFEST, manifest.as_bytes()));
        is_refused_for(3, "digest-invalid", &registry);
    }
    for tag in ["../victim", "..", "/etc/passwd", "a/../../victim"] {
        let ended = pull(&registry.reference(&format!("acme/x:{tag}")), &Home::empty());
        assert!(ended.failed(2).contains("(reference-invalid)"), "{ended}");
    }
    assert_eq!(fs::read_to_string(folder.join("victim")).unwrap(), "untouched");
}

/// One member of an archive (POSIX.1-2017, `pax`, "ustar Interchange Format"), of a kind, with where it links to.
fn member(name: &str, kind: u8, link: &str, bytes: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000644\x000000000\x000000000\0");
    put(124, format!("{:011o}\x0000000000000\0        ", bytes.len()).as_bytes());
    put(156, &[kind]);
    put(157, link.as_bytes());
    put(257, b"ustar\x0000");
    put(329, b"0000001\x000000001\0");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header.extend(bytes);
    header.resize(header.len().next_multiple_of(512), 0);
    header
}

fn compressed(program: &str, bytes: &[u8]) -> Vec<u8> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    output(std::process::Command::new(program).args(["-9", "-c"]).arg(file.path()))
}

fn output(command: &mut std::process::Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn attack_55_a_configuration_of_another_component_is_refused() {
    let config = json!({"architecture": "wasm", "os": "wasip2", "layerDigests": [digest_of(b"other")]}).to_string();
    let kind = "application/vnd.wasm.config.v0+json";
    let swapped = Artifact::of(config.as_bytes(), kind, &component(1000), "application/wasm", json!({}));
    is_refused_for(3, "layer-digests", &OwnRegistry::serving(vec![swapped], |_, _| None));
}

#[test]
fn a_blob_larger_than_a_component_is_not_asked_for() {
    let huge = Artifact::of(b"{}", "x/y", b"\0asm", "application/wasm", json!({"size": 1_u64 << 40}));
    let registry = OwnRegistry::serving(vec![huge], |_, _| None);
    is_refused(3, "at most 268435456 are read", &registry);
    assert_eq!(registry.lines().len(), 1);
}

#[test]
fn two_pulls_at_once_do_not_disturb_each_other() {
    let whole = component(5_000_000);
    let artifact = Artifact::component(&whole);
    let digest = artifact.digest();
    let registry = OwnRegistry::serving(vec![artifact], |_, _| None);
    let home = Home::empty();
    let reference = registry.reference("acme/x:1");
    let started: Vec<_> = (0..4).map(|_| pull_of(&reference, &home).start()).collect();
    for process in started {
        assert_eq!(process.finish().good(), digest);
    }
    assert_eq!(fs::read_dir(home.path().join("data/store/incoming")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(home.path().join("data/store/blobs/sha256")).unwrap().count(), 3);
}

#[test]
fn a_pull_that_is_killed_leaves_nothing_that_the_next_one_trips_over() {
    let whole = component(3_000_000);
    let artifact = Artifact::component(&whole);
    let (blob, digest) = (digest_of(&whole), artifact.digest());
    let registry = OwnRegistry::serving(vec![artifact], move |heard, before| {
        // The first one waits in the middle, to be killed there.
        let hangs = heard.path.ends_with(&blob) && before < 3;
        let half = || Reply::lying("200 OK", &[], whole.len(), &whole[..1_000_000]);
        hangs.then(|| half().then(Duration::from_secs(15), &whole[1_000_000..]))
    });
    let home = Home::empty();
    let reference = registry.reference("acme/x:1");
    let process = pull_of(&reference, &home).start();
    let incoming = home.path().join("data/store/incoming");
    let half_there = || {
        let files = fs::read_dir(&incoming).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).any(|meta| meta.len() > 100_000)
    };
    let until = std::time::Instant::now() + DEADLINE;
    while !half_there() {
        assert!(std::time::Instant::now() < until, "the pull never begins");
        std::thread::sleep(Duration::from_millis(10));
    }
    process.signal(Signal::KILL);
    assert_eq!(process.finish().signal, Some(9));
    assert_eq!(fs::read_dir(&incoming).unwrap().count(), 1);
    assert_eq!(pull(&reference, &home).good(), digest);
    assert_eq!(fs::read_dir(&incoming).unwrap().count(), 0);
}
