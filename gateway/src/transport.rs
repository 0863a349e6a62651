//! How bytes reach a session, and its messages a client.

pub(crate) mod hang_up;
pub(crate) mod http;
mod one_line;
pub(crate) mod stdio;

/// The longest message that is read, in bytes.
const MAX_MESSAGE: usize = 16 << 20;
