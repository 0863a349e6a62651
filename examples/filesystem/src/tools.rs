//! The tools, apart from how they are called.

use std::{fs, time::SystemTime};

use guest::{Answer, js};
use serde_json::{Map, Value, json};

use crate::{
    allowed::Allowed,
    collation, date,
    disk::{self, Entry, Kind},
    edit::{self, Edit},
    fault::Fault,
    media, path, read, size, walk,
};

/// Calls a tool with arguments that fit its schema.
///
/// # Errors
/// As a text for the model.
pub(crate) fn call(tool: &str, arguments: &Map<String, Value>, allowed: &Allowed) -> Result<Answer, String> {
    let arguments = Arguments(arguments);
    let text = match tool {
        "read_file" | "read_text_file" => read_text_file(&arguments, allowed),
        "read_media_file" => return media::read(&allowed.find(arguments.text("path"))?),
        "read_multiple_files" => Ok(read_multiple_files(&arguments, allowed)),
        "write_file" => write_file(&arguments, allowed),
        "edit_file" => edit_file(&arguments, allowed),
        "create_directory" => create_directory(&arguments, allowed),
        "list_directory" => list_directory(&arguments, allowed),
        "list_directory_with_sizes" => list_directory_with_sizes(&arguments, allowed),
        "directory_tree" => walk::tree(arguments.text("path"), &arguments.texts("excludePatterns"), allowed),
        "move_file" => move_file(&arguments, allowed),
        "search_files" => search_files(&arguments, allowed),
        "get_file_info" => get_file_info(&arguments, allowed),
        "list_allowed_directories" => Ok(format!("Allowed directories:\n{}", allowed.0.join("\n"))),
        _ => Err(format!("Tool {tool} not found")),
    }?;
    let structured = Some(json!({ "content": text }));
    Ok(Answer { structured, ..Answer::texts([text]) })
}

/// Arguments of which the validator has seen that they are there.
struct Arguments<'a>(&'a Map<String, Value>);

impl<'a> Arguments<'a> {
    fn text(&self, name: &str) -> &'a str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn texts(&self, name: &str) -> Vec<&'a str> {
        let items = self.0.get(name).and_then(Value::as_array);
        items.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// A number that is there and not zero.
    fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name).and_then(Value::as_f64).filter(|number| *number != 0.0)
    }
}

fn read_text_file(arguments: &Arguments<'_>, allowed: &Allowed) -> Result<String, String> {
    let path = allowed.find(arguments.text("path"))?;
    match (arguments.number("head"), arguments.number("tail")) {
        (Some(_), Some(_)) => Err("Cannot specify both head and tail parameters simultaneously".to_owned()),
        (None, Some(lines)) => read::tail(&path, lines),
        (Some(lines), None) => read::head(&path, lines),
        (None, None) => read::all(&path),
    }
}

/// Files beyond what one answer can hold are told of as those that cannot be read.
fn read_multiple_files(arguments: &Arguments<'_>, allowed: &Allowed) -> String {
    let mut left = disk::MAX_READ as usize;
    let one = |path: &str| {
        let text = allowed.find(path).and_then(|real| read::all(&real)).and_then(|text| {
            left = left.checked_sub(text.len()).ok_or_else(|| disk::too_large(path))?;
            Ok(text)
        });
        match text {
            Ok(text) => format!("{path}:\n{text}\n"),
            Err(reason) => format!("{path}: Error - {reason}"),
        }
    };
    arguments.texts("paths").into_iter().map(one).collect::<Vec<_>>().join("\n---\n")
}

fn write_file(arguments: &Arguments<'_>, allowed: &Allowed) -> Result<String, String> {
    disk::write(&allowed.find(arguments.text("path"))?, arguments.text("content"))?;
    Ok(format!("Successfully wrote to {}", arguments.text("path")))
}

fn edit_file(arguments: &Arguments<'_>, allowed: &Allowed) -> Result<String, String> {
    let path = allowed.find(arguments.text("path"))?;
    let before = read::all(&path)?;
    let edits = arguments.0.get("edits").and_then(Value::as_array).into_iter().flatten();
    let text = |edit: &'_ Value, name: &str| edit[name].as_str().unwrap_or_default().to_owned();
    let edits: Vec<_> = edits.map(|edit| (text(edit, "oldText"), text(edit, "newText"))).collect();
    let edits: Vec<_> = edits.iter().map(|(old, new)| Edit { old, new }).collect();
    let after = edit::apply(&before, &edits)?;
    if arguments.0.get("dryRun") != Some(&Value::Bool(true)) {
        disk::write(&path, &after)?;
    }
    Ok(edit::shown(&path, &before, &after))
}

