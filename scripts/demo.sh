#!/usr/bin/env bash
# Shows the first call: the MCP Inspector, in a home that starts empty, uses a component in a sandbox that starts empty.
set -euo pipefail
lockgate=$(realpath "$1")
cd "$(dirname "$0")/.."
inspector=$PWD/.setup/node/node_modules/.bin/mcp-inspector

home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
export HOME=$home MCP_INSPECTOR_SECRET_STORE=memory
cd "$home"

step() {
    printf '\n\033[1m%s\033[0m\n$ %s\n' "$1" "$2"
}

step 'What is the server, and what may it touch?' 'lockgate plan time'
"$lockgate" plan time

step 'One call, with no network, no Docker and no key' 'lockgate call time get_current_time timezone=Europe/Paris'
"$lockgate" call time get_current_time timezone=Europe/Paris

step 'The official MCP Inspector lists its tools' 'mcp-inspector --cli lockgate run time --method tools/list'
"$inspector" --cli "$lockgate" run time --method tools/list

for era in legacy modern; do
    step "The Inspector calls one, as a $era client" \
        "mcp-inspector --cli lockgate run time --method tools/call --tool-name convert_time ... --protocol-era $era"
    "$inspector" --cli "$lockgate" run time --method tools/call --tool-name convert_time --protocol-era "$era" \
        --tool-arg source_timezone=Europe/Paris --tool-arg time=12:00 --tool-arg target_timezone=Asia/Kathmandu
done
