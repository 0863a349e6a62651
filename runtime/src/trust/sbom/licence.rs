//! Under which licences a package may be used (SPDX 2.3, annex D), and whether a policy denies them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use spdx::expression::{ExprNode, Operator};
use spdx::identifiers::LICENSES;
use spdx::{Expression, LicenseItem, LicenseReq, ParseMode};

use crate::untrusted::Untrusted;

/// The longest expression that is read, in bytes. Those of whole distributions have less than a tenth of it.
const MAX_EXPRESSION_BYTES: usize = 16 * 1024;

/// As tools write expressions: with names that are no longer used, and `+` after those of the GNU family.
const AS_WRITTEN: ParseMode = ParseMode {
    allow_slash_as_or_operator: true,
    allow_imprecise_license_names: false,
    allow_postfix_plus_on_gpl: true,
    allow_deprecated: true,
    allow_unknown: false,
};

/// What an SBOM says of one package. Most packages of one have the licence of others, so that it is read once for them all.
#[derive(Debug, Clone)]
pub(crate) struct Licence(Arc<Named>);

#[derive(Debug)]
struct Named {
    /// Names of the SPDX list, joined by AND and OR; none where there are words that no machine can judge.
    expression: Option<Expression>,
    /// As it was written, but for the case of names.
    written: Untrusted,
    /// Whether it names licences of which nobody but its author knows the text.
    is_unknown: bool,
}

/// Reads the licences of one SBOM.
#[derive(Debug, Default)]
pub(super) struct Licences(HashMap<String, Licence>);

/// How a licence stands before a list of denied ones. The better comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// Whoever uses it accepts a denied licence.
    Denied,
    /// It cannot be told.
    Unknown,
    /// It can be used without accepting a denied licence.
    Allowed,
}

/// Licences that a policy denies.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeniedLicences {
    /// As they are written.
    written: Vec<String>,
    versions: BTreeSet<Version>,
    /// Names of licences that are not in the list of SPDX, as `LicenseRef-acme`.
    others: BTreeSet<String>,
}

/// One version of one licence, as `GPL` in `2.0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    family: String,
    number: Vec<u32>,
}

/// Every version that SPDX knows.
static KNOWN: LazyLock<BTreeSet<Version>> =
    LazyLock::new(|| LICENSES.iter().map(|license| Version::of(license.name).0).collect());

/// Names and operators as SPDX writes them, by how they are written in lower case.
static OFFICIAL: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let names = LICENSES.iter().map(|license| license.name).chain(["AND", "OR", "WITH"]);
    names.map(|name| (name.to_ascii_lowercase(), name)).collect()
});

/// A text is not the name of one licence.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{0}` is not the name of one licence of the SPDX list, as AGPL-3.0-only, nor a LicenseRef-")]
pub(crate) struct InvalidLicence(String);

impl Licences {
    /// Reads what stands in the SBOM; nothing where it asserts nothing.
    pub(super) fn read(&mut self, text: &str) -> Option<Licence> {
        let text = text.trim();
        if matches!(text, "" | "NOASSERTION" | "NONE") {
            return None;
        }
        if let Some(known) = self.0.get(text) {
            return Some(known.clone());
        }
        let licence = Licence::of(text);
        self.0.insert(text.to_owned(), licence.clone());
        Some(licence)
    }
}

impl Licence {
    fn of(text: &str) -> Self {
        let expression = Some(text).filter(|text| text.len() <= MAX_EXPRESSION_BYTES).and_then(expression);
        let written = expression.as_ref().map_or_else(|| Untrusted::new(text), |one| Untrusted::new(one.to_string()));
        let is_unknown = DeniedLicences::default().standing_of(expression.as_ref()) == Standing::Unknown;
        Self(Arc::new(Named { expression, written, is_unknown }))
    }

    /// As it was written, but for the case of names.
    pub(crate) fn written(&self) -> &Untrusted {
        &self.0.written
    }

    /// Whether it names licences of which nobody but its author knows the text.
    pub(crate) fn is_unknown(&self) -> bool {
        self.0.is_unknown
    }
}

/// Whether the two say the same.
impl PartialEq for Licence {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.written == other.0.written
    }
}

impl DeniedLicences {
    /// Reads the names of denied licences. `GPL-2.0-or-later` denies every version from 2.0 on.
    ///
    /// # Errors
    /// Where one is no name of one licence.
    pub(crate) fn read(names: &[String]) -> Result<Self, InvalidLicence> {
        let mut denied = Self { written: names.to_vec(), ..Self::default() };
        for name in names {
            let invalid = || InvalidLicence(name.clone());
            let expression = Expression::parse_mode(name, AS_WRITTEN).map_err(|_| invalid())?;
            let mut nodes = expression.iter();
            match (nodes.next(), nodes.next()) {
                (Some(ExprNode::Req(one)), None) if one.req.addition.is_none() => match choices(&one.req) {
                    Some(versions) => denied.versions.extend(versions),
                    None if matches!(one.req.license, LicenseItem::Other(_)) => {
                        denied.others.insert(one.req.to_string());
                    }
                    None => return Err(invalid()),
                },
                _ => return Err(invalid()),
            }
        }
        Ok(denied)
    }

