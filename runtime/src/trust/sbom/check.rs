//! Whether an SBOM is what a policy asks for.

use std::collections::HashMap;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::licence::Standing;
use super::rules::{DeniedPackages, Field, SbomRules, Unknown, VulnerabilityRule};
use super::{Package, Sbom, line};
use crate::trust::vex::{self, Vex};
use crate::trust::vulnerability::{self, Certainty, Finding, Lookup, Severity, Snapshot};

/// The most examples that are told of one kind of fault.
const MAX_EXAMPLES: usize = 20;

/// Opens the snapshot of advisories that lies at a path which the policy names.
pub(crate) type OpenSnapshot<'a> = &'a dyn Fn(&Path) -> std::io::Result<Snapshot>;

/// What came out of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct SbomFindings {
    /// Why the artifact may not run, each reason once; empty where it may.
    pub(crate) faults: Vec<SbomFault>,
    /// What a person should know all the same.
    pub(crate) remarks: Vec<String>,
}

/// One reason why an artifact may not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SbomFault {
    pub(crate) reason: SbomReason,
    /// What is wrong, in words.
    pub(crate) problem: String,
    /// Where: packages, with what they are refused for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) examples: Vec<String>,
    /// What would help.
    pub(crate) fix: String,
}

/// Why an SBOM is not what a policy asks for, as a code that stays the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SbomReason {
    /// It leaves out what it has to say.
    SbomIncomplete,
    /// A package is in it that the policy denies.
    PackageDenied,
    /// A package can only be used under a licence that the policy denies.
    LicenceDenied,
    /// It cannot be told under which licence a package can be used, and the policy wants that.
    LicenceUnknown,
    /// A package has a vulnerability that is worse than the policy lets through.
    Vulnerable,
    /// The snapshot of advisories cannot be read.
    AdvisoriesUnreadable,
    /// The snapshot of advisories is older than the policy lets it be, or of unknown age.
    AdvisoriesOld,
    /// No package is named so that an advisory could be found.
    NothingToLookUp,
}

impl SbomReason {
    /// The code.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::SbomIncomplete => "sbom-incomplete",
            Self::PackageDenied => "package-denied",
            Self::LicenceDenied => "licence-denied",
            Self::LicenceUnknown => "licence-unknown",
            Self::Vulnerable => "vulnerable",
            Self::AdvisoriesUnreadable => "advisories-unreadable",
            Self::AdvisoriesOld => "advisories-old",
            Self::NothingToLookUp => "nothing-to-look-up",
        }
    }
}

impl SbomRules {
    /// Checks an SBOM. `vex` are documents that somebody signed whom the policy lets speak for the artifact.
    pub(crate) fn check(&self, sbom: &Sbom, vex: &[Vex], now: Timestamp, open: OpenSnapshot<'_>) -> SbomFindings {
        let mut findings = SbomFindings::default();
        self.check_minimum(sbom, &mut findings);
        self.check_packages(sbom, &mut findings);
        self.check_licences(sbom, &mut findings);
        if let Some(rule) = &self.vulnerabilities {
            let vex = if self.wants_vex() { vex } else { &[] };
            rule.check(sbom, vex, now, open, &mut findings);
        }
        findings
    }

    fn check_minimum(&self, sbom: &Sbom, findings: &mut SbomFindings) {
        let mut examples = Vec::new();
        for field in &self.minimum {
            let lacking = |lacks: fn(&Package) -> bool| -> Vec<&Package> {
                sbom.packages.iter().filter(|package| lacks(package)).collect()
            };
            let packages = match field {
                Field::Supplier => lacking(|package| package.supplier.is_none()),
                Field::Name => lacking(|package| package.name.expose().trim().is_empty()),
                Field::Version => lacking(|package| package.best_version().is_none()),
                Field::Id => lacking(|package| package.purls.is_empty() && !package.has_other_id),
                Field::Licence => lacking(|package| package.licences.is_empty()),
                Field::Relationships if !sbom.has_relationships => {
                    examples.push("it does not say which package needs which".to_owned());
                    continue;
                }
                Field::Author if sbom.authors.is_empty() => {
                    examples.push("it does not say who wrote it".to_owned());
                    continue;
                }
                Field::Timestamp if sbom.created.is_none() => {
                    examples.push("it does not say when it was written".to_owned());
                    continue;
                }
                Field::Relationships | Field::Author | Field::Timestamp => continue,
            };
            if let [first, others @ ..] = packages.as_slice() {
                let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
                examples.push(format!("{} is missing for {}{more}", field.words(), first.shown()));
            }
        }
        let fix = "ask the publisher for a complete SBOM, or ask for less in `minimum`";
        findings.refuse(SbomReason::SbomIncomplete, "its SBOM leaves out what the policy wants to know", examples, fix);
    }

