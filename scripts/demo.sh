#!/usr/bin/env bash
# Shows every kind of server behind one gateway, in a home that starts empty: a component that was pushed to a registry
# and signed there, with a key and as a workflow; a server of npm's in a container; one that somebody else runs; and a component
# that uses a token it was not given. What this machine lacks for a step is said, and the rest is shown.
set -euo pipefail
lockgate=$(realpath "$1")
cd "$(dirname "$0")/.."
repository=$PWD
node=$repository/.setup/node/node_modules
inspector=$node/.bin/mcp-inspector

home=$(mktemp -d)
children=()
end() {
    # The engine last: containers are removed through it.
    for ((index = ${#children[@]} - 1; index >= 0; index--)); do
        kill "${children[index]}" 2>/dev/null || true
        # It ends by our signal, which is no failure of the demo.
        wait "${children[index]}" 2>/dev/null || true
    done
    grep -o " $home/[^ ]*" /proc/mounts | sort -r | xargs -r umount --lazy 2>/dev/null || true
    rm -rf "$home"
}
trap end EXIT
export HOME=$home MCP_INSPECTOR_SECRET_STORE=memory
# Servers come and go here, so that none of them is locked: a machine of CI would start none.
unset CI
config=$home/.config/lockgate
mkdir -p "$config"
cd "$home"
left_out=()

step() {
    printf '\n\033[1m%s\033[0m\n' "$1"
}

# show COMMAND...: says what is done, and does it.
show() {
    printf '$ lockgate %s\n' "$*"
    "$lockgate" "$@"
}

# refused COMMAND...: shows what lockgate refuses; that it does not is the end.
refused() {
    local code=0
    show "$@" || code=$?
    if [ "$code" != 3 ]; then
        echo "error: \`lockgate $*\` is to be refused with exit 3, and ended with $code" >&2
        exit 1
    fi
    echo "(exit $code)"
}

# wait_for FILE PATTERN: until a line of a log says so.
wait_for() {
    for _ in $(seq 300); do
        if grep -q "$2" "$1" 2>/dev/null; then return; fi
        sleep 0.1
    done
    echo "error: $1 does not say $2" >&2
    cat "$1" >&2
    exit 1
}

main() {
    first_call
    signed_component
    container
    remote
    token
    one_gateway
    if [ ${#left_out[@]} -gt 0 ]; then
        step 'Left out'
        printf '%s\n' "${left_out[@]}"
    fi
}

first_call() {
    step 'One call, with no network, no Docker and no key'
    show call time get_current_time timezone=Europe/Paris
}

signed_component() {
    step 'A server becomes an artifact in a registry'
    if ! command -v docker-registry >/dev/null; then
        left_out+=('- the signed component: there is no docker-registry here')
        return
    fi
    cat >registry.yml <<EOF
version: 0.1
log: { level: info }
storage: { filesystem: { rootdirectory: $home/registry } }
http: { addr: 127.0.0.1:0 }
EOF
    OTEL_TRACES_EXPORTER=none docker-registry serve registry.yml >registry.log 2>&1 &
    children+=($!)
    wait_for registry.log 'listening on'
    registry=$(grep -o 'listening on [0-9.:]*' registry.log | head -1 | cut -d' ' -f3)
    reference=$registry/acme/time:1
    show push "$repository/examples/dist/time.wasm" "$reference"

    step 'Nobody has signed it, so it does not run; the lines that would accept it are there'
    refused call "$reference" get_current_time timezone=UTC

    step 'Its author signs it, with openssl and curl and nothing of Lockgate'
    digest=$("$lockgate" push "$repository/examples/dist/time.wasm" "$reference" --format json |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["digest"])')
    sign "$registry/acme/time" "$digest"
    cat >"$config/trust.toml" <<EOF
default = "reject"

[[scope]]
match = "$registry/acme/*"
signers = [{ key = "acme.pub", log = "ignore" }]
EOF
    cat "$config/trust.toml"
    show pull "$reference"
    show verify "$reference"
    show call "$reference" convert_time source_timezone=Europe/Paris time=12:00 target_timezone=Asia/Kathmandu
    printf '[servers.time]\nsource = "%s"\n\n' "$reference" >>"$config/config.toml"

    step 'Another server of the same scope, which nobody signed'
    show push "$repository/examples/dist/test/probe.wasm" "$registry/acme/other:1"
    refused call "$registry/acme/other:1" echo text=hello

    keyless "$registry/workshop/time"
}

# keyless REPOSITORY: signed as a workflow does, without a key of its own, and with an SBOM.
keyless() {
    step "A workflow builds and signs one with Sigstore (npm's @sigstore/sign, on an instance of its own), and attests an SBOM"
    local name=$1 digest workflow claims
    digest=$("$lockgate" push "$repository/examples/dist/time.wasm" "$name:1" --format json |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["digest"])')
    workflow=workshop/time/.github/workflows/release.yml@refs/tags/v1
    claims='{"iss":"https://token.actions.githubusercontent.com","sub":"https://github.com/'$workflow'",
        "repository":"workshop/time","repository_owner_id":"4242","ref":"refs/tags/v1",
        "sha":"0123456789012345678901234567890123456789","runner_environment":"github-hosted",
        "workflow_ref":"'$workflow'","job_workflow_ref":"'$workflow'"}'
    # statement TYPE PREDICATE
    statement() {
        printf '{"claims":%s,"image":"%s","digest":"%s","statement":{"_type":"https://in-toto.io/Statement/v1",
            "subject":[{"name":"time","digest":{"sha256":"%s"}}],"predicateType":"%s","predicate":%s}}' \
            "$claims" "$name" "$digest" "${digest#sha256:}" "$1" "$2"
    }
    {
        printf '['
        statement https://sigstore.dev/cosign/sign/v1 '{}'
        printf ','
        statement https://spdx.dev/Document/v2.3 '{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"time",
            "creationInfo":{"created":"2026-11-01T00:00:00Z","creators":["Tool: demo"]},
            "packages":[{"name":"jiff","SPDXID":"SPDXRef-jiff","versionInfo":"0.2.15","licenseDeclared":"MIT OR Unlicense",
            "licenseConcluded":"MIT","downloadLocation":"NOASSERTION"}]}'
        printf ']'
    } | node "$repository/tests/clients/sigstore_signer.mjs" "$node" "$config/trusted_root.json" >/dev/null
    cat >>"$config/trust.toml" <<EOF

[[scope]]
match = "$name"
signers = [{ issuer = "https://token.actions.githubusercontent.com", subject-pattern = "https://github.com/workshop/time/.github/workflows/release.yml@refs/tags/v.*", owner-id = "4242", root = "trusted_root.json" }]
sbom = { required = true, deny-licences = ["AGPL-3.0-only"] }
EOF
    tail -4 "$config/trust.toml"
    show trust explain "$name:1"
    show verify "$name:1"
    show call "$name:1" get_current_time timezone=UTC

    step 'The same artifact, where another workflow is asked for'
    sed 's/release.yml/nightly.yml/' "$config/trust.toml" >nightly.toml
    cp "$config/trusted_root.json" "$config/acme.pub" .
    refused call --trust-policy nightly.toml "$name:1" get_current_time timezone=UTC
}

# sign REPOSITORY DIGEST: as cosign's key signatures lie in a registry (cosign, "Signature Specification").
sign() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out acme.key 2>/dev/null
    openssl pkey -in acme.key -pubout -out "$config/acme.pub"
    printf '{"critical":{"identity":{"docker-reference":"%s"},"image":{"docker-manifest-digest":"%s"},"type":"cosign container image signature"},"optional":null}' \
        "$1" "$2" >payload
    signature=$(openssl dgst -sha256 -sign acme.key payload | openssl base64 -A)
    printf '{}' >empty
    upload "$1" payload
    upload "$1" empty
    cat >manifest <<EOF
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
"config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,"digest":"$(digest_of empty)"},
"layers":[{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json","size":$(stat -c %s payload),
"digest":"$(digest_of payload)","annotations":{"dev.cosignproject.cosign/signature":"$signature"}}]}
EOF
    curl --silent --fail --output /dev/null -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
        --data-binary @manifest "http://${1%%/*}/v2/${1#*/}/manifests/${2/:/-}.sig"
}

