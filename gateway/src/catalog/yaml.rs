//! YAML of a stranger, within bounds.

use lockgate_runtime::Untrusted;
use serde_json::{Map, Value};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Budget, Error, Options, UserMessageFormatter};

/// The deepest nesting that is read.
const MAX_DEPTH: usize = 64;

/// The most values that are read. Docker's catalog has some twenty thousand.
const MAX_NODES: usize = 1_000_000;

/// The longest problem, in characters.
const MAX_PROBLEM: usize = 1000;

/// Why a text is not read, with the place.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct YamlError(String);

/// The object that a text of YAML is. Keys are there once. Anchors are not taken: no catalog needs them, and with them a
/// small file becomes a large one.
///
/// # Errors
/// Where the text is anything else.
pub(super) fn parse(text: &str) -> Result<Map<String, Value>, YamlError> {
    match serde_saphyr::from_str_with_options(text, options()) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(YamlError("it is no object".to_owned())),
        Err(error) => Err(YamlError(problem(&error))),
    }
}

fn problem(error: &Error) -> String {
    match error {
        Error::Budget { breach: BudgetBreach::Anchors { .. } | BudgetBreach::Aliases { .. }, .. } => {
            "it has anchors or aliases, which a catalog has no use for".to_owned()
        }
        Error::Budget { .. } => "it has more values, or deeper ones, than are read".to_owned(),
        // It repeats keys, which must not look like lines of ours.
        error => Untrusted::new(error.render_with_formatter(&UserMessageFormatter)).to_line(MAX_PROBLEM),
    }
}

fn options() -> Options {
    let mut budget = Budget::default();
    budget.max_depth = MAX_DEPTH;
    budget.flow_nesting_limit = MAX_DEPTH;
    budget.max_nodes = MAX_NODES;
    budget.max_events = 3 * MAX_NODES;
    budget.max_documents = 1;
    budget.max_anchors = 0;
    budget.max_aliases = 0;
    let mut options = Options::default();
    options.budget = Some(budget);
    options.duplicate_keys = DuplicateKeyPolicy::Error;
    options.merge_keys = MergeKeyPolicy::Error;
    options.non_finite_float_policy = NonFiniteFloatPolicy::Reject;
    // What YAML 1.2 says: `yes` and `on` are words, `0755` and `1_000` are no numbers.
    options.strict_booleans = true;
    options.leading_zero_numbers_as_strings = true;
    options.underscored_numbers_as_strings = true;
    // A place is enough; the text is a stranger's.
    options.with_snippet = false;
    options
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_have_the_types_of_yaml_1_2() {
        let text = "a: 1\nb: yes\nc: true\nd: '300'\ne:\nf: [x, 0755, 1_0]\ng:\n  h: \"\\u0041\"\n1: k\n";
        let read = parse(text).unwrap();
        let expected = json!({
            "a": 1, "b": "yes", "c": true, "d": "300", "e": null, "f": ["x", "0755", "1_0"], "g": { "h": "A" }, "1": "k",
        });
        assert_eq!(Value::Object(read), expected);
    }

    #[test]
    fn what_is_unclear_or_too_much_is_refused() {
        let deep = format!("a: {}1{}", "[".repeat(70), "]".repeat(70));
        let deep_block = (0..70).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect::<String>();
        let bomb = "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n";
        let many = format!("a: [{}]", "1,".repeat(MAX_NODES + 1));
        for (text, why) in [
            ("", "nothing"),
            ("- a", "list"),
            ("word", "scalar"),
            ("a: [1", "not closed"),
            ("a: 1\na: 2", "twice"),
            ("a: 1\n\"a\": 2", "twice, quoted"),
            ("a: {b: 1, b: 1}", "twice, inside"),
            ("a: 1\n---\nb: 2", "two documents"),
            ("a: .nan", "no number"),
            ("a: &x 1", "anchor"),
            ("base: &b {x: 1}\na:\n  <<: *b", "merge"),
            ("a:\n  <<: {x: 1}", "merge without an anchor"),
            (bomb, "bomb"),
            (&deep, "deep"),
            (&deep_block, "deep block"),
            (&many, "many"),
            ("a:\n\t- b", "tab"),
            ("? [a]\n: b", "a list as key"),
            ("a\u{0}: b", "NUL"),
        ] {
            assert!(parse(text).is_err(), "{why}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "(\\PC|\n){0,80}|[a-c:{}\\[\\]&*!|>%@,'\"? \n-]{0,60}") {
            let _ = parse(&text);
        }
    }
}
