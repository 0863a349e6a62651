#!/usr/bin/env bash
# Builds every guest: servers into examples/dist, those for tests into examples/dist/test.
#
# What comes out is a component where rustup has the target wasm32-wasip2, and else a core module made by Debian's Rust,
# which Lockgate adapts when it loads it. Both carry their half of the contract inside.
set -euo pipefail

# Guests are of another target than the host's binaries, but may live beside them.
target_dir=${CARGO_TARGET_DIR:+$(realpath -m "$CARGO_TARGET_DIR")/guests}
cd "$(dirname "$0")"
target_dir=${target_dir:-$PWD/target}
repository=$(dirname "$PWD")

# Debian: rustc-web cargo-web rust-web-src rust-web-llvm lld-22 wasi-libc
debian_rustc=/usr/bin/rustc
debian_cargo=/usr/bin/cargo
debian_std=/usr/lib/rustlib/src/rust/library/std
debian_libc=/usr/lib/wasm32-wasi

main() {
    # Flags meant for the host would break a guest, or only rebuild it.
    unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET
    # What is built does not tell where.
    local flags="--remap-path-scope=object --remap-path-prefix=$repository=/lockgate"
    flags+=" --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"

    if has_rustup_target; then
        build_with_rustup "$flags"
    elif has_debian_rust; then
        build_with_debian "$flags"
    else
        echo "error: no Rust toolchain here can build WebAssembly components" >&2
        echo "  run \`make setup\`, or \`rustup target add wasm32-wasip2\`" >&2
        exit 1
    fi
}

has_rustup_target() {
    local libraries
    libraries=$(rustc --print target-libdir --target wasm32-wasip2 2>/dev/null) && [ -d "$libraries" ]
}

build_with_rustup() {
    CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS=$1 cargo build --workspace "${build_args[@]}" --target-dir "$target_dir" \
        --target wasm32-wasip2
    collect "$target_dir/wasm32-wasip2/release" "$target_dir/wasm32-wasip2/release"
}

has_debian_rust() {
    [ -x "$debian_rustc" ] && [ -x "$debian_cargo" ] && [ -d "$debian_std" ] && [ -e "$debian_libc/crt1-reactor.o" ]
}

# Debian has no standard library for WASI, but its source, and a libc. `RUSTC_BOOTSTRAP` allows `-Zbuild-std`.
build_with_debian() {
    # A server that is called starts otherwise than one that is a program.
    with_debian "$1" reactor --workspace --exclude everything
    with_debian "$1" command --package everything
    collect "$target_dir/reactor/wasm32-wasip1/release" "$target_dir/command/wasm32-wasip1/release"
}

# with_debian FLAGS START PACKAGES...
with_debian() {
    local start=$2
    local flags="$1 -C link-self-contained=no -L $debian_libc -C link-arg=$debian_libc/crt1-$start.o --cfg libc_without_threads"
    shift 2
    # In one folder, each set of flags would undo the standard library of the other, at every build.
    RUSTC_BOOTSTRAP=1 RUSTC=$debian_rustc CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS=$flags \
        "$debian_cargo" build "$@" "${build_args[@]}" --target-dir "$target_dir/$start" \
        -Zbuild-std=std,panic_abort --target wasm32-wasip1
}

build_args=(--release --locked)

# collect SERVERS PROGRAMS: the folders with what is called, and with what is a program
collect() {
    for server in brave filesystem time; do
        put "$1/$server.wasm" "dist/$server.wasm"
    done
    put "$2/everything.wasm" dist/everything.wasm
    for guest in ../tests/guests/*/; do
        guest=$(basename "$guest")
        put "$1/$guest.wasm" "dist/test/$guest.wasm"
    done
}

# Leaves a file alone that has the same content, so that nothing is built anew because of its date.
put() {
    cmp -s "$1" "$2" || install -D -m 644 "$1" "$2"
}

main
