#!/usr/bin/env bash
# Feeds whatever reads strangers' bytes with made-up ones, each target for a bounded time: fuzz.sh SECONDS [TARGET…].
# Needs a nightly compiler. What makes a target fail is left in fuzz/artifacts/, and cargo-fuzz says how to repeat it.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo_fuzz=0.13.2

main() {
    local seconds=$1 target
    shift
    if ! cargo +nightly --version >/dev/null 2>&1; then
        echo "error: fuzzing needs a nightly compiler: run \`rustup toolchain install nightly\`" >&2
        exit 1
    fi
    install_cargo_fuzz
    export PATH="$PWD/.setup/bin:$PATH"
    # Nothing of ours is unsafe code, so that no sanitizer would find more than it costs.
    cargo +nightly fuzz build --sanitizer none
    if [ $# -eq 0 ]; then
        # shellcheck disable=SC2046
        set -- $(cargo +nightly fuzz list)
    fi
    for target in "$@"; do
        # What is found on the way stays out of the corpus that is kept.
        mkdir -p "fuzz/target/corpus/$target"
        cargo +nightly fuzz run --sanitizer none "$target" "fuzz/target/corpus/$target" "fuzz/corpus/$target" -- \
            -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 -verbosity=0
    done
}

install_cargo_fuzz() {
    if [ "$(.setup/bin/cargo-fuzz --version 2>/dev/null)" = "cargo-fuzz $cargo_fuzz" ]; then return; fi
    echo "fuzz: installing cargo-fuzz" >&2
    cargo install --quiet --locked --debug --root .setup --force --target-dir .setup/cargo-fuzz-target \
        "cargo-fuzz@$cargo_fuzz"
    rm -rf .setup/cargo-fuzz-target
}

main "$@"
