"""A CARLA 0.9.16 server for tests: its protocols, the embedded simulator's world.

    PYTHONPATH=tests python -m helpers.carla_server.main --port 2000

It prints "ready" when clients may connect. RPC is on the port, streams on the next one.
"""

from __future__ import annotations

import argparse
import asyncio

from helpers.carla_server.calls import Calls
from helpers.carla_server.faults import Faults, add_faults
from helpers.carla_server.rpc import RpcServer
from helpers.carla_server.server import CarlaWorld
from helpers.carla_server.streams import StreamServer

FREE_RUN = 0.05  # seconds between the ticks of a world that waits for nobody


async def main(arguments: argparse.Namespace) -> None:
    await asyncio.sleep(arguments.slow_start)
    streams = StreamServer(arguments.port + 1)
    world = CarlaWorld(streams, arguments.map, arguments.version, arguments.towns)
    calls = Calls(world)

    faults = Faults(arguments)
    world.faults = faults
    world.settings[1] = arguments.no_rendering

    rpc = RpcServer(calls.queries(), calls.commands(), calls.bare(), faults.before)
    await asyncio.start_server(streams.serve, "127.0.0.1", arguments.port + 1)
    await asyncio.start_server(rpc.serve, "127.0.0.1", arguments.port)
    print("ready", flush=True)
    while True:
        await asyncio.sleep(FREE_RUN)
        if not world.synchronous:
            world.tick()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=2000)
    parser.add_argument("--map", default="Town01")
    parser.add_argument("--version", default="0.9.16")
    parser.add_argument("--towns", action="store_true", help="whether its maps are CARLA's own, of `towns`")
    add_faults(parser)
    # what CARLA's own program is told, as far as it matters here
    parser.add_argument("-carla-rpc-port", dest="port", type=int)
    asyncio.run(main(parser.parse_known_args()[0]))
