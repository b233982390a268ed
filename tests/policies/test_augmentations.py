import numpy as np
import pytest
import torch

from semore_gym.policies.augmentations import (
    centre,
    random_convolution,
    random_crop,
    random_shift,
    random_translate,
)
from semore_gym.policies.encoders.dual_stream import DualStreamEncoder

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
SIZE = (30, 40)


def places(batch=20):
    """Images whose pixels tell where they lie: channel 0 the row, channel 1 the column, both from 1 on."""
    rows, columns = np.meshgrid(np.arange(1, SIZE[0] + 1), np.arange(1, SIZE[1] + 1), indexing="ij")
    return torch.from_numpy(np.stack([rows, columns]).astype(np.uint8)).repeat(batch, 1, 1, 1)


def noise(channels=9, batch=20, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, 256, (batch, channels, *SIZE), np.uint8))


def crop(images):
    return random_crop(*images, size=(21, 33))


def translate(images):
    return random_translate(*images, size=(37, 45))


def shift(images):
    return random_shift(*images, pad=3)


def cropped(image, top, left):
    return image[:, top : top + 21, left : left + 33]


def translated(image, top, left):
    canvas = np.zeros((len(image), 37, 45), np.uint8)
    canvas[:, top : top + SIZE[0], left : left + SIZE[1]] = image
    return canvas


def shifted(image, top, left):
    moved = np.empty_like(image)
    for y in range(SIZE[0]):
        for x in range(SIZE[1]):
            source = np.clip(y + top, 0, SIZE[0] - 1), np.clip(x + left, 0, SIZE[1] - 1)
            moved[:, y, x] = image[:, source[0], source[1]]
    return moved


