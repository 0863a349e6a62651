//! Names of files as a person wrote them, in messages that say that there is no such file: a secret may have been written in
//! their place.

use std::path::Path;

/// The longest name that is shown, in bytes: no file has a longer one (Linux, `NAME_MAX`), and few have a longer path.
const MAX_SHOWN: usize = 255;

/// The shortest part that a token may have, in characters. Real ones have more in each.
const MIN_PART: usize = 16;

/// The name, or that it is not shown.
pub(super) fn shown(path: &Path) -> String {
    let name = path.to_string_lossy();
    if name.len() > MAX_SHOWN || name.contains("-----BEGIN") || has_token(&name) {
        return "(not repeated, as it may be a secret: a file is named here)".to_owned();
    }
    name.into_owned()
}

/// Whether there is something like a token in it (a JWT): two long parts of letters and digits around a dot.
pub(super) fn has_token(text: &str) -> bool {
    let is_plain = |c: &u8| c.is_ascii_alphanumeric() || b"-_".contains(c);
    let parts: Vec<&[u8]> = text.as_bytes().split(|c| *c == b'.').collect();
    parts.windows(2).any(|pair| match pair {
        [before, after] => {
            before.iter().rev().take_while(|c| is_plain(c)).count() >= MIN_PART
                && after.iter().take_while(|c| is_plain(c)).count() >= MIN_PART
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_is_shown_and_a_secret_in_its_place_is_not() {
        let (claims, key) = ("eyJpc3MiOiJodHRwczovL2kuZXhhbXBsZSJ9", "-----BEGIN PRIVATE KEY-----\nMC4CAQ\n");
        for name in
            ["key.pem", "./a/b.c/token", "/home/me/a_folder_with_a_long_name/acme.production.token.txt", "x.y.z"]
        {
            assert_eq!(shown(Path::new(name)), name);
        }
        for secret in [
            &format!("eyJhbGciOiJSUzI1NiJ9.{claims}.c2ln"),
            &format!("Bearer eyJhbGciOiJSUzI1NiJ9.{claims}.c2ln"),
            &format!("ewogICJhbGciOiAiUlMyNTYiCn0.{claims}.c2ln"),
            &format!("/home/me/eyJhbGciOiJSUzI1NiJ9.{claims}"),
            key,
            &"x".repeat(256),
        ] {
            assert!(shown(Path::new(secret)).starts_with("(not repeated"), "{secret}");
        }
    }
}
