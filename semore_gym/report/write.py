"""What `semore report` does: read runs, write the page and the tables."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import Any

from semore_gym.config import TrainConfig
from semore_gym.policies import ALGORITHMS
from semore_gym.report.content import Content
from semore_gym.report.files import report_files, write_files
from semore_gym.report.media import data_uri, newest_video, shrink
from semore_gym.report.plots import Scenario, end_reasons, learning_curves, profiles
from semore_gym.report.references import drive_references
from semore_gym.report.tables import Table
from semore_gym.results.metrics import compared
from semore_gym.results.read import FinishedRun, Results, read_results
from semore_gym.results.record import Evaluation
from semore_gym.results.statistics import FEWEST_RUNS

RULE = (
    f"“better” or “worse” is said only where the whole interval lies on one side of 0.5 and both methods "
    f"have {FEWEST_RUNS} seeds at least: fewer cannot tell, however far apart they are."
)

# Settings without which runs are no match for each other.
COMPARABLE = (
    "steps",
    "image_size",
    "preset",
    "frame_skip",
    "max_ticks",
    "evaluation_episodes",
    "evaluation_seed",
)


def write_report(paths: Sequence[Path], to: Path, references: bool = False) -> list[Path]:
    """Write an HTML page that needs nothing else, and its tables as Markdown and LaTeX beside it.

    Args:
        paths: Folders of benchmarks or of runs.
        to: The page, for example report.html; the tables' names differ in their suffix.
        references: Whether drivers that have learnt nothing drive each scenario's evaluation episodes now,
            to stand below the trained ones.

    Returns:
        The three files.

    Raises:
        ValueError: If `to` is not called *.html, a file is in the way that no report of these folders wrote,
            a path is neither a benchmark nor a run, or no run in them is finished; the message then says what
            each lacks.
        ModuleNotFoundError: If the packages of the extra `report` are missing.
    """
    title = "semore-gym: " + ", ".join(path.resolve().name for path in paths)
    files = report_files(to, title)
    template = _template()
    results = read_results(paths)
    if not results.runs:
        raise ValueError("no finished run to report: " + "; ".join(results.gaps))
    parts = _parts(results, references)
    tables = _tables(parts)
    texts = (
        template.render(title=title, **parts),
        _markdown(parts["summary"], tables, parts["gaps"]),
        "\n".join(table.latex() for table in tables),
    )
    write_files(dict(zip(files, texts, strict=True)))
    return files


def _parts(results: Results, references: bool) -> dict[str, Any]:
    """What the page shows, by its names for it."""
    gaps = [*results.gaps, *_mixtures(results.runs)]
    content = Content(results)
    untrained = _untrained(content) if references else {}
    return {
        "sections": [_section(content, name, gaps, untrained.get(name, {})) for name in content.scenarios],
        "gaps": gaps,
        "summary": _summary(content, results.runs),
        "shifts": content.shifts(),
        "improvement": content.improvement(),
        "rule": RULE,
        "cost": content.cost(),
        "environment": list(_environment(results)),
        "commands": _commands(results),
    }


def _tables(parts: Mapping[str, Any]) -> list[Table]:
    """All tables of the page, in its order."""
    tables = [table for part in parts["sections"] for table in (part["measured"], *part["printed"])]
    across = [*parts["shifts"], parts["improvement"], parts["cost"]]
    return tables + [table for table in across if table]


def _markdown(summary: str, tables: Sequence[Table], gaps: Sequence[str]) -> str:
    missing = "**What is missing**\n\n" + "\n".join(f"* {gap}" for gap in gaps) + "\n\n" if gaps else ""
    return f"{summary}\n\n{missing}" + "\n".join(table.markdown() for table in tables)


def _untrained(content: Content) -> dict[str, Mapping[str, Evaluation]]:
    """What drivers that have learnt nothing reach, by scenario."""
    runs = {scenario: group[0] for (_, scenario), group in content.groups.items()}
    return {scenario: drive_references(run) for scenario, run in runs.items()}


def _section(
    content: Content, scenario: str, gaps: list[str], references: Mapping[str, Evaluation]
) -> dict[str, Any]:
    """All of one scenario."""
    methods = {
        label: content.groups[label, scenario]
        for label in content.labels
        if (label, scenario) in content.groups
    }
    gaps += [f"{scenario}: no result of {label}" for label in content.labels if label not in methods]
    pictures = {
        "Learning: interquartile mean over seeds of the episode reward, 95% interval": learning_curves(
            methods, content.labels, "episode_reward"
        ),
        "The same for the distance": learning_curves(methods, content.labels, "distance"),
        "Performance profile: share of runs above an episode reward, 95% interval": profiles(
            methods, content.labels
        ),
        "How the final evaluation's episodes ended": end_reasons(methods),
    }
    return {
        "name": scenario,
        "measured": content.measured(scenario, references),
        "printed": content.printed(scenario),
        "pictures": [
            {"caption": caption, "uri": data_uri(svg, "image/svg+xml")} for caption, svg in pictures.items()
        ],
        "videos": list(_videos(scenario, methods, gaps)),
    }


def _videos(scenario: str, methods: Scenario, gaps: list[str]) -> Iterator[dict[str, str]]:
    """How one run of each method drives: the scene, what the agent sees, and the mask."""
    found = {label: newest_video(runs[0].path / "videos") for label, runs in methods.items()}
    if missing := [label for label, path in found.items() if path is None]:
        gaps.append(f"{scenario}: no video of {', '.join(missing)}")
    for label, path in found.items():
        if path is None:
            continue
        try:
            clip = shrink(path)
        except ValueError as error:
            gaps.append(str(error))
            continue
        yield {
            "caption": f"{label}, seed {methods[label][0].facts['seed']}",
            "still": data_uri(clip.still, "image/jpeg"),
            "uri": data_uri(clip.mp4, "video/mp4"),
        }


def _summary(content: Content, runs: Sequence[FinishedRun]) -> str:
    seeds = {run.facts["seed"] for run in runs}
    backends = sorted({run.facts["backend"] for run in runs})
    steps, sizes = (
        " or ".join(f"{value:,}" for value in sorted({_setting(run, name) for run in runs}))
        for name in ("steps", "image_size")
    )
    return (
        f"{len(runs)} finished runs: {', '.join(content.labels)}; {', '.join(content.scenarios)}; "
        f"seeds: {len(seeds)}; training: {steps} agent steps; pictures: {sizes} px; simulator: "
        f"{', '.join(backends)}. Papers' own numbers stand apart: they come from CARLA, their authors' code "
        "and budget, and are in none of the statistics here."
    )


def _setting(run: FinishedRun, name: str) -> Any:
    """A field of a run's config; of the picture, what the encoder sees of it."""
    config = run.config
    if name == "image_size" and config.algo in ALGORITHMS:
        return ALGORITHMS.load(config.algo).seen_side(config.image_size, config.algo_options)
    return getattr(config, name)


