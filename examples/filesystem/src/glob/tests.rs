use super::*;

fn matching<'a>(pattern: &str, paths: &[&'a str]) -> Vec<&'a str> {
    let glob = Glob::new(pattern).unwrap();
    paths.iter().copied().filter(|path| glob.matches(path)).collect()
}

#[test]
fn patterns_match_what_minimatch_matches() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        // pattern, paths that match, paths that do not
        ("*", &["a", ".a"], &["a/b", ""]),
        ("*.txt", &["a.txt", ".txt"], &["a.txt/b", "a.TXT"]),
        ("**", &["a", "a/b/.c"], &[]),
        ("**/*.rs", &["a.rs", "a/b/c.rs"], &["a.rs/b"]),
        ("a/**", &["a/b", "a/b/c"], &["a", "b/a/c"]),
        ("**/a/**", &["a/b", "x/y/a/z"], &["a", "x/a"]),
        ("a/**/b/**/c", &["a/b/c", "a/x/b/y/z/c"], &["a/c", "a/b", "x/a/b/c"]),
        ("**/b/c/**/b", &["b/b/c/b", "x/b/c/y/b"], &["b/c", "b/b"]),
        ("a**", &["a", "abc"], &["a/b"]),
        ("a?c", &["abc"], &["ac", "abbc"]),
        ("[a-c]x", &["ax", "cx"], &["dx", "x"]),
        ("[!a-c]x", &["dx"], &["ax", "x"]),
        ("[]a]", &["]", "a"], &["b"]),
        ("[a-]", &["a", "-"], &["b"]),
        ("[z-a]x", &[], &["zx", "ax", "x"]),
        ("[[:digit:]_]", &["1", "_"], &["a", ":"]),
        ("[a", &["[a"], &["a"]),
        ("\\*", &["*"], &["a"]),
        ("a\\", &["a\\"], &["a"]),
        ("{a,b/c}.d", &["a.d", "b/c.d"], &["b.d"]),
        ("{1..3}", &["1", "2", "3"], &["4", "{1..3}"]),
        ("{a,b}{c,d}", &["ac", "bd"], &["ab"]),
        ("{a}", &["{a}"], &["a"]),
        ("\\{a,b\\}", &["{a,b}"], &["a"]),
        ("+(a|b)c", &["abc", "aac"], &["c", "ad"]),
        ("*(a|b)c", &["c", "bac"], &["dc"]),
        ("?(a)b", &["b", "ab"], &["aab"]),
        ("@(a|bc)d", &["ad", "bcd"], &["abcd", "d"]),
        ("x!(a|b)", &["x", "xc", "xab"], &["xa", "xb"]),
        ("a!(b)c", &["ac", "axc", "abbc"], &["abc"]),
        ("+(a", &["+(a"], &["a"]),
        ("!*.txt", &["a.rs"], &["a.txt"]),
        ("!!a", &["a"], &["b"]),
        ("#a", &[], &["#a", "a"]),
        ("\\#a", &["#a"], &["a"]),
        ("a/../b", &["b"], &["a/../b"]),
        ("a//b", &["a/b"], &[]),
        ("", &[""], &["a"]),
    ];
    for (pattern, yes, no) in cases {
        assert_eq!(matching(pattern, yes), *yes, "{pattern}");
        assert_eq!(matching(pattern, no), [""; 0], "{pattern}");
    }
}

#[test]
fn braces_expand_as_in_bash() {
    let cases: &[(&str, &[&str])] = &[
        ("a{b,c{d,e}}f", &["abf", "acdf", "acef"]),
        ("{3..1}", &["3", "2", "1"]),
        ("{01..10..4}", &["01", "05", "09"]),
        ("{-1..1}", &["-1", "0", "1"]),
        ("{a..e..2}", &["a", "c", "e"]),
        ("{a},b}", &["a}", "b"]),
        ("${a,b}", &["${a,b}"]),
        ("{},a}b", &["{},a}b"]),
        ("a{},b}c", &["a}c", "abc"]),
        ("x{{a,b}}y", &["x{a}y", "x{b}y"]),
        ("{a,,b}", &["a", "b"]),
        ("x{,a}", &["x", "xa"]),
        ("{a,b", &["{a,b"]),
        ("{a\\,b,c}", &["a,b", "c"]),
    ];
    for (pattern, expected) in cases {
        assert_eq!(braces::expand(pattern), *expected, "{pattern}");
    }
}

#[test]
fn patterns_that_would_take_forever_end() {
    let many = "{a,b}".repeat(1000);
    assert!(braces::expand(&many).len() <= 10_000);
    assert!(braces::expand("{1..99999999}").len() <= 10_000);
    assert_eq!(braces::expand(&"{".repeat(50_000)).len(), 1);
    braces::expand(&format!("{}{}", "{a,".repeat(5_000), "}".repeat(5_000)));
    braces::expand(&format!("{{a}}{},z}}", "}".repeat(5_000)));
    let slow = Glob::new(&format!("{}c", "*(a|aa|*)".repeat(30))).unwrap();
    assert!(!slow.matches(&"a".repeat(200)));
    let nested = Glob::new(&format!("{}a{}", "*(".repeat(10_000), ")".repeat(10_000))).unwrap();
    assert!(!nested.matches("b"));
    assert!(Glob::new(&"a".repeat(70_000)).is_err());
}
