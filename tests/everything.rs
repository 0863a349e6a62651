//! The server `everything`: a program that speaks MCP on its stdin and stdout, one instance for each session.

use serde_json::json;

use crate::support::{Client, Lockgate, everything, modern};

#[test]
fn a_program_is_called_like_any_other_server() {
    let ended = Lockgate::call(&everything(), "add").args(["a=1", "b=2.5"]).run();
    assert_eq!(ended.good(), r#"{"sum":3.5}"#);
    let plan = Lockgate::new("inspect").arg(everything()).run();
    assert!(plan.good().contains("shape    command"), "{plan}");
    let failed = Lockgate::call(&everything(), "fail").run();
    assert!(failed.failed(5).contains("the tool answered with an error"), "{failed}");
}

#[test]
fn it_has_nothing_that_it_was_not_given() {
    let ended = Lockgate::call(&everything(), "environment").args(["--env", "GIVEN=1"]).run();
    assert_eq!(ended.good(), "GIVEN");
}

#[test]
fn an_older_client_is_asked_and_hears_of_progress() {
    let mut client = Client::start(Lockgate::new("run").arg(everything()));
    let welcome = client.initialize("2025-11-25", json!({ "elicitation": {} }));
    assert_eq!(welcome["result"]["serverInfo"]["name"], "everything");
    client.call("elicit", "elicit", json!({}));
    let question = client.wait_for(|message| message["method"] == "elicitation/create");
    assert_eq!(question["params"]["message"], "What is your name?");
    let answer = json!({ "action": "accept", "content": { "name": "Ada" } });
    client.send(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": answer }));
    let answered = client.answer("elicit");
    assert!(answered["result"]["content"][0]["text"].as_str().unwrap().contains("Ada"), "{answered}");
    let params = json!({ "name": "wait", "arguments": { "steps": 3 }, "_meta": { "progressToken": "mine" } });
    client.request("wait", "tools/call", params);
    let progress = client.wait_for(|message| message["method"] == "notifications/progress");
    assert_eq!((&progress["params"]["progressToken"], &progress["params"]["total"]), (&json!("mine"), &json!(3.0)));
    assert_eq!(client.answer("wait")["result"]["content"][0]["text"], "waited 3 steps");
    assert_eq!(client.close().0.code, Some(0));
}

#[test]
fn a_client_of_today_is_answered_in_its_own_shape() {
    let mut client = Client::start(Lockgate::new("run").arg(everything()));
    let mut params = json!({ "name": "echo", "arguments": { "text": "hello" } });
    params["_meta"] = modern();
    client.request(1, "tools/call", params.clone());
    assert_eq!(client.answer(1)["result"]["resultType"], "complete");
    // Nobody who could be asked: the instance is shared by all clients of this kind.
    params["name"] = "elicit".into();
    client.request(2, "tools/call", params);
    let refused = client.answer(2);
    assert!(refused.to_string().contains("did not answer"), "{refused}");
}

#[test]
fn what_changes_is_told_to_who_subscribed() {
    let mut client = Client::in_session(&everything(), "2025-06-18");
    client.request("subscribe", "resources/subscribe", json!({ "uri": "everything://text" }));
    assert!(client.answer("subscribe")["result"].is_object());
    client.call("change", "change", json!({}));
    let updated = client.wait_for(|message| message["method"] == "notifications/resources/updated");
    assert_eq!(updated["params"]["uri"], "everything://text");
    client.wait_for(|message| message["method"] == "notifications/tools/list_changed");
}

#[test]
fn a_program_that_computes_for_ever_is_ended_and_the_next_call_gets_a_new_one() {
    let module = wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))"#);
    let file = crate::support::wasm_file(&module.unwrap());
    let ended = Lockgate::new("tools").arg(file.path()).args(["--time", "500ms"]).run();
    assert!(ended.failed(1).contains("500ms"), "{ended}");
}
