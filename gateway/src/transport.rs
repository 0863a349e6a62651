//! How bytes reach a session, and its messages a client.

pub(crate) mod hang_up;
pub(crate) mod stdio;
