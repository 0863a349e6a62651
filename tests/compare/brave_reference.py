#!/usr/bin/env python3
"""Compares a server with `@brave/brave-search-mcp-server`, request by request and answer by answer.

    brave_reference.py --reference INDEX.JS -- SERVER [ARGUMENT...]

Both speak to a double of the Brave Search API on loopback, whose URL stands for `{url}` in the server's arguments. What
is asked of the double and what is answered has to be the same. The key of the reference is `the-key`; the server's
requests have it too if BRAVE_API_KEY says so, and else none. Exits with 0 if all is the same, else with 1.
"""

import asyncio
import json
import os
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pipe import Pipe
from report import compared, parsed_arguments

WEB = "/res/v1/web/search"
LOCAL = "/res/v1/local/descriptions"
VIDEOS = "/res/v1/videos/search"
IMAGES = "/res/v1/images/search"
NEWS = "/res/v1/news/search"
SUMMARIZER = "/res/v1/summarizer/search"
CONTEXT = "/res/v1/llm/context"
PLACES = "/res/v1/local/place_search"

# The reference's URL is written into it.
PRELOAD = """
const real = globalThis.fetch;
globalThis.fetch = (url, options) => real(String(url).replace("https://api.search.brave.com", process.env.DOUBLE), options);
"""

PAGE = {"url": "https://a.example/ü?q=1", "title": "<b>A</b> \"quoted\" 😀", "description": "d\u2028\n", "age": "1 day", "language": "en"}
VIDEO = {"url": "https://v.example", "title": "V", "description": "d", "age": "2y", "thumbnail": {"src": "https://t.example", "n": 1},
         "video": {"duration": "01:00", "views": 1e6, "creator": "c", "publisher": "p", "tags": ["x"], "more": 1}}
NEWS_ITEM = {"url": "https://n.example", "title": "N", "description": "d", "age": "1h", "page_age": "2026-11-22T00:00:00", "breaking": True,
             "is_live": False, "source": "s", "extra_snippets": ["e"], "thumbnail": {"src": "https://t.example"}}
EVERYTHING = {
    "type": "search",
    "web": {"results": [{**PAGE, "extra_snippets": ["x", "y"]}, {"title": None}, {}]},
    "faq": {"results": [{"question": "q", "answer": "a", "title": "t", "url": "u", "more": 1}]},
    "discussions": {"mutated_by_goggles": False, "results": [{"url": "u", "data": {"z": 1.0, "a": [2.5, 1e-7, 123456789012]}}]},
    "news": {"mutated_by_goggles": True, "results": [NEWS_ITEM, {"url": "u"}]},
    "videos": {"results": [VIDEO, {"video": {}}]},
    "summarizer": {"type": "summarizer", "key": "{\"query\":\"x\"}"},
}
HOURS = {
    "current_day": [{"full_name": "Monday", "opens": "08:00", "closes": "12:00"}, {"full_name": "Monday", "opens": "13:00", "closes": "17:00"}],
    "days": [
        {"full_name": "Tuesday", "opens": "09:00", "closes": "10:00"},
        [{"full_name": "Wednesday", "opens": "1", "closes": "2"}, {"full_name": "Wednesday", "opens": "3", "closes": "4"}],
        {"full_name": "Tuesday", "opens": "11:00", "closes": "12:00"},
        {"full_name": "Friday"},
    ],
}
POI = {"id": "one", "title": "Café", "price_range": "$$", "contact": {"telephone": "+1"}, "rating": {"ratingValue": 4.0, "reviewCount": 12},
       "opening_hours": HOURS, "postal_address": {"displayAddress": "1 Road"}}
POIS = {"locations": {"results": [POI, {"id": "two", "title": "B"}, {"title": "no id", "opening_hours": {"days": []}}]}, "web": {"results": []}}
IMAGE = {"title": "I", "url": "https://i.example", "page_fetched": "2026-11-22T10:00:00Z", "confidence": "high",
         "properties": {"url": "https://p.example/i.png", "width": 10, "height": 20, "more": 1}, "source": "s"}
GROUNDING = {"generic": [{"url": "https://g.example", "title": "t", "snippets": ["s"], "more": 1}], "poi": None,
             "map": [{"name": "n", "url": "", "title": "t", "snippets": []}], "more": 1}
SOURCES = {"https://g.example": {"zz": 1, "title": "t", "hostname": "g", "age": [], "thumbnail": {"w": 1, "src": "s"}}}
PLACE = {"type": "location_result", "title": "P", "url": "https://p.example", "provider_url": "", "is_source_local": True, "is_source_both": False,
         "zoom_level": 5, "coordinates": [1.5, -2.0], "more": {"deep": [1.0]}}


