"""What an experiment is, as data: frozen, checked, written to every run's folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal, TypeVar, get_args, get_origin, get_type_hints

from semore_gym.utils.signatures import check_names

C = TypeVar("C", bound="EnvConfig")


@dataclass(frozen=True)
class EnvConfig:
    """Which environment, and how the agent sees it."""

    EARLIER: ClassVar[dict[str, Any]] = {}
    """What fields were before there was a field for it, by name."""

    env: str = "SemoreCarla-HighWay-v0"
    """Environment id: SemoreCarla-HighWay-v0, SemoreCarla-JayWalk-v0 or SemoreCarla-HighBeam-v0;
    my_module:SemoreCarla-Mine-v0 imports my_module first, which registers it."""
    observation: Literal["image", "state"] = "image"
    """What the agent sees: pictures, or, with the algorithm state, numbers that the simulator knows."""
    image_size: int = 128
    """Side of the square picture that the camera takes [px], 32 to 512. Algorithms that crop it take a larger
    one if none is given (curl and rad 152), so that their encoders see as much as the others'."""
    frames: int = 3
    """Pictures in one observation, the newest and those before it."""
    frame_skip: int = 4
    """Simulator ticks (of 0.05 s) per agent step."""
    max_ticks: int = 1000
    """Length of an episode that nothing else ends [simulator ticks]."""
    backend: str | None = None
    """Which simulator: embedded or carla; None is carla if `carla` or the variable SEMORE_CARLA is set, and
    embedded elsewhere."""
    carla: dict[str, Any] = field(default_factory=dict)
    """Fields of `CarlaConfig`: port=2000 for a server that runs, server=docker or server=PATH/CarlaUE4.sh to
    start one for each environment; of several environments at one that runs, the i-th takes port + 10 i."""
    weather: str | None = None
    """Weather by name, cloudy_noon, clear_noon, sunset, midnight, hard_rain or dense_fog; None is the
    scenario's own."""
    masks: str = "oracle"
    """Who draws the knowledge-aware masks: oracle (the simulator's truth), learned (a small
    network's guess), none, vlm:SEGMENTER (a vision-language model on this machine) or endpoint:SEGMENTER (one
    behind a server), where SEGMENTER is clipseg, sam3 or cris."""
    mask_options: dict[str, Any] = field(default_factory=dict)
    """Settings of the masks, for example missed=0.2 of oracle; of models phrases=["car"], cache=FOLDER,
    asynchronous=true, phraser.model=NAME, segmenter.device=cuda."""
    mask_every: int | None = None
    """Agent steps from one mask to the next; None is the provider's own habit."""
    scenario_options: dict[str, Any] = field(default_factory=dict)
    """Fields of the scenario to replace, for example vehicles=4."""
    env_options: dict[str, Any] = field(default_factory=dict)
    """Further keywords of the environment, for example reward=dbc or walker_hit_ends=false."""

    def __post_init__(self) -> None:
        check_types(self)
        self._check_at_least("frames", 1)
        self._check_at_least("frame_skip", 1)
        reserved = {item.name for item in fields(EnvConfig)} & set(self.env_options)
        if reserved:
            raise ValueError(f"env_options must not hold {sorted(reserved)}: set the fields of these names")

    def to_json(self) -> str:
        """Every field as indented JSON, which `from_json` reads back."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls: type[C], text: str) -> C:
        """Read what `to_json` wrote; a field that is not there has its default, or its value in `EARLIER`.

        Raises:
            ValueError: If the text is not a JSON object of known fields with values of their types.
        """
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError(f"{cls.__name__} must be a JSON object, got {type(values).__name__}")
        check_names(f"{cls.__name__} fields", values, [item.name for item in fields(cls)])
        return cls(**{**cls.EARLIER, **values})

    def _check_at_least(self, name: str, low: int) -> None:
        value = getattr(self, name)
        if value is not None and value < low:
            raise ValueError(f"{name} must be at least {low}, got {value}")


@dataclass(frozen=True)
class TrainConfig(EnvConfig):
    """One training run, completely: the same config on the same machine gives the same agent."""

    EARLIER: ClassVar[dict[str, Any]] = {"exploration_fraction": None}

    algo: str = "semore"
    """Algorithm by name, for example semore or sac; my_module:mine imports my_module first, which
    registers it."""
    label: str | None = None
    """What tells the run from others of its algorithm in tables and reports, for example no-masks; it changes
    nothing of the training."""
    wandb: str | None = None
    """Project of Weights & Biases that gets what TensorBoard gets, beside it; it changes nothing of the
    training."""
    preset: Literal["paper", "light", "lighter"] = "paper"
    """Size of the networks: paper, or light or lighter for a machine without a GPU."""
    seed: int = 0
    """Seed of everything that is random: networks, exploration, traffic, replay."""
    steps: int = 110_000
    """Length of the training [agent steps]."""
    n_envs: int = 1
    """Environments that run at the same time; several have a process each in CARLA, and elsewhere where there
    is a CPU for each."""
    device: str = "auto"
    """Where the networks live: auto, cpu or cuda."""
    threads: int | None = None
    """Threads that torch computes with on the CPU; None is torch's choice."""
    evaluate_every: int = 2_500
    """Agent steps from one evaluation to the next, which waits for the end of the episode then running."""
    evaluation_episodes: int = 10
    """Episodes of each evaluation."""
    evaluation_seed: int = 1
    """Seed of the evaluations; every one of them drives the same episodes."""
    shifts: list[str] = field(default_factory=list)
    """Where else the finished agent is evaluated, by weather (in the training's scenario) or by scenario, for
    example hard_rain JayWalk; it changes nothing of the training."""
    checkpoint_every: int = 1_000
    """Agent steps from one checkpoint to the next, which waits for the end of the episode then running."""
    exploration_noise: float = 0.8
    """Standard deviation of the slowly changing noise that training adds to the throttle, in [0, 1]; without
    it a driver brakes away what it gains, and nothing is learnt of driving."""
    exploration_fraction: float | None = 0.25
    """Part of the training over which that noise fades to nothing, in (0, 1]; None lets it last. Under noise
    that lasts, hardly any episode shows a driver who waits."""
    judge: str | None = None
    """Who judges transitions in semore's selective buffer: rule, vlm or endpoint; None is the algorithm's own
    habit."""
    judge_options: dict[str, Any] = field(default_factory=dict)
    """Settings of the judge, for example model=NAME base_url=URL."""
    algo_options: dict[str, Any] = field(default_factory=dict)
    """Any other keyword of the algorithm, for example gamma=0.98 batch_size=64."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_at_least("seed", 0)
        self._check_at_least("evaluation_seed", 0)
        if len(set(self.shifts)) < len(self.shifts):
            raise ValueError(f"shifts must be different places, got {self.shifts}")
        if not 0.0 <= self.exploration_noise <= 1.0:
            raise ValueError(f"exploration_noise must be from 0 to 1, got {self.exploration_noise}")
        if self.exploration_fraction is not None and not 0.0 < self.exploration_fraction <= 1.0:
            raise ValueError(f"exploration_fraction must be in (0, 1], got {self.exploration_fraction}")
        for name in (
            "steps",
            "n_envs",
            "threads",
            "evaluate_every",
            "evaluation_episodes",
            "checkpoint_every",
        ):
            self._check_at_least(name, 1)

    def budget(self) -> str:
        """The length of the training in both units."""
        return f"{self.steps:,} agent steps = {self.steps * self.frame_skip:,} simulator ticks"


def check_types(config: Any) -> None:
    """Compare the fields of a dataclass with their annotations.

    Raises:
        ValueError: If a value is of another type.
    """
    hints = get_type_hints(type(config))
    for item in fields(config):
        _check_type(item.name, getattr(config, item.name), hints[item.name])


def _check_type(name: str, value: Any, hint: Any) -> None:
    """Compare a value with a field's annotation: a plain type, dict, list, Literal or a union."""
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise ValueError(f"{name} must be one of {', '.join(get_args(hint))}, got {value!r}")
        return
    if get_origin(hint) is list:
        if not isinstance(value, list):
            raise ValueError(f"{name} must be of type list, got {value!r}")
        for entry in value:
            _check_type(f"an entry of {name}", entry, get_args(hint)[0])
        return
    allowed = (dict,) if get_origin(hint) is dict else get_args(hint) or (hint,)
    if float in allowed:
        allowed = (*allowed, int)
    if not isinstance(value, allowed) or isinstance(value, bool):
        wanted = " or ".join("None" if option is type(None) else option.__name__ for option in allowed)
        raise ValueError(f"{name} must be of type {wanted}, got {value!r}")
