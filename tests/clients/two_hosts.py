"""A registry at one address that keeps its blobs at another, both over TLS; started in a network of its own.

    two_hosts.py FOLDER

FOLDER holds `tls.pem` (key and certificate), `manifest`, and `blobs/HEX`. What is heard is written to `heard`, a line each:
address, path, and what proves who asks. `ready` is there once both listen.
"""

import http.server
import pathlib
import ssl
import sys
import threading

REGISTRY, STORAGE = "9.9.9.10", "9.9.9.11"
folder = pathlib.Path(sys.argv[1])
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        host = self.server.server_address[0]
        proof = self.headers.get("authorization", "-")
        with lock, (folder / "heard").open("a") as heard:
            heard.write(f"{host} {self.path} {proof}\n")
        name = self.path.rsplit(":", 1)[-1]
        if host == STORAGE:
            self.answer(307, location=f"https://{REGISTRY}/back/sha256:{name}")
        elif self.path.startswith("/back/"):
            self.answer(200, (folder / "blobs" / name).read_bytes())
        elif proof == "-":
            self.answer(401, www_authenticate='Basic realm="x"')
        elif "/manifests/" in self.path:
            body = (folder / "manifest").read_bytes()
            self.answer(200, body, content_type="application/vnd.oci.image.manifest.v1+json")
        else:
            self.answer(307, location=f"https://{STORAGE}/there/sha256:{name}")

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(host):
    server = http.server.ThreadingHTTPServer((host, 443), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


serve(REGISTRY)
serve(STORAGE)
(folder / "ready").touch()
threading.Event().wait(100)
