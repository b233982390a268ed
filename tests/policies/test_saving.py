import base64
import json
import zipfile

from helpers.dots import PointAtDot
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
