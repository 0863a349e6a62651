use super::*;

fn signer() -> Added {
    Added::Signer("{ key = \"new.pub\", log = \"ignore\" }".to_owned())
}

fn attestation() -> Added {
    Added::Attestation("{ type = \"https://a/b\", signers = [{ key = \"new.pub\", log = \"ignore\" }] }".to_owned())
}

fn digest() -> Added {
    Added::Digest("sha256:new".to_owned())
}

/// A policy with another scope before and one after, whose first scope is number 1 and goes on with `lines`.
fn around(lines: &str) -> String {
    format!(
        "# mine\ndefault  = \"reject\" # all\n\n[[scope]] # first\nmatch = 'a.io/b'\ndigests = [ \"sha256:0\" ]\n\n\
         # second\n[[scope]]\n{lines}\n# third\n[[scope]]\nmatch = \"c.io/**\"\n\n[[scope.signers]]\nkey = \"c.pub\"\n# end"
    )
}

/// Adds to scope number 1 of that, and checks that it has become `expected` there and nowhere else.
#[track_caller]
fn becomes(lines: &str, added: &Added, expected: &str) {
    let text = with_item(&around(lines), Form::Whole, 1, added).unwrap();
    assert_eq!(text, format!("{}\n", around(expected)));
    // So it does with the line ends and the mark of Windows.
    let windows = format!("\u{feff}{}\n", around(lines)).replace('\n', "\r\n");
    let edited = with_item(&windows, Form::Whole, 1, added).unwrap();
    assert_eq!(edited, format!("\u{feff}{}\n", around(expected)).replace('\n', "\r\n"));
}

#[test]
fn an_item_is_added_to_a_list_in_one_line() {
    becomes(
        "match = \"a.io/x\"\nsigners = [{ key = \"a.pub\", log = \"ignore\" }] # ours\nthreshold = 1",
        &signer(),
        "match = \"a.io/x\"\nsigners = [{ key = \"a.pub\", log = \"ignore\" }, { key = \"new.pub\", log = \"ignore\" }] # ours\nthreshold = 1",
    );
    becomes("match = 'x'\ndigests = [ 'a' ]", &digest(), "match = 'x'\ndigests = [ 'a', \"sha256:new\" ]");
    becomes("match = 'x'\ndigests=['a','b',]", &digest(), "match = 'x'\ndigests=['a','b', \"sha256:new\",]");
    becomes("match = 'x'\ndigests = []", &digest(), "match = 'x'\ndigests = [\"sha256:new\"]");
}

#[test]
fn an_item_is_added_to_a_list_over_several_lines_as_a_line_of_its_own() {
    becomes(
        "match = 'x'\ndigests = [\n  'a', # one\n  # two\n  'b', # three\n  # last\n]",
        &digest(),
        "match = 'x'\ndigests = [\n  'a', # one\n  # two\n  'b', # three\n  # last\n  \"sha256:new\",\n]",
    );
    becomes(
        "match = 'x'\ndigests = [\n\t'a',\n\t'b' # b\n  ]",
        &digest(),
        "match = 'x'\ndigests = [\n\t'a',\n\t'b', # b\n\t\"sha256:new\"\n  ]",
    );
    becomes(
        "match = 'x'\ndigests = [\n  'a',\n  'b']",
        &digest(),
        "match = 'x'\ndigests = [\n  'a',\n  'b',\n  \"sha256:new\"]",
    );
    becomes(
        "match = 'x'\ndigests = [\n  # none yet\n]",
        &digest(),
        "match = 'x'\ndigests = [\n  # none yet\n    \"sha256:new\",\n]",
    );
}

#[test]
fn a_signer_is_added_to_tables_of_signers_as_a_table() {
    becomes(
        "match = 'x'\n\n[[scope.signers]]\nkey = \"a.pub\" # a\nlog = \"ignore\"\n\n# sbom\n[scope.sbom]\nrequired = true\n",
        &signer(),
        "match = 'x'\n\n[[scope.signers]]\nkey = \"a.pub\" # a\nlog = \"ignore\"\n\n[[scope.signers]]\nkey = \"new.pub\"\nlog = \"ignore\"\n\n# sbom\n[scope.sbom]\nrequired = true\n",
    );
    becomes(
        "match = 'x'\n  # why\n  [[scope.signers]]\n    key = \"a.pub\"\n    log = \"ignore\"",
        &signer(),
        "match = 'x'\n  # why\n  [[scope.signers]]\n    key = \"a.pub\"\n    log = \"ignore\"\n  [[scope.signers]]\n    key = \"new.pub\"\n    log = \"ignore\"",
    );
}

