import numpy as np
import pytest
import torch

from semore_gym.policies import RAD, VisualSAC, make_algorithm
from semore_gym.policies.encoded import one_step_features
from semore_gym.policies.visual_policy import VisualPolicy, scaled_shape


@pytest.fixture
def make_model(make_env, small):
    def make(name="rad", size=48, **options):
        return make_algorithm(name, make_env(size=size), **{**small, **options})

    return make


def centred(name, size, make_model, small, scale):
    policy_kwargs = {**small["policy_kwargs"], "image_scale": scale}
    return make_model(name, size, policy_kwargs=policy_kwargs)


def fits(window, image):
    """Where in `image` a (C, h, w) window lies, a set."""
    height, width = window.shape[1:]
    places = np.ndindex(image.shape[1] - height + 1, image.shape[2] - width + 1)
    return {(y, x) for y, x in places if np.array_equal(image[:, y : y + height, x : x + width], window)}


@pytest.mark.parametrize(
    ("scale", "side", "expected"),
    [
        *((0.84, side, seen) for side, seen in ((100, 84), (128, 108), (84, 71), (64, 54), (36, 31))),
        *((1.08, 100, 108), (1.08, 84, 91), (1.0, 84, 84), (0.07, 100, 7)),
    ],
)
def test_the_encoder_sees_a_scaled_side_rounded_up(scale, side, expected):
    assert scaled_shape((9, side, 2 * side), scale) == (9, expected, int(np.ceil(round(2 * side * scale, 6))))


@pytest.mark.parametrize("scale", [0.84, 1.08, 0.5])
@pytest.mark.parametrize("side", [36, 48, 64, 66, 84, 128])
def test_pictures_can_be_rendered_so_that_the_encoder_sees_a_wanted_side(scale, side):
    rendered = RAD.rendered_side(side, {"image_scale": scale})
    assert scaled_shape((9, rendered, rendered), scale) == (9, side, side)
    assert RAD.seen_side(rendered, {"image_scale": scale}) == side


def test_by_default_pictures_are_rendered_as_large_as_in_the_paper():
    assert [RAD.rendered_side(side, {}) for side in (84, 64, 128)] == [100, 76, 152]
    assert VisualSAC.rendered_side(84, {}) == VisualSAC.seen_side(84, {}) == 84


def test_observation_and_next_observation_are_cropped_each_by_itself(make_model, make_batch):
    batch, different = make_batch(), 0
    augmented = make_model().augment(batch)
    assert augmented.frames.shape == augmented.next_frames.shape == (8, 9, 41, 41)
    assert augmented.step_next_frames is augmented.next_frames
    for i in range(8):
        (place,) = fits(augmented.frames[i].numpy(), batch.frames[i].numpy())
        (next_place,) = fits(augmented.next_frames[i].numpy(), batch.next_frames[i].numpy())
        different += place != next_place
        assert place in fits(augmented.masks[i].numpy(), batch.masks[i].numpy())
    assert different >= 5
    for name in ("actions", "rewards", "dones", "discounts", "step_rewards", "ids"):
        assert getattr(augmented, name) is getattr(batch, name)


def test_the_one_step_observation_of_a_longer_return_is_cropped_too(make_model, make_batch):
    batch = make_batch(n_steps=3)
    augmented = make_model().augment(batch)
    for i in range(8):
        assert fits(augmented.step_next_frames[i].numpy(), batch.step_next_frames[i].numpy())
        assert fits(augmented.next_frames[i].numpy(), batch.next_frames[i].numpy())


@pytest.mark.parametrize("n_steps", [1, 3])
def test_where_only_next_frames_are_augmented_a_one_step_return_takes_no_further_pass(
    make_model, make_batch, n_steps
):
    batch = make_batch(n_steps=n_steps)
    batch = batch._replace(next_frames=batch.next_frames.flip(3))
    encoder, seen = make_model().critic.encoder, []
    features = torch.zeros(8, encoder.features_dim)

    def encode(frames):
        seen.append(frames)
        return features + 1

    following = one_step_features(encode, batch, features)
    assert following is features if n_steps == 1 else torch.equal(following, features + 1)
    assert [id(frames) for frames in seen] == ([] if n_steps == 1 else [id(batch.step_next_frames)])