def calls():
    """Each call with what the double answers: a status and a body for each path, or several of them in turn."""
    ok = lambda body: (200, body)
    web = {WEB: ok(EVERYTHING)}
    search = "brave_web_search"
    yield search, {"query": "plain"}, web
    yield search, {"query": "all of it & more=1 + ü 😀 %20 *-._~ '()!"}, web
    yield search, {
        "extra_snippets": True, "summary": False, "units": "metric", "goggles": ["https://g.example/x", "http://no.example", " $boost=1,site=a.b ", "", "https://", "HTTPS://ok.example"],
        "result_filter": ["web", "faq"], "spellcheck": False, "text_decorations": False, "freshness": "2022-04-01to2022-07-30",
        "safesearch": "off", "offset": 9, "count": 20, "ui_lang": "de-DE", "search_lang": "de", "country": "DE", "query": "order", "unknown": 1,
    }, web
    yield search, {"query": "a", "summary": True}, web
    yield search, {"query": "a", "result_filter": []}, web
    yield search, {"query": "a", "goggles": "one rule"}, web
    yield search, {"query": "a", "freshness": "pd", "count": 1.0}, web
    for body in [{}, {"web": None}, {"web": {}}, {"web": {"results": []}}, {"web": {"results": []}, "summarizer": {}}, {"web": {"results": "x"}},
                 {"web": {"results": [PAGE]}, "faq": {"results": []}, "news": None, "videos": {"results": [{}]}},
                 {"web": {"results": [PAGE]}, "faq": {}, "discussions": {"results": [{}]}}]:
        yield search, {"query": "odd"}, {WEB: ok(body)}
    local = "brave_local_search"
    descriptions = {"results": [{"id": "two", "description": "second"}, {"id": "one", "description": "first"}]}
    yield local, {"query": "coffee"}, {WEB: ok(POIS), LOCAL: ok(descriptions)}
    yield local, {"query": "coffee", "result_filter": ["faq"]}, {WEB: ok(POIS), LOCAL: ok({})}
    yield local, {"query": "coffee", "summary": True}, {WEB: ok(POIS), LOCAL: (404, {"error": "x"})}
    many = {"locations": {"results": [{"id": f"i d&{number}", "title": str(number)} for number in range(25)]}}
    yield local, {"query": "many"}, {WEB: ok(many), LOCAL: ok(descriptions)}
    for hours in [{}, {"current_day": []}, {"current_day": [{"opens": "1"}]}, {"days": [{}]}, None]:
        yield local, {"query": "hours"}, {WEB: ok({"locations": {"results": [{"id": "x", "opening_hours": hours}]}}), LOCAL: ok({"results": []})}
    for body in [{}, {"web": {"results": [PAGE]}}, {"web": {"results": []}}, {"locations": {"results": []}, "web": {"results": [PAGE]}}, {"web": {}},
                 {"locations": {}, "web": {"results": [{}]}}]:
        yield local, {"query": "none"}, {WEB: ok(body)}
    yield "brave_video_search", {"query": "v"}, {VIDEOS: ok({"results": [VIDEO, {"url": "u"}, {"video": None, "thumbnail": None}]})}
    yield "brave_video_search", {"query": "v", "count": 50, "freshness": "py", "safesearch": "strict", "country": "XX"}, {VIDEOS: ok({"results": []})}
    yield "brave_video_search", {"query": "v"}, {VIDEOS: ok({})}
    yield "brave_video_search", {"query": "v"}, {VIDEOS: ok({"results": None})}
    yield "brave_news_search", {"query": "n", "goggles": ["a", "b"], "extra_snippets": True}, {NEWS: ok({"results": [NEWS_ITEM, {"url": "u"}, {"breaking": None}]})}
    yield "brave_news_search", {"query": ""}, {NEWS: ok({})}
    extra = {"extra": {"might_be_offensive": False}}
    bad = [{**IMAGE, "url": "no url"}, {**IMAGE, "page_fetched": "yesterday"}, {**IMAGE, "confidence": "some"}, {"title": "t"}, {**IMAGE, "title": None},
           {**IMAGE, "properties": {**IMAGE["properties"], "width": 0}}, {**IMAGE, "properties": {**IMAGE["properties"], "height": 1.5}}]
    yield "brave_image_search", {"query": "i", "count": 200, "safesearch": "off"}, {IMAGES: ok({"results": [IMAGE, *bad], **extra})}
    yield "brave_image_search", {"query": "i"}, {IMAGES: ok({"results": [IMAGE], "extra": {}})}
    yield "brave_image_search", {"query": "i"}, {IMAGES: ok({"results": [IMAGE], "extra": {"might_be_offensive": "no"}})}
    yield "brave_image_search", {"query": "i"}, {IMAGES: ok({"results": [IMAGE]})}
    yield "brave_image_search", {"query": "i"}, {IMAGES: ok({})}
    summary = {"status": "complete", "summary": [{"type": "token", "data": "A"}, {"type": "inline_reference", "data": {"url": "u"}}, {"type": "x", "data": "-"},
                                                 {"type": "token", "data": None}, {"type": "inline_reference"}, {"type": "token"}, {"type": "token", "data": "é"}]}
    yield "brave_summarizer", {"key": "{\"k\": 1}", "inline_references": True}, {SUMMARIZER: ok(summary)}
    yield "brave_summarizer", {"key": "k"}, {SUMMARIZER: [ok({"status": "running"}), (500, {}), ok({}), ok(summary)]}
    yield "brave_summarizer", {"key": "k"}, {SUMMARIZER: ok({"status": "complete", "summary": []})}
    yield "brave_summarizer", {"key": "k"}, {SUMMARIZER: (429, {"error": "slow down"})}
    yield "brave_summarizer", {"key": "k"}, {SUMMARIZER: ok({"status": "running"})}
    context = {CONTEXT: ok({"grounding": GROUNDING, "sources": SOURCES, "more": 1})}
    llm = "brave_llm_context"
    yield llm, {"query": "  spaced  "}, context
    yield llm, {
        "x-loc-lat": 52.5, "x-loc-long": -13.0, "x-loc-city": "Zürich", "x-loc-state": "ZH", "x-loc-state-name": "  Zürich ", "x-loc-country": "CH",
        "x-loc-postal-code": "8000", "api-version": "2026-01-01", "accept": "*/*", "cache-control": "no-cache", "user-agent": "Mine/1.0",
        "enable_source_metadata": True, "enable_local": False, "goggles": ["a", "b"], "freshness": "pw", "context_threshold_mode": "strict",
        "maximum_number_of_tokens": 1024, "maximum_number_of_urls": 50, "count": 5, "query": "headers",
    }, context
    for body in [{}, {"grounding": {}, "sources": {}}, {"grounding": {**GROUNDING, "generic": [{}, {"url": "x", "title": 1, "snippets": [1, "a"]}]}, "sources": SOURCES},
                 {"grounding": GROUNDING, "sources": {"no url": {}}}, {"grounding": GROUNDING, "sources": {"https://a.example": {"age": "old"}}},
                 {"grounding": {**GROUNDING, "poi": {"name": 1}}, "sources": []}]:
        yield llm, {"query": "odd"}, {CONTEXT: ok(body)}
    places = "brave_place_search"
    found = {"type": "locations", "results": [PLACE], "location": {"coordinates": [1, 2], "name": "x"}, "more": 1.0}
    yield places, {"query": " cafe ", "location": " san francisco ca ", "radius": 100.5, "latitude": 1.0, "longitude": -2.25, "api-version": "2026-01-01"}, {PLACES: ok(found)}
    yield places, {"query": "   ", "latitude": 0, "longitude": 0}, {PLACES: ok(found)}
    yield places, {}, {PLACES: ok({"type": "locations"})}
    for body in [{}, {"type": "x"}, {"type": "locations", "results": [{**PLACE, "url": "x"}, {"type": "y"}]}, {"type": "locations", "location": {"coordinates": [1]}},
                 {"type": "locations", "location": {"coordinates": []}}, {"type": "locations", "location": {"coordinates": [1, 2, 3]}}, {"type": "locations", "location": None},
                 {"type": "locations", "location": {"coordinates": ["a", 2]}}, {"type": "locations", "results": [{**PLACE, "opening_hours": {"days": [HOURS["days"][1], 5]}}]},
                 {"type": "locations", "cities": {}, "query": {}}]:
        yield places, {"query": "odd"}, {PLACES: ok(body)}
    # What the API refuses.
    for status, body in [(401, {"error": {"code": "INVALID_TOKEN", "detail": "bad"}}), (422, {"type": "ErrorResponse", "n": 1.0}), (429, {"error": {"meta": {"plan": "Free", "rate": 1}}}),
                         (500, []), (403, None), (404, "text"), (400, {})]:
        for tool, path in [(search, WEB), (local, WEB), ("brave_news_search", NEWS), (llm, CONTEXT), (places, PLACES), ("brave_image_search", IMAGES), ("brave_video_search", VIDEOS)]:
            yield tool, {"query": "refused"}, {path: (status, body)}
    # What is refused before anything is asked.
    words = " ".join("word" for _ in range(51))
    for tool in [search, local, "brave_video_search", "brave_image_search", "brave_news_search", llm, places]:
        for arguments in [{}, {"query": None}, {"query": 5}, {"query": "x" * 401}, {"query": words}, {"query": words + "x" * 400}, {"query": ""}, {"query": " "},
                          {"query": "a", "count": 0}, {"query": "a", "count": 1000}, {"query": "a", "count": 1.5}, {"query": "a", "count": "1"},
                          {"query": "a", "offset": 10}, {"query": "a", "country": "ZZ"}, {"query": "a", "country": 1}, {"query": "a", "search_lang": "xx"}, {"query": "a", "safesearch": "no"},
                          {"query": "a", "freshness": "soon"}, {"query": "a", "freshness": 5}, {"query": "a", "freshness": "2022-04-01to2022-07-3"},
                          {"query": "a", "goggles": 5}, {"query": "a", "goggles": [5]}, {"query": "a", "spellcheck": "yes"}, {"query": "a", "units": "miles"},
                          {"query": "a", "result_filter": "web"}, {"query": "a", "result_filter": ["web", "x", 1]}, {"query": "a", "ui_lang": "x", "summary": 1},
                          {"query": "a", "x-loc-lat": 91, "x-loc-long": "x", "x-loc-state": "long", "x-loc-country": "DEU"}, {"query": "a", "x-loc-country": "D"},
                          {"query": "a", "api-version": "1", "accept": "text/html", "cache-control": "x"}, {"query": "a", "maximum_number_of_tokens": 1},
                          {"query": "a", "latitude": 91, "longitude": -181, "radius": -1, "location": " "}]:
            yield tool, arguments, {**web, VIDEOS: ok({"results": []}), IMAGES: ok({"results": [], **extra}), NEWS: ok({"results": []}), **context, PLACES: ok(found), LOCAL: ok({})}
    for arguments in [{}, {"key": 1}, {"key": "a", "entity_info": "x"}]:
        yield "brave_summarizer", arguments, {}


