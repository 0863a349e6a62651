//! Policies that name roots that come by TUF, whatever these say.

use super::*;
use crate::trust::policy::{PolicyFiles, TrustPolicy};
use crate::trust::scope::Name;

/// What a policy is read from that names roots of these scenes.
struct Beside<'a>(&'a [Scene]);

impl PolicyFiles for Beside<'_> {
    fn read(&mut self, path: &Path) -> std::io::Result<Vec<u8>> {
        let index: usize = path.to_str().unwrap().parse().unwrap();
        Ok(self.0[index].keepers.root_metadata(1))
    }

    fn path(&mut self, _: &Path) -> std::io::Result<std::path::PathBuf> {
        Err(std::io::ErrorKind::NotFound.into())
    }

    fn keeps_roots(&self) -> bool {
        true
    }

    fn kept(&mut self, path: &Path) -> std::io::Result<Option<Vec<u8>>> {
        Ok(self.0.iter().find_map(|scene| scene.find(path).unwrap()))
    }
}

#[test]
fn whatever_keepers_publish_the_policy_that_names_their_root_is_read() {
    let policy = |scenes: &[Scene], more: &str| {
        let table = |index: usize| format!("[roots.r{index}]\ntuf = \"https://tuf.example\"\nroot = \"{index}\"\n");
        let signer = |index: usize| {
            format!("{{ issuer = \"https://i.example\", subject = \"https://a.example\", root = \"r{index}\"{more} }}")
        };
        let tables: String = (0..scenes.len()).map(table).collect();
        let signers: Vec<String> = (0..scenes.len()).map(signer).collect();
        let text = format!(
            "default = \"reject\"\n{tables}[[scope]]\nmatch = \"ghcr.io/acme/*\"\nsigners = [{}]\n",
            signers.join(", ")
        );
        TrustPolicy::read(&text, &mut Beside(scenes)).map_err(|error| error.to_string())
    };
    for lacking in ["tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities"] {
        let mut scene = Scene::new();
        let mut published: Value = serde_json::from_str(NEW).unwrap();
        published[lacking] = json!([]);
        scene.keepers.publish(published.to_string().as_bytes());
        scene.refresh().unwrap();
        assert_eq!(policy(&[scene], ", timestamp = \"required\"").err(), None, "{lacking}");
    }
    // Two instances that say the same are two still, and each has a state.
    let read = policy(&[Scene::fetched(), Scene::fetched()], "").unwrap();
    let name = Name::of(&"ghcr.io/acme/time:1".parse().unwrap());
    assert_eq!(read.scope(&name).unwrap().root_states(SystemTime::now()).len(), 2);
    // One that is there by two names is one.
    let scene = Scene::fetched();
    let twice = std::slice::from_ref(&scene);
    let text = "default = \"reject\"\n[roots.a]\ntuf = \"https://tuf.example\"\nroot = \"0\"\n[roots.b]\ntuf = \"https://tuf.example/\"\nroot = \"0\"\n[[scope]]\nmatch = \"ghcr.io/acme/*\"\nsigners = [{ issuer = \"https://i.example\", subject = \"https://a.example\", root = \"a\" }, { issuer = \"https://i.example\", subject = \"https://a.example\", root = \"b\" }]\n";
    let refused = TrustPolicy::read(text, &mut Beside(twice)).unwrap_err().to_string();
    assert!(refused.ends_with("https://a.example by https://i.example is there twice"), "{refused}");
}
