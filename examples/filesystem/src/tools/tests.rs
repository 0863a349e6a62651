use guest::bindings::lockgate::mcp::types::{Content, ResourceBody};

use super::*;

/// Calls a tool on a folder that holds `files`, and gives its text with the folder written as `D`.
fn called(files: &[(&str, &[u8])], tool: &str, arguments: Value) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap().to_str().unwrap().to_owned();
    for (name, bytes) in files {
        let path = format!("{base}/{name}");
        fs::create_dir_all(path::parent(&path)).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let answer = answer(&base, tool, arguments);
    let cut = |text: String| text.replace(&base, "D");
    answer.map_err(cut).map(|answer| match &answer.content[0] {
        Content::Text(text) => {
            assert_eq!(answer.structured, Some(json!({ "content": text.text })));
            cut(text.text.clone())
        }
        other => panic!("{other:?}"),
    })
}

fn answer(base: &str, tool: &str, arguments: Value) -> Result<Answer, String> {
    call(tool, arguments.as_object().unwrap(), &Allowed(vec![base.to_owned()]))
}

#[test]
fn files_are_listed_in_the_order_of_bytes_and_of_people() {
    let files: &[(&str, &[u8])] = &[("b", b"1"), ("A", b"22"), ("_", b""), ("dir/x", b"")];
    let listed = called(files, "list_directory", json!({ "path": "" })).unwrap();
    assert_eq!(listed, "[FILE] A\n[FILE] _\n[FILE] b\n[DIR] dir");
    let listed = called(files, "list_directory_with_sizes", json!({ "path": "" })).unwrap();
    let names: Vec<_> = listed.lines().take(4).map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(names, ["_", "A", "b", "dir"]);
    assert!(listed.ends_with("\n\nTotal: 3 files, 1 directories\nCombined size: 3 B"), "{listed}");
    assert!(listed.contains(&format!("[FILE] A{}        2 B\n", " ".repeat(29))), "{listed}");
}

#[test]
fn a_tree_has_children_only_where_there_is_a_folder() {
    let files: &[(&str, &[u8])] = &[("a", b""), ("sub/b", b""), ("node_modules/c", b"")];
    let tree = called(files, "directory_tree", json!({ "path": ".", "excludePatterns": ["node_modules"] })).unwrap();
    let tree: Value = serde_json::from_str(&tree).unwrap();
    let expected = json!([
        { "name": "a", "type": "file" },
        { "name": "sub", "type": "directory", "children": [{ "name": "b", "type": "file" }] },
    ]);
    assert_eq!(tree, expected);
}

#[test]
fn a_search_gives_whole_paths() {
    let files: &[(&str, &[u8])] = &[("a.rs", b""), ("sub/b.rs", b""), ("sub/c", b"")];
    let search = |pattern| called(files, "search_files", json!({ "path": ".", "pattern": pattern })).unwrap();
    assert_eq!(search("**/*.rs"), "D/a.rs\nD/sub/b.rs");
    assert_eq!(search("*.rs"), "D/a.rs");
    assert_eq!(search("x"), "No matches found");
}

#[test]
fn several_files_are_read_though_one_cannot_be() {
    let read = called(&[("a", b"1")], "read_multiple_files", json!({ "paths": ["a", "none", "/etc/passwd"] })).unwrap();
    assert_eq!(
        read,
        "a:\n1\n\n---\nnone: Error - ENOENT: no such file or directory, open 'D/none'\n---\n/etc/passwd: Error - \
         Access denied - path outside allowed directories: /etc/passwd not in D"
    );
}

#[test]
fn several_files_together_have_the_bound_of_one() {
    let large = vec![b'x'; 3 << 20];
    let read = called(&[("a", &large), ("b", &large)], "read_multiple_files", json!({ "paths": ["a", "b"] })).unwrap();
    assert!(read.contains("b: Error - File too large: 'b'"), "{}", &read[read.len() - 200..]);
}

