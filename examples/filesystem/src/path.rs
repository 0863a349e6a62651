//! Paths as texts: what can be said of them without looking at the disk.

/// An absolute path without `.`, `..`, doubled or trailing slashes. A relative one counts from `base`.
pub(crate) fn resolve(base: &str, path: &str) -> String {
    let joined = if path.starts_with('/') { path.to_owned() } else { format!("{base}/{path}") };
    let mut names: Vec<&str> = Vec::new();
    for name in joined.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            _ => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}

/// A path of something in a folder.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder == "/" { format!("/{name}") } else { format!("{folder}/{name}") }
}

/// The folder something is in. The root is in itself.
pub(crate) fn parent(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(place) => &path[..place],
    }
}

/// Whether `path` is `folder` or below it; both are resolved.
pub(crate) fn is_within(path: &str, folder: &str) -> bool {
    below(path, folder).is_some()
}

/// The names that lead from `folder` to `path`, with slashes; nothing where it is elsewhere.
pub(crate) fn below<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}

/// The end of a file's name from its last dot on, in small letters.
pub(crate) fn extension(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    match name.rfind('.') {
        None | Some(0) => String::new(),
        Some(dot) => name[dot..].to_lowercase(),
    }
}

/// Whether a path is written as on Windows, with a drive.
pub(crate) fn has_drive(path: &str) -> bool {
    let bytes = path.as_bytes();
    bytes.len() >= 2
        && bytes[0].is_ascii_alphabetic()
        && bytes[1] == b':'
        && bytes.get(2).is_none_or(|byte| matches!(byte, b'\\' | b'/'))
}

/// The `file:` URL of an absolute path.
pub(crate) fn url(path: &str) -> String {
    let mut url = "file://".to_owned();
    for byte in path.bytes() {
        let as_it_is = byte.is_ascii_graphic() && !b"%\\?#\"<>`{}^".contains(&byte);
        if as_it_is {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_resolved_and_stop_at_the_root() {
        for (path, resolved) in [
            ("/a/b", "/a/b"),
            ("/a//b/", "/a/b"),
            ("/a/./b/../c", "/a/c"),
            ("/../../x", "/x"),
            ("/", "/"),
            ("", "/base"),
            (".", "/base"),
            ("x/../..", "/"),
            ("..x/...", "/base/..x/..."),
        ] {
            assert_eq!(resolve("/base", path), resolved, "{path}");
        }
    }

    #[test]
    fn a_name_that_begins_alike_is_not_within() {
        assert!(is_within("/a/b", "/a") && is_within("/a", "/a") && is_within("/a", "/"));
        assert!(!is_within("/ab", "/a") && !is_within("/", "/a"));
        assert_eq!(below("/a/b/c", "/a"), Some("b/c"));
        assert_eq!(below("/a", "/"), Some("a"));
    }

    #[test]
    fn parents_and_extensions() {
        assert_eq!((parent("/a/b"), parent("/a"), parent("/")), ("/a", "/", "/"));
        let extensions = ["/a/b.PNG", "/a.b/c", "/a/.png", "/a/x.", "/a/b.tar.gz"].map(extension);
        assert_eq!(extensions, [".png", "", "", ".", ".gz"]);
    }

    #[test]
    fn drives_are_recognised() {
        assert!(["C:", "c:\\x", "D:/x"].into_iter().all(has_drive));
        assert!(!["/c:/x", "C:x", "1:/", "C", ""].into_iter().any(has_drive));
    }

    #[test]
    fn urls_are_encoded_as_node_does() {
        assert_eq!(
            url("/a b/ü%?#\\\n~'!$&()*+,;=:@[]|.txt"),
            "file:///a%20b/%C3%BC%25%3F%23%5C%0A~'!$&()*+,;=:@[]|.txt"
        );
    }
}
