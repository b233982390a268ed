"""The embedded simulator as a Backend."""

from __future__ import annotations

from semore_gym.backends.base import CameraConfig, Control, Image, Surroundings, Tick
from semore_gym.backends.embedded.drawing.renderer import Renderer
from semore_gym.backends.embedded.physics.driver import ScriptedDriver
from semore_gym.backends.embedded.physics.sensing import Instruments
from semore_gym.backends.embedded.physics.world import DT, World
from semore_gym.backends.embedded.roads import road
from semore_gym.scenarios.base import Episode


class EmbeddedBackend:
    """Bullet physics and software drawing in this process.

    Args:
        camera: The ego's roof camera.
    """

    name = "embedded"
    dt = DT

    def __init__(self, camera: CameraConfig) -> None:
        self._camera = camera
        self._episode: Episode | None = None
        self._world: World | None = None
        self._instruments: Instruments
        self._driver: ScriptedDriver
        self._renderer: Renderer | None = None
        self._drawn_road = ""
        self._shown_frame: int | None = None  # None = the renderer does not know the episode yet

    def reset(self, episode: Episode) -> Tick:
        """Place everything that `episode` lists, the ego at rest, traffic at cruising speed."""
        if self._world is not None:
            self._world.close()
        self._episode = episode
        self._world = World(episode, road(episode.location.embedded))
        self._instruments = Instruments(self._world)
        self._driver = ScriptedDriver(self._world)
        self._shown_frame = None
        return self._instruments.read()

    def tick(self, control: Control) -> Tick:
        """Apply `control` for one tick and report."""
        self._running().tick(control)
        return self._instruments.read()

    def image(self, kind: str) -> Image:
        """What is seen now; see `Backend.image`."""
        world = self._running()
        renderer = self._prepared_renderer(world)
        if self._shown_frame != world.frame:
            renderer.show(*world.actor_states())
            self._shown_frame = world.frame
        return renderer.image(kind)

    def surroundings(self) -> Surroundings:
        """Where the road goes and where everybody is."""
        self._running()
        return self._instruments.look_around()

    def scripted_control(self) -> Control:
        """What a careful driver who knows the simulator's state would do now."""
        self._running()
        return self._driver()

    def close(self) -> None:
        """Free everything; may be called twice."""
        if self._world is not None:
            self._world.close()
            self._world = None
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _running(self) -> World:
        if self._world is None:
            raise RuntimeError("no episode is running: call reset() first")
        return self._world

    def _prepared_renderer(self, world: World) -> Renderer:
        """The renderer of this episode's road, told of the episode."""
        assert self._episode is not None
        if self._renderer is not None and self._drawn_road != world.road.name:
            self._renderer.close()
            self._renderer = None
        if self._renderer is None:
            self._renderer = Renderer(world.road, self._camera)
            self._drawn_road = world.road.name
            self._shown_frame = None
        if self._shown_frame is None:
            self._renderer.begin(self._episode.weather, self._episode.seed)
        return self._renderer
