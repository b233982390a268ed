from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from semore_gym.masks.segmenters.cris.model import (
    CRIS,
    RESNET50,
    RESNET101,
    check_weights,
    load_cris,
    read_weights,
)

DATA = Path(__file__).parents[1] / "data"


def names_and_shapes(variant):
    lines = (DATA / f"cris_names_{variant}.txt").read_text().splitlines()
    return {name: ast.literal_eval(shape) for name, shape in (line.split(" ", 1) for line in lines)}


def tiny():
    torch.manual_seed(0)
    return CRIS(
        (1, 1, 1, 1),
        128,
        width=8,
        text_layers=1,
        vocabulary=20,
        widths=(32, 64, 128),
        decoder_layers=1,
    ).eval()


@pytest.mark.parametrize(
    ("variant", "blocks", "sentence"), [("r50", RESNET50, 1024), ("r101", RESNET101, 512)]
)
def test_parameters_are_those_of_the_authors_checkpoints(variant, blocks, sentence):
    with torch.device("meta"):
        model = CRIS(blocks, sentence)
    found = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert found == names_and_shapes(variant)


def test_a_logit_for_every_four_by_four_pixels():
    tokens = torch.tensor([[18, 3, 19, 0], [18, 3, 5, 19]])
    with torch.no_grad():
        logits = tiny()(torch.randn(2, 3, 64, 96), tokens)
    assert logits.shape == (2, 16, 24)


def test_sentences_of_a_batch_do_not_meet():
    model = tiny()
    images, tokens = torch.randn(2, 3, 64, 64), torch.tensor([[18, 3, 19, 0], [18, 3, 5, 19]])
    with torch.no_grad():
        together = model(images, tokens)
        alone = torch.cat([model(images[:1], tokens[:1]), model(images[1:], tokens[1:])])
        unpadded = model(images[:1], tokens[:1, :3])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(together[:1], unpadded, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(together[0], together[1])


def training_checkpoint(model):
    """What a training script saves, the optimiser's and the scheduler's state with it."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[35])
    weights = {f"module.{name}": tensor for name, tensor in model.state_dict().items()}
    states = {"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    return {"epoch": 50, "best_iou": 0.7, "state_dict": weights, **states}


@pytest.mark.parametrize("kind", ["plain", "training", "safetensors"])
def test_weights_are_read_however_they_were_saved(kind, tmp_path):
    model = tiny()
    path = tmp_path / ("cris.safetensors" if kind == "safetensors" else "cris.pth")
    if kind == "safetensors":
        save_file(model.state_dict(), path)
    else:
        torch.save(training_checkpoint(model) if kind == "training" else model.state_dict(), path)
    weights = read_weights(path)
    assert weights.keys() == model.state_dict().keys()
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())


class Malicious:
    def __reduce__(self):
        return print, ("unpickled",)


def test_nothing_but_tensors_is_unpickled(tmp_path, capsys):
    path = tmp_path / "cris.pth"
    torch.save({"state_dict": {}, "extra": Malicious()}, path)
    with pytest.raises(Exception, match="Weights only load failed"):
        read_weights(path)
    assert not capsys.readouterr().out


def test_a_file_of_something_else_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "cris.pth")
    with pytest.raises(ValueError, match="must hold named tensors"):
        read_weights(tmp_path / "cris.pth")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no weights of CRIS at .*nowhere.*ResNet-50 \(0.6 GB\)"):
        load_cris(tmp_path / "nowhere.pth")


def test_parameters_of_another_model_are_listed(tmp_path):
    torch.save({"head.weight": torch.zeros(1), "neck.aggr.1.bias": torch.zeros(2)}, tmp_path / "x.pth")
    with pytest.raises(
        ValueError, match=r"66\d missing \(backbone.*, \.\.\.\); 1 unexpected \(head.weight\)"
    ):
        load_cris(tmp_path / "x.pth")


def test_another_shape_is_named():
    with pytest.raises(ValueError, match=r"does not hold the parameters of CRIS: 1 of another shape \(a\)"):
        check_weights(Path("x.pth"), {"a": torch.zeros(2)}, {"a": torch.zeros(3)})
