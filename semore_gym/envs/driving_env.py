"""The driving environment: one scenario in one simulator, as gymnasium sees it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from semore_gym.backends.base import CameraConfig, Control, Image, SimulatorError, Tick
from semore_gym.backends.carla.config import CarlaConfig
from semore_gym.backends.selection import make_backend
from semore_gym.envs.hud import draw_hud
from semore_gym.envs.observer import OBSERVATIONS, Observer
from semore_gym.envs.options import check_choice, check_int, choose_scenario, to_control
from semore_gym.envs.reward import REWARDS
from semore_gym.envs.termination import TRUNCATIONS, EndRules
from semore_gym.envs.window import Window, screen_available
from semore_gym.scenarios.base import Episode, Scenario

logger = logging.getLogger(__name__)

ACTION_NAMES = ("steer", "throttle")  # negative = left, negative = brake
WARM_UP_TICKS = 5  # after spawning, braked, not counted


class DrivingEnv(gym.Env[npt.NDArray[Any], npt.NDArray[np.float32]]):
    """A driving task seen through one roof camera.

    Observation: the camera's picture, (H, W, 3) uint8; or the state, see `observation`. Action: (2,) float32
    in [-1, 1], steer (negative = left) and throttle (negative = brake). The reward is the scenario's, summed
    over the ticks of a step.

    `reset(seed=s)` starts episode 0 of seed s and `reset()` the next one; `reset(options={"episode": k})`
    starts episode k of the current seed. An episode depends on (s, k) alone, whatever was driven before.

    Args:
        scenario: A name in `SCENARIOS`, or a Scenario.
        backend: A name in `BACKENDS`; None means "carla" where `carla` is given or the variable SEMORE_CARLA
            is set, and "embedded" elsewhere.
        observation: "image", or "state": (30,) float32 numbers of ego, road and traffic instead, see
            `semore_gym.envs.state.STATE_NUMBERS`; nothing is drawn then that is not asked for.
        image_size: Side of the pictures [px], 32 to 512.
        frame_skip: Simulator ticks per step, each of `backend.dt` seconds.
        weather: A name in `WEATHERS`; None means the scenario's own.
        max_ticks: Length of an episode that nothing else ends [ticks].
        reward: A name in `REWARDS`; None means the scenario's own.
        segmentation: Put the (H, W) uint8 semantic tags of each frame into info["segmentation"].
        depth: Put the (H, W) float32 depth of each frame [m] into info["depth"].
        walker_hit_ends: Whether hitting a person ends the episode, see `EndRules`.
        scenario_options: Fields of the scenario to replace, for example {"vehicles": 4}.
        carla: Where the CARLA server is (or the fields of that), with backend "carla"; None means the
            variable SEMORE_CARLA, or port 2000 of this machine.
        render_mode: "rgb_array", or "human" where there is a screen.

    Attributes:
        on_tick: Called, where there is a render mode, after each tick of a step but the last, for who wants
            to `render` every tick and not every step; None at first.

    Raises:
        ValueError: If an argument is not one of the values above; the message says what is allowed.

    Example:
        >>> import gymnasium as gym, semore_gym
        >>> env = gym.make("SemoreCarla-HighWay-v0", image_size=84)
        >>> observation, info = env.reset(seed=0)
        >>> observation.shape, info["backend"]
        ((84, 84, 3), 'embedded')
        >>> env.close()
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - gymnasium declares it so
        "render_modes": ["human", "rgb_array"],
        "render_fps": 5,
    }

    def __init__(
        self,
        scenario: str | Scenario,
        *,
        backend: str | None = None,
        observation: str = "image",
        image_size: int = 128,
        frame_skip: int = 4,
        weather: str | None = None,
        max_ticks: int = 1000,
        reward: str | None = None,
        segmentation: bool = False,
        depth: bool = False,
        walker_hit_ends: bool = True,
        scenario_options: Mapping[str, Any] | None = None,
        carla: CarlaConfig | Mapping[str, Any] | None = None,
        render_mode: str | None = None,
    ) -> None:
        check_choice("observation", observation, OBSERVATIONS)
        check_int("image_size", image_size, 32, 512)
        check_int("frame_skip", frame_skip, 1, 100)
        check_int("max_ticks", max_ticks, 1, 10**9)
        self.scenario = choose_scenario(scenario, scenario_options, weather)
        self._reward = REWARDS[check_choice("reward", reward or self.scenario.reward, REWARDS)]
        # The class names both modes, so that gym.make passes "human" on to the error below.
        modes = self.metadata["render_modes"] if screen_available() else ["rgb_array"]
        if render_mode is not None:
            hint = "; this machine has no screen" if render_mode == "human" else ""
            check_choice("render_mode", render_mode, modes, hint)
        self.render_mode = render_mode
        self.frame_skip = frame_skip
        self.max_ticks = max_ticks
        self.walker_hit_ends = walker_hit_ends
        extras = [kind for kind, on in (("segmentation", segmentation), ("depth", depth)) if on]
        seen = {"rgb": observation == "image", **dict.fromkeys(extras, True), "chase": bool(render_mode)}
        kinds = tuple(kind for kind, on in seen.items() if on)
        self._backend = make_backend(backend, CameraConfig(image_size, image_size, kinds=kinds), carla)
        fps = round(1.0 / (self._backend.dt * frame_skip))
        self.metadata = {**self.metadata, "render_modes": modes, "render_fps": fps}
        self._observer = Observer(self._backend, observation, image_size, extras)
        self.observation_space = self._observer.space
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self._seed: int | None = None
        self._episode = 0
        self._rules: EndRules | None = None
        self._tick: Tick
        self._info: dict[str, Any]
        self._window: Window | None = None
        self.on_tick: Callable[[], None] | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[Any], dict[str, Any]]:
        """Start an episode.

        Args:
            seed: Starts episode 0 of this seed; None goes on to the next episode of the current one.
            options: {"episode": k} starts episode k of the seed instead.

        Returns:
            The first observation, and an info with the keys that every step's has.
        """
        super().reset(seed=seed)
        self._choose_episode(seed, options or {})
        rng = np.random.default_rng(np.random.SeedSequence([self._seed or 0, self._episode]))
        self._begin(self.scenario.episode(rng))
        self._rules = EndRules(self.max_ticks, self._backend.dt, self.walker_hit_ends)
        self._info = self._describe([], Control(), dict.fromkeys(self._reward.weights, 0.0), "")
        self._draw_window()
        return self._observer.observation, dict(self._info)

    def step(
        self, action: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[Any], SupportsFloat, bool, bool, dict[str, Any]]:
        """Drive for `frame_skip` ticks, fewer when the episode ends.

        Args:
            action: (2,) in [-1, 1]; values outside are clipped.

        Raises:
            ValueError: If the action has another shape or is not finite.
            gymnasium.error.ResetNeeded: If no episode is running.
        """
        if self._rules is None or self._info["end_reason"]:
            raise gym.error.ResetNeeded("call reset() before step(): no episode is running")
        control = to_control(action)
        ticks, end_reason = self._drive(control)
        rewards = dict.fromkeys(self._reward.weights, 0.0)
        for tick in ticks:
            for name, value in self._reward(tick, control, self._backend.dt).items():
                rewards[name] += value
        self._info = self._describe(ticks, control, rewards, end_reason)
        self._draw_window()
        truncated = end_reason in TRUNCATIONS
        terminated = bool(end_reason) and not truncated
        return self._observer.observation, sum(rewards.values()), terminated, truncated, dict(self._info)

    @property
    def reward_scale(self) -> float:
        """1 / frame_skip, which makes a mean over ticks of a step's reward; `VisualSAC` learns from it."""
        return 1.0 / self.frame_skip

    def render(self) -> Any:
        """The chase view with a head-up display.

        Returns:
            (480, 640, 3) uint8 in render mode "rgb_array"; None in "human", whose window `reset` and
            `step` keep up to date.
        """
        if self.render_mode != "rgb_array":
            return None
        return self._chase()

    def close(self) -> None:
        """Free the simulator and the window; may be called twice."""
        self._rules = None
        self._backend.close()
        if self._window is not None:
            self._window.close()
            self._window = None

    def segmentation(self) -> npt.NDArray[np.uint8]:
        """Semantic tags of the current frame, (H, W) uint8, see `SemanticTag`; 0 if the simulator is lost."""
        return self._observer.picture("segmentation")

    def depth(self) -> npt.NDArray[np.float32]:
        """Depth of the current frame, (H, W) float32 [m]; 0 if the simulator is lost."""
        return self._observer.picture("depth")

    def scripted_action(self) -> npt.NDArray[np.float32]:
        """The scripted driver's action for the current state, (2,) float32."""
        control = self._backend.scripted_control()
        return np.array([control.steer, control.throttle - control.brake], np.float32)

    def _choose_episode(self, seed: int | None, options: Mapping[str, Any]) -> None:
        unknown = set(options) - {"episode"}
        if unknown:
            raise ValueError(f"unknown reset options {sorted(unknown)}; known: episode")
        if seed is not None:
            self._seed, self._episode = seed, 0
        elif self._seed is None:
            self._seed, self._episode = int(self.np_random.integers(2**31)), 0
        else:
            self._episode += 1
        if "episode" in options:
            check_int("episode", options["episode"], 0, 2**63 - 1)
            self._episode = options["episode"]

    def _begin(self, episode: Episode) -> None:
        """Place everybody and let them settle; again where the simulator is lost meanwhile.

        It ends: a backend's `reset` raises after some failures in a row.
        """
        while True:
            self._backend.reset(episode)
            try:
                for _ in range(WARM_UP_TICKS):
                    self._tick = self._backend.tick(Control(brake=1.0))
                self._observer.look(self._tick)
            except SimulatorError as error:
                logger.warning("the simulator was lost at the start of an episode: %s", error)
            else:
                return

    def _drive(self, control: Control) -> tuple[list[Tick], str]:
        """Apply `control` until the step or the episode is over; the ticks and the end's reason or ""."""
        assert self._rules is not None
        ticks: list[Tick] = []
        reason = ""
        try:
            while len(ticks) < self.frame_skip and not reason:
                self._tick = self._backend.tick(control)
                ticks.append(self._tick)
                reason = self._rules(self._tick)
                if self.render_mode and len(ticks) < self.frame_skip and not reason:
                    self._show_between(control)
            self._observer.look(self._tick)
        except SimulatorError as error:
            logger.warning("the simulator was lost after tick %d: %s", self._rules.ticks, error)
            self._observer.look_away()
            return ticks, "simulator_error"
        return ticks, reason

    def _show_between(self, control: Control) -> None:
        """Show a tick that no step ends with, so that a drive looks as smooth as it is simulated."""
        assert self._rules is not None
        self._info = {**self._info, **_state(self._tick), **_applied(control), "tick": self._rules.ticks}
        self._draw_window()
        if self.on_tick is not None:
            self.on_tick()

    def _describe(
        self, ticks: list[Tick], control: Control, rewards: dict[str, float], end_reason: str
    ) -> dict[str, Any]:
        assert self._rules is not None
        return {
            **_state(self._tick),
            "distance": sum(tick.lane_speed for tick in ticks) * self._backend.dt,
            "crash_intensity": float(sum(tick.impulse for tick in ticks)),
            "lane_invasions": sum(tick.lane_invasions for tick in ticks),
            **_applied(control),
            "end_reason": end_reason,
            "backend": self._backend.name,
            "tick": self._rules.ticks,
            "rewards": rewards,
            **self._observer.images,
        }

    def _chase(self) -> Image:
        return draw_hud(self._observer.picture("chase"), self._info)

    def _draw_window(self) -> None:
        if self.render_mode != "human":
            return
        image = self._chase()
        if self._window is None:
            self._window = Window("semore-gym", image.shape[1], image.shape[0])
        self._window.show(image)


def _applied(control: Control) -> dict[str, float]:
    return {"steer": control.steer, "throttle": control.throttle, "brake": control.brake}


def _state(tick: Tick) -> dict[str, Any]:
    return {
        "speed": tick.speed,
        "yaw": tick.yaw,
        "lane_offset": tick.lane_offset,
        "heading_error": tick.heading_error,
        "edge_left": tick.edge_left,
        "edge_right": tick.edge_right,
        "gap": tick.gap,
        "time_to_collision": tick.time_to_collision,
    }
