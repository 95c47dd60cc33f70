"""The part `plane` of scripts/bench: what passes through a chain of places, beside chains of proxies.

Every chain has as many encrypted hops: the first process takes plain HTTP from the clients, the last one
asks the origin server by plain HTTP, and between them every connection shows certificates both ways. All of a chain
are up while it is measured, and take their turns round after round, asked by the same clients for the same bodies.
"""

import contextlib
import json
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

from bench_shared import environment

HOPS = [1, 3, 5]
CLIENTS = [1, 8, 64]
SIZES = [1024, 10 << 20]
SETUP_HOPS = 4
# Other sessions over the same places, and over how many hops.
STANDING = [10, 1_000, 50_000]
GROWTH_HOPS = 2
NAMES = ["tunnel", "places", "nginx", "HAProxy"]
ABOUT = {"tunnel": "bare QUIC tunnel", "places": "places"}
NGINX = """daemon off; master_process off; worker_processes 1; pid {folder}/nginx-{index}.pid; error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
    access_log off; tcp_nodelay on; keepalive_requests 1000000000;
    client_body_temp_path {folder}/b{index}; proxy_temp_path {folder}/p{index}; fastcgi_temp_path {folder}/f{index};
    uwsgi_temp_path {folder}/u{index}; scgi_temp_path {folder}/s{index};
    upstream next {{ server {next}; keepalive 256; keepalive_requests 1000000000; }}
    server {{
        listen {listen}{encrypted};
        ssl_protocols TLSv1.3; ssl_certificate {folder}/hop.crt; ssl_certificate_key {folder}/hop.key;
        ssl_client_certificate {folder}/authority.crt; {verify}
        location / {{
            proxy_pass {scheme}://next; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_buffer_size 32k; proxy_buffers 16 32k; proxy_busy_buffers_size 64k; proxy_max_temp_file_size 0;
            proxy_ssl_protocols TLSv1.3; proxy_ssl_certificate {folder}/hop.crt; proxy_ssl_certificate_key {folder}/hop.key;
            proxy_ssl_trusted_certificate {folder}/authority.crt; proxy_ssl_verify on; proxy_ssl_name hop;
        }}
    }}
}}
"""
HAPROXY = """global
    nbthread 1
    maxconn 4096
    tune.bufsize 32768
defaults
    mode http
    http-reuse always
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend here
    bind {listen}{bind}
    default_backend next
backend next
    server next {next}{server}
"""


