//! What was packed, and what its signer says of it: pushed, put beside it, and tagged when all of it is there.

use std::time::SystemTime;

use super::{PartError, PublishError, ResolveError, Runtime};
use crate::artifact::{Depot, DepotError, Digest, Packed, PushTarget};
use crate::sigstore::Services;
use crate::trust::{
    Attested, Evidence, Holder, Name, Signed, Signer, SignerIdentity, Signing, Unsigned, Wanted, Words, gather,
};

/// Who vouched for what.
pub(super) struct Vouched {
    /// What it was signed for.
    pub(super) name: Name,
    /// Who signed, as policies name them.
    pub(super) written: String,
    /// Who signed, where that is said by a certificate.
    pub(super) identity: Option<SignerIdentity>,
}

impl Runtime {
    /// Sends what was packed, has it signed, and gives it its tag at last. `content` is what it holds, called `what`.
    pub(super) async fn publish_packed(
        &self,
        packed: &Packed,
        content: &Digest,
        what: &'static str,
        to: &PushTarget,
        signer: &Signer,
    ) -> Result<Vouched, PublishError> {
        let (depot, tag) = self.place(to);
        let name = match to {
            PushTarget::Registry { reference, .. } => Name::of(reference),
            PushTarget::Layout { .. } => Name::Layout,
        };
        let words = signer.words(&name, packed.digest(), content)?;
        depot.push(packed, None).await.map_err(ResolveError::from)?;
        let mut place = Place { depot, to, manifest: *packed.digest(), there: vec![what] };
        let (written, identity) = match words {
            Words::Signed(signing, signed) => {
                place.add(signing, &signed).await?;
                (signing.signer(), None)
            }
            Words::Unsigned(keyless, statements) => {
                let holder = place.sign(&Services::new(&self.dialler, keyless), &statements).await?;
                (holder.signer(), Some(holder.identity()))
            }
        };
        let tagged = place.depot.push(packed, Some(tag)).await;
        tagged.map_err(|source| place.without("the tag", source))?;
        Ok(Vouched { name, written, identity })
    }
}

/// Where something was pushed, and what is there of it.
struct Place<'a> {
    depot: Depot,
    to: &'a PushTarget,
    manifest: Digest,
    there: Vec<&'static str>,
}

impl Place<'_> {
    /// Adds what a key signed, and what is not there yet.
    async fn add(&mut self, signing: &Signing, signed: &Signed) -> Result<(), PublishError> {
        // Where that cannot be found out, all is added again: the worst is that some of it is there twice.
        let known = self.known().await.unwrap_or_default();
        let is_there = |has: &dyn Fn(&Evidence) -> bool| known.iter().any(has);
        if !is_there(&|evidence| signing.has_signed(&signed.signature, evidence)) {
            let added = self.depot.attach_under_tag(&self.manifest, &signed.signature).await;
            added.map_err(|source| self.without("its signature", source))?;
        }
        self.there.push("its signature");
        for attested in &signed.attestations {
            let Attested { what, attachment, .. } = attested;
            if !is_there(&|evidence| signing.has_attested(attested, evidence)) {
                let added = self.depot.attach(&self.manifest, attachment).await;
                added.map_err(|source| self.without(what, source))?;
            }
            self.there.push(what);
        }
        Ok(())
    }

    /// Has signed, and adds, what is not there yet. Gives who signed.
    async fn sign(&mut self, services: &Services<'_>, statements: &[Unsigned]) -> Result<Holder, PublishError> {
        let known = self.known().await.map_err(PartError::NotKnown);
        let known = known.map_err(|source| self.without("its signature", source))?;
        let holder = services.certificate().await.map_err(|source| self.without("its signature", source))?;
        for statement in statements {
            let what = statement.what;
            if !known.iter().any(|evidence| holder.has_said(statement, evidence, SystemTime::now())) {
                let signed = services.sign(&holder, statement, &self.manifest).await;
                let signed = signed.map_err(|source| self.without(what, source))?;
                let added = self.depot.attach(&self.manifest, &signed).await;
                added.map_err(|source| self.without(what, source))?;
            }
            self.there.push(what);
        }
        Ok(holder)
    }

    /// What lies beside it.
    async fn known(&self) -> Result<Vec<Evidence>, DepotError> {
        let wanted = Wanted { attestations: true };
        let found = gather(&self.depot, None, &[self.manifest], wanted).await;
        found.map(|found| found.evidence).map_err(|error| error.source)
    }

    /// All that is there, but not this.
    fn without(&self, missing: &'static str, source: impl Into<PartError>) -> PublishError {
        let (reference, there) = (self.to.to_string(), self.there.join(", "));
        PublishError::Partly { reference, manifest: self.manifest, there, missing, source: source.into() }
    }
}
