"""A remote MCP server of Python's SDK: `python_server.py modern|legacy`. It prints the port it listens on."""

import asyncio
import socket
import sys

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from pydantic import BaseModel

server = MCPServer("python", instructions="From Python.")


class Answer(BaseModel):
    colour: str


@server.tool()
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@server.tool()
async def slow(ctx: Context) -> str:
    """Reports progress."""
    for step in range(1, 4):
        await ctx.report_progress(step, 3)
    return "done"


@server.tool()
async def ask(ctx: Context) -> str:
    """Asks its user for a colour."""
    answer = await ctx.elicit("Which colour?", Answer)
    return f"{answer.action}: {getattr(answer, 'data', None) and answer.data.colour}"


@server.resource("note://größe")
def note() -> str:
    return "a note"


def main() -> None:
    app = server.streamable_http_app()
    if sys.argv[1] == "legacy":
        app = without_modern(app)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, log_level="error")
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


def without_modern(app):
    """The server as it was before MCP 2026-07-28: it does not see the headers that came with it."""

    async def older(scope, receive, send):
        if scope["type"] == "http":
            new = (b"mcp-method", b"mcp-name")
            headers = [(k, v) for k, v in scope["headers"] if k not in new and v != b"2026-07-28"]
            scope = {**scope, "headers": headers}
        await app(scope, receive, send)

    return older


main()
