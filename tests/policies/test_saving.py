import base64
import io
import json
import zipfile

import pytest
from stable_baselines3.common.vec_env import DummyVecEnv

from helpers.dots import PointAtDot
from semore_gym.hub import load_from_folder, save_to_folder
from semore_gym.policies import SelectiveReplayBuffer, SemoreSAC
from semore_gym.policies.saving import MOVED


def test_a_file_that_names_a_module_that_has_moved_is_loaded(small, tmp_path):
    SemoreSAC("SemorePolicy", PointAtDot(), judge=None, **small).save(tmp_path / "new.zip")
    old = "semore_gym.policies.selective"
    assert MOVED[old] == SelectiveReplayBuffer.__module__
    named = f"c{old}\nSelectiveReplayBuffer\n.".encode()  # as pickle writes a class by its name
    with zipfile.ZipFile(tmp_path / "new.zip") as new, zipfile.ZipFile(tmp_path / "old.zip", "w") as written:
        for name in new.namelist():
            content = new.read(name)
            if name == "data":
                data = json.loads(content)
                data["replay_buffer_class"][":serialized:"] = base64.b64encode(named).decode()
                content = json.dumps(data).encode()
            written.writestr(name, content)
    assert SemoreSAC.load(tmp_path / "old.zip", device="cpu").replay_buffer_class is SelectiveReplayBuffer


@pytest.fixture
def stored_elsewhere(small):
    """A model as it is saved where frames are stored on a device that this machine lacks."""
    model = SemoreSAC("SemorePolicy", PointAtDot(), replay_buffer_kwargs={"decay_steps": 7}, **small)
    model.replay_buffer_kwargs["storage_device"] = "abacus"
    return model


@pytest.mark.parametrize("env", [None, PointAtDot()])
def test_a_storage_device_that_is_not_here_becomes_the_cpu(env, stored_elsewhere, tmp_path, caplog):
    stored_elsewhere.save(tmp_path / "model.zip")
    file = io.BytesIO((tmp_path / "model.zip").read_bytes())
    for source in (tmp_path / "model.zip", file):
        caplog.clear()
        loaded = SemoreSAC.load(source, env, device="cpu")
        assert "storage_device 'abacus' cannot be used: " in caplog.text
        assert caplog.text.endswith("; the replay buffer takes storage_device='cpu'\n")
        assert loaded.replay_buffer_kwargs["storage_device"] == "cpu"
        assert loaded.replay_buffer.decay_steps == 7
    if env is not None:
        assert loaded.learn(24)._n_updates > 0


def test_a_storage_device_can_be_chosen_anew(stored_elsewhere, tmp_path, caplog):
    stored_elsewhere.save(tmp_path / "model.zip")
    chosen = {**stored_elsewhere.replay_buffer_kwargs, "storage_device": "cpu"}
    SemoreSAC.load(tmp_path / "model.zip", replay_buffer_kwargs=chosen)
    assert caplog.text == ""
    with pytest.raises(ValueError, match="storage_device 'abacus' cannot be used: "):
        SemoreSAC.load(tmp_path / "model.zip", replay_buffer_kwargs=stored_elsewhere.replay_buffer_kwargs)


def test_where_frames_were_stored_is_not_shared(stored_elsewhere, tmp_path, caplog):
    folder = save_to_folder(stored_elsewhere, tmp_path)
    assert "abacus" not in (folder / "config.json").read_text()
    assert load_from_folder(folder).replay_buffer.decay_steps == 7
    assert caplog.text == ""
    config = json.loads((folder / "config.json").read_text())
    config["settings"]["replay_buffer_kwargs"]["storage_device"] = "abacus"  # as it was shared before
    (folder / "config.json").write_text(json.dumps(config))
    assert load_from_folder(folder).replay_buffer.storage_device.type == "cpu"
    assert "takes storage_device='cpu'" in caplog.text


def test_a_new_model_does_not_store_on_another_device_than_it_is_told(small):
    with pytest.raises(ValueError, match="storage_device 'abacus' cannot be used: "):
        SemoreSAC("SemorePolicy", PointAtDot(), replay_buffer_kwargs={"storage_device": "abacus"}, **small)


def test_a_buffer_of_more_environments_is_told_by_their_number(small, tmp_path):
    several = SemoreSAC("SemorePolicy", DummyVecEnv([PointAtDot] * 2), **small).learn(4)
    several.save_replay_buffer(tmp_path)
    with pytest.raises(ValueError, match="was saved by a buffer with n_envs 2, this one has 1"):
        SemoreSAC("SemorePolicy", PointAtDot(), **small).load_replay_buffer(tmp_path)
