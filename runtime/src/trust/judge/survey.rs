//! Looks at an artifact as if everybody who signed it were trusted: to show, and never to decide.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::requirements::Outcome;
use super::weighed::{Known, Signer};
use super::{Judge, Subject, with_causes};
use crate::artifact::{Depot, Depots};
use crate::trust::authority::Authority;
use crate::trust::claimed::claimed;
use crate::trust::gather::{self, Wanted};
use crate::trust::policy::Scope;
use crate::trust::survey::{Survey, Surveyed, named, with_a_key};
use crate::trust::time;

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
        let claimed = claimed(subject, &found.evidence, &self.policy, now);
        let mut signers = named(&claimed);
        let has_key = key.is_some();
        signers.extend(key.map(Arc::new));
        let scope = Scope::of_signers(signers.clone());
        let others = found.others;
        let nothing = found.evidence.is_empty();
        let known = Known::of(subject, &scope, found, now).0;
        let open = |path: &Path| self.advisories.open(path, time::timestamp(now));
        let said = Outcome::of(subject, &scope, &known, now, &open);
        let is_of = |by: &Signer, authority: &Arc<Authority>| Arc::ptr_eq(&by.authority, authority);
        let surveyed = signers.iter().filter_map(|authority| {
            let signed = known
                .vouchers
                .iter()
                .any(|voucher| is_of(&voucher.by, authority) && subject.manifests.contains(&voucher.manifest));
            let by_them = known.attested.iter().filter(|said| said.by.iter().any(|by| is_of(by, authority)));
            let attested: BTreeSet<String> = by_them.map(|said| said.statement.predicate_type.clone()).collect();
            (signed || !attested.is_empty()).then(|| Surveyed::new(authority, signed, attested)).flatten()
        });
        let signers: Vec<Surveyed> = surveyed.collect();
        let mut missing = Vec::new();
        if nothing {
            missing.push("nobody signed it or attested anything of it".to_owned());
        } else if !signers.iter().any(|signer| signer.signed) {
            missing.push("nobody who can be told signed it".to_owned());
        }
        missing.extend(with_a_key(&claimed).filter(|_| !has_key).map(str::to_owned));
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
