#!/usr/bin/env python3
"""Compares a server with the reference server `mcp-server-time`, call by call.

    time_reference.py [--reference COMMAND] [--tz ZONE] -- SERVER [ARGUMENT...]

Both run side by side and speak MCP over stdio. Needs the packages `mcp`, `mcp-server-time` and `tzdata` (the reference
then uses that package's time zone data, not the machine's). Exits with 0 if every answer is the same, else with 1.
"""

import argparse
import asyncio
import os
import re
import shlex
import sys
import zoneinfo
from contextlib import AsyncExitStack

import tzdata
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.shared.exceptions import MCPError


def convert(source, time, target):
    return "convert_time", {"source_timezone": source, "time": time, "target_timezone": target}


def current(timezone):
    return "get_current_time", {"timezone": timezone}


CALLS = [
    # Conversions: offsets of all kinds, over midnight, over the date line.
    convert("UTC", "12:00", "UTC"),
    convert("UTC", "12:00", "Asia/Tokyo"),
    convert("Asia/Tokyo", "00:00", "America/Los_Angeles"),
    convert("Europe/London", "23:59", "Pacific/Auckland"),
    convert("Pacific/Kiritimati", "00:01", "Pacific/Pago_Pago"),
    convert("America/New_York", "9:30", "Asia/Kolkata"),
    convert("Asia/Kathmandu", "16:30", "UTC"),
    convert("UTC", "16:30", "Asia/Kathmandu"),
    convert("Australia/Lord_Howe", "07:15", "Australia/Sydney"),
    convert("Pacific/Chatham", "07:15", "America/St_Johns"),
    convert("Europe/Dublin", "12:00", "Europe/London"),
    convert("Africa/Casablanca", "12:00", "Africa/El_Aaiun"),
    convert("US/Eastern", "12:00", "GB"),
    convert("Etc/GMT+5", "12:00", "Etc/GMT-14"),
    convert("EST5EDT", "12:00", "Factory"),
    # Forms of a time.
    convert("UTC", "0:0", "UTC"),
    convert("UTC", "1:05", "UTC"),
    convert("UTC", "01:5", "UTC"),
    convert("UTC", "24:00", "UTC"),
    convert("UTC", "12:60", "UTC"),
    convert("UTC", "-1:00", "UTC"),
    convert("UTC", "+1:00", "UTC"),
    convert("UTC", " 1:00", "UTC"),
    convert("UTC", "1:00 ", "UTC"),
    convert("UTC", "1:00\n", "UTC"),
    convert("UTC", "123:0", "UTC"),
    convert("UTC", "12:00:00", "UTC"),
    convert("UTC", "12.00", "UTC"),
    convert("UTC", "1200", "UTC"),
    convert("UTC", "noon", "UTC"),
    convert("UTC", ":", "UTC"),
    convert("UTC", "", "UTC"),
    # Names of zones are exact, and the first fault wins.
    current("europe/warsaw"),
    current("Mars/Olympus_Mons"),
    current("UTC "),
    current(" UTC"),
    current("+05:30"),
    current("UTC+5"),
    current("posix/UTC"),
    current("Ünï/Cödé"),
    current(""),
    convert("", "12:00", "UTC"),
    convert("UTC", "12:00", ""),
    convert("", "noon", ""),
    convert("Nowhere", "noon", "Elsewhere"),
    convert("UTC", "noon", "Elsewhere"),
    convert("UTC", "noon", ""),
    # Arguments of the wrong type, missing, or too many.
    current(None),
    current(5),
    current(1.5),
    current(True),
    current(["UTC"]),
    current({"name": "UTC"}),
    ("get_current_time", {}),
    ("get_current_time", None),
    ("get_current_time", {"zone": "UTC"}),
    ("get_current_time", {"timezone": "UTC", "other": 1}),
    convert("UTC", 1200, None),
    ("convert_time", {}),
    ("convert_time", {"time": 5}),
    ("convert_time", {"source_timezone": "UTC", "time": "12:00"}),
    # Names of tools are exact.
    ("get_time", {}),
    ("Get_current_time", {"timezone": "UTC"}),
    ("", {}),
]

