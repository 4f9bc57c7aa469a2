"""A receiver of webhooks that verifies what it gets: webhook_receiver.py PORT"""

import base64, hashlib, hmac, json, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer

KEY = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")  # the secret without whsec_
SEEN = set()  # in a database, for a real receiver


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(min(int(self.headers["content-length"]), 65536))
        identity, sent = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        signed = f"{identity}.{sent}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        signatures = self.headers["webhook-signature"].split(" ")
        is_genuine = any(hmac.compare_digest(expected, signature) for signature in signatures)
        is_recent = abs(time.time() - int(sent)) < 300
        if is_genuine and is_recent and identity not in SEEN:
            SEEN.add(identity)
            print(json.loads(body)["data"]["sagaId"], flush=True)
        self.send_response(204 if is_genuine and is_recent else 401)
        self.end_headers()


HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
