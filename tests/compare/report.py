"""What the comparisons of a server with its reference share: their arguments, and what they say at the end."""

import argparse
import json


def parsed_arguments(description):
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--reference", required=True, help="the reference's index.js")
    parser.add_argument("server", nargs="+", help="command of the server to compare, after --")
    return parser.parse_args()


def compared(expected, actual):
    """Prints where the server differs, and gives the exit code. Both have the same questions in the same order."""
    failed = 0
    for (what, reference), (_, server) in zip(expected, actual, strict=True):
        if reference != server:
            failed += 1
            print(f"FAILED {what}\n  reference: {shown(reference)}\n  server:    {shown(server)}")
    print(f"{len(expected) - failed} passed, {failed} failed")
    return 1 if failed else 0


def shown(answer):
    text = json.dumps(answer, ensure_ascii=False)
    return text if len(text) < 1500 else text[:1500] + "…"
