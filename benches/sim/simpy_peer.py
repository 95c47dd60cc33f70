"""The work of README.md in SimPy: each client is a process, each letter a time-out.

Counters only, as in the bare loop: `pip install simpy` is all it needs.
"""

import argparse
import random
import resource
import time

import simpy

ARITY, FIRST, SECOND = 4, 3, 2
ROOM = {FIRST: 15, SECOND: 12}
ERLANGS, HOLDING, LATENCY, WARM_UP = 1000.0, 20.0, 0.005, 60.0


class Run:
    def __init__(self, places):
        self.env = simpy.Environment()
        self.random = random.Random(1)
        self.held = [0] * places
        self.leaves = ((places - 2) // ARITY + 1, places)
        self.handled = self.asked = self.refused = 0

    def letter(self):
        """A letter arrives; that is an event."""
        self.handled += 1
        return self.env.timeout(LATENCY)

    def acknowledge(self):
        yield self.letter()

    def client(self):
        self.handled += 1
        self.asked += 1
        way = [self.random.randrange(*self.leaves)]
        while way[-1] > 0:
            way.append((way[-1] - 1) // ARITY)
        depth = len(way) - 1
        top = depth - SECOND
        for _ in range(2 * top):  # the search, and its answer
            yield self.letter()
        server = None
        for hop in range(1, top + 1):
            yield self.letter()
            self.env.process(self.acknowledge())
            room = ROOM.get(depth - hop, 0)
            if self.held[way[hop]] < room:
                self.held[way[hop]] += 1
                server = hop
                break
        for _ in range(server or top):  # ready, or refused
            yield self.letter()
        if server is None:
            self.refused += 1
            return
        self.env.process(self.confirm(server))
        yield self.env.timeout(self.random.expovariate(1 / HOLDING))
        self.handled += 1
        for _ in range(server):
            yield self.letter()
            self.env.process(self.acknowledge())
        self.held[way[server]] -= 1

    def confirm(self, hops):
        for _ in range(hops):
            yield self.letter()
            self.env.process(self.acknowledge())

    def arrivals(self):
        while True:
            yield self.env.timeout(self.random.expovariate(ERLANGS / HOLDING))
            self.env.process(self.client())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--places", type=int, default=1000)
    parser.add_argument("--events", type=int, default=1_000_000)
    options = parser.parse_args()
    begun = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run = Run(options.places)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    set_up = time.perf_counter() - begun
    run.env.process(run.arrivals())
    run.env.run(until=WARM_UP)
    run.handled = run.asked = run.refused = 0
    begun = time.perf_counter()
    while run.handled < options.events:
        run.env.run(until=run.env.now + 1)
    seconds = time.perf_counter() - begun
    print(
        f"events {run.handled} seconds {seconds:.4f} rate {run.handled / seconds:.0f} "
        f"bytes-per-place {grown * 1024 // options.places} "
        f"blocked {run.refused / max(run.asked, 1):.4f} set-up {set_up:.2f}"
    )


main()