#[test]
fn who_may_attest_something_is_added_to_those_who_may() {
    let other = "{ type = 'https://c/d', signers = [{ key = \"c.pub\", log = \"ignore\" }] }";
    becomes(
        &format!(
            "match = 'x'\nattestations = [{{ type = 'https://a/b', signers = [{{ key = \"a.pub\" }}] }}, {other}] # two"
        ),
        &attestation(),
        &format!(
            "match = 'x'\nattestations = [{{ type = 'https://a/b', signers = [{{ key = \"a.pub\" }}, {{ key = \"new.pub\", log = \"ignore\" }}] }}, {other}] # two"
        ),
    );
    becomes(
        "match = 'x'\n[[scope.attestations]]\ntype = \"https://a/b\" # built\nsigners = [\n  { key = \"a.pub\" }, # a\n]\n",
        &attestation(),
        "match = 'x'\n[[scope.attestations]]\ntype = \"https://a/b\" # built\nsigners = [\n  { key = \"a.pub\" }, # a\n  { key = \"new.pub\", log = \"ignore\" },\n]\n",
    );
    becomes(
        &format!("match = 'x'\nattestations = [{other}]"),
        &attestation(),
        &format!("match = 'x'\nattestations = [{other}, {}]", attestation()),
    );
    let inline = "scope = [{ match = 'x', attestations = [{ type = 'https://a/b', signers = [] }] }]\n";
    let joined = inline.replace("[]", "[{ key = \"new.pub\", log = \"ignore\" }]");
    assert_eq!(with_item(inline, Form::Whole, 0, &attestation()).unwrap(), joined);
    // Where those who sign are those who attest, nobody else can be added to them by the way.
    let of_signers = "[[scope]]\nmatch = 'x'\nattestations = [{ type = 'https://a/b' }]\n";
    assert!(matches!(with_item(of_signers, Form::Whole, 0, &attestation()), Err(NotEdited::NotKept)));
}

#[test]
fn a_scope_gets_a_list_that_it_does_not_have() {
    becomes(
        "match = \"docker.io/mcp/*\" # Docker\nbuiltin = \"docker-mcp\"\n",
        &signer(),
        "match = \"docker.io/mcp/*\" # Docker\nbuiltin = \"docker-mcp\"\nsigners = [{ key = \"new.pub\", log = \"ignore\" }]\n",
    );
    becomes(
        "match = 'x'\ndigests = ['a']\n",
        &attestation(),
        "match = 'x'\ndigests = ['a']\nattestations = [{ type = \"https://a/b\", signers = [{ key = \"new.pub\", log = \"ignore\" }] }]\n",
    );
    becomes(
        "  match = 'x'\n  builtin = \"docker-mcp\"\n  [scope.sbom]\n  required = true",
        &digest(),
        "  match = 'x'\n  builtin = \"docker-mcp\"\n  digests = [\"sha256:new\"]\n  [scope.sbom]\n  required = true",
    );
}

#[test]
fn scopes_that_are_items_of_a_list_are_added_to_as_well() {
    for (before, after) in [
        ("scope = [{ match = 'x' }]", "scope = [{ match = 'x', digests = [\"sha256:new\"] }]"),
        ("scope = [{match = 'x'}]", "scope = [{match = 'x', digests = [\"sha256:new\"]}]"),
        ("scope = [{ match = 'x', digests = ['a'] },]", "scope = [{ match = 'x', digests = ['a', \"sha256:new\"] },]"),
        (
            "scope = [{ match = 'x', sbom.required = true }]",
            "scope = [{ match = 'x', sbom.required = true, digests = [\"sha256:new\"] }]",
        ),
        ("scope = [{\n  match = 'x', # x\n}]", "scope = [{\n  match = 'x', # x\n  digests = [\"sha256:new\"],\n}]"),
    ] {
        let text = with_item(&format!("{before}\n"), Form::Whole, 0, &digest()).unwrap();
        assert_eq!(text, format!("{after}\n"));
    }
    let more = with_scope("scope = [{ match = 'x' }]\n", Form::Whole, "y", &signer()).unwrap();
    let new = "{ match = \"y\", signers = [{ key = \"new.pub\", log = \"ignore\" }] }";
    assert_eq!(more, format!("scope = [{{ match = 'x' }}, {new}]\n"));
}

#[test]
fn the_table_of_a_configuration_is_added_to_between_other_tables() {
    let text = "[trust]\ndefault = \"reject\"\n[[trust.scope]]\nmatch = 'x'\ndigests = ['a']\n# b\n[servers.b]\nsource = 'b'\n";
    let item = with_item(text, Form::Table, 0, &digest()).unwrap();
    assert_eq!(item, text.replace("['a']", "['a', \"sha256:new\"]"));
    let scope = with_scope(text, Form::Table, "y", &digest()).unwrap();
    assert_eq!(scope, format!("{text}\n[[trust.scope]]\nmatch = \"y\"\ndigests = [\"sha256:new\"]\n"));
    let inline = "trust = { default = 'reject', scope = [{ match = 'x', digests = ['a'] }] }\n";
    assert_eq!(with_item(inline, Form::Table, 0, &digest()).unwrap(), inline.replace("['a']", "['a', \"sha256:new\"]"));
}

