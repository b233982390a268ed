"""The command line's arguments: frozen dataclasses, read by tyro."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from semore_gym.config import EnvConfig, TrainConfig
from semore_gym.policies import ALGORITHMS
from semore_gym.training.run_folder import RunFolder, newest_run, shared_folder

A = TypeVar("A", bound=EnvConfig)
P = TypeVar("P", bound="PolicyArguments")
T = TypeVar("T")
REGISTRY = ConstructorRegistry()


@dataclass(frozen=True)
class TrainArguments(TrainConfig):
    """Train an agent; everything is kept in a run folder."""

    run_dir: Path | None = None
    """Folder of the new run; None is the first free one of runs/<env>-<algo>-seed<seed>-<n>."""
    resume: Path | None = None
    """A run folder to go on with, from its newest checkpoint; without a value, the newest run in runs/. With
    --steps, the whole training is made longer."""

    def config(self) -> TrainConfig:
        """What of this belongs to the run."""
        return TrainConfig(**{item.name: getattr(self, item.name) for item in fields(TrainConfig)})


@dataclass(frozen=True)
class PolicyArguments(EnvConfig):
    """Which policy drives where."""

    policy: str = "scripted"
    """A run folder, a model.zip, a shared folder, hf:user/name, pretrained (SAC on HighWay, trained on a
    laptop), or one of scripted, random, do-nothing, full-throttle."""
    algo: str = "semore"
    """Algorithm of a model.zip that lies in no run folder."""
    device: str = "auto"
    """Where the networks live: auto, cpu or cuda."""


@dataclass(frozen=True)
class EvaluateArguments(PolicyArguments):
    """Drive episodes without learning and print the metrics."""

    policy: tyro.conf.Positional[str] = "scripted"
    """A run folder, a model.zip, a shared folder, hf:user/name, pretrained (SAC on HighWay, trained on a
    laptop), or one of scripted, random, do-nothing, full-throttle."""
    episodes: int = 20
    """Episodes to drive."""
    seed: int = 1
    """Seed of the episodes; every policy drives the same ones."""
    n_envs: int = 1
    """Environments that run at the same time; several have a process each in CARLA, and elsewhere where there
    is a CPU for each."""
    csv: Path | None = None
    """Where the table of episodes goes; None is beside the run, or in runs/."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, low in (("episodes", 1), ("seed", 0), ("n_envs", 1)):
            self._check_at_least(name, low)


@dataclass(frozen=True)
class WatchArguments(PolicyArguments):
    """Watch a policy drive: in a window where there is a screen, in a video elsewhere."""

    seed: int = 0
    """Seed of the episode."""
    video: Path | None = None
    """Write this mp4 file instead of opening a window."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_at_least("seed", 0)


@dataclass(frozen=True)
class ExportArguments:
    """Write how a trained agent acts as an ONNX file, which runs where there is no torch."""

    policy: tyro.conf.Positional[str]
    """A run folder, a checkpoint, a model.zip, a shared agent or hf:user/name."""
    path: tyro.conf.Positional[Path] = Path("driver.onnx")
    """Where the file goes."""
    algo: str = "semore"
    """Algorithm of a model.zip that lies in no run folder."""


@dataclass(frozen=True)
class ShareArguments:
    """Share a trained agent, with its metrics and video, in a folder or on Hugging Face's hub."""

    policy: tyro.conf.Positional[str]
    """A run folder, or a checkpoint in one."""
    to: Path | None = None
    """Write this folder and upload nothing."""
    repo_id: str | None = None
    """Upload to this repository, user/name; it is made if it does not exist."""
    private: bool = False
    """Whether a repository that is made is private."""
    episodes: int = 20
    """Episodes to measure for the model card; 0 leaves the metrics out."""

    def __post_init__(self) -> None:
        if (self.to is None) == (self.repo_id is None):
            raise ValueError("share needs either --to FOLDER or --repo-id USER/NAME")
        if self.episodes < 0:
            raise ValueError(f"episodes must be at least 0, got {self.episodes}")


@dataclass(frozen=True)
class MasksArguments:
    """Make masks of a folder of images, or of the frames of a run's newest checkpoint that have none."""

    source: tyro.conf.Positional[Path]
    """A folder of images, or a run folder (not in training), whose replay buffer takes the masks."""
    masks: str = "vlm:clipseg"
    """Who draws them: vlm:SEGMENTER or endpoint:SEGMENTER, where SEGMENTER is clipseg, sam3 or cris."""
    mask_options: dict[str, Any] = field(default_factory=dict)
    """Their settings, for example phrases=["car"] segmenter.device=cuda phraser.model=NAME."""
    every: int = 1
    """Of a run's frames, 1 for all, 10 for every tenth."""
    out: Path | None = None
    """Where an image folder's masks go; None is its subfolder masks."""
    sheet: Path | None = None
    """Contact sheet of what was made; None is contact_sheet.png beside the masks."""


