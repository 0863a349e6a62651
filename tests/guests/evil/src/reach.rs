//! Reaches for what lies outside, as far as it was granted.

use std::{
    env, fs, io,
    net::{Ipv4Addr, Ipv6Addr},
};

use serde_json::{Map, Value, json};
use wasip2::{
    filesystem::preopens::get_directories,
    random::random::get_random_bytes,
    sockets::{
        instance_network::instance_network,
        ip_name_lookup::resolve_addresses,
        network::{ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress},
        tcp_create_socket::create_tcp_socket,
    },
};

use crate::{
    deed::{Deed, Outcome, Request, done, found},
    invalid,
};

pub(crate) const DEEDS: &[Deed] = &[
    Deed::new("random", "Asks for that many random bytes at once", random).with(&[("bytes", "integer")]),
    Deed::new("env", "Returns all environment variables", environment),
    Deed::new("args", "Returns the arguments of the process", |_| found(&env::args().collect())),
    Deed::new("read-file", "Returns the text of a file", read_file).with(&[("path", "string")]),
    Deed::new("write-file", "Writes a text to a file", write_file).with(&[("path", "string"), ("text", "string")]),
    Deed::new("delete-file", "Deletes a file", delete_file).with(&[("path", "string")]),
    Deed::new("list-dir", "Lists a directory", list_dir).with(&[("path", "string")]),
    Deed::new("listings", "Begins to list a directory a thousand times, and keeps what is open", listings),
    Deed::new("link", "Makes a symbolic link in a granted directory", link).with(&[
        ("dir", "string"),
        ("name", "string"),
        ("target", "string"),
    ]),
    Deed::new("connect", "Connects over TCP to an IPv4 address", connect)
        .with(&[("address", "string"), ("port", "integer")]),
    Deed::new("resolve", "Looks up the addresses of a name", resolve).with(&[("name", "string")]),
];

fn random(request: &Request<'_>) -> Outcome {
    let bytes = get_random_bytes(request.number("bytes")?);
    found(&json!({ "bytes": bytes.len() }))
}

fn environment(_: &Request<'_>) -> Outcome {
    let variables: Map<String, Value> = env::vars().map(|(name, value)| (name, Value::String(value))).collect();
    found(&Value::Object(variables))
}

fn read_file(request: &Request<'_>) -> Outcome {
    done(fs::read_to_string(request.text("path")?).map(|text| json!({ "text": text })))
}

fn write_file(request: &Request<'_>) -> Outcome {
    done(fs::write(request.text("path")?, request.text("text")?).map(|()| json!({ "written": true })))
}

fn delete_file(request: &Request<'_>) -> Outcome {
    done(fs::remove_file(request.text("path")?).map(|()| json!({ "deleted": true })))
}

fn list_dir(request: &Request<'_>) -> Outcome {
    let names = |entries: fs::ReadDir| {
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect::<io::Result<Vec<_>>>()
    };
    done(fs::read_dir(request.text("path")?).and_then(names).map(|mut names| {
        names.sort();
        json!({ "names": names })
    }))
}

/// Lists through WASI itself, as the standard library keeps no more than one listing open.
fn listings(_: &Request<'_>) -> Outcome {
    let Some((directory, _)) = get_directories().into_iter().next() else {
        return Err(invalid("no directory is granted".to_owned()));
    };
    let begun: Vec<_> = (0..1000).map_while(|_| directory.read_directory().ok()).collect();
    let open = begun.len();
    // One that is closed makes room for another one.
    drop(begun);
    let again = directory.read_directory().is_ok();
    found(&json!({ "open": open, "again": again }))
}

/// Makes a link through WASI itself, which the standard library has no stable call for.
fn link(request: &Request<'_>) -> Outcome {
    let dir = request.text("dir")?;
    let (granted, _) = get_directories()
        .into_iter()
        .find(|(_, path)| path == dir)
        .ok_or_else(|| invalid("dir is not a granted directory".to_owned()))?;
    let linked = granted.symlink_at(request.text("target")?, request.text("name")?);
    done(linked.map(|()| json!({ "linked": true })))
}

fn connect(request: &Request<'_>) -> Outcome {
    let invalid_address = |_| invalid("address is not an IPv4 address".to_owned());
    let address: Ipv4Addr = request.text("address")?.parse().map_err(invalid_address)?;
    let port = u16::try_from(request.number("port")?).map_err(|_| invalid("port is too large".to_owned()))?;
    let [a, b, c, d] = address.octets();
    let address = IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (a, b, c, d) });
    done(connect_to(address).map(|()| json!({ "connected": true })))
}

/// Connects through WASI itself: the standard library has no sockets on every target that this guest is built for.
fn connect_to(address: IpSocketAddress) -> Result<(), ErrorCode> {
    let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
    socket.start_connect(&instance_network(), address)?;
    loop {
        match socket.finish_connect() {
            Err(ErrorCode::WouldBlock) => socket.subscribe().block(),
            connected => return connected.map(|_streams| ()),
        }
    }
}

fn resolve(request: &Request<'_>) -> Outcome {
    done(addresses_of(request.text("name")?).map(|addresses| json!({ "addresses": addresses })))
}

fn addresses_of(name: &str) -> Result<Vec<String>, ErrorCode> {
    let stream = resolve_addresses(&instance_network(), name)?;
    let mut addresses = Vec::new();
    loop {
        match stream.resolve_next_address() {
            Err(ErrorCode::WouldBlock) => stream.subscribe().block(),
            Ok(Some(address)) => addresses.push(written(address)),
            Ok(None) => return Ok(addresses),
            Err(error) => return Err(error),
        }
    }
}

fn written(address: IpAddress) -> String {
    match address {
        IpAddress::Ipv4((a, b, c, d)) => Ipv4Addr::new(a, b, c, d).to_string(),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => Ipv6Addr::new(a, b, c, d, e, f, g, h).to_string(),
    }
}
