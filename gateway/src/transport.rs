//! How bytes reach a session, and its messages a client.

pub(crate) mod stdio;
