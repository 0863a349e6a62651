use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> Incoming {
    Incoming::parse(text.as_bytes())
}

fn request(text: &str) -> (Id, Request) {
    match parsed(text) {
        Incoming::Message(Message::Request { id, request }) => (id, request),
        other => panic!("{text} is {other:?}"),
    }
}

/// The id and the code that `text` is refused with.
fn refusal(text: &str) -> (String, i64) {
    match parsed(text) {
        Incoming::Refused(refusal) => (serde_json::to_string(&refusal.id).unwrap(), refusal.error.code),
        other => panic!("{text} is {other:?}"),
    }
}

fn written(message: &Message) -> String {
    serde_json::to_string(message).unwrap()
}

#[test]
fn a_request_keeps_its_id_and_parameters_as_they_came() {
    let (id, request) = request(
        r#" {"method":"tools/call","params":{"name":"a","x":1.50,"arguments":{"Name":[1e2]}},"id":123456789012345678901234567890,"jsonrpc":"2.0"} "#,
    );
    assert_eq!(serde_json::to_string(&id).unwrap(), "123456789012345678901234567890");
    assert_eq!(request.method, "tools/call");
    assert_eq!(request.params.as_str(), r#"{"name":"a","x":1.50,"arguments":{"Name":[1e2]}}"#);
}

#[test]
fn absent_parameters_are_an_empty_object() {
    assert_eq!(request(r#"{"jsonrpc":"2.0","id":"a","method":"ping"}"#).1.params.as_str(), "{}");
}

#[test]
fn ids_that_are_neither_strings_nor_numbers_are_refused_without_an_id() {
    for id in ["null", "true", "[1]", r#"{"a":1}"#] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        assert_eq!(refusal(&text), ("null".to_owned(), code::INVALID_REQUEST), "{text}");
    }
}

#[test]
fn what_is_no_json_is_a_parse_error() {
    for bytes in [&b"hello"[..], b"{", b"{\"a\":\"\xff\"}", b"{} {}", b"\xef\xbb\xbf{}", b"'"] {
        match Incoming::parse(bytes) {
            Incoming::Refused(Refusal { id: None, error }) => assert_eq!(error.code, code::PARSE_ERROR),
            other => panic!("{bytes:?} is {other:?}"),
        }
    }
    let nested =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{}1{}}}"#, "[".repeat(1000), "]".repeat(1000));
    assert_eq!(refusal(&nested), ("null".to_owned(), code::PARSE_ERROR));
}

#[test]
fn what_is_no_message_is_an_invalid_request() {
    for (text, id) in [
        ("1", "null"),
        (r#""text""#, "null"),
        ("null", "null"),
        ("[]", "null"),
        ("{}", "null"),
        (r#"{"jsonrpc":"2.0","id":7}"#, "7"),
        (r#"{"jsonrpc":"2.0","id":7,"method":1}"#, "7"),
        (r#"{"jsonrpc":"2.0","method":1,"params":"bar"}"#, "null"),
        (r#"{"id":7,"method":"ping"}"#, "7"),
        (r#"{"jsonrpc":"1.0","id":"x","method":"ping"}"#, r#""x""#),
        (r#"{"jsonrpc":2.0,"id":7,"method":"ping"}"#, "7"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"ping","result":{}}"#, "null"),
    ] {
        assert_eq!(refusal(text), (id.to_owned(), code::INVALID_REQUEST), "{text}");
    }
}

#[test]
fn parameters_that_are_no_object_are_invalid() {
    for params in ["[1]", "1", r#""x""#, "null", "true", r#"{"_meta":1}"#, r#"{"_meta":null}"#] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"ping","params":{params}}}"#);
        assert_eq!(refusal(&text), ("7".to_owned(), code::INVALID_PARAMS), "{text}");
    }
}

#[test]
fn a_notification_that_cannot_be_read_is_ignored_as_nobody_waits_for_its_answer() {
    assert!(matches!(parsed(r#"{"jsonrpc":"2.0","method":"x","params":[1]}"#), Incoming::Ignored));
}

#[test]
fn a_key_that_is_there_twice_is_refused_with_the_id_if_that_is_clear() {
    for (text, id) in [
        (r#"{"jsonrpc":"2.0","id":7,"method":"x","params":{"a":[{"b":1,"b":2}]}}"#, "7"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"x","method":"y"}"#, "7"),
        (r#"{"jsonrpc":"2.0","id":7,"id":8,"method":"x"}"#, "null"),
        (r#"{"jsonrpc":"2.0","id":7,"ID":8,"method":"x","method":"y"}"#, "null"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"x","params":{"name":"a","\u006eame":"b"}}"#, "7"),
        (r#"[{"jsonrpc":"2.0","id":7,"method":"x","method":"y"}]"#, "null"),
    ] {
        assert_eq!(refusal(text), (id.to_owned(), code::INVALID_REQUEST), "{text}");
    }
}

#[test]
fn keys_of_the_envelope_in_other_case_or_with_escapes_are_refused() {
    for text in [
        r#"{"jsonrpc":"2.0","id":7,"method":"x","Method":"y"}"#,
        r#"{"jsonrpc":"2.0","id":7,"\u006dethod":"y"}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"x","PARAMS":{}}"#,
        r#"{"JSONRPC":"2.0","id":7,"method":"x"}"#,
        r#"{"jsonrpc":"2.0","id":7,"reſult":{},"result":{}}"#,
    ] {
        assert_eq!(refusal(text), ("null".to_owned(), code::INVALID_REQUEST), "{text}");
    }
}

#[test]
fn keys_of_the_parameters_in_other_case_or_with_escapes_are_refused() {
    for params in [
        r#"{"name":"a","Name":"b"}"#,
        r#"{"\u006eame":"a"}"#,
        r#"{"URI":"a"}"#,
        r#"{"_Meta":{}}"#,
        r#"{"requestſtate":"a"}"#,
        r#"{"_meta":{"ProgressToken":1}}"#,
        r#"{"_meta":{"io.modelcontextprotocol/protocolversion":"2026-07-28"}}"#,
    ] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{params}}}"#);
        assert_eq!(refusal(&text), ("7".to_owned(), code::INVALID_PARAMS), "{text}");
    }
}

#[test]
fn responses_are_read_and_never_refused() {
    let outcome = |text: &str| match parsed(text) {
        Incoming::Message(Message::Response { outcome, .. }) => outcome,
        other => panic!("{text} is {other:?}"),
    };
    assert_eq!(outcome(r#"{"jsonrpc":"2.0","id":"a","result":{"x": 1}}"#).unwrap().as_str(), r#"{"x": 1}"#);
    assert_eq!(outcome(r#"{"jsonrpc":"2.0","id":"a","error":{"code":-1,"message":"no"}}"#).unwrap_err().code, -1);
    for text in [
        r#"{"jsonrpc":"2.0","id":"a","result":{},"error":{"code":-1,"message":"no"}}"#,
        r#"{"jsonrpc":"2.0","id":"a","result":1}"#,
        r#"{"jsonrpc":"2.0","id":"a","error":"no"}"#,
        r#"{"id":"a","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}"#,
        r#"{"jsonrpc":"2.0","error":1}"#,
    ] {
        assert!(outcome(text).is_err(), "{text}");
    }
}

#[test]
fn a_batch_is_read_message_by_message() {
    let text = r#"[{"jsonrpc":"2.0","id":1,"method":"a"},1,{"jsonrpc":"2.0","method":"b"},[]]"#;
    let Incoming::Batch(messages) = parsed(text) else { panic!("no batch") };
    assert!(matches!(
        &messages[..],
        [
            Incoming::Message(Message::Request { .. }),
            Incoming::Refused(_),
            Incoming::Message(Message::Notification(_)),
            Incoming::Refused(_),
        ]
    ));
}

#[test]
fn a_batch_has_a_bounded_number_of_messages() {
    let batch = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    assert!(matches!(parsed(&batch(MAX_BATCH)), Incoming::Batch(_)));
    assert_eq!(refusal(&batch(MAX_BATCH + 1)), ("null".to_owned(), code::INVALID_REQUEST));
}

#[test]
fn an_answer_without_an_id_says_null() {
    let message = Message::Response { id: None, outcome: Err(RpcError::new(code::PARSE_ERROR, "a \"b\"")) };
    assert_eq!(written(&message), r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"a \"b\""}}"#);
}

fn id() -> impl Strategy<Value = Id> {
    prop_oneof![
        any::<i64>().prop_map(|number| Id::try_from(Json::of(&number)).unwrap()),
        "\\PC{0,8}".prop_map(|text| Id::of(&text)),
    ]
}

fn object() -> impl Strategy<Value = Json> {
    proptest::collection::btree_map("x\\PC{0,6}", "\\PC{0,6}", 0..4).prop_map(|members| Json::of(&members))
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        (id(), "\\PC{0,10}", object())
            .prop_map(|(id, method, params)| Message::Request { id, request: Request { method, params } }),
        ("\\PC{0,10}", object()).prop_map(|(method, params)| Message::Notification(Notification { method, params })),
        (id(), object()).prop_map(|(id, result)| Message::Response { id: Some(id), outcome: Ok(result) }),
        (id(), any::<i64>(), "\\PC{0,10}", proptest::option::of(object())).prop_map(|(id, code, message, data)| {
            Message::Response { id: Some(id), outcome: Err(RpcError { code, message, data }) }
        }),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        Incoming::parse(&bytes);
    }

    #[test]
    fn anything_that_resembles_a_message_is_read_or_refused_without_a_panic(
        text in r#"[\[\]{}:,"\\ ](jsonrpc|id|method|params|"|:|,|\{|\}|2\.0|1|null){0,40}"#,
    ) {
        Incoming::parse(text.as_bytes());
    }

    #[test]
    fn what_is_written_is_read_as_it_was(message in message()) {
        let text = written(&message);
        prop_assert!(!text.contains('\n'));
        match Incoming::parse(text.as_bytes()) {
            Incoming::Message(read) => prop_assert_eq!(written(&read), text),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
