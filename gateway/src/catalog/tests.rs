use std::collections::BTreeMap;
use std::path::Path;

use lockgate_runtime::Source;

use super::*;

fn catalog(entries: &str) -> Catalog {
    let indented: String = entries.lines().map(|line| format!("  {line}\n")).collect();
    Catalog::parse(Path::new("catalog.yaml"), &format!("registry:\n{indented}")).unwrap()
}

fn offered(
    catalog: &Catalog,
    entry: &str,
    name: Option<&str>,
    flags: &[Setting],
    given: &[Variable],
) -> Result<Offer, CatalogError> {
    let found = catalog.find(entry).unwrap().unwrap();
    found.offer(name.map(|name| name.parse().unwrap()), &found.settings(flags)?, given)
}

/// The offer of the only entry `x`, which these lines describe.
fn offer(lines: &str, flags: &[&str]) -> Result<Offer, CatalogError> {
    offer_given(lines, flags, &[])
}

fn offer_given(lines: &str, flags: &[&str], given: &[&str]) -> Result<Offer, CatalogError> {
    let indented: String = lines.lines().map(|line| format!("  {line}\n")).collect();
    let catalog = catalog(&format!("x:\n{indented}"));
    let flags: Vec<Setting> = flags.iter().map(|flag| flag.parse().unwrap()).collect();
    let given: Vec<Variable> = given.iter().map(|given| given.parse().unwrap()).collect();
    offered(&catalog, "x", None, &flags, &given)
}

fn refusal(lines: &str) -> String {
    offer(lines, &[]).unwrap_err().to_string().replace("the entry `x` of the catalog is refused: ", "")
}

fn command(offer: &Offer) -> Vec<&str> {
    offer.spec.arguments.iter().map(|argument| argument.value.as_str()).collect()
}

fn flags(offer: &Offer) -> Vec<String> {
    offer.wants.iter().filter_map(|want| want.item.flag()).collect()
}

#[test]
fn every_published_entry_is_offered_or_refused_with_a_reason() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/docker-mcp-catalog.yaml");
    let catalog = Catalog::read(&path).unwrap();
    let mut outcomes = BTreeMap::<&str, usize>::new();
    let mut missing = Vec::new();
    for (name, value) in &catalog.entries {
        let found = catalog.find(name).unwrap().unwrap();
        assert_eq!(found.name, name);
        let outcome = match offered(&catalog, name, None, &[], &[]) {
            Ok(Offer { spec, .. }) => match spec.source {
                Source::Image(_) => "container",
                Source::Remote(_) => "remote",
                other => panic!("{name}: {other}"),
            },
            Err(CatalogError::Refused { refusal, .. }) => match refusal {
                Refusal::Poci => "poci",
                Refusal::Sse => "sse",
                Refusal::Missing(needed) => {
                    missing.push((name, needed));
                    "missing settings"
                }
                Refusal::Variable { .. } => "secret in the command",
                other => panic!("{name}: {other}: {value}"),
            },
            Err(other) => panic!("{name}: {other}"),
        };
        *outcomes.entry(outcome).or_default() += 1;
    }
    let expected = [
        ("container", 186),
        ("missing settings", 62),
        ("poci", 3),
        ("remote", 46),
        ("secret in the command", 1),
        ("sse", 30),
    ];
    assert_eq!(outcomes, BTreeMap::from(expected));
    for (name, needed) in missing {
        let flags = needed.iter().map(|needed| {
            let flag = needed[0].flag();
            let flag = flag.trim_start_matches("--config ").trim_matches('\'').replace("VALUE", "/some/path");
            flag.parse().unwrap()
        });
        let flags: Vec<Setting> = flags.collect();
        let offer = offered(&catalog, name, None, &flags, &[]);
        assert!(offer.is_ok(), "{name}: {offer:?}");
    }
}

#[test]
fn an_entry_is_found_by_its_own_name_and_by_the_one_it_has_here() {
    let catalog =
        catalog("SQLite: {image: a}\ncom.example.X: {image: b}\nTwo: {image: c}\ntwo: {image: d}\na__b: {image: e}");
    for (text, name) in [("SQLite", "sqlite"), ("sqlite", "sqlite"), ("com.example.X", "com-example-x"), ("Two", "two")]
    {
        let offer = offered(&catalog, text, None, &[], &[]).unwrap();
        assert_eq!(offer.spec.name.as_str(), name, "{text}");
    }
    assert!(catalog.find("nothing").unwrap().is_none());
    assert!(matches!(catalog.find("two"), Err(CatalogError::Ambiguous { .. })));
    assert!(matches!(offered(&catalog, "a__b", None, &[], &[]), Err(CatalogError::Name { .. })));
    let named = offered(&catalog, "a__b", Some("good"), &[], &[]).unwrap();
    assert_eq!((named.spec.name.as_str(), named.entry.as_str()), ("good", "a__b"));
}