def _mixtures(runs: Sequence[FinishedRun]) -> Iterator[str]:
    """What speaks against comparing the runs with each other, by the whole or by a metric."""
    for name, called in (("backend", "simulators"), ("git_revision", "revisions of the code")):
        found = sorted({run.facts[name] for run in runs})
        if len(found) > 1:
            yield f"The runs come from different {called}: {', '.join(text or 'unknown' for text in found)}"
    for name in COMPARABLE:
        values = sorted({_setting(run, name) for run in runs})
        if len(values) > 1:
            yield f"The runs differ in {name}: {', '.join(map(str, values))}"
    for name, metric in compared().items():
        without = [str(run.path) for run in runs if not run.final.values(name)]
        if without:
            where = ", ".join(without) if len(without) < len(runs) else "any run"
            yield f"There is no {metric.label} in {where}"


def _environment(results: Results) -> Iterator[tuple[str, str]]:
    for name in ("git_revision", "versions", "device", "backend", "weather"):
        found = sorted({run.facts[name] for run in results.runs})
        yield name.replace("_", " "), "; ".join(text or "unknown" for text in found)
    for path, benchmark in results.benchmarks.items():
        yield "benchmark", f"{path.name}: {benchmark.get('name', '?')}, budget {benchmark.get('budget', '?')}"


def _commands(results: Results) -> list[str]:
    """Command lines that train again what was reported."""
    benchmarks = (_benchmark_command(path, own) for path, own in results.benchmarks.items() if own)
    others = (_command(run.config) for run in results.runs if run.benchmark is None)
    return [*benchmarks, *others]


def _benchmark_command(path: Path, benchmark: Mapping[str, Any]) -> str:
    try:
        name, budget, seeds = benchmark["name"], benchmark["budget"], benchmark["matrix"]["seeds"]
    except (KeyError, TypeError):
        return f"# {path / 'benchmark.json'} does not say how it was run"
    shipped = resources.files("semore_gym.benchmark").joinpath("matrices", f"{name}.yaml").is_file()
    matrix = name if shipped else f"{name}.yaml"
    return shlex.join(["semore", "benchmark", matrix, "--budget", budget, "--seeds", str(seeds)])


def _command(config: TrainConfig) -> str:
    """The `semore train` that has this config."""
    words = ["semore", "train"]
    for item in fields(TrainConfig):
        value, usual = getattr(config, item.name), getattr(TrainConfig(), item.name)
        if value != usual:
            words += [f"--{item.name.replace('_', '-')}", *_values(value)]
    return shlex.join(words)


def _values(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [f"{key}={entry}" for key, entry in value.items()]
    return value if isinstance(value, list) else [str(value)]


def _template() -> Any:
    try:
        import jinja2
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'a report needs jinja2: pip install "semore-gym[report]"', name=error.name
        ) from error
    text = resources.files("semore_gym.report").joinpath("page.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(text)
