"""The part `code` of scripts/bench: code that nobody has but the server's home, brought over limited links.

A place and those below it, each in a network namespace of its own, are joined by links of so many bits in a second
(`tc tbf`). A session is opened at the last one, whose component it has to get from the first; beside it, a file as long as
the component is downloaded by HTTPS over one such link. Every round has a component of its own, so that nothing is there yet.
"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from bench_shared import environment

HOPS = [1, 5]
MEGABITS = 100
BYTES = 10 << 20
COMPONENT = pathlib.Path(__file__).resolve().parent.parent / "components/built/cap-quality.wasm"
HTTPS_PORT = 8443
SERVER = """
import http.server, ssl, sys
folder, port = sys.argv[1], int(sys.argv[2])
class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def __init__(self, *given): super().__init__(*given, directory=folder + "/served")
server = http.server.ThreadingHTTPServer(("0.0.0.0", port), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder + "/hop.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
print("here", flush=True)
server.serve_forever()
"""


def missing():
    """Why it cannot be measured here."""
    if os.geteuid() != 0:
        return "it needs root, for network namespaces"
    for program, package in (("ip", "iproute2"), ("tc", "iproute2"), ("curl", "curl")):
        if shutil.which(program) is None:
            return f"there is no `{program}` (Debian: {package})"
    return None


def random_component(path, unique):
    """The sample component with a custom section that makes it so long and one that nobody has seen."""
    code = COMPONENT.read_bytes()
    name = b"bench"
    padding = os.urandom(BYTES - len(code) - len(name) - 7)
    body = bytes([len(name)]) + name + padding
    length, left = b"", len(body)
    while True:
        byte, left = left & 0x7F, left >> 7
        length += bytes([byte | (0x80 if left else 0)])
        if not left:
            break
    path.write_bytes(code + b"\0" + length + body)
    return f"bench-{unique}"


class Row:
    """Places in namespaces, up while this is open."""

    def __init__(self, programs, hops):
        self.programs, self.hops = programs, hops
        self.stack = contextlib.ExitStack()
        self.names = ["/".join(f"p{depth}" for depth in range(at + 1)) for at in range(hops + 1)]
        self.spaces = [f"wb-{os.getpid()}-{at}" for at in range(hops + 1)]

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *error):
        return self.stack.__exit__(*error)

    def up(self):
        self.folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        for space in self.spaces:
            subprocess.run(["ip", "netns", "add", space], check=True)
            self.stack.callback(subprocess.run, ["ip", "netns", "del", space])
            self.inside(space, "ip", "link", "set", "lo", "up")
        for at in range(self.hops):
            self.link(at)
        topology = "[defaults.capacity]\ncpu = 64\nmemory = \"16 GiB\"\ndown = \"10 Gbit/s\"\nup = \"10 Gbit/s\"\n"
        topology += "[defaults.code]\nunsigned = true\n"
        for at, name in enumerate(self.names):
            topology += f"[[place]]\nname = \"{name}\"\n"
            if at < self.hops:
                topology += f"machine.address = \"10.88.{at}.1:4710\"\n"
        file = pathlib.Path(self.folder) / "tree.toml"
        file.write_text(topology)
        machines = f"{self.folder}/machines"
        self.run(self.programs["waybook"], "topology", "render", file, "--out", machines)
        self.data = [f"{machines}/{name.replace('/', '.')}/data" for name in self.names]
        for at, space in enumerate(self.spaces):
            config = f"{os.path.dirname(self.data[at])}/place.toml"
            log = self.stack.enter_context(open(f"{self.folder}/log-{at}", "w+"))
            self.start(space, self.programs["waybook"], "place", "run", "--config", config, stdout=log, stderr=log)
        until = time.monotonic() + 60
        while len(self.tree()) <= self.hops:
            if time.monotonic() > until:
                raise SystemExit("bench: the places in namespaces do not find each other")
            time.sleep(0.1)

    def link(self, at):
        """From a place to the one below it, as slow as both ways can be."""
        ends = [(self.spaces[at], f"down{at}", f"10.88.{at}.1/24"), (self.spaces[at + 1], f"up{at}", f"10.88.{at}.2/24")]
        (above, down, _), (below, up, _) = ends
        command = ["ip", "link", "add", down, "netns", above, "type", "veth", "peer", "name", up, "netns", below]
        subprocess.run(command, check=True)
        for space, name, address in ends:
            self.inside(space, "ip", "address", "add", address, "dev", name)
            self.inside(space, "ip", "link", "set", name, "up")
            limit = ["rate", f"{MEGABITS}mbit", "burst", "64kb", "latency", "50ms"]
            self.inside(space, "tc", "qdisc", "add", "dev", name, "root", "tbf", *limit)

    @staticmethod
    def run(*command):
        command = [str(word) for word in command]
        done = subprocess.run(command, capture_output=True, text=True, env=environment())
        if done.returncode:
            raise SystemExit(f"bench: {' '.join(command)} failed:\n{done.stderr}")
        return done.stdout

    def inside(self, space, *command):
        return self.run("ip", "netns", "exec", space, *command)

    def start(self, space, *command, **more):
        command = ["ip", "netns", "exec", space, *map(str, command)]
        process = subprocess.Popen(command, env=environment(), start_new_session=True, text=True, **more)

        def stop():
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()

        self.stack.callback(stop)
        return process

    def waybook(self, at, *arguments):
        return self.inside(self.spaces[at], self.programs["waybook"], "--data", self.data[at], *arguments)

    def tree(self):
        """The places that the one at the top knows."""
        try:
            return json.loads(self.waybook(0, "tree", "--json"))
        except SystemExit:
            return []

    def opened(self, unique):
        """How long a session takes whose component comes all the way, in seconds."""
        file = pathlib.Path(self.folder) / f"{unique}.wasm"
        name = random_component(file, unique)
        self.waybook(0, "component", "add", file, "--name", name, "--version", "1.0.0")
        presentation = pathlib.Path(self.folder) / "presentation.toml"
        presentation.write_text(
            f"title = \"{name}\"\n[[quality]]\nname = \"one\"\n"
            "[quality.demand.edge]\nto-client = \"1 Mbit/s\"\nto-server = \"1 Mbit/s\"\n"
            "[quality.demand.client]\ncpu = \"1\"\nmemory = \"64 MiB\"\n"
            f"[[quality.component]]\nat = \"client\"\nname = \"{name}\"\nruntime = \"wasm\"\n"
        )
        self.waybook(0, "publish", presentation)
        began = time.monotonic()
        told = self.waybook(self.hops, "open", name, "--json", "--detach").splitlines()
        took = time.monotonic() - began
        self.waybook(self.hops, "close", json.loads(told[-1])["data"]["session"])
        file.unlink()
        return took


def download(row, folder):
    """How long a file as long takes by HTTPS over the first link, in seconds."""
    began = time.monotonic()
    row.inside(
        row.spaces[1], "curl", "--silent", "--fail", "--output", f"{folder}/downloaded", "--cacert", f"{folder}/authority.crt",
        "--resolve", f"hop:{HTTPS_PORT}:10.88.0.1", f"https://hop:{HTTPS_PORT}/code",
    )
    took = time.monotonic() - began
    if os.path.getsize(f"{folder}/downloaded") != BYTES:
        raise SystemExit("bench: the file that was downloaded is not whole")
    return took


def measure(options, programs, figures, say):
    why = missing()
    if why:
        say(f"*** the part `code` is left out: {why}")
        return
    for hops in HOPS:
        with Row(programs, hops) as row, tempfile.TemporaryDirectory() as folder:
            subprocess.run([programs["plane"], "certify", folder], check=True)
            served = pathlib.Path(folder) / "served"
            served.mkdir()
            (served / "code").write_bytes(os.urandom(BYTES))
            command = [sys.executable, "-c", SERVER, folder, HTTPS_PORT]
            server = row.start(row.spaces[0], *command, stdout=subprocess.PIPE)
            server.stdout.readline()
            for round in range(options.rounds):
                say(f"code: {hops} hops, round {round + 1} of {options.rounds}")
                figures.add("code", hops, "download", download(row, folder) * 1000)
                figures.add("code", hops, "session", row.opened(f"{hops}-{round}") * 1000)


def report(part, spread, ratios):
    """The page's section, in Markdown."""
    out = [
        "## Code that is not there yet",
        "",
        f"A session whose component of {BYTES >> 20} MiB has to come from the server's place to the client's, over links of "
        f"{MEGABITS} Mbit/s between network namespaces, beside a file as long downloaded over one such link by curl; milliseconds, "
        "the start of either command included.",
        "",
        "| hops | HTTPS, one hop | session | of it |",
        "|---|---|---|---|",
    ]
    for hops, row in part.items():
        of = ratios(row["session"], row["download"])
        out.append(f"| {hops} | {spread(row['download'])} | {spread(row['session'])} | {spread(of, 2)} |")
    return out + [""]
