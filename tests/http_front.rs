//! `lockgate run --listen`: clients over HTTP, of both eras, and those who should not get in.

mod door;
mod gateway;
mod modern;
