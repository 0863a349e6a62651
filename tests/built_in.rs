//! The servers shipped inside the program, which is built with them or without.

use crate::support::Lockgate;

/// How the program says which there are.
#[cfg(feature = "built-in-servers")]
pub(crate) const SENTENCE: &str = "the servers built in are: brave, filesystem, time";

/// How the program says that there are none, and how to get some.
#[cfg(not(feature = "built-in-servers"))]
pub(crate) const SENTENCE: &str = "this build has no servers inside; `make build` makes one that has";

#[cfg(feature = "built-in-servers")]
#[test]
fn time_answers_by_its_name_alone() {
    let ended = Lockgate::call("time", "get_current_time").arg("timezone=Europe/Paris").run();
    assert!(ended.good().contains("\"timezone\": \"Europe/Paris\""), "{}", ended.good());
    let plan = Lockgate::new("plan").arg("time").run();
    assert!(plan.good().contains("shipped inside this program"), "{}", plan.good());
}

#[cfg(not(feature = "built-in-servers"))]
#[test]
fn a_build_without_servers_says_so() {
    let ended = Lockgate::call("time", "get_current_time").arg("timezone=Europe/Paris").run();
    assert!(ended.failed(2).contains(SENTENCE), "{}", ended.failed(2));
}
