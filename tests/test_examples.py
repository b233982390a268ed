import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))

# How to run an example briefly, where its own budget is not brief.
BRIEF = {
    "demo": "main(__import__('dataclasses').replace(CONFIG, image_size=32, steps=120, evaluate_every=100, "
    "evaluation_episodes=1, algo_options={'batch_size': 8, 'learning_starts': 50}), episodes=1)",
    "train_segmenter": "main(count='8')",
    "train_semore": "main(steps=60, learning_starts=40, batch_size=8)",
    "attention_maps": "main(steps=30, learning_starts=20, batch_size=4)",
    "compare_algorithms": "main(steps=30, episodes=1, learning_starts=20, batch_size=4)",
    "extractor_in_crossq": "main(steps=30, learning_starts=20, batch_size=4)",
    "extractor_in_ppo": "main(steps=16, n_steps=4, batch_size=8)",
    "extractor_in_sb3": "main(steps=30, learning_starts=20, batch_size=4)",
    "extractor_in_tqc": "main(steps=30, learning_starts=20, batch_size=4)",
}


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(example, tmp_path):
    call = BRIEF.get(example.stem, "main()")
    code = f"import runpy; names = runpy.run_path({str(example)!r}); exec({call!r}, names)"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout


def test_brief_runs_are_of_examples():
    assert set(BRIEF) <= {path.stem for path in EXAMPLES}


def test_car_racing_says_what_it_needs():
    example = next(path for path in EXAMPLES if path.stem == "wrap_car_racing")
    code = "import runpy, sys; sys.modules['Box2D'] = None; runpy.run_path(sys.argv[1], run_name='__main__')"
    run = subprocess.run([sys.executable, "-c", code, str(example)], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == 'CarRacing is not installed: pip install "gymnasium[box2d]"'
    assert "Traceback" not in run.stderr
