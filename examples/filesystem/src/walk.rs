//! All that is below a folder.

use serde_json::{Value, json};

use crate::{
    allowed::Allowed,
    disk::{self, Entry, Kind},
    glob::Glob,
    path,
};

/// The most that a tree or a search goes through.
const MAX_ENTRIES: usize = 200_000;
/// How deep a folder may lie below the one that is asked for.
const MAX_DEPTH: usize = 500;

/// The tree below a folder, as JSON.
///
/// # Errors
/// As a text: where one folder cannot be read, or there is too much.
pub(crate) fn tree(requested: &str, exclude: &[&str], allowed: &Allowed) -> Result<String, String> {
    let exclude = Excluded::below(exclude)?;
    let tree = Walk { allowed, left: MAX_ENTRIES }.tree(&allowed.find(requested)?, "", &exclude, 0)?;
    serde_json::to_string_pretty(&tree).map_err(|error| error.to_string())
}

/// The paths below `root` that match a pattern. What cannot be read is passed over.
///
/// # Errors
/// As a text: where `root` cannot be read, or there is too much.
pub(crate) fn search(root: &str, pattern: &str, exclude: &[&str], allowed: &Allowed) -> Result<Vec<String>, String> {
    let (exclude, pattern) = (Excluded::exactly(exclude)?, Glob::new(pattern)?);
    let mut search = Search { walk: Walk { allowed, left: MAX_ENTRIES }, pattern, exclude, found: Vec::new() };
    search.folder(root, "", 0)?;
    Ok(search.found)
}

/// What is left out.
struct Excluded(Vec<Glob>);

impl Excluded {
    fn exactly(patterns: &[&str]) -> Result<Self, String> {
        patterns.iter().map(|pattern| Glob::new(pattern)).collect::<Result<_, _>>().map(Self)
    }

    /// A pattern without a star stands for a name anywhere, and for what is below it.
    fn below(patterns: &[&str]) -> Result<Self, String> {
        let forms = |pattern: &&str| match pattern.contains('*') {
            true => vec![(*pattern).to_owned()],
            false => vec![(*pattern).to_owned(), format!("**/{pattern}"), format!("**/{pattern}/**")],
        };
        patterns.iter().flat_map(forms).map(|form| Glob::new(&form)).collect::<Result<_, _>>().map(Self)
    }

    fn has(&self, relative: &str) -> bool {
        self.0.iter().any(|glob| glob.matches(relative))
    }
}

struct Walk<'a> {
    allowed: &'a Allowed,
    left: usize,
}

impl Walk<'_> {
    fn tree(&mut self, folder: &str, below: &str, exclude: &Excluded, depth: usize) -> Result<Vec<Value>, String> {
        let mut items = Vec::new();
        for entry in self.list(folder, depth)? {
            let relative = relative(below, &entry.name);
            if exclude.has(&relative) {
                continue;
            }
            items.push(if entry.kind == Kind::Directory {
                let children = self.tree(&path::join(folder, &entry.name), &relative, exclude, depth + 1)?;
                json!({ "name": entry.name, "type": "directory", "children": children })
            } else {
                json!({ "name": entry.name, "type": "file" })
            });
        }
        Ok(items)
    }

    fn list(&mut self, folder: &str, depth: usize) -> Result<Vec<Entry>, String> {
        if depth > MAX_DEPTH {
            return Err(format!("Too deep: '{folder}' is more than {MAX_DEPTH} folders below"));
        }
        let entries = disk::list(folder)?;
        self.left = self.left.saturating_sub(entries.len());
        if self.left == 0 {
            return Err(format!("Too many entries: more than {MAX_ENTRIES}; ask for a folder further below"));
        }
        Ok(entries)
    }
}

struct Search<'a> {
    walk: Walk<'a>,
    pattern: Glob,
    exclude: Excluded,
    found: Vec<String>,
}

impl Search<'_> {
    fn folder(&mut self, folder: &str, below: &str, depth: usize) -> Result<(), String> {
        for entry in self.walk.list(folder, depth)? {
            let path = path::join(folder, &entry.name);
            let there = match entry.kind {
                Kind::Unnamed => false,
                Kind::Link => self.walk.allowed.leads_within(&path),
                Kind::Directory | Kind::Other => true,
            };
            let relative = relative(below, &entry.name);
            if !there || self.exclude.has(&relative) {
                continue;
            }
            if self.pattern.matches(&relative) {
                self.found.push(path.clone());
            }
            if entry.kind == Kind::Directory
                && let Err(reason) = self.folder(&path, &relative, depth + 1)
                && self.walk.left == 0
            {
                return Err(reason);
            }
        }
        Ok(())
    }
}

fn relative(below: &str, name: &str) -> String {
    if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") }
}
