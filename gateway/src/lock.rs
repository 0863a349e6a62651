//! What servers were when a person accepted them, and whether they still are.
//!
//! ```text
//! Plan, lists, instructions ─▶ Locked ─▶ LockFile (lockgate.lock beside the configuration)
//!                                │
//!        today's plan and lists ─┴─▶ differences ─▶ the server does not start, or is taken away
//! ```
//!
//! | file | what it knows |
//! |---|---|
//! | `canonical` | JSON in one spelling, to be hashed |
//! | `surface` | what a model reads of a server |
//! | `locked`, `drift` | what of a server is locked, and how it differs from what is found |
//! | `file` | the form of `lockgate.lock`, and how it is changed |
//! | `texts` | the texts behind the hashes, on this machine |
//! | `history` | which manifests a tag named when they were verified |
//! | `watch` | a locked server while it runs |
//! | `shown` | differences side by side |

mod canonical;
mod drift;
mod file;
mod history;
mod locked;
mod shown;
mod surface;
mod texts;
mod watch;

pub(crate) use self::drift::{Difference, Reason};
pub(crate) use self::file::{LOCK_FILE, LockError, LockFile};
pub(crate) use self::history::{History, HistoryError, RolledBack};
pub(crate) use self::locked::{Locked, Origin};
pub(crate) use self::shown::{shown, surface_lines};
pub(crate) use self::surface::{Kind, Page, Surface, SurfaceError};
pub(crate) use self::texts::Texts;
pub(crate) use self::watch::{Watch, is_taken_away};