def ports(count):
    """Free ports."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class Chain:
    """What leads to the origin server: a URL, and the processes behind it."""

    def __init__(self, url, processes):
        self.url, self.processes = url, processes

    def processor_time(self):
        """What all its processes have taken, in microseconds."""
        spent = 0
        for process in self.processes:
            for task in pathlib.Path(f"/proc/{process}/task").iterdir():
                # A thread may end meanwhile.
                with contextlib.suppress(FileNotFoundError):
                    spent += int((task / "schedstat").read_text().split()[0])
        return spent / 1000


class Chains:
    """The chains of one number of hops, up while this is open."""

    def __init__(self, programs, say):
        self.programs, self.say = programs, say
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        self.folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        subprocess.run([self.programs["plane"], "certify", self.folder], check=True)
        self.origin = self.start_and_hear(self.programs["plane"], "origin")[1]
        return self

    def __exit__(self, *error):
        return self.stack.__exit__(*error)

    def start(self, *command, **more):
        command = [str(word) for word in command]
        process = subprocess.Popen(command, env=environment(), start_new_session=True, text=True, **more)
        self.stack.callback(self.stop, process)
        return process

    @staticmethod
    def stop(process):
        if process.stdin:
            # Whoever reads it ends in good order, and takes down what it has brought up.
            process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
        process.kill()
        process.wait()

    def start_and_hear(self, *command, **more):
        """A process and the first line that it prints."""
        process = self.start(*command, stdout=subprocess.PIPE, **more)
        line = process.stdout.readline().strip()
        if not line:
            raise SystemExit(f"bench: {' '.join(map(str, command))} does not start")
        return process, line

    def up(self, name, hops):
        if name == "tunnel":
            return self.tunnel(hops)
        if name == "places":
            return self.places(hops, "relay")["relay"]
        program = name.lower()
        if shutil.which(program) is None:
            self.say(f"*** {name} is left out: there is no `{program}`")
            return None
        return self.proxies(program, hops)

    def tunnel(self, hops):
        onward, processes = ["--to", self.origin], []
        for index in reversed(range(hops + 1)):
            entry = ["--from-tcp"] if index == 0 else []
            process, address = self.start_and_hear(self.programs["plane"], "tunnel", self.folder, *entry, *onward)
            onward = ["--next", address]
            processes.append(process.pid)
        return Chain(f"http://{address}", processes)

    def places(self, hops, component):
        """Sessions by component."""
        self.session, line = self.start_and_hear(
            self.programs["session"], "--hops", hops, "--origin", self.origin, "--component", component,
            stdin=subprocess.PIPE,
        )
        told = json.loads(line)
        return {name: Chain(url, told["processes"]) for name, url in told["urls"].items()}

    def ask(self, *words):
        """Has something done over the places that are up: `setups COUNT`, `first COMPONENT COUNT` or `stand COUNT`."""
        self.session.stdin.write(" ".join(map(str, words)) + "\n")
        self.session.stdin.flush()
        return json.loads(self.session.stdout.readline())

    def proxies(self, program, hops):
        at, processes = ports(hops + 1), []
        for index in reversed(range(hops + 1)):
            first, last = index == 0, index == hops
            values = {
                "folder": self.folder, "index": index, "listen": f"127.0.0.1:{at[index]}",
                "next": self.origin if last else f"127.0.0.1:{at[index + 1]}",
                "encrypted": "" if first else " ssl", "verify": "" if first else "ssl_verify_client on;",
                "scheme": "http" if last else "https",
                "bind": "" if first else f" ssl crt {self.folder}/hop.pem ca-file {self.folder}/authority.crt "
                "verify required alpn http/1.1",
                "server": "" if last else f" ssl crt {self.folder}/hop.pem ca-file {self.folder}/authority.crt "
                "verify required sni str(hop) verifyhost hop alpn http/1.1",
            }
            config = pathlib.Path(self.folder) / f"{program}-{index}.conf"
            config.write_text((NGINX if program == "nginx" else HAPROXY).format(**values))
            command = ["nginx", "-c", config] if program == "nginx" else ["haproxy", "-f", config]
            if program == "nginx":
                command += ["-p", self.folder]
            log = self.stack.enter_context(open(f"{config}.log", "w+"))
            processes.append(self.start(*command, stdout=log, stderr=log))
            self.wait_for(at[index], processes[-1], log)
        return Chain(f"http://127.0.0.1:{at[0]}", [process.pid for process in processes])

    @staticmethod
    def wait_for(port, process, log):
        until = time.monotonic() + 30
        while time.monotonic() < until and process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            time.sleep(0.02)
        log.seek(0)
        raise SystemExit(f"bench: a proxy does not listen:\n{log.read()}")


def load(run, programs, chain, size, clients, seconds):
    before = chain.processor_time()
    seen = run(
        programs["plane"], "load", chain.url, "--size", size, "--clients", clients, "--seconds", seconds,
    )
    # The warm-up is in the processor time too, so that it counts in proportion.
    seen["processor_us"] = (chain.processor_time() - before) / max(seen["all"], 1)
    return seen


def measure(options, programs, figures, run, say):
    sizes = {1024: "1 KiB", 10 << 20: "10 MiB"}
    hops = [3] if options.quick else HOPS
    for many in hops:
        with Chains(programs, say) as chains:
            up = {name: chains.up(name, many) for name in NAMES}
            up = {name: chain for name, chain in up.items() if chain}
            for chain in up.values():
                # Afterwards all have as many connections from hop to hop as they need.
                load(run, programs, chain, SIZES[0], max(CLIENTS), options.seconds)
            for round in range(options.rounds):
                say(f"plane: {many} hops, round {round + 1} of {options.rounds}")
                for size in SIZES:
                    for clients in CLIENTS:
                        row = f"{many} hop{'s' if many > 1 else ''}, {sizes[size]}, {clients} clients"
                        for name, chain in up.items():
                            seen = load(run, programs, chain, size, clients, options.seconds)
                            for key in ("per_second", "mb_per_second", "p50_us", "p99_us", "processor_us"):
                                if seen[key] is not None:
                                    figures.add("plane", row, f"{name} {key}", seen[key])
    with Chains(programs, say) as chains:
        up = chains.places(3, "both")
        for round in range(options.rounds):
            say(f"plane: components, round {round + 1} of {options.rounds}")
            for clients in CLIENTS:
                for name, chain in up.items():
                    seen = load(run, programs, chain, 1024, clients, options.seconds)
                    figures.add("plane", f"component, {clients} clients", f"{name} per_second", seen["per_second"])
    with Chains(programs, say) as chains:
        # One component, at the client's place.
        chains.places(1, "both")
        count = 30 if options.quick else 200
        for round in range(options.rounds):
            say(f"plane: first answers, round {round + 1} of {options.rounds}")
            for name in ("relay", "middleware"):
                seen = chains.ask("first", name, count)
                figures.add("plane", "first", f"{name} first", seen["first_us"])
                figures.add("plane", "first", f"{name} later", seen["later_us"])
    growth(options, programs, figures, run, say)
    with Chains(programs, say) as chains:
        chain = chains.places(SETUP_HOPS, "relay")["relay"]
        count = 30 if options.quick else 200
        chains.ask("setups", count)
        for round in range(options.rounds):
            say(f"plane: set-ups beside a download, round {round + 1} of {options.rounds}")
            figures.add("plane", "set-ups", "alone median_us", chains.ask("setups", count)["median_us"])
            for clients in (1, 8):
                loading = chains.start(
                    programs["plane"], "load", chain.url, "--size", 10 << 20, "--clients", clients,
                    "--seconds", 600, stdout=subprocess.DEVNULL,
                )
                time.sleep(0.5)
                beside = chains.ask("setups", count)
                if loading.poll() is not None:
                    raise SystemExit("bench: the download has ended")
                loading.kill()
                loading.wait()
                time.sleep(0.3)
                figures.add("plane", "set-ups", f"beside {clients} median_us", beside["median_us"])


def growth(options, programs, figures, run, say):
    """What passes while other sessions stand. They do not go before their places do, so each round has places of its own."""
    standing = STANDING[:2] if options.quick else STANDING
    count = 30 if options.quick else 200
    for round in range(options.rounds):
        with Chains(programs, say) as chains:
            up, there = chains.places(GROWTH_HOPS, "both"), 0
            for name, chain in up.items():
                load(run, programs, chain, SIZES[0], max(CLIENTS), options.seconds)
                chains.ask("first", name, count)
            for many in standing:
                say(f"plane: beside {many} sessions, round {round + 1} of {options.rounds}")
                chains.ask("stand", many - there)
                there = many
                for name, chain in up.items():
                    seen = load(run, programs, chain, SIZES[0], max(CLIENTS), options.seconds)
                    figures.add("plane", f"beside {many}", f"{name} per_second", seen["per_second"])
                    figures.add("plane", f"beside {many}", f"{name} first", chains.ask("first", name, count)["first_us"])


def report(part, spread, ratios):
    """The page's section, in Markdown."""
    out = [
        "## What passes through",
        "",
        "Chains of so many encrypted hops with certificates both ways, each process with one thread for what passes: places with `relay` at "
        "every hop, nginx and HAProxy that keep their connections, and a tunnel of bare QUIC that looks at nothing. The same "
        "clients ask the same origin server through each of them in turn.",
        "",
    ]
    for about, key, digits in (("Answers in a second", "per_second", 0), ("Megabytes in a second", "mb_per_second", 0)):
        small = key == "per_second"
        out += [
            f"{about}, bodies of {'1 KiB' if small else '10 MiB'}:",
            "",
            "| hops, clients | tunnel | places | nginx | HAProxy | places of the tunnel | of nginx | of HAProxy |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for row, programs in part.items():
            if f"places {key}" not in programs or ("1 KiB" if small else "10 MiB") not in row:
                continue
            cells = [row.replace(", 1 KiB", "").replace(", 10 MiB", "")]
            cells += [spread(programs[f"{name} {key}"], digits) if f"{name} {key}" in programs else "" for name in NAMES]
            for name in ("tunnel", "nginx", "HAProxy"):
                of = programs.get(f"{name} {key}")
                # On a machine that is busy with other things nothing may come in so short a time.
                known = of and all(of)
                cells.append(spread(ratios(programs[f"places {key}"], of), 2) if known else "")
            out.append("| " + " | ".join(cells) + " |")
        out.append("")
    out += [
        "How long one answer of 1 KiB takes, median and 99th of a hundred, and what processor time all processes of a chain "
        "take for it, in microseconds (medians of the rounds):",
        "",
        "| hops, clients | " + " | ".join(ABOUT.get(name, name) for name in NAMES) + " |",
        "|---|" + "---|" * len(NAMES),
    ]
    for row, programs in part.items():
        if "1 KiB" not in row:
            continue
        cells = [row.replace(", 1 KiB", "")]
        for name in NAMES:
            middle = [programs.get(f"{name} {key}") for key in ("p50_us", "p99_us", "processor_us")]
            known = [f"{statistics.median(values):,.0f}" for values in middle if values]
            cells.append(" / ".join(known))
        out.append("| " + " | ".join(cells) + " |")
    out += [
        "",
        "A WebAssembly component of the kind `middleware` that passes everything on, at each place of 3 hops:",
        "",
        "| clients | `relay` | `middleware` | of it |",
        "|---|---|---|---|",
    ]
    for row, programs in part.items():
        if row.startswith("component"):
            relay, middleware = programs["relay per_second"], programs["middleware per_second"]
            out.append(
                f"| {row.split()[1]} | {spread(relay)} | {spread(middleware)} | {spread(ratios(middleware, relay), 2)} |"
            )
    first = part.get("first")
    if first:
        out += [
            "",
            "The first answer of a session, and a later one, over one hop with one component; microseconds:",
            "",
            "| component | first | later | first over later |",
            "|---|---|---|---|",
        ]
        for name in ("relay", "middleware"):
            at_first, later = first[f"{name} first"], first[f"{name} later"]
            over = [a - b for a, b in zip(at_first, later)]
            out.append(f"| `{name}` | {spread(at_first)} | {spread(later)} | {spread(over)} |")
    beside = {row.split()[1]: programs for row, programs in part.items() if row.startswith("beside ")}
    if beside:
        least = next(iter(beside.values()))
        out += [
            "",
            f"What passes over {GROWTH_HOPS} hops while so many other sessions over the same places stand: answers of 1 KiB in a second, 64 clients, "
            "and the first answer of a session, in microseconds. A ratio is to the first row.",
            "",
            "| sessions | `relay` | of the first | `middleware` | of the first | first of `relay` | of the first | first of `middleware` | of the first |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for many, programs in beside.items():
            cells = [f"{int(many):,}"]
            for key in ("relay per_second", "middleware per_second", "relay first", "middleware first"):
                cells += [spread(programs[key]), spread(ratios(programs[key], least[key]), 2)]
            out.append("| " + " | ".join(cells) + " |")
    setups = part.get("set-ups")
    if setups:
        alone = setups["alone median_us"]
        out += [
            "",
            f"How long a set-up of {SETUP_HOPS} hops takes while bodies of 10 MiB pass over the same places as fast as "
            "they can, in microseconds:",
            "",
            "| alone | beside 1 download | of it | beside 8 | of it |",
            "|---|---|---|---|---|",
        ]
        cells = [spread(alone)]
        for clients in (1, 8):
            beside = setups[f"beside {clients} median_us"]
            cells += [spread(beside), spread(ratios(beside, alone), 2)]
        out.append("| " + " | ".join(cells) + " |")
    return out + [""]


def plot(part):
    """Bars of the answers and megabytes in a second by hops, 64 clients, as a picture that can be read in print."""
    panels = [("1 KiB", "per_second", "answers in a second"), ("10 MiB", "mb_per_second", "megabytes in a second")]
    colours = {"tunnel": "#999999", "places": "#0072b2", "nginx": "#009e73", "HAProxy": "#e69f00"}
    wide, high, left, foot = 760, 260, 60, 50
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high + foot}" font-family="sans-serif" font-size="13">',
        f'<rect width="{wide}" height="{high + foot}" fill="#ffffff"/>',
    ]
    for panel, (size, key, about) in enumerate(panels):
        rows = {row: programs for row, programs in part.items() if f", {size}, 64 clients" in row}
        values = [values for row in rows.values() for name, values in row.items() if name.endswith(f" {key}")]
        if not values:
            return None
        begin, room = left + panel * wide / 2, wide / 2 - left - 10
        most = max(max(one) for one in values)
        scale = (high - 50) / most
        lines.append(f'<text x="{begin}" y="20">{about}, {size}, 64 clients</text>')
        step = 10 ** (len(str(int(most))) - 1)
        for at in range(0, int(most) + 1, step):
            y = high - at * scale
            lines.append(f'<line x1="{begin}" x2="{begin + room:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
            lines.append(f'<text x="{begin - 6}" y="{y + 4:.1f}" text-anchor="end">{at:,}</text>')
        group = room / len(rows)
        for index, (row, programs) in enumerate(rows.items()):
            for place, name in enumerate(NAMES):
                measured = programs.get(f"{name} {key}")
                if not measured:
                    continue
                bar = (group - 20) / len(NAMES)
                x = begin + group * index + 10 + place * bar
                tall = statistics.median(measured) * scale
                lines.append(
                    f'<rect x="{x:.1f}" y="{high - tall:.1f}" width="{bar - 2:.1f}" height="{tall:.1f}" fill="{colours[name]}"/>'
                )
                middle, low, top = x + bar / 2 - 1, high - min(measured) * scale, high - max(measured) * scale
                lines.append(f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="{low:.1f}" y2="{top:.1f}" stroke="#000000"/>')
            lines.append(
                f'<text x="{begin + group * (index + 0.5):.1f}" y="{high + 18}" text-anchor="middle">{row.split(",")[0]}</text>'
            )
    for index, name in enumerate(NAMES):
        x = left + index * 170
        lines.append(f'<rect x="{x}" y="{high + 30}" width="12" height="12" fill="{colours[name]}"/>')
        lines.append(f'<text x="{x + 18}" y="{high + 41}">{ABOUT.get(name, name)}</text>')
    lines.append("</svg>")
    return "\n".join(lines) + "\n"
