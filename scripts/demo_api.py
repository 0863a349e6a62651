"""A double of the Brave Search API for `make demo`: it answers every request alike, and prints what it hears."""

import http.server
import json

RESULT = {"web": {"results": [{"url": "https://example.com/lockgate", "title": "Lockgate", "description": "A gate."}]}}


class Api(http.server.BaseHTTPRequestHandler):
    """Answers with one result."""

    def do_GET(self):  # noqa: N802, the name that http.server calls
        """Prints the request's head, and answers."""
        print(self.requestline, str(self.headers).strip(), sep="\n", flush=True)
        body = json.dumps(RESULT).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing beyond that."""


with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
