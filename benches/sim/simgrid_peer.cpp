// The work of README.md in SimGrid: each client is an actor, each letter a sleep, and
// each place a host. Counters only, as in the bare loop.
//
//     c++ -O2 -std=c++17 simgrid_peer.cpp -lsimgrid -o simgrid_peer

#include <simgrid/s4u.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <vector>

namespace sg4 = simgrid::s4u;

namespace {

constexpr int arity = 4, first = 3, second = 2;
constexpr double erlangs = 1000, holding = 20, latency = 0.005, warm_up = 60;

std::mt19937_64 chance(1);
std::vector<int> held;
std::vector<sg4::Host*> hosts;
long handled = 0, asked = 0, refused = 0;

int room(int depth) { return depth == first ? 15 : depth == second ? 12 : 0; }

double exponential(double mean) { return std::exponential_distribution<>(1 / mean)(chance); }

// A letter arrives; that is an event.
void letter() {
  handled++;
  sg4::this_actor::sleep_for(latency);
}

void confirm(int hops) {
  for (int hop = 0; hop < 2 * hops; hop++) // each is acknowledged
    letter();
}

void client(int leaf) {
  handled++;
  asked++;
  std::vector<int> way{leaf};
  while (way.back() > 0)
    way.push_back((way.back() - 1) / arity);
  const int depth = static_cast<int>(way.size()) - 1, top = depth - second;
  for (int hop = 0; hop < 2 * top; hop++) // the search, and its answer
    letter();
  int server = 0;
  for (int hop = 1; hop <= top && server == 0; hop++) {
    letter();
    handled++; // the acknowledgement, which nobody waits for
    if (held[way[hop]] < room(depth - hop)) {
      held[way[hop]]++;
      server = hop;
    }
  }
  for (int hop = 0; hop < (server ? server : top); hop++) // ready, or refused
    letter();
  if (server == 0) {
    refused++;
    return;
  }
  confirm(server);
  sg4::this_actor::sleep_for(exponential(holding));
  handled++;
  for (int hop = 0; hop < 2 * server; hop++)
    letter();
  held[way[server]]--;
}

double seconds() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

long memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("VmRSS:", 0) == 0)
      return std::atol(line.c_str() + 6) * 1024;
  return 0;
}

int argument(int argc, char** argv, const char* name, int otherwise) {
  for (int at = 1; at + 1 < argc; at++)
    if (std::strcmp(argv[at], name) == 0)
      return std::atoi(argv[at + 1]);
  return otherwise;
}

} // namespace

int main(int argc, char** argv) {
  const int places = argument(argc, argv, "--places", 1000);
  const long events = argument(argc, argv, "--events", 1000000);
  sg4::Engine engine(&argc, argv);
  sg4::Engine::set_config("contexts/stack-size:16");
  const double begun = seconds();
  const long before = memory();
  held.assign(places, 0);
#if SIMGRID_VERSION >= 40000
  auto* zone = engine.get_netzone_root()->add_netzone_empty("tree");
  for (int place = 0; place < places; place++)
    hosts.push_back(zone->add_host("p" + std::to_string(place), 1e9));
#else
  auto* zone = sg4::create_empty_zone("tree");
  for (int place = 0; place < places; place++)
    hosts.push_back(zone->create_host("p" + std::to_string(place), 1e9));
#endif
  zone->seal();
  const long bytes = (memory() - before) / places;
  const double set_up = seconds() - begun;
  sg4::Actor::create("arrivals", hosts[0], [&] {
    const int leaf = (places - 2) / arity + 1;
    std::uniform_int_distribution<int> leaves(leaf, places - 1);
    double started = 0;
    while (started == 0 || handled < events) {
      sg4::this_actor::sleep_for(exponential(holding / erlangs));
      if (started == 0 && sg4::Engine::get_clock() >= warm_up) {
        handled = asked = refused = 0;
        started = seconds();
      }
      const int at = leaves(chance);
      sg4::Actor::create("client", hosts[at], client, at);
    }
    const double took = seconds() - started;
    std::printf("events %ld seconds %.4f rate %.0f bytes-per-place %ld blocked %.4f set-up %.2f\n",
                handled, took, handled / took, bytes,
                static_cast<double>(refused) / (asked ? asked : 1), set_up);
    std::fflush(stdout);
    std::_Exit(0); // the clients that are left need not end
  });
  engine.run();
}
