import pytest
import torch

from semore_gym.utils.devices import check_device, packed, visible_gpus


@pytest.mark.parametrize(
    ("variable", "count", "expected"),
    [("", 2, ["0", "1"]), ("3,5", 2, ["3", "5"]), ("GPU-7,GPU-8", 1, ["GPU-7"]), ("", 0, [])],
)
def test_gpus_are_called_as_the_variable_calls_them(variable, count, expected, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    assert visible_gpus() == expected


def test_as_many_runs_share_a_gpu_as_fit_into_its_free_memory():
    assert packed(["0", "3"], [8.0, 7.9], 8.0) == ["0"]
    assert packed(["0", "3"], [24.5, 16.0], 8.0) == ["0", "3", "0", "3", "0"]
    assert packed(["0"], [1.5], 0.5) == ["0", "0", "0"]
    with pytest.raises(ValueError, match=r"gpu_memory is 8.0 GB a trial, but free are 7.9, 2.0"):
        packed(["0", "1"], [7.9, 2.0], 8.0)


def test_a_device_that_is_not_there_is_named():
    check_device("auto")
    check_device("cpu")
    with pytest.raises(ValueError, match="device 'abacus' cannot be used: "):
        check_device("abacus")