    /// As they are written.
    pub(crate) fn written(&self) -> &[String] {
        &self.written
    }

    /// Whether nothing is denied.
    pub(crate) fn is_empty(&self) -> bool {
        self.versions.is_empty() && self.others.is_empty()
    }

    /// How a licence stands: of alternatives the best counts, of what must hold together the worst.
    pub(crate) fn standing(&self, licence: &Licence) -> Standing {
        // Where nothing is denied, only what is unknown could be.
        if self.is_empty() && !licence.is_unknown() {
            return Standing::Allowed;
        }
        self.standing_of(licence.0.expression.as_ref())
    }

    fn standing_of(&self, expression: Option<&Expression>) -> Standing {
        let Some(expression) = expression else { return Standing::Unknown };
        let mut stack: Vec<Standing> = Vec::new();
        for node in expression.iter() {
            let standing = match node {
                ExprNode::Req(one) => Some(self.standing_of_one(&one.req)),
                ExprNode::Op(Operator::Or) => stack.pop().zip(stack.pop()).map(|(one, other)| one.max(other)),
                ExprNode::Op(Operator::And) => stack.pop().zip(stack.pop()).map(|(one, other)| one.min(other)),
            };
            stack.push(standing.unwrap_or(Standing::Unknown));
        }
        stack.pop().unwrap_or(Standing::Unknown)
    }

    /// An exception (`WITH`) takes nothing away from a denial.
    fn standing_of_one(&self, one: &LicenseReq) -> Standing {
        match choices(one) {
            Some(versions) if versions.iter().all(|version| self.versions.contains(version)) => Standing::Denied,
            Some(_) => Standing::Allowed,
            None => {
                let name = LicenseReq { addition: None, ..one.clone() }.to_string();
                if self.others.contains(&name) { Standing::Denied } else { Standing::Unknown }
            }
        }
    }
}

/// The versions that one may choose between; none where SPDX does not know the licence. "Or later" means what there is:
/// as no AGPL came after 3.0, `AGPL-3.0-or-later` leaves no other choice.
fn choices(one: &LicenseReq) -> Option<Vec<Version>> {
    let LicenseItem::Spdx { id, or_later } = &one.license else { return None };
    // The library has these in its list: they are what is written where there is no licence.
    if matches!(id.name, "NOASSERTION" | "NONE") {
        return None;
    }
    let (version, named_later) = Version::of(id.name);
    if !*or_later && !named_later {
        return Some(vec![version]);
    }
    let family = version.family.clone();
    Some(KNOWN.range(version..).take_while(|other| other.family == family).cloned().collect())
}

impl Version {
    /// The version that a name of the SPDX list means, and whether it means later ones as well. `GPL-2.0` and
    /// `GPL-2.0-only` are one version.
    fn of(name: &str) -> (Self, bool) {
        // Deprecated names that carry their exception.
        let name = name.split_once("-with-").map_or(name, |(licence, _)| licence);
        let (name, or_later) = match name.strip_suffix("-or-later").or_else(|| name.strip_suffix('+')) {
            Some(name) => (name, true),
            None => (name.strip_suffix("-only").unwrap_or(name), false),
        };
        let is_number = |part: &&str| part.chars().all(|c| c == '.' || c.is_ascii_digit());
        let number = name.split('-').find(is_number).unwrap_or_default();
        let number = number.split('.').map_while(|part| part.parse().ok()).collect();
        let mut is_first = true;
        let family: Vec<&str> =
            name.split('-').filter(|part| !(is_number(part) && std::mem::take(&mut is_first))).collect();
        (Self { family: family.join("-"), number }, or_later)
    }
}

/// An expression, also with names in other case than SPDX writes them: case tells no licences apart (annex D.2).
fn expression(text: &str) -> Option<Expression> {
    if let Ok(expression) = Expression::parse_mode(text, AS_WRITTEN) {
        return Some(expression);
    }
    let mut rewritten = String::with_capacity(text.len());
    for word in text.split_inclusive([' ', '(', ')', '/', '\t', '\n']) {
        let name = word.trim_end_matches([' ', '(', ')', '/', '\t', '\n']);
        rewritten.push_str(official(name));
        rewritten.push_str(&word[name.len()..]);
    }
    Expression::parse_mode(&rewritten, AS_WRITTEN).ok()
}

