#!/usr/bin/python3
"""The same five messages in another language: NATS over a plain socket, python3-nacl for the key, python3-msgpack.

usage: least_framework.py CREDENTIAL
It runs five tasks and leaves.
"""
import base64, json, os, socket, sys, time
import msgpack
from nacl.signing import SigningKey

credential = json.load(open(sys.argv[1]))
cluster, me = credential["cluster"], credential["actor"]["id"]
framework = f"least-py-{os.getpid()}-{int(time.time())}"
calls = f"parley.{cluster}.master.call.framework.{me}.{framework}"
inbox = f"_INBOX.principal.{me}.{framework}"


class Nats:
    """As much of the client protocol as a framework needs: CONNECT with a nonce, SUB, PUB, MSG, PING."""

    def __init__(self, seed):
        host, port = credential["servers"][0].split("//")[1].split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        self.buffer = b""
        nonce = json.loads(self.line()[5:])["nonce"]
        key = SigningKey(base64.b32decode(seed + "=" * (-len(seed) % 8))[2:34])
        # The public key as NATS writes it: prefix byte of a user, the key, CRC-16.
        public = bytes([20 << 3]) + bytes(key.verify_key)
        crc = 0
        for byte in public:
            crc ^= byte << 8
            for _ in range(8):
                crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
        nkey = base64.b32encode(public + crc.to_bytes(2, "little")).decode().rstrip("=")
        signature = base64.urlsafe_b64encode(key.sign(nonce.encode()).signature).decode().rstrip("=")
        options = {"verbose": False, "nkey": nkey, "sig": signature, "lang": "python", "headers": True}
        self.socket.sendall(b"CONNECT " + json.dumps(options).encode() + b"\r\nPING\r\n")
        self.send("SUB", f"{inbox}.* 1")

    def send(self, verb, line, payload=b""):
        size = f" {len(payload)}" if verb == "PUB" else ""
        body = payload + b"\r\n" if verb == "PUB" else b""
        self.socket.sendall(f"{verb} {line}{size}\r\n".encode() + body)

    def fill(self, count):
        while len(self.buffer) < count:
            chunk = self.socket.recv(65536)
            if not chunk:
                raise SystemExit("the server closed the connection")
            self.buffer += chunk

    def line(self):
        while b"\r\n" not in self.buffer:
            self.fill(len(self.buffer) + 1)
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def receive(self, seconds):
        """One message as (subject, reply, bytes), or None when there is none within the time."""
        self.socket.settimeout(seconds)
        try:
            fields = self.line().split()
        except TimeoutError:
            return None
        self.socket.settimeout(30)
        if fields[0] == b"PING":
            self.send("PONG", "")
        if fields[0] not in (b"MSG", b"HMSG"):
            return None
        size, head = int(fields[-1]), int(fields[-2]) if fields[0] == b"HMSG" else 0
        self.fill(size + 2)
        payload, self.buffer = self.buffer[head:size], self.buffer[size + 2 :]
        reply = fields[3:-2] if head else fields[3:-1]
        return fields[1].decode(), reply[0].decode() if reply else "", payload


control, own = Nats(credential["seeds"]["control"]), Nats(credential["seeds"]["work"])
session, counter, confirmed, queue = None, 0, 0, []


def message(kind, target, body, request=None):
    frame = {"version": 1, "kind": kind, "target": target, "body": body}
    if request:
        frame["request"] = request
    if session:
        frame["frameworkSession"] = session
    return msgpack.packb(frame)


def call(kind, subject, body):
    """Sent with one id until it is answered."""
    global counter
    counter += 1
    request = {"session": framework, "counter": counter, "lowest": counter}
    data = message(kind, subject, body, request)
    while True:
        control.send("PUB", f"{subject} {inbox}.{counter}", data)
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            received = control.receive(0.5)
            if received and received[0] == f"{inbox}.{counter}" and received[2]:
                answer = msgpack.unpackb(received[2])["answer"]
                if answer["ok"]:
                    return answer["value"]
                if answer["failure"]["code"] not in ("overloaded", "rateLimited", "unavailable", "diskFull"):
                    raise SystemExit(answer["failure"]["message"])
            elif received and received[2] and ".offers" in received[0]:
                queue.append(received[2])


control.send("SUB", f"parley.{cluster}.framework.{me}.{framework}.offers 2")
subscribed = call("framework.subscribe", f"{calls}.subscribe", {"name": "least", "roles": ["*"], "failoverTimeoutMs": 0})
session = subscribed["session"]
stream, filter_subject = f"PARLEY_{cluster}_UPDATES_{me}", f"parley.{cluster}.updates.*.{me}.{framework}.*"
config = {"durable_name": framework, "filter_subject": filter_subject, "ack_policy": "explicit"}
create = f"$JS.API.CONSUMER.CREATE.{stream}.{framework}.{filter_subject}"
own.send("PUB", f"{create} {inbox}.0", json.dumps({"stream_name": stream, "config": config}).encode())
waiting = [f"least-{n}" for n in range(5)]
unfinished, next_beat, next_pull = set(waiting), 0, 0

while unfinished:
    now = time.monotonic()
    if now >= next_beat:
        control.send("PUB", f"{calls}.heartbeat", message("framework.heartbeat", f"{calls}.heartbeat", {"session": session, "confirmed": confirmed}))
        next_beat = now + subscribed["heartbeatIntervalMs"] / 1000
    received = control.receive(0.1)
    if received and received[2] and received[0].endswith(".offers"):
        queue.append(received[2])
    while queue:
        body = msgpack.unpackb(queue.pop(0))["body"]
        confirmed = body["number"]
        for offer in body["offers"]:
            scalars = offer["resources"]["scalars"]
            room = int(min(scalars.get("cpus", 0) / 100, scalars.get("mem", 0) / 32000))
            taken, waiting = waiting[:room], waiting[room:]
            tasks = [{"taskId": task, "resources": {"scalars": {"cpus": 100, "mem": 32000}}, "command": {"argv": ["echo", f"hello from {task}"]}} for task in taken]
            subject = f"parley.{cluster}.offers.{me}.{framework}.{offer['offerId']}.accept"
            operations = [{"kind": "launch", "tasks": tasks}]
            result = call("offer.accept", subject, {"offerIds": [offer["offerId"]], "operations": operations})
            waiting += [one["taskId"] for one in result["rejected"]]
    if now >= next_pull:
        own.send("PUB", f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{framework} {inbox}.1", b'{"expires":1000000000,"batch":10}')
        next_pull = now + 1
    update = own.receive(0.1)
    if update and update[1].startswith("$JS.ACK"):
        body = msgpack.unpackb(update[2])["body"]
        print(body["task"]["taskId"], "is", body["state"], flush=True)
        if body["state"] in ("finished", "failed", "killed", "error", "dropped", "gone"):
            unfinished.discard(body["task"]["taskId"])
        own.send("PUB", update[1], b"+ACK")
