import base64
import csv
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import pytest

from helpers.runs import make_run
from semore_gym.cli import main
from semore_gym.report import write_report

SCENARIOS = ("JayWalk", "HighWay")


@pytest.fixture(scope="module")
def benchmark_folder(tmp_path_factory) -> Path:
    """Three methods on two scenarios, but for one; four seeds; one video; one trial that has not begun."""
    root = tmp_path_factory.mktemp("benchmarks") / "table1-smoke"
    for number, algo in enumerate(("sac", "drq", "semore")):
        for scenario in SCENARIOS:
            for seed in range(4):
                if (algo, scenario) != ("drq", "JayWalk"):
                    final = [100.0 * number + 10 * seed, 100.0 * number + 10 * seed + 4]
                    path = root / "trials" / f"{algo}-{scenario}-seed{seed}"
                    make_run(path, {0: [0.0], 10 + seed: final}, algo, scenario, seed=seed, steps=10)
    frames = np.random.default_rng(0).integers(0, 255, (5, 32, 32, 3), np.uint8)
    imageio.mimwrite(root / "trials/sac-HighWay-seed0/videos/step-000000010.mp4", frames, fps=5)
    description = {
        "name": "table1",
        "budget": "smoke",
        "matrix": {"seeds": 4},
        "trials": ["sac-HighBeam-seed0"],
    }
    (root / "benchmark.json").write_text(json.dumps(description))
    return root


@pytest.fixture(scope="module")
def report(benchmark_folder, tmp_path_factory) -> Path:
    to = tmp_path_factory.mktemp("report") / "new" / "report.html"
    assert main(["report", str(benchmark_folder), "--to", str(to)]) == 0
    return to