    fn check_packages(&self, sbom: &Sbom, findings: &mut SbomFindings) {
        let denied = |package: &Package| {
            let rule = self.denied_packages.iter().find(|rule| rule.is_about(package))?;
            Some(format!("{} (by {})", package.shown(), rule.written))
        };
        let examples = sbom.packages.iter().filter_map(denied).collect();
        let fix = "use a version of the artifact without them, or take them out of `deny-packages`";
        findings.refuse(SbomReason::PackageDenied, "it has packages inside that the policy denies", examples, fix);
    }

    fn check_licences(&self, sbom: &Sbom, findings: &mut SbomFindings) {
        let (mut denied, mut unknown) = (Vec::new(), Vec::new());
        let mut known: HashMap<&str, Standing> = HashMap::new();
        for package in &sbom.packages {
            let standings = package.licences.iter().map(|licence| {
                let standing = known.entry(licence.written().expose());
                (*standing.or_insert_with(|| self.denied_licences.standing(licence)), licence)
            });
            match standings.min_by_key(|(standing, _)| *standing) {
                Some((Standing::Denied, licence)) => {
                    denied.push(format!("{} ({})", package.shown(), licence.written().to_line(80)));
                }
                Some((Standing::Unknown, licence)) => {
                    unknown.push(format!("{} ({})", package.shown(), licence.written().to_line(80)));
                }
                None if !package.is_subject => unknown.push(format!("{} (none is named)", package.shown())),
                None | Some((Standing::Allowed, _)) => {}
            }
        }
        let fix = "use a version of the artifact without them, or take the licence out of `deny-licences`";
        findings.refuse(SbomReason::LicenceDenied, "packages in it have a licence that the policy denies", denied, fix);
        match self.unknown_licences {
            Unknown::Deny => {
                let problem = "packages in it have no licence that can be judged";
                let fix = "ask the publisher for an SBOM that names licences as SPDX does, or leave out unknown-licences = \"deny\"";
                findings.refuse(SbomReason::LicenceUnknown, problem, unknown, fix);
            }
            Unknown::Report if !unknown.is_empty() && !self.denied_licences.is_empty() => {
                findings.remarks.push(format!("the licence of {} is not known", counted(&unknown)));
            }
            Unknown::Report => {}
        }
    }
}

impl DeniedPackages {
    /// A package without a package URL is known by its name alone: better one too many than one that hides.
    fn is_about(&self, package: &Package) -> bool {
        if package.purls.is_empty() {
            let name = super::comparable_name(&self.purl.kind, package.name.expose());
            let is_named = name == self.purl.full_name() || name == self.purl.name.to_lowercase();
            return is_named && self.has(package.version.as_deref());
        }
        package.purls.iter().any(|purl| {
            let version = purl.version.as_deref().or(package.version.as_deref());
            self.purl.is_same_package(purl) && self.has(version)
        })
    }
}

impl VulnerabilityRule {
    fn check(&self, sbom: &Sbom, vex: &[Vex], now: Timestamp, open: OpenSnapshot<'_>, findings: &mut SbomFindings) {
        let place = line(&self.snapshot.to_string_lossy());
        let looked_up = open(&self.snapshot)
            .map_err(vulnerability::SnapshotProblem::from)
            .and_then(|snapshot| vulnerability::look_up(snapshot, &sbom.packages, now));
        let lookup = match looked_up {
            Ok(lookup) => lookup,
            Err(problem) => {
                let problem = format!("the advisories in {place} cannot be used: {problem}");
                let fix = "put a current snapshot of advisories there, as https://osv.dev gives them out";
                return findings.refuse_once(SbomReason::AdvisoriesUnreadable, problem, fix);
            }
        };
        self.check_age(&place, &lookup, now, findings);
        if lookup.looked_up == 0 {
            let problem = "its SBOM names no package so that an advisory could be found".to_owned();
            let fix = "ask the publisher for an SBOM with package URLs";
            return findings.refuse_once(SbomReason::NothingToLookUp, problem, fix);
        }
        if lookup.nameless > 0 {
            let nameless = lookup.nameless;
            findings.remarks.push(format!("{nameless} packages could not be looked up: no advisory could name them"));
        }
        self.check_findings(sbom, vex, &lookup, findings);
    }

