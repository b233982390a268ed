import re

import numpy as np
import pytest

from helpers.runs import make_run
from semore_gym.report import write_report

# By method and seed: final rewards on HighWay, in rain, on JayWalk; two episodes each.
REWARDS = {
    "deepmdp": [([90, 92], [2, 4], [8, 8]), ([110, 112], [40, 40], [9, 9])],
    "semore": [([300, 300], [250, 252], [30, 30]), ([200, 200], [190, 190], [20, 20])],
}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    paths = [
        make_run(
            root / f"{algo}{seed}",
            {0: [0.0], 10: home},
            algo,
            seed=seed,
            shifted={"hard_rain": rain, "JayWalk": jaywalk},
        ).path
        for algo, runs in REWARDS.items()
        for seed, (home, rain, jaywalk) in enumerate(runs)
    ]
    write_report(paths, root / "report.html")
    return root / "report.md"


def table(markdown: str, caption: str) -> dict[str, list[str]]:
    """Cells of a table by the row's name; the heads are under "method"."""
    block = markdown[markdown.index(caption) :].split("\n\n")[1]
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in block.splitlines()]
    return {row[0]: row[1:] for row in rows}


def test_each_place_has_a_table_with_what_it_changes(report):
    for place, column, there in (
        ("HighWay in hard_rain", 1, "in hard_rain"),
        ("JayWalk in cloudy_noon", 2, "on JayWalk"),
    ):
        rows = table(report.read_text(), f"driven on {place}")
        assert f"episode reward ↑ {there}" in [head.replace("\u00a0", " ") for head in rows["method"]]
        for algo, name in (("deepmdp", "DeepMDP"), ("semore", "Semore")):
            home = [run[0] for run in REWARDS[algo]]
            away = [run[column] for run in REWARDS[algo]]
            change = np.mean(away) - np.mean(home)  # of two seeds the middle half is both
            cells = rows[name]
            assert cells[0].startswith(f"{np.mean(home):.0f} ± {np.std(home):.0f}<br>{np.mean(home):.0f} [")
            assert float(cells[1].split(" ")[0]) == pytest.approx(np.mean(away), abs=0.51)
            assert float(cells[2].split("<br>")[0]) == pytest.approx(change, abs=0.51)
            assert float(cells[5].split("<br>")[0]) == pytest.approx(2 * change, abs=0.51)
            low, high = map(float, re.search(r"\[(.*), (.*)\]", cells[2]).groups())
            differences = np.mean(away, axis=1) - np.mean(home, axis=1)
            assert (low, high) == pytest.approx((differences.min(), differences.max()), abs=0.51)
            assert cells[6] == "2<br>4 episodes"


def test_what_erpv_prints_stands_beside_it_and_apart(report):
    markdown, page = report.read_text(), report.with_suffix(".html").read_text()
    rows = table(markdown, "ERPV's Table 16")
    assert rows["ERPV"] == ["299 ± 106", "83 ± 38", "311 ± 109", "129 ± 52"]
    assert rows["DeepMDP"] == ["86 ± 43", "2 ± 3", "105 ± 50", "14 ± 5"]
    rows = table(markdown, "ERPV's Table 17")
    assert rows["ERPV"] == ["299 ± 106", "37 ± 12", "311 ± 109", "38 ± 12"]
    frames = re.findall(r'<figure class="printed">.*?</figure>', page, re.DOTALL)
    assert sum("by ERPV&#39;s authors; not measured here" in frame for frame in frames) == 2


def test_other_statistics_do_not_know_of_it(report):
    rows = table(report.read_text(), "HighWay: measured here")
    assert rows["Semore"][0].startswith("250 ± 50<br>")
    assert rows["Semore"][-1] == "2<br>4 episodes"
    assert "JayWalk: measured here" not in report.read_text()


def test_a_place_that_one_method_has_not_seen_is_a_gap(tmp_path):
    near = make_run(tmp_path / "near", {10: [5.0]}, "sac").path
    far = make_run(tmp_path / "far", {10: [5.0]}, "drq", shifted={"dense_fog": [1.0]}).path
    write_report([near, far], tmp_path / "report.html")
    rows = table((tmp_path / "report.md").read_text(), "driven on HighWay in dense_fog")
    assert rows["SAC"] == ["-<br>no result"] * 7
    assert rows["DrQ"][2] == "-4.0"
    assert "ERPV" not in (tmp_path / "report.md").read_text()


def test_without_shifts_there_is_no_such_section(tmp_path):
    run = make_run(tmp_path / "run", {10: [5.0]}).path
    page = write_report([run], tmp_path / "report.html")[0].read_text()
    assert "Elsewhere" not in page
