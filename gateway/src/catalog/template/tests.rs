use serde_json::json;

use super::*;

fn data() -> Map<String, Value> {
    let data = json!({
        "srv": {
            "text": "hello",
            "empty": "",
            "null": null,
            "int": 8080,
            "float": 0.5,
            "yes": true,
            "list": ["/a", "/b"],
            "numbers": [1, true, 2.5],
            "none": [],
            "path": "/data/x",
            "windows": "C:\\Users\\me",
            "windows_list": ["C:\\a", "/b"],
            "inner": { "key": "deep", "b": 1, "a": [1, 2] },
        },
        "plain": "top",
    });
    data.as_object().unwrap().clone()
}

/// An expression, its value, and its words in a list.
const VECTORS: &[(&str, &str, &[&str])] = &[
    // Literals.
    ("", r#""""#, &[""]),
    ("word", r#""word""#, &["word"]),
    (" spaced ", r#"" spaced ""#, &[" spaced "]),
    // A single term keeps its type.
    ("{{srv.text}}", r#""hello""#, &["hello"]),
    ("{{ srv.text }}", r#""hello""#, &["hello"]),
    ("{{plain}}", r#""top""#, &["top"]),
    ("{{srv.int}}", "8080", &["8080"]),
    ("{{srv.float}}", "0.5", &["0.5"]),
    ("{{srv.yes}}", "true", &["true"]),
    ("{{srv.list}}", r#"["/a","/b"]"#, &["/a", "/b"]),
    ("{{srv.numbers}}", "[1,true,2.5]", &["1", "true", "2.5"]),
    ("{{srv.none}}", "[]", &[]),
    ("{{srv.inner.key}}", r#""deep""#, &["deep"]),
    ("{{srv.inner}}", r#"{"key":"deep","b":1,"a":[1,2]}"#, &["map[a:[1 2] b:1 key:deep]"]),
    // What leads nowhere is empty.
    ("{{srv.nothing}}", r#""""#, &[""]),
    ("{{srv.null}}", r#""""#, &[""]),
    ("{{srv.text.further}}", r#""""#, &[""]),
    ("{{srv.list.0}}", r#""""#, &[""]),
    ("{{other.text}}", r#""""#, &[""]),
    ("{{}}", r#""""#, &[""]),
    ("{{.}}", r#""""#, &[""]),
    ("{{srv. text}}", r#""""#, &[""]),
    // Mixed with anything else, all is text.
    ("--port={{srv.int}}", r#""--port=8080""#, &["--port=8080"]),
    ("{{srv.text}}{{srv.int}}", r#""hello8080""#, &["hello8080"]),
    (" {{srv.int}}", r#"" 8080""#, &[" 8080"]),
    ("{{srv.list}}!", r#""[/a /b]!""#, &["[/a /b]!"]),
    ("{{srv.path}}:{{srv.path}}", r#""/data/x:/data/x""#, &["/data/x:/data/x"]),
    ("{{srv.nothing}}:/x", r#"":/x""#, &[":/x"]),
    ("<{{srv.yes}} {{srv.float}} {{srv.null}}>", r#""<true 0.5 >""#, &["<true 0.5 >"]),
    // Braces that are no term stay.
    (r#"{"a":"{{srv.text}}"}"#, r#""{\"a\":\"hello\"}""#, &[r#"{"a":"hello"}"#]),
    ("{srv.text}", r#""{srv.text}""#, &["{srv.text}"]),
    ("{{srv.text", r#""{{srv.text""#, &["{{srv.text"]),
    ("srv.text}}", r#""srv.text}}""#, &["srv.text}}"]),
    ("{{srv\n.text}}", "\"{{srv\\n.text}}\"", &["{{srv\n.text}}"]),
    ("{{a\n{{srv.text}}", "\"{{a\\nhello\"", &["{{a\nhello"]),
    ("{{{srv.text}}}", r#""}""#, &["}"]),
    // Functions.
    ("{{srv.path|volume}}", r#""/data/x:/data/x""#, &["/data/x:/data/x"]),
    ("{{srv.list|volume}}", r#"["/a:/a","/b:/b"]"#, &["/a:/a", "/b:/b"]),
    ("{{srv.list|volume|into}}", r#"["/a:/a","/b:/b"]"#, &["/a:/a", "/b:/b"]),
    ("{{srv.windows|volume}}", r#""C:\\Users\\me:/C/Users/me""#, &["C:\\Users\\me:/C/Users/me"]),
    ("{{srv.windows_list|volume-target}}", r#"["/C/a","/b"]"#, &["/C/a", "/b"]),
    ("{{srv.path|volume-target}}:/src", r#""/data/x:/src""#, &["/data/x:/src"]),
    ("{{srv.nothing|volume}}", r#""""#, &[""]),
    ("{{srv.nothing|volume|into}}", r#""""#, &[]),
    ("{{srv.nothing|into}}", r#""""#, &[]),
    ("{{srv.none|volume|into}}", "[]", &[]),
    ("{{srv.nothing|volume-target}}/okta.log", r#""/okta.log""#, &["/okta.log"]),
    ("{{srv.list|first}}", r#""/a""#, &["/a"]),
    ("{{srv.list|last}}", r#""/b""#, &["/b"]),
    ("{{srv.numbers|first}}", "1", &["1"]),
    ("{{srv.none|first}}", r#""""#, &[""]),
    ("{{srv.text|last}}", r#""hello""#, &["hello"]),
    ("{{srv.list|first|volume}}", r#""/a:/a""#, &["/a:/a"]),
    ("{{srv.nothing|or:x}}", r#""x""#, &["x"]),
    ("{{srv.empty|or:x}}", r#""x""#, &["x"]),
    ("{{srv.text|or:x}}", r#""hello""#, &["hello"]),
    ("{{srv.nothing|or:}}", r#""""#, &[""]),
    ("{{srv.nothing|or:[a, b]}}", r#"["a","b"]"#, &["a", "b"]),
    ("{{srv.nothing|or:[]|volume|into}}", "[]", &[]),
    ("{{srv.none|or:x}}", "[]", &[]),
    ("{{srv.nothing|or:[/a]|volume|into}}", r#"["/a:/a"]"#, &["/a:/a"]),
    ("{{srv.path|mount_as:/x:ro}}", r#""/data/x:/x:ro""#, &["/data/x:/x:ro"]),
    ("{{srv.nothing|mount_as:/x:ro}}", r#""""#, &[""]),
    // Spaces around functions.
    ("{{ srv.nothing | or:x }}", r#""x""#, &["x"]),
    ("{{srv.list | volume | into}}", r#"["/a:/a","/b:/b"]"#, &["/a:/a", "/b:/b"]),
    // What is not known does nothing.
    ("{{srv.text|shout}}", r#""hello""#, &["hello"]),
    ("{{srv.list|Volume|}}", r#"["/a","/b"]"#, &["/a", "/b"]),
];

#[test]
fn expressions_have_these_values() {
    let data = data();
    for (text, value, words) in VECTORS {
        let template = Template::parse(text);
        assert_eq!(template.value(&data).unwrap().to_string(), *value, "{text}");
        assert_eq!(template.words(&data).unwrap(), *words, "{text}");
    }
}

#[test]
fn a_text_without_terms_is_constant() {
    for (text, constant) in [("", true), ("a {b} {{c", true), ("{{a}}", false), ("x{{a}}", false)] {
        assert_eq!(Template::parse(text).constant().is_some(), constant, "{text}");
    }
}

#[test]
fn nothing_grows_without_end() {
    let long = Map::from_iter([("a".to_owned(), Value::from("x".repeat(MAX_TEXT)))]);
    assert_eq!(Template::parse("{{a}}").text(&long).unwrap().len(), MAX_TEXT);
    assert_eq!(Template::parse("{{a}}!").value(&long), Err(TooLong));
    assert_eq!(Template::parse("{{a|volume}}").words(&long), Err(TooLong));
    assert_eq!(Template::parse("{{a|volume}}").text(&long), Err(TooLong));
}

proptest::proptest! {
    #[test]
    fn any_text_has_a_value(text in "(\\PC|\n){0,60}|[{}|a-z:.\\[\\], \n]{0,40}") {
        let template = Template::parse(&text);
        template.value(&data()).unwrap();
        template.words(&data()).unwrap();
    }

    #[test]
    fn a_text_without_double_braces_is_itself(text in "([^{]|\\{[^{]){0,40}") {
        let template = Template::parse(&text);
        proptest::prop_assert_eq!(template.constant(), Some(&*text));
        proptest::prop_assert_eq!(template.text(&data()).unwrap(), text);
    }
}
