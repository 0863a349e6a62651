#!/usr/bin/env bash
# Installs what building and testing needs beyond Rust, Node, Python and apt: the guests' toolchain where rustup has no
# wasm32-wasip2, the MCP clients and reference servers that tests run beside ours, secret stores, and cargo-deny.
# Everything but Debian's packages goes into .setup/. What is there already is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo_deny=0.20.2

main() {
    guest_toolchain
    debian "testing against a real registry" docker-registry
    engine_parts
    python_parts
    node_parts
    secret_stores
    cargo_deny
}

guest_toolchain() {
    local libraries
    if libraries=$(rustc --print target-libdir --target wasm32-wasip2 2>/dev/null) && [ -d "$libraries" ]; then
        return
    fi
    debian "building guests (or run \`rustup target add wasm32-wasip2\`)" \
        rustc-web cargo-web rust-web-src rust-web-llvm lld-22 wasi-libc
}

engine_parts() {
    debian "running containers in tests" docker.io busybox-static
}

python_parts() {
    local stamp=.setup/python/stamp
    if cmp -s tests/clients/requirements.txt "$stamp"; then return; fi
    say "Python's MCP client and reference servers"
    rm -rf .setup/python
    python3 -m venv .setup/python
    .setup/python/bin/pip install --quiet --requirement tests/clients/requirements.txt
    cp tests/clients/requirements.txt "$stamp"
}

node_parts() {
    local stamp=.setup/node/stamp
    if cmp -s tests/clients/package-lock.json "$stamp"; then return; fi
    say "the MCP Inspector, the TypeScript client and reference servers"
    rm -rf .setup/node
    mkdir -p .setup/node
    cp tests/clients/package.json tests/clients/package-lock.json .setup/node/
    npm ci --prefix .setup/node --no-audit --no-fund --loglevel=error
    cp tests/clients/package-lock.json "$stamp"
}

secret_stores() {
    debian "tests of secret stores" dbus-bin dbus-daemon gnome-keyring keyutils
}

cargo_deny() {
    if [ "$(.setup/bin/cargo-deny --version 2>/dev/null)" = "cargo-deny $cargo_deny" ]; then return; fi
    say "cargo-deny"
    # Built once and thrown away: without optimisation it is there sooner and fast enough.
    cargo install --quiet --locked --debug --no-default-features --root .setup --force \
        --target-dir .setup/cargo-deny-target "cargo-deny@$cargo_deny"
    rm -rf .setup/cargo-deny-target
}

# debian WHY PACKAGE...
debian() {
    local why=$1 missing=()
    shift
    for package in "$@"; do
        dpkg-query --show --showformat '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    if [ ${#missing[@]} -eq 0 ]; then return; fi
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "error: $why needs these packages: ${missing[*]}" >&2
        echo "  install them, or run \`make setup\` as root on Debian" >&2
        exit 1
    fi
    say "${missing[*]}"
    apt-get update --quiet=2
    DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --no-install-recommends "${missing[@]}" >/dev/null
}

say() {
    echo "setup: $*" >&2
}

main
