"""A client of one server over its stdin and stdout, which judges nothing of what the server says."""

import asyncio
import json

# The longest line of a server, in bytes.
MAX_LINE = 64 << 20


class Pipe:
    """A server that was started, in a session of MCP 2025-11-25."""

    @classmethod
    async def open(cls, command, environment):
        """Starts a server and begins a session."""
        self = cls()
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, limit=MAX_LINE
        )
        self.last_id = 0
        client = {"name": "compare", "version": "1"}
        await self.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client})
        self.send({"method": "notifications/initialized"})
        return self

    def send(self, message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    async def ask(self, method, params):
        """Sends a request and gives its answer: the result, or the code of the error."""
        self.last_id += 1
        self.send({"id": self.last_id, "method": method, "params": params})
        while True:
            line = await asyncio.wait_for(self.process.stdout.readline(), 60)
            message = json.loads(line)
            if message.get("id") == self.last_id and "method" not in message:
                return message.get("result") or {"code": message["error"]["code"]}

    async def tools(self):
        return (await self.ask("tools/list", {}))["tools"]

    async def call(self, tool, arguments):
        """Calls a tool, and gives what matters of the answer."""
        result = await self.ask("tools/call", {"name": tool, "arguments": arguments})
        if "code" in result:
            return result
        return {
            "isError": bool(result.get("isError")),
            "content": result["content"],
            "structuredContent": result.get("structuredContent"),
        }

    async def close(self):
        self.process.stdin.close()
        await asyncio.wait_for(self.process.wait(), 60)
