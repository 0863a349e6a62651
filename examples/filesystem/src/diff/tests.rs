use super::*;

/// The diff without its heading.
fn body(old: &str, new: &str) -> String {
    let text = unified("f", old, new);
    let heading = format!("Index: f\n{}\n--- f\toriginal\n+++ f\tmodified\n", "=".repeat(67));
    text.strip_prefix(&heading).unwrap().to_owned()
}

fn numbers(range: impl Iterator<Item = u32>) -> String {
    range.map(|number| format!("{number}\n")).collect()
}

#[test]
fn what_is_the_same_has_no_hunks() {
    assert_eq!((body("", "").as_str(), body("a\n", "a\n").as_str()), ("", ""));
}

#[test]
fn a_change_is_shown_with_four_lines_around() {
    let old = numbers(1..=20);
    let new = old.replace("10\n", "ten\n");
    assert_eq!(body(&old, &new), "@@ -6,9 +6,9 @@\n 6\n 7\n 8\n 9\n-10\n+ten\n 11\n 12\n 13\n 14\n");
}

#[test]
fn near_changes_share_a_hunk_and_far_ones_do_not() {
    let old = numbers(1..=30);
    let near = old.replace("\n5\n", "\nfive\n").replace("\n14\n", "\nfourteen\n");
    assert_eq!(body(&old, &near).matches("@@ -").count(), 1);
    let far = old.replace("\n5\n", "\nfive\n").replace("\n15\n", "\nfifteen\n");
    assert_eq!(body(&old, &far).matches("@@ -").count(), 2);
}

#[test]
fn empty_sides_name_the_line_before() {
    assert_eq!(body("", "a\n"), "@@ -0,0 +1,1 @@\n+a\n");
    assert_eq!(body("a\n", ""), "@@ -1,1 +0,0 @@\n-a\n");
}

#[test]
fn a_missing_line_end_is_told() {
    assert_eq!(
        body("a\nb", "a\nc"),
        "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n"
    );
    assert_eq!(body("a", "a\n"), "@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n");
}

#[test]
fn among_equal_ways_that_of_the_library_is_taken() {
    assert_eq!(
        body("a\nb\nc\na\nb\nb\na\n", "c\nb\na\nb\na\nc\n"),
        "@@ -1,7 +1,6 @@\n-a\n-b\n c\n+b\n a\n b\n-b\n a\n+c\n"
    );
}

#[test]
fn texts_that_share_little_end_soon() {
    let (old, new) = (numbers(1..=30_000), numbers(40_001..=70_000));
    let diff = body(&old, &new);
    assert!(diff.starts_with("@@ -1,30000 +1,30000 @@\n-1\n-2\n"));
}