# The reference looks names up as paths and tells what its file system said: of these, only the refusal can be the same.
PATHS = [
    current("America"),
    current("America/"),
    current("America//New_York"),
    current("./UTC"),
    current("../UTC"),
    current("/etc/localtime"),
    current("UTC/"),
    current("."),
    current("a\0b"),
    current("x" * 300),
]


async def main():
    options = parsed_arguments()
    reference_environment = {"TZ": options.tz, "PYTHONTZPATH": ""}
    async with AsyncExitStack() as stack:
        # The reference tells of every call it refuses on stderr.
        silence = stack.enter_context(open(os.devnull, "w"))
        reference = await connect(stack, shlex.split(options.reference), reference_environment, silence)
        server = await connect(stack, options.server, {**os.environ, "TZ": options.tz}, sys.stderr)
        report = Report()
        report.add("tools/list", *await both(listed, reference, server))
        for call in CALLS:
            report.add(call, *await compared(call, reference, server))
        for call in PATHS:
            report.add(call, *map(up_to_reason, await compared(call, reference, server)))
        for zone in all_zones():
            for call in [current(zone), convert(zone, "12:00", "UTC"), convert("Asia/Kathmandu", "06:45", zone)]:
                report.add(call, *await compared(call, reference, server), zone=zone)
    return report.end()


def parsed_arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--reference", default=f"{sys.executable} -m mcp_server_time", help="command of the reference")
    parser.add_argument("--tz", default="UTC", help="value of TZ for both")
    parser.add_argument("server", nargs="+", help="command of the server to compare, after --")
    return parser.parse_args()


def all_zones():
    """The zones of the `tzdata` package; `localtime` is a file of some machines, not a zone."""
    zoneinfo.reset_tzpath(to=[])
    return sorted(zoneinfo.available_timezones() - {"localtime"})


async def connect(stack, command, environment, stderr):
    parameters = StdioServerParameters(command=command[0], args=command[1:], env=environment)
    streams = await stack.enter_async_context(stdio_client(parameters, errlog=stderr))
    session = await stack.enter_async_context(ClientSession(*streams))
    await session.initialize()
    return session


async def both(question, *sessions):
    return await asyncio.gather(*(question(session) for session in sessions))


async def compared(call, reference, server):
    """Both answers; asked again while they differ, as a second or a day may have passed in between."""
    for _ in range(3):
        answers = await both(lambda session: answer(session, *call), reference, server)
        if answers[0] == answers[1]:
            break
    return answers


async def listed(session):
    return [dumped(tool) for tool in (await session.list_tools()).tools]


async def answer(session, name, arguments):
    """What matters of an answer: of an error its code, as its message is for people."""
    try:
        result = await session.call_tool(name, arguments)
    except MCPError as error:
        return {"code": error.error.code}
    return {
        "isError": bool(result.is_error),
        "content": [without_echo(dumped(block)) for block in result.content],
        "structuredContent": result.structured_content,
    }


def dumped(model):
    return model.model_dump(by_alias=True, exclude_none=True, mode="json")


def without_echo(block):
    """Leaves out what the reference's validator says about itself: the Python form of the value, and its manual."""
    text = block.get("text", "")
    if "validation error" in text:
        text = re.sub(r"\n    For further information visit \S+", "", text)
        text = re.sub(r"input_value=.*, (input_type=\w+\])", r"\1", text)
        return {**block, "text": text}
    return block


def up_to_reason(answer):
    return [block["text"].partition("Invalid timezone: ")[1] for block in answer["content"]], answer["isError"]


def brief(answer):
    return answer.get("structuredContent") or answer


class Report:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.zones = {}

    def add(self, what, expected, actual, zone=None):
        if expected == actual:
            self.passed += 1
            return
        self.failed += 1
        if zone is not None:
            self.zones[zone] = (expected, actual)
        else:
            print(f"FAILED {what}\n  reference: {expected}\n  server:    {actual}")

    def end(self):
        if self.zones:
            print(f"{len(self.zones)} zones differ from time zone data {tzdata.IANA_VERSION}:")
        for zone, (expected, actual) in self.zones.items():
            print(f"FAILED {zone}\n  reference: {brief(expected)}\n  server:    {brief(actual)}")
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
