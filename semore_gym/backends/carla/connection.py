"""Getting hold of a CARLA server and of the map that an episode needs."""

from __future__ import annotations

import errno
import socket
import sys
import time
from importlib.metadata import version

import carla

from semore_gym.backends.carla.client import SetupError
from semore_gym.backends.carla.config import DT, CarlaConfig

WATCH = 0.5  # how long for ticks that are not ours [s]
ROLE = "semore"  # the role name of everything that we spawn


def connect(config: CarlaConfig) -> carla.Client:
    """Connect to a server of the client's own version.

    Raises:
        SetupError: If the versions differ: the library would crash sooner or later.
        RuntimeError: If no server answers.
    """
    address = f"{config.host}:{config.port}"
    try:
        socket.create_connection((config.host, config.port), config.timeout).close()
    except OSError as error:
        raise RuntimeError(f"no CARLA server answers at {address}: {error}") from error
    client = carla.Client(config.host, config.port)
    client.set_timeout(config.timeout)
    ours, theirs = version("carla"), client.get_server_version()
    if ours != theirs:
        raise SetupError(
            f"the carla package is {ours} and the server at {address} is {theirs}: they must be the same; "
            f"start a server of {ours}, or install the server's own client (semore-gym is made for 0.9.16)"
        )
    return client


def claim(config: CarlaConfig) -> socket.socket | None:
    """Claim a server against everybody else on this machine, whoever they are and however slowly they drive.

    Returns:
        The claim: it holds until it is closed, or this process ends in whatever way. None where this is not
        Linux, whose abstract sockets leave no file behind.

    Raises:
        RuntimeError: If another process has claimed it.
    """
    if sys.platform != "linux":
        return None
    host = str(socket.getaddrinfo(config.host, config.port)[0][4][0])
    held = socket.socket(socket.AF_UNIX)
    try:
        held.bind(f"\0semore-carla-{host}:{config.port}")
    except OSError as error:
        held.close()
        if error.errno != errno.EADDRINUSE:
            raise
        raise RuntimeError(_taken(config)) from None
    return held


def synchronous_world(client: carla.Client, map_name: str, config: CarlaConfig) -> carla.World:
    """The server's world, waiting for our ticks, on a map; the map is loaded only if it is another.

    Synchronous mode comes first: loading while the world runs by itself crashes the library.

    Raises:
        RuntimeError: If somebody else ticks the world: one server serves one environment at a time.
    """
    world = client.get_world()
    if world.get_settings().synchronous_mode:
        _check_idle(world, config)
    _synchronize(world)
    if world.get_map().name.rsplit("/", 1)[-1] != map_name:
        client.set_timeout(config.load_timeout)
        world = client.load_world(map_name, False)
        client.set_timeout(config.timeout)
        _synchronize(world)
    world.tick()  # only a tick tells the library who is there
    actors: list[carla.Actor] = list(world.get_actors())
    left = [actor.id for actor in actors if actor.attributes.get("role_name", "").startswith(ROLE)]
    if left:  # by a client of ours that died
        client.apply_batch_sync([carla.command.DestroyActor(number) for number in left], False)
        world.tick()
    return world


def _check_idle(world: carla.World, config: CarlaConfig) -> None:
    """Refuse a world that goes on though nobody but us should tick it."""
    frame = world.get_snapshot().frame
    time.sleep(WATCH)
    if world.get_snapshot().frame != frame:
        raise RuntimeError(_taken(config))


def _taken(config: CarlaConfig) -> str:
    return f"another client drives on the CARLA server at {config.host}:{config.port}: each needs its own"


def _synchronize(world: carla.World) -> None:
    settings = world.get_settings()
    if not settings.synchronous_mode or settings.fixed_delta_seconds != DT:
        settings.synchronous_mode = True
        settings.fixed_delta_seconds = DT
        world.apply_settings(settings)


def blueprint_of(library: carla.BlueprintLibrary, name: str) -> carla.ActorBlueprint:
    """Find a blueprint, ours by its role name.

    Raises:
        SetupError: If the server has none of that name.
    """
    try:
        blueprint = library.find(name)
    except IndexError:
        alike = sorted(each.id for each in library.filter(name.rpartition(".")[0] + ".*"))
        raise SetupError(
            f"the CARLA server has no blueprint {name!r}; of that kind it has: {', '.join(alike) or 'none'}"
        ) from None
    blueprint.set_attribute("role_name", ROLE)
    return blueprint


def check_drawing(world: carla.World) -> None:
    """See that the server draws, before cameras are waited for.

    Raises:
        SetupError: If it is in the mode without rendering, whoever left it so.
    """
    if world.get_settings().no_rendering_mode:
        raise SetupError(
            "the CARLA server is in no-rendering mode, in which cameras send no picture: another program has "
            "left it so; set `no_rendering_mode` of its settings to False, or start it anew"
        )


def free_port() -> int:
    """A TCP port that nobody listens on now, for a traffic manager."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
    return port
