//! Where a registry would lead us, and nobody goes.

/// Why a registry is not followed: one code for each cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detour {
    /// Its name is no host that can be dialled.
    NoHost,
    /// To an address that is not dialled.
    Address,
    /// To what is no place, or has a password in it.
    InvalidRedirect,
    /// Out of the protection of TLS.
    InsecureRedirect,
    /// Further and further.
    TooManyRedirects,
    /// Away from what lies at the registry itself.
    UnexpectedRedirect,
    /// To somebody else, for a token.
    Realm,
    /// To nobody who is known, for a proof of who asks.
    Challenge,
    /// To somebody else, for the rest of a list.
    NextPage,
    /// To somebody else, with what is pushed.
    Upload,
}

impl Detour {
    pub(in crate::artifact) fn code(self) -> &'static str {
        match self {
            Self::NoHost => "no-host",
            Self::Address => "address-not-allowed",
            Self::InvalidRedirect => "invalid-redirect",
            Self::InsecureRedirect => "insecure-redirect",
            Self::TooManyRedirects => "too-many-redirects",
            Self::UnexpectedRedirect => "unexpected-redirect",
            Self::Realm => "realm-not-allowed",
            Self::Challenge => "unknown-challenge",
            Self::NextPage => "next-page-elsewhere",
            Self::Upload => "upload-elsewhere",
        }
    }
}
