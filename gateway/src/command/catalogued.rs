//! Servers of a catalog: the flags that name them, and what they have to be granted.

mod shown;

use std::path::{Path, PathBuf};

use clap::Args;
use lockgate_runtime::{Grant, ServerName, Variable};

pub(super) use self::shown::{Planned, show};
use crate::catalog::{Catalog, CatalogError, Found, Offer, Refusal, Setting, Settings, Want, config_lines};
use crate::error::{CommandError, Kind};

/// The heading of these flags in the help.
const HEADING: &str = "Servers of a catalog";

/// Where entries are found, and what is set for them.
#[derive(Debug, Args)]
pub(super) struct Catalogued {
    /// Look names up in this catalog, a YAML file of Docker's form
    #[arg(long, help_heading = HEADING, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// Set what the catalog's entry lets you set; VALUE is JSON, or else text
    #[arg(long = "config", help_heading = HEADING, value_name = "KEY=VALUE", requires = "catalog")]
    settings: Vec<Setting>,
}

/// A catalog that was read, if one was named.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    catalog: Option<Catalog>,
    settings: Vec<Setting>,
    /// Those that configuration files say, each read once.
    configured: Vec<Catalog>,
}

impl Catalogued {
    /// Reads the catalog.
    pub(super) fn open(self) -> Result<Shelf, CommandError> {
        let catalog = self.catalog.map(|path| Catalog::read(&path)).transpose()?;
        Ok(Shelf { catalog, settings: self.settings, configured: Vec::new() })
    }
}

impl Shelf {
    /// Whether anything is set for one entry.
    pub(super) fn has_settings(&self) -> bool {
        !self.settings.is_empty()
    }

    /// The entry of this name, as the server `name`. `given` are the variables that a person sets for it.
    pub(super) fn offer(
        &self,
        text: &str,
        name: Option<ServerName>,
        given: &[Variable],
    ) -> Result<Option<Offer>, CommandError> {
        let found = self.catalog.as_ref().map(|catalog| catalog.find(text)).transpose()?.flatten();
        let offer = |found: Found<'_>| found.offer(name, &found.settings(&self.settings)?, given);
        Ok(found.map(offer).transpose()?)
    }

    /// As [`offer`](Self::offer), for a server that a configuration file has: in the `catalog` that the file says, or
    /// else in the one of the command line.
    pub(super) fn configured_offer(
        &mut self,
        text: &str,
        catalog: Option<&Path>,
        name: &ServerName,
        settings: &Settings,
        given: &[Variable],
    ) -> Result<Option<Offer>, CommandError> {
        let catalog = match catalog {
            Some(path) => Some(self.read(path)?),
            None => self.catalog.as_ref(),
        };
        let found = catalog.map(|catalog| catalog.find(text)).transpose()?.flatten();
        let offer = found.map(|found| found.offer(Some(name.clone()), settings, given)).transpose();
        offer.map_err(|error| {
            let is_for_settings = matches!(&error, CatalogError::Refused { refusal: Refusal::Missing(_), .. });
            let failed = CommandError::from(error);
            let hint = "settings of a configured server stand in [servers.NAME.config]";
            if is_for_settings { failed.hint(hint) } else { failed }
        })
    }

    fn read(&mut self, path: &Path) -> Result<&Catalog, CatalogError> {
        let known = self.configured.iter().position(|catalog| catalog.path() == path);
        let place = match known {
            Some(place) => place,
            None => {
                self.configured.push(Catalog::read(path)?);
                self.configured.len() - 1
            }
        };
        Ok(&self.configured[place])
    }

    /// What to say of a name that nobody knows.
    pub(super) fn hint(&self, text: &str) -> Option<String> {
        let catalog = self.catalog.as_ref()?;
        Some(format!("the catalog {} has no entry `{text}` either", catalog.path().display()))
    }
}

impl From<CatalogError> for CommandError {
    fn from(error: CatalogError) -> Self {
        match &error {
            CatalogError::Refused { refusal, .. } => {
                let refused = Self::from_error(Kind::Refused, &error);
                refusal.hint().into_iter().fold(refused, Self::hint)
            }
            CatalogError::Name { entry, .. } => {
                let hint = format!("name the server yourself: NAME={entry}");
                Self::from_error(Kind::Usage, &error).hint(hint)
            }
            CatalogError::Unreadable { .. } => Self::from_error(Kind::Failed, &error),
            CatalogError::TooLarge(_)
            | CatalogError::Form { .. }
            | CatalogError::Ambiguous { .. }
            | CatalogError::Setting { .. } => Self::from_error(Kind::Usage, &error),
        }
    }
}

/// Checks that a person grants what the entry does not do without. `configured` is the name of the server whose grant
/// stands in the configuration.
pub(super) fn check(offer: &Offer, grant: &Grant, configured: Option<&ServerName>) -> Result<(), CommandError> {
    let unmet = offer.unmet(grant);
    if unmet.is_empty() {
        return Ok(());
    }
    let wanted: String = unmet.iter().map(|want| format!("\n  {}", line(want))).collect();
    let message = format!("the entry `{}` of the catalog wants what nobody granted:{wanted}", offer.entry);
    let give = match configured {
        Some(name) => {
            let lines = config_lines(&unmet, grant).replace('\n', "\n    ");
            format!("if you want to give it that, write under [servers.{name}.grant]:\n    {lines}")
        }
        None => format!("if you want to give it that: {}", flags(&unmet)),
    };
    let mut refused =
        CommandError::new(Kind::Refused, message).hint(give).hint("`lockgate plan` shows all that it wants");
    if configured.is_none() && unmet.iter().any(|want| want.item.is_in_variable()) {
        refused = refused.hint("a variable that the server does without is left empty: --env NAME=");
    }
    Err(refused)
}

fn line(want: &Want) -> String {
    let (kind, text) = want.item.describe();
    format!("{kind} {text}")
}

/// The flags that grant these wants.
fn flags(wants: &[&Want]) -> String {
    Vec::from_iter(wants.iter().filter_map(|want| want.item.flag())).join(" ")
}
