//! Why an artifact may not run: codes that stay the same, and words.

use std::fmt;

use serde::{Serialize, Serializer};

use super::fault::Fault;

/// Why an artifact may not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    code: &'static str,
    words: &'static str,
    waivable: bool,
}

impl Reason {
    pub(crate) const DENIED: Self = Self::grave("denied", "its digest is denied: it never runs");
    pub(crate) const POLICY_MISSING: Self = Self::grave("policy-missing", "a policy that yours includes cannot be had");
    pub(crate) const POLICY_NOT_SIGNED: Self =
        Self::grave("policy-not-signed", "a policy that yours includes is not signed by whom yours names");
    pub(crate) const POLICY_MISPLACED: Self =
        Self::grave("policy-misplaced", "a policy that yours includes was published to be followed elsewhere");
    pub(crate) const POLICY_TOO_OLD: Self = Self::grave("policy-too-old", "a policy that yours includes is too old");
    pub(crate) const POLICY_ROLLED_BACK: Self =
        Self::grave("policy-rolled-back", "a policy that yours includes is older than the one that counted before");
    pub(crate) const POLICY_UNUSABLE: Self =
        Self::grave("policy-unusable", "a policy that yours includes cannot be used");
    pub(crate) const NO_SCOPE: Self =
        Self::mild("no-scope", "your trust policy has no scope for it, and rejects what has none");
    pub(crate) const UNSIGNED: Self = Self::mild("unsigned", "nobody signed it, and its scope wants a signature");
    pub(crate) const NOT_REVIEWED: Self =
        Self::mild("not-reviewed", "its digest is not among those that its scope has as reviewed");
    pub(crate) const ONLY_ATTESTED: Self = Self::grave(
        "only-attested",
        "somebody that is trusted attests something of it, and nobody that is trusted signed it",
    );
    pub(crate) const NO_SIGNATURE: Self =
        Self::grave("no-signature", "what lies in the place for its signatures is none");
    pub(crate) const OTHER_REFERRER: Self =
        Self::grave("other-referrer", "what is listed beside it says that it is about something else");
    pub(crate) const WITHHELD: Self =
        Self::grave("withheld", "something is listed beside it, and whoever lists it does not give it");
    pub(crate) const TOO_MANY: Self =
        Self::grave("too-many-beside", "more lies beside it than is looked at, and none of what was looked at counts");
    pub(crate) const SIGNATURES_UNAVAILABLE: Self =
        Self::grave("signatures-unavailable", "whether it is signed could not be found out");
    pub(crate) const TOO_FEW_SIGNERS: Self =
        Self::grave("too-few-signers", "fewer different signers signed it than its scope wants");
    pub(crate) const NOT_ATTESTED: Self = Self::mild("not-attested", "nobody attested what its scope wants attested");
    pub(crate) const NO_SBOM: Self = Self::mild("no-sbom", "it has no SBOM by somebody that its scope trusts for that");
    pub(crate) const NO_PROVENANCE: Self =
        Self::mild("no-provenance", "it has no provenance by somebody that its scope trusts for that");

    /// One that a person may overlook for once: nobody says anything.
    const fn mild(code: &'static str, words: &'static str) -> Self {
        Self { code, words, waivable: true }
    }

    /// One that is never overlooked: something is wrong, or might be.
    pub(crate) const fn grave(code: &'static str, words: &'static str) -> Self {
        Self { code, words, waivable: false }
    }

    /// What an SBOM or provenance fails by, whose own words say more.
    pub(crate) const fn found(code: &'static str) -> Self {
        Self::grave(code, "what was attested of it is not what its scope wants")
    }

    /// The code.
    pub fn code(self) -> &'static str {
        self.code
    }

    /// Whether somebody denied it, so that nothing that others say of it counts.
    pub fn is_denial(self) -> bool {
        self == Self::DENIED
    }

    /// Why, in words that follow the name of the artifact.
    pub(crate) fn words(self) -> &'static str {
        self.words
    }

    /// Whether a person may let it run for once. Bad signatures, and those that might be there, are never overlooked.
    pub(crate) fn can_be_waived(self) -> bool {
        self.waivable
    }
}

impl From<Fault> for Reason {
    fn from(fault: Fault) -> Self {
        Self::grave(fault.code(), fault.words())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code)
    }
}