#[test]
fn a_file_that_is_no_catalog_says_so() {
    for text in [
        "",
        "a: 1",
        "registry:",
        "registry: []",
        "Registry: {}",
        "registry: {}\nREGISTRY: {}",
        "registry: {a: 1, a: 2}",
        "registry: {a: &x {}, b: *x}",
    ] {
        assert!(Catalog::parse(Path::new("x"), text).is_err(), "{text}");
    }
    assert!(Catalog::parse(Path::new("x"), "registry: {}\nversion: 9\nmore: [1]").is_ok());
}

#[test]
fn an_image_is_docker_hubs_unless_it_names_a_registry() {
    let digest = format!("mcp/x@sha256:{}", "ab".repeat(32));
    for (image, source) in [
        ("mcp/x", "docker://docker.io/mcp/x:latest"),
        ("ghcr.io/a/b:1", "docker://ghcr.io/a/b:1"),
        (&*digest, &*format!("docker://docker.io/{digest}")),
    ] {
        assert_eq!(offer(&format!("type: server\nimage: {image}"), &[]).unwrap().spec.source.to_string(), source);
    }
    assert!(refusal("image: MCP/x").contains("`image` is none"));
    assert!(refusal("image: ''").contains("`image` is missing"));
}

#[test]
fn an_entry_of_another_form_is_refused_with_the_place() {
    for (lines, said) in [
        ("type: server", "`image` is missing"),
        ("{}", "`type` is missing"),
        ("type: other\nimage: a", "`type` is neither"),
        ("type: 1\nimage: a", "`type` is no text"),
        ("image: a\nImage: b", "differs from `image` only in case"),
        ("image: a\ndisablenetwork: true", "differs from `disableNetwork` only in case"),
        ("image: a\ndisableNetwork: 'yes'", "`disableNetwork` is neither true nor false"),
        ("image: a\ncommand: run", "`command` is no list"),
        ("image: a\ncommand: [1]", "`command[0]` is no text"),
        ("image: a\ncommand: [\"a\\eb\"]", "`command[0]` has characters that cannot be seen"),
        ("image: a\nenv: {A: 1}", "`env` is no list"),
        ("image: a\nenv: [{name: A, value: 1}]", "`env[0].value` is no text"),
        ("image: a\nenv: [{name: A, Value: x}]", "differs from `value` only in case"),
        ("image: a\nenv: [{name: 'A=B', value: x}]", "`env[0].name` is no name of a variable"),
        ("image: a\nenv: [{name: A, value: x}, {name: A, value: y}]", "`A` is declared twice"),
        ("image: a\nenv: [{name: A, value: x}]\nsecrets: [{name: s, env: A}]", "`A` is declared twice"),
        ("image: a\nsecrets: [{name: s}]", "`secrets[0].env` is missing"),
        ("image: a\nsecrets: [{name: 'a b', env: A}]", "`secrets[0].name` is none"),
        ("image: a\nsecrets: [{name: s, env: A, required: maybe}]", "`secrets[0].required` is neither"),
        ("image: a\nvolumes: ['/data']", "its volume `/data` cannot be granted"),
        ("image: a\nenv: [{name: A, value: '$B'}]", "its variable A cannot be made: it uses $B"),
        ("image: a\nenv: [{name: A, value: '$A'}]", "it uses $A, which the entry does not declare before it"),
        ("image: a\ncommand: ['$HOME']", "its command cannot be made: it uses $HOME"),
        ("type: remote", "`remote` is missing"),
        ("type: remote\nsseEndpoint: https://a.example/sse", "server-sent events"),
        ("remote: {url: 'https://a.example', transport_type: sse}", "server-sent events"),
        ("remote: {url: 'https://a.example', transport_type: telnet}", "is no transport"),
        ("remote: {url: 'http://a.example'}", "`remote.url` is none"),
        ("remote: {url: 'http://127.0.0.1:80/'}", "is an address"),
        ("remote: {url: 'https://a.example', headers: {X: y}}", "without a secret"),
        ("remote: {url: 'https://a.example', headers: {X: '$Y'}}", "no secret of the entry"),
        ("remote: {url: 'https://a.example', headers: {'X Y': $S}}\nsecrets: [{name: s, env: S}]", "is none that"),
        ("remote: {url: 'https://a.example', headers: {Host: $S}}\nsecrets: [{name: s, env: S}]", "is none that"),
        ("remote: {url: 'https://a.example', headers: {X: '{$S'}}\nsecrets: [{name: s, env: S}]", "is none that"),
        (
            "remote: {url: 'https://a.example', headers: {X: $S$S}}\nsecrets: [{name: s, env: S}]",
            "more than one secret",
        ),
        ("remote: {url: 'https://a.example', headers: [x]}", "`remote.headers` is no object"),
        ("type: poci\ntools: []", "type poci"),
        ("remote: {url: 'https://a.example', headers: {\"A\\nB\": y}}", r"`A\u{a}B` has characters"),
    ] {
        let refusal = refusal(lines);
        assert!(refusal.contains(said), "{lines}: {refusal}");
    }
}

