#!/usr/bin/env python3
"""Compares a server with the reference server `@modelcontextprotocol/server-filesystem`, call by call.

    filesystem_reference.py --reference INDEX.JS -- SERVER [ARGUMENT...]

In the server's arguments, `{dir}` stands for a directory that is to be allowed for reading and writing. Each server
works on its own copy of the same tree, at the same path: the copies are put there in turn.
Exits with 0 if every answer and every file left behind is the same, else with 1.
"""

import asyncio
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile

from pipe import Pipe
from report import compared, parsed_arguments

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452")
CODE = "fn main() {\n    let a = 1;\n    if a > 0 {\n        println!(\"{a}\");\n    }\n}\n"
NUMBERS = "".join(f"line {number}\n" for number in range(1, 41))


def build(root, outside):
    """The tree that both work on."""
    root.mkdir()
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    files = {
        "empty.txt": "",
        "hello.txt": "hello\nworld\n",
        "no_end.txt": "one\ntwo",
        "windows.txt": "one\r\ntwo\r\nthree\r\n",
        "old_mac.txt": "one\rtwo\r",
        "numbers.txt": NUMBERS,
        "code.rs": CODE,
        "tabs.py": "def f():\n\tif True:\n\t\treturn 1\n",
        "ticks.md": "```\ncode\n```\n````\n",
        "bom.txt": "\ufeffmark\n",
        "ünï cödé.txt": "ä😀\n",
        "quote'\"&.txt": "q",
        "sub/a.txt": "a",
        "sub/deep/b.rs": "b",
        "sub/deep/er/c.RS": "c",
        "sub/.hidden/d.txt": "d",
        ".dot": "dot",
        "node_modules/x/index.js": "x",
        "many/B.txt": "b" * 2000,
        "many/a.txt": "a" * 1152,
        "many/_c.txt": "",
        "many/10.txt": "1",
        "many/9.txt": "12",
        "many/Ä.txt": "ä",
        "many/a name that is longer than thirty characters.txt": "x" * 1048576,
        "glob/a.b": "",
        "glob/[x].txt": "",
        "glob/{y}.txt": "",
        "glob/a+b.txt": "",
        "glob/aab": "",
        "glob/abab": "",
        "move/me.txt": "me",
        "move/other.txt": "other",
        "move/dir/inside.txt": "inside",
        "cafe\u0301.txt": "decomposed",
        "long.txt": "x" * 5000 + "\n" + "y" * 5000,
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    (root / "hollow").mkdir()
    (root / "bytes.bin").write_bytes(bytes(range(256)))
    for name in ["pic.png", "pic.JPEG", "pic.svg", "snd.mp3", "snd.flac", "media"]:
        (root / name).write_bytes(PNG)
    links = {
        "to_file": "hello.txt",
        "to_dir": "sub",
        "sub/up": "../hello.txt",
        "sub/around": "../sub/deep/../a.txt",
        "chain": "to_file",
        "loop": "loop",
        "dangling": "nowhere.txt",
        "dangling_dir": "nowhere/file.txt",
        "back_in": f"../{root.name}/hello.txt",
        "links/out": "../../outside/secret.txt",
        "links/out_dir": "../../outside",
        "links/absolute": "/etc/passwd",
    }
    (root / "links").mkdir()
    for name, target in links.items():
        os.symlink(target, root / name)
    for path in sorted(root.rglob("*")):
        os.utime(path, (1_700_000_000, 1_700_000_000), follow_symlinks=False)


def calls(root):
    """Every call, in order; those that write see what those before have written."""
    yield from readings(root)
    yield from listings(root)
    yield from wrong_arguments(root)
    yield from writings(root)


def readings(root):
    names = [
        "empty.txt", "hello.txt", "no_end.txt", "windows.txt", "old_mac.txt", "bytes.bin", "bom.txt", "ünï cödé.txt",
        "quote'\"&.txt", "sub/../hello.txt", "./hello.txt", "sub//a.txt", "to_file", "to_dir/a.txt", "sub/up",
        "sub/around", "chain", "back_in", "caf\u00e9.txt", "cafe\u0301.txt", ".dot", "long.txt",
        # Refusals.
        "", ".", "sub", "nowhere.txt", "nowhere/file.txt", "hello.txt/x", "hello.txt/", "loop", "dangling",
        "dangling_dir", "links/out", "links/out_dir/secret.txt", "links/absolute", "../outside/secret.txt", "../../etc/passwd", "/etc/passwd", "/",
        "~", "~/x", "C:\\x", "c:/x", "a\0b", "sub/\0", "x" * 300, "..", "sub/../../outside", f"{root}x", "hollow/..",
    ]
    for name in names:
        for path in {name, f"{root}/{name}"} if not name.startswith(("/", "~", "C", "c:")) else {name}:
            yield "read_text_file", {"path": path}
    yield "read_file", {"path": f"{root}/hello.txt"}
    yield "read_file", {"path": "hello.txt", "head": 1}
    for name in ["empty.txt", "hello.txt", "no_end.txt", "windows.txt", "numbers.txt", "long.txt", "bytes.bin"]:
        for lines in [0, 1, 2, 3, 39, 40, 41, 1000, 1.5, 0.5, -1, -3, 1e9]:
            yield "read_text_file", {"path": name, "head": lines}
            yield "read_text_file", {"path": name, "tail": lines}
    for name in ["nowhere.txt", "sub", "links/out"]:
        yield "read_text_file", {"path": name, "head": 1}
        yield "read_text_file", {"path": name, "tail": 1}
    yield "read_text_file", {"path": "hello.txt", "head": 1, "tail": 1}
    yield "read_text_file", {"path": "hello.txt", "head": 0, "tail": 1}
    for name in ["pic.png", "pic.JPEG", "pic.svg", "snd.mp3", "snd.flac", "media", "bytes.bin", "ünï cödé.txt",
                 "quote'\"&.txt", "empty.txt", "nowhere.png", "sub", "links/out", "to_file"]:
        yield "read_media_file", {"path": f"{root}/{name}"}
    yield "read_multiple_files", {"paths": ["hello.txt", "nowhere.txt", f"{root}/sub/a.txt", "../outside/secret.txt"]}
    yield "read_multiple_files", {"paths": ["empty.txt"]}
    for name in ["hello.txt", "sub", "to_file", "to_dir", "empty.txt", "nowhere.txt", "links/out", "", "hello.txt/x"]:
        yield "get_file_info", {"path": name}
    yield "list_allowed_directories", {}
    yield "list_allowed_directories", {"other": 1}


def listings(root):
    for name in ["", "sub", "to_dir", "hollow", "many", "glob", "nowhere", "hello.txt", "links/out_dir", "../outside", "loop"]:
        yield "list_directory", {"path": name}
        yield "list_directory_with_sizes", {"path": name}
        yield "list_directory_with_sizes", {"path": name, "sortBy": "size"}
        yield "directory_tree", {"path": f"{root}/{name}"}
        yield "search_files", {"path": name, "pattern": "**"}
    for exclude in [["node_modules"], ["*.txt"], ["**/*.txt"], ["deep"], ["sub/deep"], [".*"], ["er"], ["sub/*"], ["s?b"],
                    ["[a-m]*"], [""], ["#x"], ["!sub"], ["node_modules", "many", "glob"], ["**"], ["*/**"]]:
        yield "directory_tree", {"path": f"{root}", "excludePatterns": exclude}
        yield "search_files", {"path": f"{root}", "pattern": "**/*", "excludePatterns": exclude}
    for pattern in PATTERNS:
        yield "search_files", {"path": f"{root}", "pattern": pattern}


PATTERNS = [
    "*", "**", "*.txt", "**/*.txt", "**/*.rs", "**/*.{rs,RS}", "hello*", "hello.txt", "/hello.txt", "./hello.txt",
    "sub/*", "sub/**", "sub/**/*.rs", "**/deep/**", "sub/deep", "sub/", "**/", "s*/d*/b.*", "*/*/*", "**/**/**", "a/../sub/*",
    "sub/./a.txt", "..", "../*", "?", "???", "*.?", "[a-h]*", "[!a-h]*", "[^a-h]*", "[]*", "[", "[a", "glob/[[]x].txt",
    "glob/\\[x\\].txt", "glob/[x].txt", "glob/\\{y\\}.txt", "glob/{y}.txt", "glob/[{]y}.txt", "{hello,no_end}.txt",
    "{hello,sub/a}.txt", "{a..z}*", "many/{9..10}.txt", "many/{09..10}.txt", "many/{10..9}.txt", "{,sub/}*.txt",
    "{hello", "hello}", "{hello}.txt", "{}", "{},a}b", "a{},b}c", "{a,{h,e}}*", "${a,b}*", "{a,b}{c,d}", "!*", "!*.txt", "!!*.txt",
    "!**/*.txt", "#hello", "\\#hello", "", " ", ".*", "**/.*", ".dot", "**/.hidden/**", "*.TXT", "[[:alpha:]]*",
    "[[:digit:]]*", "many/[[:digit:]]*", "many/[[:upper:]]*", "many/[![:upper:]]*", "[[:punct:]]*", "glob/+(a)b", "glob/+(ab)",
    "glob/*(a|b)", "glob/@(aab|abab)", "glob/?(a)ab", "glob/!(aab)", "glob/!(a*)", "glob/!(*.txt)", "glob/a!(b)*", "+(", "@(a|b",
    "glob/a+b.txt", "glob/a\\+b.txt", "glob/+(a|+(b))", "glob/*(@(a)|b)", "!(sub)", "@(hello|no_end).txt", "*ö*", "*ä*", "ü*",
    "[ü]*", "*\\", "\\h\\e\\llo.txt", "**hello.txt", "h**o.txt", "s**/a.txt", "**/a.*", "**/er/*", "*/deep/*", "sub/*/*",
    "{1..3}{a,b}", "{a..c..2}*", "{-1..1}*", "[z-a]*", "[a-]*", "[-a]*", "[a-z", "glob/[+x]*", "x" * 1000,
]


def wrong_arguments(root):
    path = f"{root}/hello.txt"
    yield from [
        ("read_text_file", {}),
        ("read_text_file", {"path": None}),
        ("read_text_file", {"path": 5}),
        ("read_text_file", {"path": ["a"], "head": "1"}),
        ("read_text_file", {"path": path, "head": None}),
        ("read_text_file", {"path": path, "tail": True}),
        ("read_text_file", {"path": path, "other": {}}),
        ("read_media_file", {"path": {}}),
        ("read_multiple_files", {}),
        ("read_multiple_files", {"paths": []}),
        ("read_multiple_files", {"paths": "hello.txt"}),
        ("read_multiple_files", {"paths": [path, 1, None]}),
        ("write_file", {"path": path}),
        ("write_file", {"path": path, "content": 5}),
        ("edit_file", {"path": path}),
        ("edit_file", {"path": path, "edits": {}}),
        ("edit_file", {"path": path, "edits": [{}, 5, {"oldText": 1, "newText": None}]}),
        ("edit_file", {"path": path, "edits": [], "dryRun": "yes"}),
        ("list_directory_with_sizes", {"path": f"{root}", "sortBy": "date"}),
        ("list_directory_with_sizes", {"path": f"{root}", "sortBy": None}),
        ("directory_tree", {"path": f"{root}", "excludePatterns": "x"}),
        ("directory_tree", {"path": f"{root}", "excludePatterns": [1]}),
        ("move_file", {"source": path}),
        ("search_files", {"path": f"{root}"}),
        ("search_files", {"path": f"{root}", "pattern": 1, "excludePatterns": None}),
        ("get_file_info", {}),
    ]


def edit(path, *edits, dry=None):
    arguments = {"path": path, "edits": [{"oldText": old, "newText": new} for old, new in edits]}
    return "edit_file", {**arguments, **({} if dry is None else {"dryRun": dry})}


def writings(root):
    yield from [
        ("write_file", {"path": "new.txt", "content": "new\n"}),
        ("write_file", {"path": "new.txt", "content": "other\r\n"}),
        ("write_file", {"path": f"{root}/sub/new ü😀.txt", "content": "ü😀"}),
        ("write_file", {"path": "to_file", "content": "through a link"}),
        ("write_file", {"path": "cafe\u0301.txt", "content": "same file"}),
        ("write_file", {"path": "caf\u00e9.txt", "content": "same file again"}),
        ("write_file", {"path": "nowhere/new.txt", "content": ""}),
        ("write_file", {"path": "hello.txt/new.txt", "content": ""}),
        ("write_file", {"path": "links/out", "content": "changed"}),
        ("write_file", {"path": "links/out_dir/new.txt", "content": "changed"}),
        ("write_file", {"path": "../outside/new.txt", "content": "changed"}),
        ("write_file", {"path": "dangling", "content": "changed"}),
        ("write_file", {"path": "/new.txt", "content": "changed"}),
        ("create_directory", {"path": "made"}),
        ("create_directory", {"path": "made"}),
        ("create_directory", {"path": f"{root}/made/one/two"}),
        ("create_directory", {"path": "hello.txt"}),
        ("create_directory", {"path": "hello.txt/x"}),
        ("create_directory", {"path": "../outside/x"}),
        ("create_directory", {"path": "links/out_dir/x"}),
        ("create_directory", {"path": ""}),
        ("move_file", {"source": "move/me.txt", "destination": "move/moved.txt"}),
        ("move_file", {"source": "move/me.txt", "destination": "move/again.txt"}),
        ("move_file", {"source": "move/moved.txt", "destination": "move/other.txt"}),
        ("move_file", {"source": "move/moved.txt", "destination": "nowhere/moved.txt"}),
        ("move_file", {"source": "move/dir", "destination": "made/dir"}),
        ("move_file", {"source": "made/dir", "destination": "made/dir/below"}),
        ("move_file", {"source": "made/dir", "destination": "hollow"}),
        ("move_file", {"source": "to_dir", "destination": "sub2"}),
        ("move_file", {"source": "made/dir/inside.txt", "destination": "../outside/inside.txt"}),
        ("move_file", {"source": "links/out", "destination": "taken.txt"}),
        edit("code.rs", ("let a = 1;", "let a = 2;"), dry=True),
        edit("code.rs", ("let a = 1;", "let a = 2;")),
        edit("code.rs", ("if a > 0 {\n  println!(\"{a}\");\n}", "if a > 1 {\n  print!(\"{a}\");\n    more();\n}")),
        edit("code.rs", ("nothing like this", "x")),
        edit("code.rs", ("fn main", "fn start"), ("fn start()", "fn go()"), ("go", "$& $1 $$")),
        edit("code.rs"),
        edit("code.rs", ("", "// first\n")),
        edit("code.rs", ("}\n", "")),
        edit("windows.txt", ("one\ntwo", "1\r\n2")),
        edit("tabs.py", ("if True:\n\treturn 1", "if False:\n\t\treturn 2\n\telse:\n\treturn 3")),
        edit("ticks.md", ("code", "`````")),
        edit("no_end.txt", ("two", "two\n")),
        edit("hello.txt", ("world\n", "world")),
        edit("empty.txt", ("", "filled\n")),
        edit("bytes.bin", ("abc", "xyz")),
        edit("cafe\u0301.txt", ("same", "the same")),
        edit("numbers.txt", ("line 3\n", "3\n"), ("line 5\n", ""), ("line 14\n", "14\n14b\n"), ("line 23\n", ""), ("line 40\n", "")),
        edit("numbers.txt", *((f"line {number}\n", f"new {number}\n") for number in range(6, 39, 4) if number not in (14,))),
        edit("old_mac.txt", ("one\rtwo", "1\r2")),
        edit("nowhere.txt", ("a", "b")),
        edit("sub", ("a", "b")),
        edit("links/out", ("secret", "changed")),
        edit("dangling", ("a", "b")),
        ("list_directory", {"path": ""}),
        ("directory_tree", {"path": f"{root}"}),
    ]


async def main():
    options = parsed_arguments(__doc__)
    with tempfile.TemporaryDirectory(prefix="compare") as base:
        base = pathlib.Path(base).resolve()
        root, outside = base / "root", base / "outside"
        expected = await played(["node", options.reference, str(root)], base, root, outside)
        command = [part.replace("{dir}", str(root)) for part in options.server]
        actual = await played(command, base, root, outside)
    return compared(expected, actual)


async def played(command, base, root, outside):
    """Asks a server everything, on a fresh tree. Gives each question with its answer, and at last what is left."""
    build(root, outside)
    pipe = await Pipe.open(command, {**os.environ, "TZ": "UTC", "HOME": "/"})
    answers = [("tools/list", await pipe.tools())]
    for call in calls(root):
        answers.append((call, comparable(await pipe.call(*call), base)))
    await pipe.close()
    answers.append(("files", left_behind(base)))
    shutil.rmtree(root)
    shutil.rmtree(outside)
    return answers


def comparable(answer, base):
    """Leaves out what a component cannot know, and what differs on purpose (see the server's README)."""
    text = json.dumps(answer, ensure_ascii=False)
    # WASI tells neither when a file was made nor its permissions; reading changes when it was read.
    text = re.sub(r"created: [^\\]*", "created: …", text)
    text = re.sub(r"accessed: [^\\]*", "accessed: …", text)
    text = re.sub(r"permissions: \w+", "permissions: …", text)
    if "modified: " in text and "Nov 14 2023" not in text:
        text = re.sub(r"modified: [^\\]*", "modified: …", text)
    # How large a folder or a link is, is said differently.
    text = re.sub(r"size: \d+(\\n.*isDirectory: true)", r"size: …\1", text)
    # Where a link leads outside, the reference looks and tells; the sandbox does not let the server look.
    text = re.sub(r"(symlink target outside allowed directories: ).*?( not in )", r"\1…\2", text)
    return json.loads(text)


def left_behind(base):
    """Every file with its content, every link with its target."""
    left = {}
    for path in sorted(base.rglob("*")):
        name = str(path.relative_to(base))
        if path.is_symlink():
            left[name] = f"-> {os.readlink(path)}"
        else:
            left[name] = "folder" if path.is_dir() else path.read_bytes().hex()[:4000]
    return left


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