def where(name, image):
    """The offset that an augmented image of `places` shows."""
    if name == "translate":
        return np.argwhere(image[0])[0]
    y, x = (0, 0) if name == "crop" else (SIZE[0] // 2, SIZE[1] // 2)
    return image[0, y, x] - 1 - y, image[1, y, x] - 1 - x


CASES = {
    "crop": (crop, cropped, range(30 - 21 + 1), range(40 - 33 + 1)),
    "translate": (translate, translated, range(8), range(6)),
    "shift": (shift, shifted, range(-3, 4), range(-3, 4)),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", CASES)
def test_pixels_are_those_of_a_loop_over_samples(name, device):
    augment, expected, *_ = CASES[name]
    marks, frames, masks = augment([i.to(device) for i in (places(), noise(), noise(1, seed=1))])
    assert frames.dtype == torch.uint8
    assert frames.device.type == device
    for i, mark in enumerate(marks.cpu().numpy().astype(int)):
        offset = where(name, mark)
        for found, given in ((frames, noise()), (masks, noise(1, seed=1))):
            np.testing.assert_array_equal(found[i].cpu().numpy(), expected(given[i].numpy(), *offset))


@pytest.mark.parametrize("name", CASES)
def test_every_offset_is_equally_likely_and_each_sample_has_its_own(name):
    augment, _, tops, lefts = CASES[name]
    torch.manual_seed(0)
    (marks,) = augment([places(4000)])
    offsets = np.array([where(name, mark) for mark in marks.numpy().astype(int)])
    counts = [[np.sum((offsets == (y, x)).all(axis=1)) for x in lefts] for y in tops]
    assert np.sum(counts) == 4000
    mean = 4000 / (len(tops) * len(lefts))
    assert np.abs(np.array(counts) - mean).max() < 5 * mean**0.5


@pytest.mark.parametrize("name", CASES)
def test_samples_are_never_mixed(name):
    painted = torch.arange(1, 21, dtype=torch.uint8).view(20, 1, 1, 1).repeat(1, 9, *SIZE)
    for value, sample in enumerate(CASES[name][0]([painted])[0].numpy(), start=1):
        assert set(np.unique(sample)) <= {0 if name == "translate" else value, value}


@pytest.mark.parametrize("name", CASES)
def test_torch_s_generator_decides(name):
    augment, results = CASES[name][0], []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        results.append([augment([noise()])[0], augment([noise()])[0]])
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
    assert not torch.equal(results[0][0], results[0][1])
    assert not torch.equal(results[0][0], results[2][0])


@pytest.mark.parametrize("name", CASES)
def test_a_view_of_a_longer_window_is_augmented_in_place_of_a_copy(name):
    window, results = noise(12), []
    for frames in (window[:, 3:], window[:, 3:].clone()):
        torch.manual_seed(0)
        results.append(CASES[name][0]([frames])[0])
    assert torch.equal(*results)
    assert torch.equal(window, noise(12))


@pytest.mark.parametrize("name", ["crop", "shift"])
def test_residuals_are_those_of_the_frames_as_augmented(name):
    augment, expected, *_ = CASES[name]
    marks, frames = augment([places(), noise()])
    encoder = DualStreamEncoder((9, *frames.shape[2:]), channels=(4, 4), interaction=False)
    _, residual = encoder.prepare(frames)
    whole = noise().numpy().astype(np.int16)
    differences = whole[:, 3:] - whole[:, :-3]
    for i, mark in enumerate(marks.numpy().astype(int)):
        cut = expected(differences[i], *where(name, mark))
        np.testing.assert_allclose(residual[i].numpy() * 255, cut, atol=1e-3)


def test_the_centre_of_a_larger_image_is_cut_out():
    image = noise().numpy()
    np.testing.assert_array_equal(centre(noise(), (20, 31)).numpy(), image[:, :, 5:25, 4:35])


def test_a_smaller_image_lies_in_the_centre_of_a_black_canvas():
    canvas = centre(noise() // 2 + 1, (35, 44)).numpy()
    np.testing.assert_array_equal(canvas[:, :, 2:32, 2:42], (noise() // 2 + 1).numpy())
    assert np.count_nonzero(canvas) == noise().numel()


def test_an_image_of_the_right_size_is_left_alone():
    image = noise()
    assert centre(image, SIZE) is image
    assert torch.equal(random_crop(image, size=SIZE)[0], image)
    assert torch.equal(random_shift(image, pad=0)[0], image)


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"size must be at most the images' \(30, 40\), got \(31, 40\)"):
        random_crop(noise(), size=(31, 40))
    with pytest.raises(ValueError, match=r"size must be at least the images' \(30, 40\), got \(30, 39\)"):
        random_translate(noise(), size=(30, 39))


def convolved(frame, kernel):
    """A 3x3 convolution of (3, H, W) with zeros beyond the border, pixel by pixel, clamped to [0, 1]."""
    padded = np.pad(frame, ((0, 0), (1, 1), (1, 1)))
    seen = np.empty_like(frame)
    for y in range(frame.shape[1]):
        for x in range(frame.shape[2]):
            for out in range(3):
                seen[out, y, x] = (kernel[out] * padded[:, y : y + 3, x : x + 3]).sum()
    return seen.clip(0, 1)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("count", [1, 3])
def test_random_convolution_is_one_kernel_a_sample_for_all_its_frames(device, count, monkeypatch):
    rng = np.random.default_rng(0)
    images, draws = rng.random((2, 3 * count, 6, 7)), rng.normal(size=(6, 3, 3, 3))
    monkeypatch.setattr(torch, "randn", lambda *shape, **options: torch.tensor(draws, **options).view(shape))
    got = random_convolution(torch.from_numpy(images).to(device)).cpu().numpy()
    kernels = draws.reshape(2, 3, 3, 3, 3) * np.sqrt(1 / 27)  # Xavier's: 2 / (27 + 27)
    for sample in range(2):
        for start in range(0, 3 * count, 3):
            frame = convolved(images[sample, start : start + 3], kernels[sample])
            np.testing.assert_allclose(got[sample, start : start + 3], frame, rtol=1e-6, atol=1e-9)


def test_random_convolution_is_torch_s_generator_s_and_leaves_its_input_alone():
    images, results = noise().float() / 255, []
    before = images.clone()
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        results.append(random_convolution(images))
    assert torch.equal(images, before)
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
    assert 0 <= results[0].min() < results[0].max() <= 1
    assert results[0].shape == images.shape
    assert not torch.equal(*random_convolution(images[:1].repeat(2, 1, 1, 1)))  # each sample has its own
    with pytest.raises(ValueError, match=r"images must be floating point in \[0, 1\], got torch.uint8"):
        random_convolution(noise())
