//! `lockgate run --listen`: clients over HTTP, of both eras, and those who should not get in.

mod clients;
mod door;
mod ends;
mod gateway;
mod limits;
mod modern;
mod sessions;
mod several;
mod streams;
