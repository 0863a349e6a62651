//! Hosts with little address space, as boards and `ulimit -v`.

use crate::support::{Home, Lockgate, evil, time};

const SMALL: &str = "ulimit -v 1500000";

#[test]
fn a_small_host_compiles_and_calls() {
    let home = Home::empty();
    let call = || Lockgate::call(&time(), "convert_time").args(["source_timezone=UTC", "time=12:00"]);
    let call = || call().arg("target_timezone=Asia/Tokyo").after(SMALL).home(home.path());
    let cold = call().run();
    assert!(cold.good().contains("21:00"), "{cold}");
    assert!(cold.stderr.contains("compiling"), "{cold}");
    let warm = call().run();
    assert_eq!((warm.good(), warm.stderr.as_str()), (cold.good(), ""));
}

#[test]
fn code_for_a_small_host_lies_beside_that_for_a_large_one() {
    let home = Home::empty();
    let call = || Lockgate::call(&evil(), "ok").home(home.path());
    assert_eq!(call().run().good(), "ok");
    assert_eq!(call().after(SMALL).run().good(), "ok");
    assert_eq!(home.code_files().len(), 2);
    assert_eq!((call().run().stderr, call().after(SMALL).run().stderr), (String::new(), String::new()));
}

#[test]
fn a_small_host_has_the_same_limits() {
    let home = Home::warm();
    let call = |tool: &str, arguments: &[&str]| {
        Lockgate::call(&evil(), tool).args(arguments).after(SMALL).home(home.path()).run()
    };
    assert_eq!(call("ok", &[]).good(), "ok");
    for (tool, arguments) in
        [("trap", &[][..]), ("overflow", &[]), ("spin", &["--time", "500ms"]), ("handles", &[]), ("flood-output", &[])]
    {
        call(tool, arguments).failed(1);
    }
    call("allocate", &["--memory", "32MiB"]).good();
    assert_eq!(call("ok", &[]).good(), "ok");
}

#[test]
fn a_host_that_is_too_small_says_so() {
    for kilobytes in [150_000, 200_000, 300_000] {
        let home = Home::empty();
        let call = Lockgate::call(&time(), "get_current_time").arg("timezone=UTC").home(home.path());
        let ended = call.after(format!("ulimit -v {kilobytes}")).run();
        let said = ended.failed(1);
        assert!(said.contains("MiB of address space, and needs") && said.contains("ulimit -v"), "{ended}");
        home.assert_tidy();
    }
}

#[test]
fn a_host_with_just_enough_for_this_program_calls_or_says_what_it_lacks() {
    // Which of them suffices for the compiler is a matter of the machine: every core has threads with stacks.
    for kilobytes in [400_000, 600_000, 800_000] {
        let home = Home::empty();
        let ended = Lockgate::call(&time(), "get_current_time").arg("timezone=UTC").home(home.path());
        let ended = ended.after(format!("ulimit -v {kilobytes}")).run();
        if ended.code != Some(0) {
            ended.failed(1);
        }
        home.assert_tidy();
    }
}
