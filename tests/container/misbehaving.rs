//! Images that are no servers, or bad ones: each is a clear error, and takes nothing else away.

use super::SHELL;
use crate::support::{Ended, Engine};

fn called(server: &str, script: &str) -> Ended {
    let engine = Engine::shared();
    let image = engine.image_of(script, &[]);
    let call = engine.lockgate("call").arg(format!("{server}=docker://{image}")).arg("run").arg("command=echo hi");
    let ended = call.args(["--time", "5s"]).run();
    engine.wait_for(server, 0);
    ended
}

#[test]
fn an_image_that_exits_at_once_says_how_and_what_it_wrote_last() {
    let ended = called("exits", "echo no license >&2; exit 3");
    let said = ended.failed(1);
    assert!(said.contains("its container exited with code 3; it wrote last:\n  no license"), "{ended}");
}

#[test]
fn an_image_that_cannot_be_started_says_what_the_engine_said() {
    let engine = Engine::shared();
    let image = engine.image_of("", &["ENTRYPOINT [\"/not/there\"]"]);
    let ended = engine.lockgate("tools").arg(format!("broken=docker://{image}")).run();
    assert!(ended.failed(1).contains("/not/there"), "{ended}");
    engine.wait_for("broken", 0);
}

#[test]
fn an_image_that_never_answers_is_given_up() {
    let ended = called("silent", "echo thinking >&2; sleep 1000");
    let said = ended.failed(1);
    assert!(said.contains("at its time limit of 5s") && said.contains("it wrote last:\n  thinking"), "{ended}");
}

#[test]
fn lines_that_are_no_messages_are_shown_and_skipped() {
    let ended = called("noisy", &format!("echo Welcome to my server!; echo '{{'; echo; echo 17\n{SHELL}"));
    assert_eq!(ended.good(), "aGkK", "{ended}");
    assert!(ended.stderr.contains("[noisy] Welcome to my server!"), "{ended}");
}

#[test]
fn a_flood_of_noise_does_no_harm() {
    for stream in ["1", "2"] {
        let ended = called("flood", &format!("yes noise | head -n 300000 >&{stream}\n{SHELL}"));
        assert_eq!(ended.good(), "aGkK", "{ended}");
        assert!(ended.stderr.len() < 200_000, "{} bytes were shown", ended.stderr.len());
    }
}

#[test]
fn an_endless_flood_ends_with_the_time_limit() {
    let ended = called("endless", "yes 'not a message'");
    assert!(ended.failed(1).contains("at its time limit of 5s"), "{ended}");
}

#[test]
fn a_line_without_an_end_is_not_kept() {
    let ended = called("long", &format!("head -c 40000000 /dev/zero | tr '\\0' x; echo\n{SHELL}"));
    assert_eq!(ended.good(), "aGkK", "{ended}");
    assert!(ended.stderr.contains("a line of more than 16 MiB was skipped"), "{ended}");
}

#[test]
fn an_image_that_the_engine_does_not_have_is_an_error() {
    let engine = Engine::shared();
    let image = format!("docker://sha256:{}", "0".repeat(64));
    let ended = engine.lockgate("plan").arg(&image).run();
    assert!(ended.failed(1).contains("the container engine has no image sha256:0000"), "{ended}");
}