class Page(HTMLParser):
    """Addresses, ids, texts of cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.addresses += [
            value for name, value in attrs if name in ("src", "href", "poster", "srcset", "data")
        ]
        self.ids |= {value for name, value in attrs if name == "id"}
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_asks_nobody_for_anything(report):
    page = Page(report.read_text())
    assert not page.open
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    assert {address[1:] for address in page.addresses if address.startswith("#")} <= page.ids
    assert "url(" not in report.read_text()
    assert "@import" not in report.read_text()
    assert "<script" not in report.read_text()


def test_pictures_hold_no_address_but_names_of_formats(report):
    pictures = re.findall(r"data:image/svg\+xml;base64,([\w+/=]+)", report.read_text())
    assert len(pictures) == 4 * len(SCENARIOS)
    for picture in pictures:
        svg = base64.b64decode(picture).decode()
        assert not re.search(r'(?:href|src)="(?!#)', svg)
        assert "url(http" not in svg


def test_our_numbers(report):
    rows = report.with_suffix(".md").read_text()
    # Of 2, 12, 22, 32 the middle half is 12 and 22.
    assert re.search(
        r"\| SAC \| 17 ± 11<br>17 \[\d+, \d+\] \| 34 ± 23<br>34 \[\d+, \d+\] \| 1000 ± 0<br>", rows
    )
    assert "4<br>8 episodes |" in rows


def test_the_papers_numbers_stand_apart(report):
    for frame in re.findall(r'<figure class="printed">.*?</figure>', report.read_text(), re.DOTALL):
        assert "by the paper&#39;s authors" in frame
        assert "201 ± 54" in frame or "316 ± 33" in frame
        assert "<small>" not in frame
    markdown = report.with_suffix(".md").read_text()
    assert "| Semore | 316 ± 33 | 263 ± 17 | 1671 ± 56 | 14.24 | 2.13 |" in markdown
    assert "Table 2" not in markdown


def test_verdicts_come_with_their_intervals(report):
    markdown = report.with_suffix(".md").read_text()
    table = markdown[markdown.index("**Probability that a run of Semore") :]
    assert "| SAC" + 3 * " | 1.00<br>[1.00, 1.00] better" + " |" in table
    assert "| DrQ | -<br>no result | 1.00<br>[1.00, 1.00] better | -<br>no result |" in table


def test_simulators_are_not_compared(tmp_path):
    paths = [make_run(tmp_path / algo, {10: [5.0]}, algo).path for algo in ("sac", "semore")]
    table = paths[0] / "evaluation_episodes.csv"
    table.write_text(table.read_text().replace(",embedded,", ",carla,"))
    write_report(paths, tmp_path / "report.html")
    markdown = (tmp_path / "report.md").read_text()
    assert "| SAC · carla | -<br>another simulator |" in markdown
    assert "The runs come from different simulators: carla, embedded" in markdown


def test_trainings_of_another_length_are_told(tmp_path):
    paths = [
        make_run(tmp_path / "short", {10: [5.0]}, "sac").path,
        make_run(tmp_path / "long", {1000: [5.0]}, "semore", image_size=64).path,
    ]
    write_report(paths, tmp_path / "report.html")
    markdown = (tmp_path / "report.md").read_text()
    assert "training: 10 or 1,000 agent steps; pictures: 64 or 128 px; simulator: embedded." in markdown
    assert "The runs differ in steps: 10, 1000" in markdown
    assert "The runs differ in image_size: 64, 128" in markdown
    assert "differ in preset" not in markdown


def test_a_size_is_what_the_encoder_sees(tmp_path):
    paths = [
        make_run(tmp_path / algo, {10: [5.0]}, algo, image_size=side).path
        for algo, side in (("sac", 64), ("curl", 76))
    ]
    write_report(paths, tmp_path / "report.html")
    markdown = (tmp_path / "report.md").read_text()
    assert "pictures: 64 px" in markdown
    assert "differ in image_size" not in markdown


def test_gaps_are_named(report, benchmark_folder):
    text = report.read_text()
    assert f"{benchmark_folder}/trials/sac-HighBeam-seed0: not begun" in text
    assert "JayWalk: no result of DrQ" in text
    assert "HighWay: no video of DrQ, Semore" in text


def test_videos_are_inside_the_page(report):
    (video,) = re.findall(r'src="data:video/mp4;base64,([\w+/=]+)"', report.read_text())
    assert base64.b64decode(video)[4:8] == b"ftyp"
    assert "SAC, seed 0" in report.read_text()


def test_a_broken_video_is_named(benchmark_folder, tmp_path):
    broken = benchmark_folder / "trials/semore-HighWay-seed0/videos/step-000000010.mp4"
    broken.write_bytes(b"\0" * 500)
    try:
        page = write_report([benchmark_folder], tmp_path / "report.html")[0].read_text()
    finally:
        broken.unlink()
    assert f"{broken} cannot be read" in page


def test_how_to_do_it_again(report):
    assert "semore benchmark table1 --budget smoke --seeds 4" in report.read_text()


def test_latex_has_the_same_rows(report):
    text = report.with_suffix(".tex").read_text()
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 6
    assert r"Semore & 316 $\pm$ 33 & 263 $\pm$ 17 & 1671 $\pm$ 56 & 14.24 & 2.13 \\" in text
    assert not re.search(r"(?<![\\\n])%|±|·|↑", text)


def test_a_lone_run_has_no_interval_and_its_command(tmp_path):
    run = make_run(tmp_path / "run", {0: [1.0], 10: [5.0, 9.0]}, seed=2, algo_options={"gamma": 0.98}).path
    page = write_report([run], tmp_path / "report.html")[0].read_text()
    assert "one seed: no interval" in page
    assert "nothing to compare" in page
    command = "semore train --algo sac --preset light --seed 2 --steps 10 --evaluation-episodes 2"
    assert f"{command} --algo-options gamma=0.98" in page


def test_drivers_that_have_learnt_nothing_drive_the_same_episodes(tmp_path):
    small = {"image_size": 32, "max_ticks": 20, "evaluation_seed": 7}
    run = make_run(tmp_path / "run", {10: [5.0, 6.0]}, **small).path
    assert main(["report", str(run), "--to", str(tmp_path / "report.html"), "--references"]) == 0
    markdown = (tmp_path / "report.md").read_text()
    environment = ["--image-size", "32", "--max-ticks", "20", "--episodes", "2", "--seed", "7"]
    assert main(["evaluate", "full-throttle", *environment, "--csv", str(tmp_path / "own.csv")]) == 0
    with (tmp_path / "own.csv").open(newline="") as file:
        distances = [float(row["distance"]) for row in csv.DictReader(file)]
    cell = f"{np.mean(distances):.1f} ± {np.std(distances):.1f}<br>not trained"
    assert cell in next(line for line in markdown.splitlines() if line.startswith("| full-throttle"))
    assert all(f"| {name} |" in markdown for name in ("scripted", "random", "do-nothing"))


def test_the_variants_stand_beside_table_2(tmp_path):
    runs = [
        make_run(tmp_path / name, {10: [5.0]}, "semore", algo_options={"variant": name}).path
        for name in ("m1", "m2")
    ]
    write_report(runs, tmp_path / "report.html")
    markdown = (tmp_path / "report.md").read_text()
    assert "| M1 | 146 | 3073 |" in markdown
    assert "| Semore M2 |" in markdown
    for name, label in (("mine", "mine"), ("plain", None)):
        run = make_run(tmp_path / name, {10: [5.0]}, "semore", label=label).path
        write_report([run], tmp_path / f"{name}.html")
        assert "Table 2" not in (tmp_path / f"{name}.md").read_text()
    assert "| Semore | 5.0 ± 0.0" in (tmp_path / "plain.md").read_text()


def test_the_command_names_the_shifts(tmp_path):
    run = make_run(tmp_path / "run", {10: [5.0]}, shifted={"hard_rain": [1.0], "JayWalk": [4.0]}).path
    page = write_report([run], tmp_path / "report.html")[0].read_text()
    assert " --shifts hard_rain JayWalk" in page


def test_memory_stands_in_the_table_of_costs_where_there_was_a_gpu(tmp_path):
    runs = [make_run(tmp_path / algo, {10: [5.0]}, algo) for algo in ("sac", "drq")]
    paths = [run.path for run in runs]
    assert "memory" not in write_report(paths, tmp_path / "report.html")[1].read_text()
    (row,) = runs[0].rows("evaluation_episodes")
    runs[0].write_rows("evaluation_episodes", [{**row, "gpu_memory": "1536", "device": "NVIDIA H200"}])
    markdown = write_report(paths, tmp_path / "report.html")[1].read_text()
    cost = markdown[markdown.index("**Wall-clock") :]
    assert "| NVIDIA H200 | 1.50 GiB |" in cost
    assert "| cpu | - |" in cost


def test_names_cannot_break_the_page(tmp_path):
    run = make_run(tmp_path / "run", {10: [5.0]}, label="<b>|&_x").path
    page = write_report([run], tmp_path / "report.html")[0].read_text()
    assert "<b>" not in page
    assert "&lt;b&gt;|&amp;_x" in page
    assert r"<b>\|&_x" in (tmp_path / "report.md").read_text()
    assert r"<b>|\&\_x" in (tmp_path / "report.tex").read_text()


def test_the_same_runs_give_the_same_page(tmp_path):
    run = make_run(tmp_path / "run", {10: [5.0]}).path
    first = write_report([run], tmp_path / "report.html")[0].read_text()
    assert write_report([run], tmp_path / "report.html")[0].read_text() == first


def test_mistakes_end_with_code_2(tmp_path, capsys):
    run = make_run(tmp_path / "run", {10: [5.0]}, steps=20).path
    assert main(["report", str(run)]) == 2
    assert "unfinished: 10 of 20 agent steps" in capsys.readouterr().err
    assert main(["report", str(tmp_path)]) == 2
    assert "neither a benchmark" in capsys.readouterr().err
    assert main(["report", str(run), "--to", "report.pdf"]) == 2
    assert "report.html" in capsys.readouterr().err


def test_without_jinja_the_extra_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    run = make_run(tmp_path / "run", {10: [5.0]}).path
    assert main(["report", str(run), "--to", str(tmp_path / "report.html")]) == 2
    assert 'pip install "semore-gym[report]"' in capsys.readouterr().err