#[test]
fn what_decides_nothing_may_have_any_form() {
    let lines =
        "image: a\nref: 1\nreadme: [x]\ntools: {a: 1}\nprompts: 3\nmetadata: no\nunknown: {Image: b}\nsource: null";
    assert!(offer(lines, &[]).is_ok());
}

#[test]
fn values_come_from_settings_and_are_only_wanted() {
    let lines = "\
image: a
command: ['--user={{x.user}}', '{{x.paths|volume-target|into}}', '{{x.none|into}}', '{{x.none}}']
volumes: ['{{x.paths|volume|into}}', '{{x.dir}}:/dir', '{{x.none}}:/none', 'vol:/vol']
env: [{name: PORT, value: '{{x.port}}'}, {name: NONE, value: '{{x.none}}'}, {name: FIXED, value: 'on'}]
secrets: [{name: x.key, env: KEY}, {name: x.more, env: MORE, required: false}]
user: '{{x.uid}}'
allowHosts: ['api.example.com:443']
longLived: true";
    let flags_given = ["user=me", "paths=[\"/a\",\"/b c\"]", "port=8080", "uid=1000:1000", "dir=/d"];
    let offer = offer(lines, &flags_given).unwrap();
    assert_eq!(command(&offer), ["--user=me", "/a", "/b c", ""]);
    assert!(offer.spec.grant == Default::default());
    let expected = [
        "--env PORT=8080",
        "--env FIXED=on",
        "--reveal-env KEY=x.key",
        "--reveal-env MORE=x.more",
        "--dir /a=/a",
        "--dir '/b c=/b c'",
        "--dir /d=/dir",
        "--dir ./vol=/vol,rw",
    ];
    assert_eq!(flags(&offer), expected);
    let unmet = Vec::from_iter(offer.unmet(&Default::default()).iter().map(|want| want.item.flag().unwrap()));
    assert!(!unmet.contains(&"--reveal-env MORE=x.more".to_owned()) && unmet.len() == 7, "{unmet:?}");
    let kinds = Vec::from_iter(offer.wants.iter().rev().take(3).map(|want| want.item.describe()));
    let kinds = Vec::from_iter(kinds.iter().map(|(kind, text)| (*kind, text.as_str())));
    assert_eq!(
        kinds,
        [("life", "as long as a client's session"), ("user", "1000:1000"), ("network", "api.example.com:443")]
    );
}

#[test]
fn settings_that_nothing_uses_are_refused() {
    let error = offer("image: a\ncommand: ['{{x.one}}']\nconfig: [{name: x, properties: {two: {}}}]", &["three=3"]);
    assert_eq!(error.unwrap_err().to_string(), "the entry `x`: the entry has no setting three: it has one, two");
    assert!(offer("image: a", &["a=1"]).unwrap_err().to_string().contains("none at all"));
}

#[test]
fn missing_settings_are_named_with_their_flags() {
    let lines = "image: a\nconfig: [{name: x, properties: {one: {}, two: {default: 2}}, required: [one, two]}, {name: y, required: [z], properties: {z: {}}}]";
    let Err(CatalogError::Refused { refusal, .. }) = offer(lines, &[]) else { panic!() };
    assert_eq!(refusal.to_string(), "it needs settings that are not given: one, two");
    assert_eq!(refusal.hint().unwrap(), "give them, with values of yours: --config one=VALUE --config two=2");
    assert!(offer(lines, &["one=1", "two=0"]).is_ok());
}