#[test]
fn a_scope_of_its_own_comes_last() {
    let text = "default = \"reject\" # all\n\n\n";
    let scope = with_scope(text, Form::Whole, "a.io/x", &signer()).unwrap();
    let new = "[[scope]]\nmatch = \"a.io/x\"\nsigners = [{ key = \"new.pub\", log = \"ignore\" }]\n";
    assert_eq!(scope, format!("default = \"reject\" # all\n\n{new}"));
    let windows = with_scope("default = 'reject'\r\n", Form::Whole, "a.io/x", &digest()).unwrap();
    assert!(!windows.replace("\r\n", "").contains('\n'), "{windows:?}");
}

#[test]
fn what_would_not_stay_as_it_is_is_not_touched() {
    let mixed = "[[scope]]\nmatch = 'x'\r\ndigests = ['a']\n";
    assert!(matches!(with_item(mixed, Form::Whole, 0, &digest()), Err(NotEdited::NotKept)));
    for text in ["", "scope = 1\n", "[scope]\n", "[[scope]]\nmatch = 'x'\n", "[[scope]]\n[[scope]]\nsigners = 1\n"] {
        assert!(with_item(text, Form::Whole, 1, &signer()).is_err(), "{text}");
    }
    assert!(with_item("[[scope", Form::Whole, 0, &digest()).is_err());
}

/// Lines of a scope, with comments everywhere and items in every form.
fn scope_lines() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let comment = || "( # [a-z\\[\\]{},=\"' é]{0,12})?";
    let item = |n: usize| format!("\"sha256:{n}\"");
    let list = (0..4_usize, any::<bool>(), any::<bool>(), comment()).prop_map(move |(count, lines, comma, note)| {
        let (gap, note) = if lines { ("\n    ", note) } else { (" ", String::new()) };
        let mut items: Vec<String> = (0..count).map(item).collect();
        let last = items.pop();
        let mut text = "digests = [".to_owned();
        items.iter().for_each(|item| text.push_str(&format!("{gap}{item},{note}")));
        if let Some(last) = last {
            text.push_str(&format!("{gap}{last}{}{note}", if comma { "," } else { "" }));
        }
        text + if lines { "\n]" } else { " ]" }
    });
    let other = prop::sample::select(vec![
        "threshold = 1",
        "mode = 'warn'",
        "sbom.required = true",
        "builtin = \"docker-mcp\"",
    ]);
    let tail =
        prop::sample::select(vec!["", "\n[scope.provenance]\nrequired = true # p", "\n[[scope.signers]]\nkey = 'k'"]);
    (comment(), prop::option::of(list), other, comment(), tail).prop_map(|(one, list, other, two, tail)| {
        let list = list.map(|list| format!("{list}{one}\n")).unwrap_or_default();
        format!("match = 'x'{one}\n{list}{other}{two}{tail}")
    })
}

proptest::proptest! {
    #[test]
    fn comments_and_other_scopes_survive_byte_for_byte(lines in scope_lines(), which in 0..3_usize) {
        let added = [signer, attestation, digest][which]();
        let before = format!("{}\n", around(&lines));
        let after = with_item(&before, Form::Whole, 1, &added).unwrap();
        // All that was there is there in its order: something was put in, and nothing taken out or moved.
        let mut rest = after.chars();
        proptest::prop_assert!(before.chars().all(|c| rest.any(|other| other == c)), "{before}\n{after}");
        let comments = |text: &str| -> Vec<String> {
            text.lines().filter_map(|line| line.split_once('#')).map(|(_, comment)| comment.to_owned()).collect()
        };
        proptest::prop_assert_eq!(comments(&before), comments(&after));
        let (head, tail) = (around("").find("# second").unwrap(), around("").len() - around("").find("# third").unwrap() + 1);
        proptest::prop_assert_eq!(&before[..head], &after[..head]);
        proptest::prop_assert_eq!(&before[before.len() - tail..], &after[after.len() - tail..]);
        // And it means what it meant, with one item more.
        let mut read: toml::Table = after.parse().unwrap();
        let scope = read["scope"][1].as_table_mut().unwrap();
        let items = scope[added.member()].as_array_mut().unwrap();
        let is_last = items.pop() == Some(match &added {
            Added::Digest(digest) => toml::Value::String(digest.clone()),
            Added::Signer(line) | Added::Attestation(line) => toml::Value::Table(format!("x = {line}").parse::<toml::Table>().unwrap()["x"].as_table().unwrap().clone()),
        });
        proptest::prop_assert!(is_last, "{}", after);
        let is_new = items.is_empty() && before.parse::<toml::Table>().unwrap()["scope"][1].get(added.member()).is_none();
        if is_new {
            scope.remove(added.member());
        }
        proptest::prop_assert_eq!(read, before.parse::<toml::Table>().unwrap());
    }

    #[test]
    fn any_text_is_changed_or_left_without_a_panic(text in "(\\[\\[scope\\]\\]\n|match = 'x'\n|signers = \\[|\\]|\\{|\\}|,|#|\n|\r\n|[a-z=.'\" ]){0,20}") {
        let _ = with_item(&text, Form::Whole, 0, &signer());
        let _ = with_scope(&text, Form::Table, "x", &digest());
    }
}
