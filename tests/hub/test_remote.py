import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from semore_gym.hub import save_to_folder
from semore_gym.policies import make_algorithm

# The client reads HF_ENDPOINT when it is imported: every test talks to the hub from a process of its own.
PUSH = """
import sys
from semore_gym.hub import load_from_folder, push_to_hub
print(push_to_hub(load_from_folder("agent"), sys.argv[1], private=True))
"""
PULL = """
import sys
import numpy as np
from semore_gym.hub import load_from_hub
model = load_from_hub(sys.argv[1], device="cpu")
np.save("pulled.npy", model.predict({"frames": np.load("frames.npy")}, deterministic=True)[0])
"""


@pytest.fixture
def agent(driving_env, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = make_algorithm("sac", driving_env(36), seed=0, preset="light", device="cpu")
    save_to_folder(model, "agent")
    return model


def python(hub, code: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    here = {"HF_ENDPOINT": hub.url, "HF_HOME": str(Path("cache").absolute()), "HF_TOKEN": hub.token}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **here, "NO_PROXY": "127.0.0.1", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_agent_goes_to_the_hub_and_back(hub, agent):
    for _ in range(2):  # the second time the repository exists
        pushed = python(hub, PUSH, "me/driver")
        assert pushed.returncode == 0, pushed.stderr
        assert pushed.stdout.strip() == f"{hub.url}/me/driver/commit/{hub.commit}"
    asked = hub.created[0]
    assert asked.get("private") or asked["visibility"] == "private"  # by the client's version
    files = hub.repositories["me/driver"]
    assert sorted(files) == ["README.md", "config.json", "model.safetensors"]
    assert files["model.safetensors"] == Path("agent/model.safetensors").read_bytes()
    assert 'load_from_hub("me/driver")' in files["README.md"].decode()
    frames = np.random.default_rng(0).integers(256, size=(5, 9, 36, 36), dtype=np.uint8)
    np.save("frames.npy", frames)
    pulled = python(hub, PULL, "me/driver")
    assert pulled.returncode == 0, pulled.stderr
    expected, _ = agent.predict({"frames": frames}, deterministic=True)
    np.testing.assert_allclose(
        np.load("pulled.npy"), expected, atol=1e-5
    )  # another number of threads rounds otherwise


def test_whether_a_repository_exists_is_known(hub, agent):
    code = "import sys; from semore_gym.hub import exists_on_hub; print(exists_on_hub(sys.argv[1]))"
    assert python(hub, code, "me/driver").stdout.strip() == "False"
    hub.repositories["me/driver"] = {}
    assert python(hub, code, "me/driver").stdout.strip() == "True"


def test_refusals_are_value_errors(hub, agent):
    pushed = python(hub, PUSH, "me/driver", HF_TOKEN="hf_of_nobody")
    assert "ValueError: me/driver cannot be pushed: " in pushed.stderr
    pulled = python(hub, PULL, "me/nothing")
    assert "ValueError: me/nothing cannot be downloaded: " in pulled.stderr
    assert not hub.repositories


def test_the_command_line_takes_an_agent_from_the_hub(hub, agent):
    hub.repositories["me/driver"] = {file.name: file.read_bytes() for file in Path("agent").iterdir()}
    code = "import sys; from semore_gym.cli import main; sys.exit(main(sys.argv[1:]))"
    small = ("--image-size", "36", "--max-ticks", "20", "--episodes", "1")
    driven = python(hub, code, "evaluate", "hf:me/driver", *small)
    assert driven.returncode == 0, driven.stderr
    assert "1 episode written to runs/driver-" in driven.stdout
    missing = python(hub, code, "evaluate", "hf:me/nothing", *small)
    assert missing.returncode == 2
    assert "error: me/nothing cannot be downloaded" in missing.stderr
    assert "Traceback" not in missing.stderr


def test_without_huggingface_hub_agents_load_and_sharing_names_the_extra(hub, agent):
    code = (
        "from importlib import util; find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'huggingface_hub' else find(name, *rest)\n"
        "from semore_gym.hub import load_from_folder, save_to_folder\n"
        "model = load_from_folder('agent'); print('loaded'); save_to_folder(model, 'again')"
    )
    ended = python(hub, code)
    assert ended.stdout == "loaded\n"
    assert 'sharing needs huggingface_hub: pip install "semore-gym[hub]"' in ended.stderr