#[test]
fn an_edit_is_shown_and_a_dry_run_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap().to_str().unwrap().to_owned();
    let path = format!("{base}/a");
    fs::write(&path, "one\ntwo\n").unwrap();
    let edits = json!([{ "oldText": "two", "newText": "2" }]);
    for (dry_run, left) in [(true, "one\ntwo\n"), (false, "one\n2\n")] {
        let arguments = json!({ "path": "a", "edits": edits, "dryRun": dry_run });
        let shown = answer(&base, "edit_file", arguments).unwrap().structured.unwrap();
        assert!(shown["content"].as_str().unwrap().contains("\n one\n-two\n+2\n```\n\n"), "{shown}");
        assert_eq!(fs::read_to_string(&path).unwrap(), left);
    }
    let error = answer(&base, "edit_file", json!({ "path": "a", "edits": edits })).unwrap_err();
    assert_eq!(error, "Could not find exact match for edit:\ntwo");
}

#[test]
fn a_move_destroys_nothing() {
    let files: &[(&str, &[u8])] = &[("a", b"a"), ("b", b"b")];
    let refusal = called(files, "move_file", json!({ "source": "a", "destination": "b" })).unwrap_err();
    assert_eq!(refusal, "Destination already exists: D/b");
    let moved = called(files, "move_file", json!({ "source": "a", "destination": "c" })).unwrap();
    assert_eq!(moved, "Successfully moved a to c");
}

#[test]
fn a_written_file_keeps_its_permissions() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap().to_str().unwrap().to_owned();
    let path = format!("{base}/a");
    fs::write(&path, "before, and longer").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let inode = fs::metadata(&path).unwrap().ino();
    answer(&base, "write_file", json!({ "path": "a", "content": "after" })).unwrap();
    let about = fs::metadata(&path).unwrap();
    assert_eq!((about.mode() & 0o777, about.ino()), (0o600, inode));
    assert_eq!(fs::read_to_string(&path).unwrap(), "after");
}

#[test]
fn media_are_what_their_name_says() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap().to_str().unwrap().to_owned();
    for name in ["a.png", "a.MP3", "a b"] {
        fs::write(format!("{base}/{name}"), [1, 2, 3]).unwrap();
    }
    let read = |name| {
        let answer = answer(&base, "read_media_file", json!({ "path": name })).unwrap();
        (answer.content.into_iter().next().unwrap(), answer.structured.unwrap()["content"][0].clone())
    };
    let (content, block) = read("a.png");
    assert!(matches!(content, Content::Image(media) if media.data == [1, 2, 3] && media.mime_type == "image/png"));
    assert_eq!(block, json!({ "type": "image", "data": "AQID", "mimeType": "image/png" }));
    assert!(matches!(read("a.MP3").0, Content::Audio(media) if media.mime_type == "audio/mpeg"));
    let (content, block) = read("a b");
    assert_eq!(block["resource"]["uri"], format!("file://{base}/a%20b"));
    let Content::Embedded(resource) = content else { panic!("{content:?}") };
    assert!(matches!(resource.contents.body, ResourceBody::Blob(bytes) if bytes == [1, 2, 3]));
}

#[test]
fn what_wasi_does_not_tell_is_unknown() {
    let info = called(&[("a", b"abc")], "get_file_info", json!({ "path": "a" })).unwrap();
    let lines: Vec<_> = info.lines().collect();
    assert_eq!((lines[0], lines[1], lines[6]), ("size: 3", "created: unknown", "permissions: unknown"));
    assert_eq!((lines[4], lines[5]), ("isDirectory: false", "isFile: true"));
    assert!(lines[2].starts_with("modified: ") && lines[2].ends_with("GMT+0000 (Coordinated Universal Time)"));
}

#[test]
fn head_and_tail_exclude_each_other_unless_one_is_zero() {
    let read = |arguments| called(&[("a", b"1\n2\n3")], "read_text_file", arguments);
    let refusal = read(json!({ "path": "a", "head": 1, "tail": 1 })).unwrap_err();
    assert_eq!(refusal, "Cannot specify both head and tail parameters simultaneously");
    assert_eq!(read(json!({ "path": "a", "head": 0, "tail": 1 })).unwrap(), "3");
    assert_eq!(read(json!({ "path": "a", "head": 0 })).unwrap(), "1\n2\n3");
}
