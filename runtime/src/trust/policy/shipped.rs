//! What is trusted before anybody has written anything: Docker's catalog and hardened images, by Docker's keys.

use std::sync::{Arc, OnceLock};

use super::signer::can_count;
use super::written::Builtin;
use super::{Attestations, Origin, Scope};
use crate::trust::authority::{Authority, Need, Who};
use crate::trust::key::SignerKey;
use crate::trust::provenance;
use crate::trust::root::TrustRoot;
use crate::trust::scope::{Name, Pattern};

/// Signs the images of `docker.io/mcp` (docker/keyring, `public/mcp/latest.pub`).
const MCP_KEY: &str = include_str!("shipped/docker-mcp.pub");

/// Signs the attestations of Docker Hardened Images (moby/policy-helpers, `roots/dhi/dhi.pub`).
const HARDENED_KEY: &str = include_str!("shipped/docker-hardened-images.pub");

/// What those are called whom a builtin stands for. They have no file that a policy could name.
const NAMES: [&str; 2] = ["Docker's key for docker.io/mcp", "Docker's key for hardened images"];

/// Where the signatures of `docker.io/mcp` lie (docker/mcp-gateway, `pkg/signatures`).
const MCP_SIGNATURES: &str = "docker.io/mcp/signatures";

/// The scopes that hold where the person's policy has none, as it would write them.
const SCOPES: [(&str, Builtin); 2] = [("docker.io/mcp/*", Builtin::DockerMcp), ("dhi.io/**", Builtin::DockerHardened)];

/// The shipped scope for this name.
pub(super) fn scope(name: &Name) -> Option<&'static Scope> {
    static SHIPPED: OnceLock<Vec<Scope>> = OnceLock::new();
    let scopes = SHIPPED.get_or_init(|| SCOPES.into_iter().filter_map(read).collect());
    scopes.iter().find(|scope| scope.pattern.matches(name))
}

fn read((written, builtin): (&str, Builtin)) -> Option<Scope> {
    let mut scope = Scope::new(written.to_owned(), Pattern::parse(written).ok()?);
    add(builtin, None, &mut scope).ok()?;
    scope.origin = Origin::Shipped;
    Some(scope)
}

impl Builtin {
    /// Whether what it stands for has to be in a log, which is that of some trust root.
    pub(super) fn is_logged(self) -> bool {
        match self {
            Self::DockerMcp => true,
            Self::DockerHardened => false,
        }
    }
}

/// Adds what a builtin stands for to a scope. Its logs are those of `root`, or else of Sigstore's public instance.
///
/// # Errors
/// Where the scope says something that contradicts it.
pub(super) fn add(builtin: Builtin, root: Option<Arc<TrustRoot>>, scope: &mut Scope) -> Result<(), String> {
    let log = if builtin.is_logged() { Need::Required } else { Need::Ignore };
    let root = root.map_or_else(TrustRoot::public_good, Ok).map_err(|error| error.to_string())?;
    let authority = |name: &str, pem: &str| {
        let key = SignerKey::from_pem(pem).map_err(|error| error.to_string())?;
        let (name, who, root) = (name.to_owned(), Who::Key(key), Arc::clone(&root));
        let authority = Authority { name, who, root, log, sct: Need::Ignore, timestamp: Need::Ignore };
        can_count(&authority.name, &authority)?;
        Ok::<_, String>(Arc::new(authority))
    };
    match builtin {
        Builtin::DockerMcp => {
            if scope.signatures.is_some() {
                return Err("`docker-mcp` says where signatures lie: leave out `signatures`".to_owned());
            }
            scope.signatures = format!("{MCP_SIGNATURES}:signatures").parse().ok();
            scope.signers.push(authority(NAMES[0], MCP_KEY)?);
        }
        Builtin::DockerHardened => {
            let key = authority(NAMES[1], HARDENED_KEY)?;
            let types = provenance::TYPES.iter().map(|known| (*known).to_owned()).collect();
            scope.attestations.push(Attestations { types, signers: vec![key] });
        }
    }
    Ok(())
}

/// Whether somebody comes with a builtin, and is not written out.
pub(crate) fn is_shipped(authority: &Authority) -> bool {
    matches!(authority.who, Who::Key(_)) && NAMES.contains(&authority.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::scope::Repository;

    fn shipped(repository: &str) -> Option<&'static Scope> {
        scope(&Name::Repository(Repository::of(&format!("{repository}:1").parse().unwrap())))
    }

    #[test]
    fn dockers_images_are_trusted_by_dockers_keys() {
        let mcp = shipped("docker.io/mcp/time").unwrap();
        assert_eq!((mcp.signers.len(), mcp.threshold, mcp.signers[0].log), (1, 1, Need::Required));
        assert_eq!(mcp.signatures.as_ref().unwrap().name(), MCP_SIGNATURES);
        let hardened = shipped("dhi.io/python").unwrap();
        assert_eq!(hardened.attestations.len(), 1);
        assert_ne!(hardened.attestations[0].signers[0].name, mcp.signers[0].name);
    }

    #[test]
    fn nobody_else_is_trusted_by_them() {
        for repository in [
            "docker.io/mcp-evil/time",
            "docker.io/library/time",
            "docker.io/mcp/a/b",
            "ghcr.io/mcp/time",
            "dhi.io.evil.example/x",
        ] {
            assert!(shipped(repository).is_none(), "{repository}");
        }
    }
}
