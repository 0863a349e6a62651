use lockgate_runtime::{Access, Origin, Source};
use tempfile::TempDir;

use super::*;

struct Place {
    folder: TempDir,
    folders: Folders,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let folders = Folders::find(Some(&folder.path().join("home"))).unwrap();
    std::fs::create_dir_all(&folders.config).unwrap();
    std::fs::create_dir_all(folder.path().join("work")).unwrap();
    Place { folder, folders }
}

impl Place {
    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn own(&self, text: &str) -> Result<Config, ConfigError> {
        std::fs::write(self.folders.config.join(OWN_FILE), text).unwrap();
        Config::read(&self.folders, &self.work())
    }

    fn project(&self, text: &str) -> Result<Config, ConfigError> {
        std::fs::write(self.work().join(PROJECT_FILE), text).unwrap();
        Config::read(&self.folders, &self.work())
    }
}

#[test]
fn without_a_file_nothing_is_configured() {
    let place = place();
    let config = Config::read(&place.folders, &place.work()).unwrap();
    assert!(config.servers.is_empty() && config.roots.is_empty() && config.notes.is_empty());
}

#[test]
fn a_server_is_read_with_its_grant_and_limits_and_paths_count_from_the_file() {
    let place = place();
    let config = place
        .own(
            r#"
            [servers.files]
            source = "./files.wasm"
            prefix = ""
            [servers.files.grant]
            http = ["GET,POST https://api.github.com/repos/acme/"]
            dirs = [{ host = "./data", guest = "/data", access = "read-write" }]
            env = { LOG_LEVEL = "info" }
            [servers.files.limits]
            memory = "64MiB"
            time = "5s"
            concurrency = 8
            "#,
        )
        .unwrap();
    let Configured { source, grant, limits, prefix, .. } = config.server("files").unwrap();
    let Written::Source(Source::File(file)) = source else { panic!("{source}") };
    assert_eq!(*file, place.folders.config.join("./files.wasm"));
    assert_eq!(prefix.as_deref(), Some(""));
    let dir = &grant.dirs[0];
    assert_eq!((dir.value.access, dir.origin), (Access::ReadWrite, Origin::Config));
    assert_eq!(dir.value.host, place.folders.config.join("./data"));
    assert_eq!((limits.memory.value, limits.concurrency.value), (64 << 20, 8));
    assert_eq!(limits.output.origin, Origin::Default);
}

#[test]
fn what_is_unknown_twice_or_wrong_is_an_error_with_its_line() {
    let place = place();
    for (text, says) in [
        ("[servers.a]\nsource = \"./a.wasm\"\nsuorce = \"x\"", "line 3: unknown field `suorce`"),
        ("[servers.a]\nsource = \"./a.wasm\"\n[servers.a]\n", "line 3: duplicate key"),
        ("[servers.a]\n", "line 1: missing field `source`"),
        ("[servers.a__b]\nsource = \"./a.wasm\"", "line 1: a server's name has"),
        (
            "\n[servers.a]\nsource = \"./a.wasm\"\n[servers.a.grant]\nhttp = [\"nowhere\"]",
            "line 5: `nowhere` is no HTTP rule",
        ),
        (
            "[servers.a]\nsource = \"./a.wasm\"\n[servers.a.limits]\nmemory = \"12 parsecs\"",
            "line 4: `12 parsecs` is no amount",
        ),
        ("[servers.a]\nsource = \"./a.wasm\"\n[servers.a.limits]\nconcurrency = 0", "line 4: "),
        ("[servers.a]\nsource = \"acme/x y\"\narguments = [\"a\"]", "server a: `arguments` would replace"),
        ("[servers.a]\nsource = \"./a.wasm\"\nconfig.x = 1", "server a: `config` sets what an entry of a catalog uses"),
        ("[servers.a]\nsource = \"x\"\nconfig.x = nan", "server a: `config` has NaN, which no entry can use"),
        ("[servers.a]\nsource = \"x\"\nconfig.x = [{ y = 2026-01-01 }]", "which no entry can use"),
        ("[servers.a]\nsource = \"./a.wasm\"\nunlocked = [\"all\"]", "line 3: `all` is none of tools"),
        ("catalog = 1", "line 1: "),
        ("[servers.a]\nsource = \"./a.wasm\"\nprefix = \"a__b\"", "line 3: a server's name has"),
        (
            "[servers.a]\nsource = \"./a.wasm\"\n[servers.a.grant]\ndirs = [{ host = \"x\", guest = \"../x\", access = \"read\" }]",
            "server a: ",
        ),
        ("[network]\nroots = [\"none.pem\"]", "cannot read"),
        ("nonsense", "line 1: "),
    ] {
        let error = place.own(text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}\n{error}");
    }
}

#[test]
fn a_name_is_looked_up_later_with_what_is_set_for_it() {
    let place = place();
    let config = place
        .own(
            r#"
            catalog = "docker.yaml"
            [servers.files]
            source = "Filesystem"
            config = { paths = ["/srv"], deep = { level = 2, on = true } }
            "#,
        )
        .unwrap();
    let Written::Name { name, catalog, settings } = &config.server("files").unwrap().source else { panic!() };
    assert_eq!((name.as_str(), catalog), ("Filesystem", &Some(place.folders.config.join("docker.yaml"))));
    let expected = serde_json::json!({ "paths": ["/srv"], "deep": { "level": 2, "on": true } });
    assert_eq!(serde_json::Value::Object(settings.clone()), expected);
}

#[test]
fn an_error_does_not_show_the_line_which_may_hold_a_secret() {
    let error = place().own("[servers.a]\nsource = \"./a.wasm\"\nsecret = \"hunter2\"").unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_projects_file_is_inert_until_this_very_content_was_approved() {
    let place = place();
    let text = "[servers.a]\nsource = \"./a.wasm\"\n";
    let config = place.project(text).unwrap();
    assert!(config.servers.is_empty());
    assert!(config.notes[0].contains("lockgate allow ./lockgate.toml"), "{:?}", config.notes);

    let approved = approve(&place.folders, &place.work().join(PROJECT_FILE)).unwrap();
    assert_eq!(approved[0].name.as_str(), "a");
    assert_eq!(place.project(text).unwrap().servers.len(), 1);
    assert!(place.project("[servers.b]\nsource = \"./b.wasm\"\n").unwrap().servers.is_empty());
}

#[test]
fn an_approved_content_at_another_path_is_not_approved() {
    let place = place();
    let text = "[servers.a]\nsource = \"./a.wasm\"\n";
    place.project(text).unwrap();
    approve(&place.folders, &place.work().join(PROJECT_FILE)).unwrap();
    let other = place.folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join(PROJECT_FILE), text).unwrap();
    assert!(Config::read(&place.folders, &other).unwrap().servers.is_empty());
}

#[test]
fn two_files_may_not_have_servers_of_one_name() {
    let place = place();
    let text = "[servers.a]\nsource = \"./a.wasm\"\n";
    place.project(text).unwrap();
    approve(&place.folders, &place.work().join(PROJECT_FILE)).unwrap();
    assert!(matches!(place.own(text), Err(ConfigError::Twice { .. })));
}

#[test]
fn a_fifo_is_not_waited_for() {
    let place = place();
    let path = place.folders.config.join(OWN_FILE);
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    assert!(matches!(Config::read(&place.folders, &place.work()), Err(ConfigError::Unreadable { .. })));
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_a_panic(text in "\\PC{0,200}") {
        let folders = Folders::find(Some(Path::new("home"))).unwrap();
        let _ = File::parse(Path::new("x"), &text).map(|file| file.read(Path::new("x"), &text, &folders));
    }
}