upload() {
    local place
    place=$(curl --silent --fail -X POST -D - -o /dev/null "http://${1%%/*}/v2/${1#*/}/blobs/uploads/" |
        tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
    curl --silent --fail --output /dev/null -X PUT -H 'Content-Type: application/octet-stream' \
        --data-binary "@$2" "$place&digest=$(digest_of "$2")"
}

digest_of() {
    echo "sha256:$(sha256sum "$1" | cut -d' ' -f1)"
}

container() {
    step "npm's server-everything in a container: no network, no capabilities"
    if [ "$(id -u)" -ne 0 ] || ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then
        left_out+=('- the container: that takes root, and the programs dockerd and docker')
        return
    fi
    dockerd --data-root "$home/engine" --exec-root "$home/exec" --pidfile "$home/engine.pid" \
        --host "unix://$home/engine.sock" --bridge=none --iptables=false --ip6tables=false >engine.log 2>&1 &
    children=($! "${children[@]}")
    wait_for engine.log 'API listen on'
    export DOCKER_HOST=unix://$home/engine.sock
    local program main image
    program=$(readlink -f "$(command -v node)")
    main=/node_modules/@modelcontextprotocol/server-everything/dist/index.js
    # shellcheck disable=SC2046 # one word for each library
    image=$(tar --create --dereference --absolute-names --directory "${node%/*}" \
        --exclude=node_modules/@modelcontextprotocol/inspector node_modules "$program" \
        $(ldd "$program" | grep -o '/[^ ]*') |
        docker import --change "ENTRYPOINT [\"$program\", \"$main\"]" - 2>/dev/null)
    show plan "docker://$image"
    printf '[servers.container]\nsource = "docker://%s"\n\n' "$image" >>"$config/config.toml"
}

remote() {
    step 'A server that somebody else runs'
    local port
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    PORT=$port node "$node/@modelcontextprotocol/server-everything/dist/index.js" streamableHttp >remote.log 2>&1 &
    children+=($!)
    wait_for remote.log 'listening'
    show call "http://127.0.0.1:$port/mcp" echo message='hello from afar'
    printf '[servers.remote]\nsource = "http://127.0.0.1:%s/mcp"\n\n' "$port" >>"$config/config.toml"
}

token() {
    step 'A component that uses a token it was not given'
    python3 "$repository/scripts/demo_api.py" >api.log 2>&1 &
    children+=($!)
    wait_for api.log '^http'
    local api
    api=$(head -1 api.log)
    printf 'the-secret-token' | show secret set brave.api-key --store file
    cat >>"$config/config.toml" <<EOF
[secrets]
store = "file"

[servers.brave]
source = "brave"
[servers.brave.grant]
http = ["GET $api/res/v1/"]
env = { BRAVE_API_URL = "$api" }
[servers.brave.grant.credentials.key]
secret = "brave.api-key"
header = "X-Subscription-Token"
to = ["$api"]
EOF
    show plan brave
    show call brave brave_web_search query=lockgate
    echo 'The API heard, in a request that the component made without it:'
    grep -i 'x-subscription-token' api.log
}

one_gateway() {
    step 'All of them behind one gateway, for the official MCP Inspector over HTTP'
    cat "$config/config.toml"
    printf '$ lockgate run --listen 127.0.0.1:0\n'
    "$lockgate" run --listen 127.0.0.1:0 >gateway.out 2>gateway.log &
    children+=($!)
    wait_for gateway.log 'listening on'
    local url token
    url=$(grep -o 'http://[0-9.:]*/mcp' gateway.log | head -1)
    token=$(sed -n 's/^local //p' "$config/tokens")
    call() {
        printf '\n$ mcp-inspector --cli %s --method tools/call --tool-name %s …\n' "$url" "$1"
        "$inspector" --cli "$url" --transport http --header "Authorization: Bearer $token" \
            --method tools/call --tool-name "$@"
    }
    "$inspector" --cli "$url" --transport http --header "Authorization: Bearer $token" --method tools/list |
        python3 -c 'import json, sys; print("tools:", *[tool["name"] for tool in json.load(sys.stdin)["tools"]])'
    if grep -q '^\[servers.time\]' "$config/config.toml"; then
        call time__get_current_time --tool-arg timezone=Asia/Tokyo --protocol-era modern
    fi
    if grep -q '^\[servers.container\]' "$config/config.toml"; then
        call container__echo --tool-arg message='hello from the container'
    fi
    call remote__echo --tool-arg message='hello from afar'
    call brave__brave_web_search --tool-arg query=lockgate
}

main