    fn check_age(&self, place: &str, lookup: &Lookup, now: Timestamp, findings: &mut SbomFindings) {
        let problem = match lookup.created.map(|created| now.duration_since(created)) {
            Some(age) if age <= self.max_age => return,
            Some(age) => {
                let (age, most) = (age_words(age), age_words(self.max_age));
                format!("the advisories in {place} are {age} old, and the policy lets them be {most} old")
            }
            None => format!("the advisories in {place} do not say how old they are"),
        };
        let fix = "put a current snapshot there, or write another `max-age`";
        findings.refuse_once(SbomReason::AdvisoriesOld, problem, fix);
    }

    fn check_findings(&self, sbom: &Sbom, vex: &[Vex], lookup: &Lookup, findings: &mut SbomFindings) {
        let (mut examples, mut cleared) = (Vec::new(), 0_usize);
        for finding in &lookup.findings {
            let Some(package) = sbom.packages.get(finding.package) else { continue };
            if finding.severity.is_some_and(|severity| severity <= self.max_severity) {
                continue;
            }
            if vex::clears(vex, &finding.names, package) {
                cleared += 1;
                continue;
            }
            examples.push(finding.shown(package));
        }
        if lookup.has_more {
            examples.push("more than can be listed".to_owned());
        }
        if cleared > 0 {
            findings.remarks.push(format!("{cleared} vulnerabilities do not concern it, says a signed VEX document"));
        }
        let problem = format!("packages in it have vulnerabilities worse than {}", self.max_severity.word());
        let fix = "use a version of the artifact that mends them, or write another `max-severity`";
        findings.refuse(SbomReason::Vulnerable, &problem, examples, fix);
    }
}

impl Finding {
    fn shown(&self, package: &Package) -> String {
        let severity = self.severity.map_or("how bad is not known, so it counts", Severity::word);
        let certainty = match self.certainty {
            Certainty::Known => "",
            Certainty::NotComparable => "; its version cannot be compared, so it counts as affected",
            Certainty::NoVersion => "; the SBOM gives no version, so it counts as affected",
        };
        format!("{}: {} ({severity}{certainty})", package.shown(), self.name())
    }
}

impl SbomFindings {
    /// Refuses, where there are examples.
    fn refuse(&mut self, reason: SbomReason, problem: &str, mut examples: Vec<String>, fix: &str) {
        if examples.is_empty() {
            return;
        }
        let (problem, more) =
            (format!("{problem}: {}", counted(&examples)), examples.len().saturating_sub(MAX_EXAMPLES));
        examples.truncate(MAX_EXAMPLES);
        if more > 0 {
            examples.push(format!("and {more} more"));
        }
        self.faults.push(SbomFault { reason, problem, examples, fix: fix.to_owned() });
    }

    fn refuse_once(&mut self, reason: SbomReason, problem: String, fix: &str) {
        self.faults.push(SbomFault { reason, problem, examples: Vec::new(), fix: fix.to_owned() });
    }
}

fn age_words(age: SignedDuration) -> String {
    match age.as_hours() {
        hours if hours < 48 => format!("{hours} hours"),
        hours => format!("{} days", hours / 24),
    }
}

/// The first two, and how many more there are.
fn counted(examples: &[String]) -> String {
    let shown = examples.iter().take(2).cloned().collect::<Vec<_>>().join("; ");
    match examples.len().saturating_sub(2) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

impl Field {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Supplier => "the supplier",
            Self::Name => "the name",
            Self::Version => "the version",
            Self::Id => "a package URL, CPE or SWID",
            Self::Relationships => "what needs what",
            Self::Author => "the author",
            Self::Timestamp => "the time",
            Self::Licence => "the licence",
        }
    }
}

#[cfg(test)]
mod tests;