fn create_directory(arguments: &Arguments<'_>, allowed: &Allowed) -> Result<String, String> {
    let path = allowed.find(arguments.text("path"))?;
    let refused = |error| Fault::from(error).at(&format!("mkdir '{path}'"));
    fs::create_dir_all(&path).map_err(refused)?;
    Ok(format!("Successfully created directory {}", arguments.text("path")))
}

fn list_directory(arguments: &Arguments<'_>, allowed: &Allowed) -> Result<String, String> {
    let entries = disk::list(&allowed.find(arguments.text("path"))?)?;
    let line = |entry: &Entry| format!("{} {}", mark(entry.kind), entry.name);
    Ok(entries.iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn mark(kind: Kind) -> &'static str {
    if kind == Kind::Directory { "[DIR]" } else { "[FILE]" }
}

fn list_directory_with_sizes(arguments: &Arguments<'_>, allowed: &Allowed) -> Result<String, String> {
    let folder = allowed.find(arguments.text("path"))?;
    let size = |path: String| fs::metadata(path).map_or(0, |about| about.len());
    let size_of = |entry: &Entry| match entry.kind {
        Kind::Unnamed => 0,
        Kind::Link => allowed.find(&path::join(&folder, &entry.name)).map_or(0, size),
        Kind::Directory | Kind::Other => size(path::join(&folder, &entry.name)),
    };
    let mut entries: Vec<_> = disk::list(&folder)?.into_iter().map(|entry| (size_of(&entry), entry)).collect();
    if arguments.text("sortBy") == "size" {
        entries.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    } else {
        entries.sort_by(|(_, a), (_, b)| collation::compare(&a.name, &b.name));
    }
    let mut lines = Vec::new();
    let (mut files, mut total) = (0, 0u64);
    for (bytes, Entry { name, kind }) in &entries {
        let size = if *kind == Kind::Directory {
            String::new()
        } else {
            files += 1;
            total = total.saturating_add(*bytes);
            format!("{:>10}", size::formatted(*bytes))
        };
        let padding = " ".repeat(30usize.saturating_sub(js::length(name)));
        lines.push(format!("{} {name}{padding} {size}", mark(*kind)));
    }
    lines.push(String::new());
    lines.push(format!("Total: {files} files, {} directories", entries.len() - files));
    lines.push(format!("Combined size: {}", size::formatted(total)));
    Ok(lines.join("\n"))
}

fn move_file(arguments: &Arguments<'_>, allowed: &Allowed) -> Result<String, String> {
    let (source, destination) = (arguments.text("source"), arguments.text("destination"));
    let (from, to) = (allowed.find(source)?, allowed.find(destination)?);
    match fs::symlink_metadata(&to).map_err(Fault::from) {
        Ok(_) => return Err(format!("Destination already exists: {to}")),
        Err(Fault::ENOENT) => {}
        Err(fault) => return Err(fault.at(&format!("lstat '{to}'"))),
    }
    fs::rename(&from, &to).map_err(|error| Fault::from(error).at(&format!("rename '{from}' -> '{to}'")))?;
    Ok(format!("Successfully moved {source} to {destination}"))
}

fn search_files(arguments: &Arguments<'_>, allowed: &Allowed) -> Result<String, String> {
    let root = allowed.find(arguments.text("path"))?;
    let found = walk::search(&root, arguments.text("pattern"), &arguments.texts("excludePatterns"), allowed)?;
    Ok(if found.is_empty() { "No matches found".to_owned() } else { found.join("\n") })
}

fn get_file_info(arguments: &Arguments<'_>, allowed: &Allowed) -> Result<String, String> {
    let path = allowed.find(arguments.text("path"))?;
    let about = fs::metadata(&path).map_err(|error| Fault::from(error).at(&format!("stat '{path}'")))?;
    let moment = |moment: std::io::Result<SystemTime>| moment.map_or_else(|_| UNKNOWN.to_owned(), date::written);
    let lines = [
        format!("size: {}", about.len()),
        format!("created: {UNKNOWN}"),
        format!("modified: {}", moment(about.modified())),
        format!("accessed: {}", moment(about.accessed())),
        format!("isDirectory: {}", about.is_dir()),
        format!("isFile: {}", about.is_file()),
        format!("permissions: {UNKNOWN}"),
    ];
    Ok(lines.join("\n"))
}

/// What WASI does not tell.
const UNKNOWN: &str = "unknown";

#[cfg(test)]
mod tests;
