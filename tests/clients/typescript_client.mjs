// Uses a server of time zones through npm's `@modelcontextprotocol/client`:
// `node typescript_client.mjs MODULES legacy|modern|auto COMMAND [ARGUMENT...]`, or
// `... http://... TOKEN`, where MODULES is a node_modules folder.
//
// Prints what it saw as one JSON document.

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [modules, mode, command, ...args] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { Client, StreamableHTTPClientTransport } = await load('@modelcontextprotocol/client');
const { StdioClientTransport } = await load('@modelcontextprotocol/client/stdio');

const modes = { legacy: 'legacy', modern: { pin: '2026-07-28' }, auto: 'auto' };
const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: modes[mode] } });
const http = () =>
    new StreamableHTTPClientTransport(new URL(command), {
        requestInit: { headers: { Authorization: `Bearer ${args[0]}` } },
    });
const stdio = () => new StdioClientTransport({ command, args, stderr: 'inherit' });
await client.connect(command.startsWith('http://') ? http() : stdio());
const tools = await client.listTools();
const good = await client.callTool({
    name: 'convert_time',
    arguments: { source_timezone: 'Europe/Paris', time: '12:00', target_timezone: 'Asia/Kathmandu' },
});
const bad = await client.callTool({ name: 'get_current_time', arguments: { timezone: 'Nowhere/Land' } });
console.log(
    JSON.stringify({
        version: client.getNegotiatedProtocolVersion(),
        tools: tools.tools.map((tool) => tool.name),
        structured: Object.keys(good.structuredContent).sort(),
        failed: [good.isError ?? false, bad.isError ?? false],
    }),
);
await client.close();
