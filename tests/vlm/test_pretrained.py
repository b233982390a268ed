import pytest

pytest.importorskip("transformers")

from transformers import AutoConfig

from semore_gym.vlm.pretrained import Pretrained


def test_a_model_that_is_not_there_is_named_in_one_line():
    missing = Pretrained("nobody/nothing", None, True, "3 GB")
    with pytest.raises(FileNotFoundError) as error:
        missing.load(AutoConfig)
    said = str(error.value)
    assert said.startswith("cannot load 'nobody/nothing' (3 GB): ")
    assert "`hf download nobody/nothing`" in said
    assert "HF_HUB_OFFLINE=1" in said
    assert "\n" not in said
