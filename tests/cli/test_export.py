import numpy as np
import onnxruntime

from semore_gym.cli import main


def test_it_writes_the_agent_of_a_run(run, capsys):
    assert main(["export", str(run), "out/driver.onnx"]) == 0
    assert "written to out/driver.onnx" in capsys.readouterr().out
    session = onnxruntime.InferenceSession("out/driver.onnx")
    told = session.get_modelmeta().custom_metadata_map
    assert (told["algorithm"], told["action_names"]) == ("SemoreSAC", '["steer", "throttle"]')
    assert session.run(None, {"frames": np.zeros((3, 9, 32, 32), np.uint8)})[0].shape == (3, 2)


def test_a_tilde_is_the_home_folder_of_agents_too(run, monkeypatch):
    monkeypatch.setenv("HOME", str(run.parent))
    monkeypatch.setenv("USERPROFILE", str(run.parent))
    assert main(["export", f"~/{run.name}", "~/home.onnx"]) == 0
    assert (run.parent / "home.onnx").is_file()


def test_it_needs_a_trained_agent(capsys):
    assert main(["export", "scripted"]) == 2
    assert "no policy 'scripted': expected a run folder, a model.zip or pretrained" in capsys.readouterr().err
