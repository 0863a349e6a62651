//! The MCP server `filesystem`: files in the directories it was granted.
//!
//! It answers as the JavaScript reference server of the same name does. Its allowed directories are what a person has
//! granted, at their paths in here; no client widens them. [`tools`] holds what it does; this file is the contract's
//! side of it.

mod allowed;
mod collation;
mod date;
mod diff;
mod disk;
mod edit;
mod fault;
mod glob;
mod media;
mod path;
mod read;
mod size;
mod tools;
mod walk;

use guest::{Answer, Server, bindings::exports::lockgate::mcp::identity::Card};
use serde_json::{Map, Value};

use crate::allowed::Allowed;

struct Filesystem;

guest::bindings::export!(Filesystem with_types_in guest::bindings);

macro_rules! tools {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../tools/", $name, ".json")))),*]
    };
}

impl Server for Filesystem {
    const TOOLS: &'static [(&'static str, &'static str)] = tools![
        "read_file",
        "read_text_file",
        "read_media_file",
        "read_multiple_files",
        "write_file",
        "edit_file",
        "create_directory",
        "list_directory",
        "list_directory_with_sizes",
        "directory_tree",
        "move_file",
        "search_files",
        "get_file_info",
        "list_allowed_directories",
    ];

    fn card() -> Card {
        Card {
            name: "secure-filesystem-server".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            title: Some("Filesystem".to_owned()),
            description: Some("Files in the directories it was granted".to_owned()),
            website_url: None,
            icons: Vec::new(),
            instructions: None,
            extensions: None,
            experimental: None,
        }
    }

    fn call(tool: &str, arguments: &Map<String, Value>) -> Result<Answer, String> {
        tools::call(tool, arguments, &Allowed::granted())
    }
}