class Double:
    """The API, as far as it answers what it was told to. Remembers what it was asked."""

    def __init__(self):
        self.answers, self.asked = {}, []
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = self.path.partition("?")[0]
                double.asked.append({"method": self.command, "path": self.path, "headers": dict(self.headers.items())})
                answer = double.answers.get(path, (599, {}))
                status, body = answer.pop(0) if isinstance(answer, list) else answer
                body = json.dumps(body).encode()
                phrases = {422: "Unprocessable Entity", 599: "Nothing to say"}
                self.send_response(status, phrases.get(status))
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


async def main():
    options = parsed_arguments(__doc__)
    double = Double()
    preload = "data:text/javascript," + re.sub(r"\s+", "%20", PRELOAD.strip()).replace('"', "%22")
    reference = ["node", "--import", preload, options.reference]
    key = {"BRAVE_API_KEY": "the-key", "DOUBLE": double.url}
    expected = await played(reference, double, {**os.environ, **key})
    command = [part.replace("{url}", double.url) for part in options.server]
    actual = await played(command, double, dict(os.environ))
    return compared(expected, actual)


async def played(command, double, environment):
    """Asks a server everything. Gives each call with what it asked of the double, and what it answered."""
    pipe = await Pipe.open(command, environment)
    answers = [("tools/list", await pipe.tools())]
    for tool, arguments, told in calls():
        double.answers = {path: list(answer) if isinstance(answer, list) else answer for path, answer in told.items()}
        double.asked.clear()
        answer = await pipe.call(tool, arguments)
        asked = [comparable(request, arguments, "the-key" in environment.values()) for request in double.asked]
        answers.append(((tool, arguments), {"asked": asked, "answer": answer}))
    await pipe.close()
    return answers


# What Node's `fetch` adds by itself, what only one side can have, and what belongs to the connection.
OWN = {"accept-encoding", "accept-language", "connection", "host", "sec-fetch-mode"}


def comparable(request, arguments, has_key):
    headers = {name.lower(): value for name, value in request["headers"].items() if name.lower() not in OWN}
    key = headers.pop("x-subscription-token", None)
    assert key == ("the-key" if has_key else None), f"the key is {key}"
    if "user-agent" not in arguments:
        headers.pop("user-agent", None)
    return {**request, "headers": headers}


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