@dataclass(frozen=True)
class ReportArguments:
    """Write a page that compares finished runs with each other and, apart, with the paper's tables."""

    paths: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of benchmarks or of runs; of several benchmarks, methods stand side by side."""
    to: Path = Path("report.html")
    """The page; the same tables as Markdown and LaTeX are written beside it."""
    references: bool = False
    """Let drivers that have learnt nothing drive the same evaluation episodes, and show them below."""


@dataclass(frozen=True)
class AlgorithmsArguments:
    """List the algorithms: what each is, where it comes from, and the options that it alone has."""


@dataclass(frozen=True)
class DoctorArguments:
    """Say in plain words what works on this machine; the exit code is 0 if training does."""

    carla: str | None = None
    """Address of a CARLA server to ask, host:port; None is the variable SEMORE_CARLA, if it is set."""


@dataclass(frozen=True)
class CarlaArguments:
    """Start a CARLA server that goes on by itself, stop it, or list those that were started so."""

    action: tyro.conf.Positional[Literal["start", "stop", "status"]]
    """What to do."""
    server: str = "docker"
    """What start starts: the path of CarlaUE4.sh, or docker for CARLA's own image."""
    port: int | None = None
    """Port of the server to start or stop; None starts on 2000 and stops all."""
    gpu: int | None = None
    """Which GPU draws; None is the driver's choice."""
    quality: Literal["Epic", "Low"] = "Epic"
    """How well it draws."""


def parse_train(argv: Sequence[str]) -> TrainArguments:
    """Read the arguments of `semore train`; with --resume, the rest comes from the run's folder.

    Raises:
        ValueError: If the folder is no run, or an argument says something else than its config; only `steps`
            may be more.
    """
    args = _named_resume(list(argv))
    if "--resume" not in args:
        return _parse_new(args)
    path = Path(args[args.index("--resume") + 1])
    stored = TrainArguments(**asdict(RunFolder(path).config), resume=path)
    given = _parse("semore train", TrainArguments, stored, args)
    conflicts = [
        f"{item.name} is {getattr(stored, item.name)!r} there and {getattr(given, item.name)!r} here"
        for item in fields(TrainArguments)
        if getattr(stored, item.name) != getattr(given, item.name)
        and not (item.name == "steps" and given.steps > stored.steps)
    ]
    if conflicts:
        raise ValueError(f"{path} is resumed with its own config, but {'; '.join(conflicts)}")
    return given


def _parse_new(args: Sequence[str]) -> TrainArguments:
    """Read the arguments of a new run; what the agent sees, and how large, depends on the algorithm."""
    first = _parse("semore train", TrainArguments, TrainArguments(), args)
    algorithm = ALGORITHMS.load(first.algo)
    side = algorithm.rendered_side(TrainArguments.image_size, first.algo_options)
    usual = TrainArguments(observation=algorithm.observation, image_size=side)
    return _parse("semore train", TrainArguments, usual, args)


def parse_policy(prog: str, kind: type[P], argv: Sequence[str]) -> P:
    """Read arguments that name a policy; the environment of a trained one is what it was trained in."""
    first = _parse(prog, kind, kind(), argv)
    config = _trained_in(first.policy)
    if config is None:
        return first
    known = {item.name: getattr(config, item.name) for item in fields(EnvConfig)}
    algo = config.algo if isinstance(config, TrainConfig) else first.algo
    return _parse(prog, kind, kind(**known, algo=algo), argv)


def _trained_in(policy: str) -> EnvConfig | None:
    shared = shared_folder(policy)
    if shared is None:
        run = RunFolder.containing(Path(policy))
        return run.config if run else None
    from semore_gym.hub.folder import read_description  # slow to import

    return read_description(shared).env_config()


def parse_plain(prog: str, kind: type[T], argv: Sequence[str]) -> T:
    """Read the arguments of a command that trains and drives nothing."""
    return tyro.cli(kind, prog=prog, args=_joined(argv), registry=REGISTRY)


def _parse(prog: str, kind: type[A], default: A, argv: Sequence[str]) -> A:
    return tyro.cli(kind, prog=prog, default=default, args=_joined(argv), registry=REGISTRY)


def _named_resume(args: list[str]) -> list[str]:
    """Give a --resume that has no value the newest run, and take --resume=RUN apart."""
    args = [part for arg in args for part in (arg.split("=", 1) if arg.startswith("--resume=") else [arg])]
    if "--resume" in args:
        after = args.index("--resume") + 1
        if after == len(args) or args[after].startswith("--"):
            args.insert(after, str(newest_run()))
    return args


def _joined(argv: Sequence[str]) -> list[str]:
    """Collect the values of an option that is given several times: by default the last would win silently."""
    groups: dict[str, list[str]] = {"": []}
    name = ""
    for arg in argv:
        if arg.startswith("--"):
            name, equals, value = arg.partition("=")
            name = name.replace("_", "-")
            groups.setdefault(name, []).extend([value] if equals else [])
        else:
            groups[name].append(arg)
    return [arg for name, values in groups.items() for arg in ([name] if name else []) + values]


@REGISTRY.primitive_rule
def _options(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[dict[str, Any]] | None:
    """Read a dictionary from KEY=VALUE words."""
    if info.type_origin is not dict:
        return None
    return PrimitiveConstructorSpec(
        nargs="*",
        metavar="KEY=VALUE ...",
        instance_from_str=lambda words: dict(_option(word) for word in words),
        is_instance=lambda value: isinstance(value, dict),
        str_from_instance=lambda value: [f"{key}={json.dumps(item)}" for key, item in value.items()],
    )


def _option(word: str) -> tuple[str, Any]:
    """Split a KEY=VALUE word; the value is JSON where it can be read so, and text elsewhere."""
    key, equals, value = word.partition("=")
    if not key or not equals:
        raise ValueError(f"expected KEY=VALUE, got {word!r}")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value