#[test]
fn variables_stand_for_what_the_entry_declares() {
    let lines = "\
image: a
env: [{name: HOST, value: 'h'}, {name: URL, value: 'http://${HOST}/'}, {name: PRICE, value: '5$ {{x.p}} $HOST'}]
command: ['--url=$URL', '$HOST-{{x.p}}']";
    let made = offer(lines, &["p=$URL"]).unwrap();
    // What a person writes is never looked through for variables.
    assert_eq!(command(&made), ["--url=http://h/", "h-$URL"]);
    assert_eq!(flags(&made), ["--env HOST=h", "--env URL=http://h/", "--env 'PRICE=5$ $URL $HOST'"]);
    let made = offer_given(lines, &[], &["HOST=mine"]).unwrap();
    assert_eq!(command(&made), ["--url=http://mine/", "mine-"]);
}

#[test]
fn a_secret_never_stands_in_a_command() {
    let secret = "image: a\nsecrets: [{name: x.token, env: TOKEN}]";
    for lines in [
        "command: ['--token', $TOKEN]",
        "command: ['a${TOKEN}b']",
        "env: [{name: A, value: 'Bearer $TOKEN'}]\ncommand: [$A]",
        "env: [{name: A, value: '$TOKEN'}, {name: B, value: '$A'}]\ncommand: [$B]",
        "env: [{name: TOKEN, value: ''}]\ncommand: [$TOKEN]",
    ] {
        let lines = format!("{secret}\n{lines}");
        assert!(refusal(&lines).contains("which is a secret"), "{lines}");
        let given = offer_given(&lines, &[], &["TOKEN=x"]);
        assert!(given.unwrap_err().to_string().contains("which is a secret"), "{lines}");
    }
    let lines = format!("{secret}\nenv: [{{name: HEADERS, value: 'Bearer $TOKEN'}}]");
    let expected = ["--reveal-env HEADERS=x.headers", "--reveal-env TOKEN=x.token"];
    assert_eq!(flags(&offer(&lines, &[]).unwrap()), expected);
}

#[test]
fn a_remote_server_wants_its_secrets_in_headers() {
    let lines = "\
type: remote
remote: {url: 'https://mcp.example.com/mcp?x=1', transport_type: streamable-http, headers: {Authorization: 'Bearer ${KEY}', X-Key: '$MORE'}}
secrets: [{name: x.key, env: KEY}, {name: x.more, env: MORE, required: false}, {name: x.none, env: NONE}]
oauth: {providers: [{provider: example, secret: a, env: B}]}";
    let offer = offer(lines, &[]).unwrap();
    assert_eq!(offer.spec.source.to_string(), "https://mcp.example.com/mcp?x=1");
    let expected = [
        "--credential 'https://mcp.example.com Authorization: Bearer {x.key}'",
        "--credential 'https://mcp.example.com X-Key: {x.more}'",
    ];
    assert_eq!(flags(&offer), expected);
    assert_eq!(offer.unmet(&Default::default()).len(), 1);
}

#[test]
fn one_bad_entry_takes_no_other_away() {
    let catalog = catalog("bad: [1]\nworse: {image: {}}\ngood: {image: a}");
    for (name, good) in [("bad", false), ("worse", false), ("good", true)] {
        let offer = offered(&catalog, name, None, &[], &[]);
        assert_eq!(offer.is_ok(), good, "{name}");
    }
}

proptest::proptest! {
    #[test]
    fn any_catalog_is_read_or_refused_without_a_panic(
        image in "\\PC{0,20}", value in "[$A{}|x.:/a-]{0,20}", volume in "[a-c:/{}|x.]{0,20}", key in "\\PC{1,6}",
    ) {
        let entry = serde_json::json!({
            "image": image,
            "command": [value],
            "volumes": [volume],
            "env": [{ "name": "A", "value": value }],
            key: 1,
        });
        let found = Found { name: "x", value: &entry };
        let _ = found.offer(None, &Settings::new(), &[]);
        let found = Found { name: "x", value: &serde_json::json!({
            "image": "a", "command": [value], "volumes": [volume], "env": [{ "name": "A", "value": value }],
        }) };
        let _ = found.offer(None, &Settings::new(), &[]);
    }
}
