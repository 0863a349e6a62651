use super::*;

/// What is said of a value.
fn judged(schema: &Value, value: Value) -> String {
    let mut issues = Vec::new();
    parse(schema, Some(&value), &mut issues);
    told(&issues)
}

/// What a value becomes, of which nothing is to be said.
fn parsed(schema: &Value, value: Value) -> Value {
    let mut issues = Vec::new();
    let parsed = parse(schema, Some(&value), &mut issues).unwrap();
    assert_eq!(issues, []);
    parsed
}

fn object(member: Value) -> Value {
    json!({ "type": "object", "properties": { "a": member }, "required": ["a"] })
}

#[test]
fn faults_are_told_in_the_validators_words() {
    let cases = [
        (json!({ "type": "string" }), json!(1), "Invalid input: expected string, received number at a"),
        (json!({ "type": "string" }), json!(null), "Invalid input: expected string, received null at a"),
        (
            json!({ "type": "string", "maxLength": 1 }),
            json!("é😀"),
            "Too big: expected string to have <=1 characters at a",
        ),
        (
            json!({ "type": "string", "minLength": 1 }),
            json!(""),
            "Too small: expected string to have >=1 characters at a",
        ),
        (json!({ "type": "boolean" }), json!("true"), "Invalid input: expected boolean, received string at a"),
        (json!({ "type": "integer" }), json!(1.5), "Invalid input: expected int, received number at a"),
        (json!({ "type": "integer", "maximum": 20 }), json!(21), "Too big: expected number to be <=20 at a"),
        (json!({ "type": "number", "minimum": -90 }), json!(-91.5), "Too small: expected number to be >=-90 at a"),
        (json!({ "enum": ["x", "y"] }), json!("z"), "Invalid option: expected one of \"x\"|\"y\" at a"),
        (json!({ "const": "x" }), json!("z"), "Invalid input: expected \"x\" at a"),
        (
            json!({ "type": "array", "items": { "type": "string" } }),
            json!(["", 1]),
            "Invalid input: expected string, received number at a[1]",
        ),
        (json!({ "type": "array", "minItems": 1 }), json!([]), "Too small: expected array to have >=1 items at a"),
        (json!({ "anyOf": [{ "const": "x" }, { "const": "y" }] }), json!("z"), "Invalid input at a"),
        (
            json!({ "type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$" }),
            json!("2026"),
            r"Invalid string: must match pattern /^\d{4}-\d{2}-\d{2}$/ at a",
        ),
    ];
    for (member, value, expected) in cases {
        assert_eq!(judged(&object(member), json!({ "a": value })), expected);
    }
    assert_eq!(
        judged(&object(json!({ "type": "string" })), json!({})),
        "Invalid input: expected string, received undefined at a"
    );
}

#[test]
fn a_nearly_right_option_says_why_it_is_not() {
    let schema = json!({ "anyOf": [
        { "type": "string", "enum": ["pd"] },
        { "type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}to\d{4}-\d{2}-\d{2}$" },
    ] });
    assert_eq!(judged(&schema, json!("pd")), "");
    assert_eq!(judged(&schema, json!("2022-04-01to2022-07-30")), "");
    assert!(judged(&schema, json!("x")).starts_with("Invalid string: must match pattern"));
    assert_eq!(judged(&schema, json!(1)), "Invalid input");
}

#[test]
fn members_get_the_schemas_order_and_defaults_and_unknown_ones_go() {
    let schema = json!({ "type": "object", "properties": {
        "a": { "type": "string" },
        "b": { "type": "integer", "default": 5 },
        "c": { "type": "object", "properties": {}, "additionalProperties": {} },
    } });
    let parsed = parsed(&schema, json!({ "c": { "z": 1.0, "y": 2 }, "x": 1, "a": "" }));
    assert_eq!(parsed.to_string(), r#"{"a":"","b":5,"c":{"z":1.0,"y":2}}"#);
}

#[test]
fn urls_and_moments_are_recognised() {
    for (text, valid) in [
        ("https://example.com/a?b#c", true),
        ("http://user@[::1]:80/", true),
        ("mailto:a@b", true),
        ("https://", false),
        ("https://a b/", false),
        ("https://a:99999/", false),
        ("//example.com", false),
        ("1a:b", false),
        ("", false),
    ] {
        assert_eq!(is_url(text), valid, "{text}");
    }
    for (text, valid) in [
        ("2026-11-22T19:00:00Z", true),
        ("2026-11-22T19:00Z", true),
        ("2024-02-29T23:59:59.123456Z", true),
        ("2026-02-29T00:00:00Z", false),
        ("2026-11-22T24:00:00Z", false),
        ("2026-11-22T19:00:00+01:00", false),
        ("2026-11-22T19:00:00.Z", false),
        ("2026-11-22T19:00.5Z", false),
        ("2026-11-22", false),
        ("ü026-11-22T19:00:00Z", false),
    ] {
        assert_eq!(is_date_time(text), valid, "{text}");
    }
}

#[test]
fn issues_make_a_tree() {
    let schema = object(json!({ "type": "array", "items": { "type": "string" } }));
    let mut issues = Vec::new();
    parse(&schema, Some(&json!({ "a": ["", 1] })), &mut issues);
    let expected = json!({ "errors": [], "properties": { "a": { "errors": [], "items": [
        null,
        { "errors": ["Invalid input: expected string, received number"] },
    ] } } });
    assert_eq!(tree(&issues), expected);
}
