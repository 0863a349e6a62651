use super::*;

fn wants(requests: Value) -> Value {
    json!({ "resultType": "input_required", "inputRequests": requests, "requestState": "s" })
}

fn form() -> Value {
    json!({ "method": "elicitation/create", "params": { "message": "?", "requestedSchema": {} } })
}

#[tokio::test]
async fn questions_that_a_client_can_answer_are_passed_on_as_they_are() {
    let asks = json!({ "a": form(), "b": { "method": "roots/list" }, "c": { "method": "sampling/createMessage", "params": {} } });
    let mut client = connect(always(wants(asks.clone())));
    for method in ["tools/call", "prompts/get", "resources/read"] {
        let can = json!({ "elicitation": {}, "roots": {}, "sampling": {} });
        let params = modern_with(can, json!({ "name": "x", "uri": "a:b" }));
        assert_eq!(client.ask(request(1, method, params)).await, result(1, wants(asks.clone())), "{method}");
    }
}

#[tokio::test]
async fn questions_that_a_client_cannot_answer_name_what_it_lacks() {
    let url =
        json!({ "method": "elicitation/create", "params": { "mode": "url", "message": "?", "url": "https://a" } });
    let sampling = json!({ "method": "sampling/createMessage", "params": { "tools": [] } });
    for (asks, can, lacks) in [
        (json!({ "a": form() }), json!({}), json!({ "elicitation": { "form": {} } })),
        (json!({ "a": form() }), json!({ "elicitation": { "url": {} } }), json!({ "elicitation": { "form": {} } })),
        (json!({ "a": form() }), json!({ "elicitation": true }), json!({ "elicitation": { "form": {} } })),
        (json!({ "a": url }), json!({ "elicitation": {} }), json!({ "elicitation": { "url": {} } })),
        (json!({ "a": form(), "b": url }), json!({}), json!({ "elicitation": { "form": {}, "url": {} } })),
        (json!({ "a": sampling }), json!({ "sampling": {} }), json!({ "sampling": { "tools": {} } })),
        (json!({ "a": { "method": "roots/list" }, "b": form() }), json!({ "elicitation": {} }), json!({ "roots": {} })),
    ] {
        let mut client = connect(always(wants(asks)));
        let answer = client.ask(request(1, "tools/call", modern_with(can, json!({ "name": "x" })))).await;
        assert_eq!(error(&answer), (1.into(), -32021));
        assert_eq!(answer["error"]["data"], json!({ "requiredCapabilities": lacks }));
    }
}

#[tokio::test]
async fn questions_in_a_form_that_mcp_does_not_have_are_an_error_of_the_server() {
    for result in [
        json!({ "resultType": "input_required" }),
        json!({ "resultType": "input_required", "inputRequests": {} }),
        json!({ "resultType": "input_required", "inputRequests": [] }),
        json!({ "resultType": "input_required", "requestState": 1 }),
        wants(json!({ "a": 1 })),
        wants(json!({ "a": { "method": "tools/call", "params": {} } })),
        wants(json!({ "a": { "method": "elicitation/create", "params": { "mode": "telepathy" } } })),
        wants((0..65).map(|nth| (nth.to_string(), form())).collect::<serde_json::Map<_, _>>().into()),
        wants(json!({ "a": { "method": "elicitation/create", "params": { "Mode": "url" } } })),
        json!({ "ResultType": "input_required", "inputRequests": { "a": form() } }),
        json!({ "resultType": 1 }),
        json!([]),
    ] {
        let mut client = connect(always(result.clone()));
        let params = modern_with(json!({ "elicitation": {} }), json!({ "name": "x" }));
        assert_eq!(error(&client.ask(request(1, "tools/call", params)).await), (1.into(), -32603), "{result}");
    }
}

#[tokio::test]
async fn a_server_that_only_wants_to_be_called_again_asks_for_nothing() {
    let again = json!({ "resultType": "input_required", "requestState": "s" });
    let mut client = connect(always(again.clone()));
    assert_eq!(client.ask(request(1, "tools/call", modern(json!({ "name": "x" })))).await, result(1, again));
}
