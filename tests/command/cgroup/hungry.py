# A server that takes what it is told to take. It imports little, to be back soon.
import os
import signal
import socket
import time


def leave():
    """Leaves a process that is in no process group of ours, and ignores being asked to end."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        os.write(write, str(os.getpid()).encode())
        os.closerange(3, 64)
        while True:
            time.sleep(1000)
    os.wait()
    return os.read(read, 20).decode()


def burn(seconds):
    """How long it takes to get so much processor time."""
    began, used = time.monotonic(), time.process_time()
    while time.process_time() - used < seconds:
        pass
    return str(time.monotonic() - began)


def eat(most=None):
    """Takes so many MiB, or all that there are."""
    taken = []
    while most is None or len(taken) < most:
        taken.append(b"x" * (1 << 20))


ANSWERS = {
    "burn": lambda: burn(0.5),
    "leave": leave,
    "eat": eat,
    "group": lambda: open("/proc/self/cgroup").read().strip(),
}

if "WAYBOOK_CONFIG_BREAKFAST" in os.environ:
    eat(int(os.environ["WAYBOOK_CONFIG_BREAKFAST"]))
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", int(os.environ["PORT"])))
server.listen()
while True:
    client, _ = server.accept()
    asked = b""
    while b"\r\n\r\n" not in asked:
        more = client.recv(4096)
        if not more:
            break
        asked += more
    else:
        what = asked.split(b" ", 2)[1].decode().strip("/")
        said = ANSWERS.get(what, lambda: "ready")().encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(said)}\r\nConnection: close\r\n\r\n"
        client.sendall(head.encode() + said)
    client.close()
