#!/usr/bin/env python3
"""Uses a server of time zones through PyPI's `mcp`: `python_client.py legacy|modern COMMAND [ARGUMENT...]`,
or `python_client.py legacy|modern http://... TOKEN`.

Prints what it saw as one JSON document.
"""

import asyncio
import json
import sys

from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

MODES = {"legacy": "legacy", "modern": "2026-07-28", "auto": "auto"}


async def main(mode, command, *arguments):
    if command.startswith("http://"):
        headers = {"Authorization": f"Bearer {arguments[0]}"}
        server = streamable_http_client(command, http_client=create_mcp_http_client(headers=headers))
    else:
        server = StdioServerParameters(command=command, args=list(arguments))
    async with Client(server, mode=MODES[mode]) as client:
        tools = await client.list_tools()
        good = await client.call_tool(
            "convert_time",
            {"source_timezone": "Europe/Paris", "time": "12:00", "target_timezone": "Asia/Kathmandu"},
        )
        bad = await client.call_tool("get_current_time", {"timezone": "Nowhere/Land"})
        print(
            json.dumps(
                {
                    "version": client.protocol_version,
                    "tools": [tool.name for tool in tools.tools],
                    "structured": sorted(good.structured_content),
                    "failed": [good.is_error or False, bad.is_error or False],
                }
            )
        )


asyncio.run(main(*sys.argv[1:]))