def test_above_one_the_whole_image_lies_on_a_canvas(make_model, make_batch):
    batch = make_batch()
    augmented = make_model(image_scale=1.08).augment(batch)
    assert augmented.frames.shape == (8, 9, 52, 52)
    for canvas, image in zip(augmented.frames.numpy(), batch.frames.numpy(), strict=True):
        assert fits(image, canvas)
        assert canvas.sum() == image.sum()


@pytest.mark.parametrize(("scale", "inner", "outer", "side"), [(0.84, 3, 0, 41), (1.08, 0, 2, 52)])
@pytest.mark.parametrize("name", ["sac", "flare", "simoun", "semore"])
def test_acting_sees_the_centre_whatever_the_encoder(
    name, scale, inner, outer, side, make_model, make_env, small
):
    model = centred(name, 48, make_model, small, scale)
    observation, _ = make_env().reset(seed=0)
    canvas = np.pad(observation["frames"], ((0, 0), (outer, outer), (outer, outer)))
    seen = torch.from_numpy(canvas[None, :, inner:, inner:][:, :, :side, :side])
    assert seen.shape[2:] == model.critic.encoder.image_size == (side, side)
    with torch.no_grad():
        action = model.actor(model.critic.encoder.look(seen), deterministic=True).numpy()[0]
    expected = model.policy.unscale_action(action)
    np.testing.assert_array_equal(model.predict(observation, deterministic=True)[0], expected)


@pytest.mark.parametrize("name", ["sac", "semore"])
def test_whole_frames_and_masks_train_an_encoder_of_their_centre(name, make_model, make_batch, small):
    results = []
    for batch in (make_batch(), make_batch()):
        model = centred(name, 48, make_model, small, 0.84)
        if results:
            cut = {key: getattr(batch, key)[:, :, 3:44, 3:44] for key in ("frames", "masks", "next_frames")}
            batch = batch._replace(**cut)
        torch.manual_seed(0)
        model.update_critic(batch)
        results.append(model.critic.state_dict())
    assert all(torch.equal(value, results[1][key]) for key, value in results[0].items())


def test_a_border_that_is_cut_off_changes_no_action(make_model, make_env):
    model = make_model()
    observation, _ = make_env().reset(seed=0)
    painted = observation["frames"].copy()
    painted[:, :3] = painted[:, :, :3] = painted[:, 44:] = painted[:, :, 44:] = 77
    actions = [
        model.predict({**observation, "frames": f}, deterministic=True)[0]
        for f in (observation["frames"], painted)
    ]
    np.testing.assert_array_equal(*actions)


def test_it_is_loaded_with_its_scale(make_model, tmp_path):
    model = make_model(image_scale=0.9)
    model.save(tmp_path / "model.zip")
    model.policy.save(tmp_path / "policy.pt")
    assert RAD.load(tmp_path / "model.zip").critic.encoder.image_size == (44, 44)
    assert VisualPolicy.load(tmp_path / "policy.pt").critic.encoder.image_size == (44, 44)
    with pytest.raises(ValueError, match="image_scale"):
        RAD.load(tmp_path / "model.zip", image_scale=0.8)


@pytest.mark.parametrize("size", [36, 84, 100, 128])
def test_images_of_many_sizes_serve(size, make_model, make_env):
    model = make_model(size=size)
    observation, _ = make_env(size=size).reset(seed=0)
    assert np.isfinite(model.predict(observation)[0]).all()


def test_bad_scales_are_refused(make_model, small):
    with pytest.raises(ValueError, match=r"large enough .* got 27x27; .* a larger image_scale"):
        make_model(size=32)
    assert make_model(size=32, image_scale=0.96).critic.encoder.image_size == (31, 31)
    for scale in (84, 0, -1.0):
        with pytest.raises(ValueError, match=r"image_scale must be a fraction .* got"):
            make_model(image_scale=scale)
    with pytest.raises(ValueError, match=r"must be left out or be image_scale, 0.84, got 0.9"):
        centred("rad", 48, make_model, small, 0.9)