fn official(name: &str) -> &str {
    OFFICIAL.get(&name.to_ascii_lowercase()).copied().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(denied: &[&str], licence: &str) -> Standing {
        let denied: Vec<String> = denied.iter().map(|&name| name.to_owned()).collect();
        DeniedLicences::read(&denied).unwrap().standing(&Licences::default().read(licence).unwrap())
    }

    #[test]
    fn an_alternative_that_is_left_is_enough_and_what_must_hold_together_is_not() {
        use Standing::{Allowed, Denied, Unknown};
        for (denied, licence, expected) in [
            ("AGPL-3.0-only", "MIT", Allowed),
            ("AGPL-3.0-only", "AGPL-3.0-only", Denied),
            ("AGPL-3.0-only", "MIT OR AGPL-3.0-only", Allowed),
            ("AGPL-3.0-only", "MIT AND AGPL-3.0-only", Denied),
            ("AGPL-3.0-only", "MIT AND (Apache-2.0 OR AGPL-3.0-only)", Allowed),
            ("AGPL-3.0-only", "(MIT OR AGPL-3.0-only) AND AGPL-3.0-only", Denied),
            // AND binds closer than OR.
            ("AGPL-3.0-only", "MIT OR Apache-2.0 AND AGPL-3.0-only", Allowed),
            ("AGPL-3.0-only", "AGPL-3.0-only AND MIT OR AGPL-3.0-only AND ISC", Denied),
            ("MIT", "mit/apache-2.0", Allowed),
            ("MIT", "mit", Denied),
            ("MIT", "mit and apache-2.0", Denied),
            ("MIT", "LicenseRef-acme", Unknown),
            ("MIT", "MIT OR LicenseRef-acme", Unknown),
            ("MIT", "ISC OR LicenseRef-acme", Allowed),
            ("MIT", "ISC AND LicenseRef-acme", Unknown),
            ("LicenseRef-acme", "LicenseRef-acme", Denied),
            ("LicenseRef-acme", "DocumentRef-x:LicenseRef-acme", Unknown),
            ("MIT", "the usual terms", Unknown),
            ("MIT", "ISC AND NOASSERTION", Unknown),
            ("MIT", "MIT OR NOASSERTION", Unknown),
            ("GPL-3.0-only", "GPL-3.0-only WITH GCC-exception-3.1", Denied),
        ] {
            assert_eq!(standing(&[denied], licence), expected, "{licence} where {denied} is denied");
        }
    }

    #[test]
    fn or_later_leaves_the_later_ones_that_there_are() {
        use Standing::{Allowed, Denied};
        for (denied, licence, expected) in [
            (&["AGPL-3.0-only"][..], "AGPL-3.0-or-later", Denied),
            (&["AGPL-3.0-only"], "AGPL-3.0", Denied),
            (&["AGPL-3.0-only"], "AGPL-3.0+", Denied),
            (&["AGPL-3.0"], "AGPL-3.0-only", Denied),
            (&["AGPL-3.0-or-later"], "AGPL-3.0-only", Denied),
            (&["GPL-2.0-only"], "GPL-2.0", Denied),
            (&["GPL-2.0-only"], "GPL-2.0-only", Denied),
            (&["GPL-2.0-only"], "GPL-2.0-or-later", Allowed),
            (&["GPL-2.0-only"], "GPL-2.0+", Allowed),
            (&["GPL-2.0-only"], "GPL-2.0-with-classpath-exception", Denied),
            (&["GPL-2.0-only", "GPL-3.0-only"], "GPL-2.0-or-later", Denied),
            (&["GPL-2.0-or-later"], "GPL-2.0-or-later", Denied),
            (&["GPL-2.0-or-later"], "GPL-3.0-only", Denied),
            (&["GPL-2.0-or-later"], "GPL-1.0-only", Allowed),
            (&["GPL-3.0-only"], "GPL-2.0-only", Allowed),
            (&["GPL-3.0-only"], "LGPL-3.0-only", Allowed),
            (&["GPL-3.0-only"], "AGPL-3.0-only", Allowed),
            (&["Apache-1.1"], "Apache-1.0+", Allowed),
            (&["Apache-2.0"], "Apache-2.0+", Denied),
        ] {
            assert_eq!(standing(denied, licence), expected, "{licence} where {denied:?} are denied");
        }
    }

    #[test]
    fn a_denied_licence_is_one_name() {
        for name in
            ["", "GPL", "AGPL-3", "MIT OR ISC", "MIT AND ISC", "GPL-2.0-only WITH GCC-exception-3.1", "NOASSERTION"]
        {
            let error = DeniedLicences::read(&[name.to_owned()]).unwrap_err();
            assert!(error.to_string().starts_with(&format!("`{name}` is not the name of one licence")));
        }
    }

    #[test]
    fn nothing_is_read_into_what_asserts_nothing() {
        for text in ["", " ", "NOASSERTION", "NONE"] {
            assert_eq!(Licences::default().read(text), None);
        }
        assert!(Licences::default().read("see the file LICENSE").unwrap().is_unknown());
        assert!(!Licences::default().read("MIT").unwrap().is_unknown());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,40}|([()+/: -]|AND |OR |WITH |MIT|GPL-2.0|LicenseRef-|é){0,12}") {
            if let Some(licence) = Licences::default().read(&text) {
                let _ = DeniedLicences::default().standing(&licence);
            }
        }
    }
}
