//! Looks at an artifact as if everybody who signed it were trusted: to show, and never to decide.

use std::sync::Arc;
use std::time::SystemTime;

use super::requirements::Outcome;
use super::weighed::{Known, public_log};
use super::{Judge, Subject, with_causes};
use crate::artifact::{Depot, Depots};
use crate::trust::advisories;
use crate::trust::authority::Authority;
use crate::trust::claimed::claimed;
use crate::trust::gather::{self, Wanted};
use crate::trust::policy::Scope;
use crate::trust::survey::{Survey, Surveyed, identities};

impl Judge {
    /// What can be known of an artifact. `key` is one that the person has at hand.
    ///
    /// # Errors
    /// Where it cannot be found out, in words.
    pub(crate) async fn survey(
        &self,
        subject: &Subject,
        key: Option<Authority>,
        depot: &Depot,
        depots: &Depots,
    ) -> Result<Survey, String> {
        let elsewhere = match depot {
            Depot::Registry { .. } => self.policy.scope(&subject.name).and_then(|scope| scope.signatures.as_ref()),
            Depot::Folder(_) => None,
        };
        let elsewhere = elsewhere.map(|repository| depots.registry(repository));
        let found = gather::gather(depot, elsewhere.as_ref(), &subject.manifests, Wanted { attestations: true }).await;
        let found = found.map_err(|error| with_causes(&error))?;
        let now = SystemTime::now();
        let (mut signers, with_a_key) = identities(&claimed(
            &found.evidence,
            &self.policy.scope(&subject.name).map(Scope::roots).unwrap_or_default(),
            now,
        ));
        let has_key = key.is_some();
        signers.extend(key.map(Arc::new));
        let scope = Scope::of_signers(signers.clone());
        let others = found.others;
        let nothing = found.evidence.is_empty();
        let known = Known::of(subject, &scope, found, now, public_log).0;
        let said = Outcome::of(subject, &scope, &known, now, &advisories::open);
        let surveyed = signers.iter().filter_map(|authority| {
            let signed = known.vouchers.iter().any(|voucher| {
                Arc::ptr_eq(&voucher.by.authority, authority) && subject.manifests.contains(&voucher.manifest)
            });
            let attested =
                known.attested.iter().flat_map(|said| &said.by).any(|by| Arc::ptr_eq(&by.authority, authority));
            (signed || attested).then(|| Surveyed::new(authority, signed))
        });
        let signers: Vec<Surveyed> = surveyed.collect();
        let mut missing = Vec::new();
        if nothing {
            missing.push("nobody signed it or attested anything of it".to_owned());
        } else if !signers.iter().any(|signer| signer.signed) {
            missing.push("nobody who can be told signed it".to_owned());
        }
        if with_a_key && !has_key {
            missing.push("it is signed with a key that is not known here; give it with --key FILE".to_owned());
        }
        if others > 0 {
            missing.push(format!("{others} things lie beside it that are no signatures that are read here"));
        }
        for (there, what) in [(said.sboms.is_empty(), "no SBOM"), (said.provenance.is_empty(), "no provenance")] {
            if there {
                missing.push(format!("{what} that somebody signed"));
            }
        }
        Ok(Survey {
            reference: subject.reference.clone(),
            name: subject.name.to_string(),
            manifest: subject.manifests.first().copied().unwrap_or_else(|| crate::artifact::Digest::of(b"")),
            signers,
            sboms: said.sboms,
            provenance: said.provenance,
            missing,
        })
    }
}
