import numpy as np
import pytest
import torch
from stable_baselines3.common.buffers import DictReplayBuffer
from torch import nn

from semore_gym.policies import FrameReplayBuffer, SelectiveReplayBuffer, SemoreSAC, losses
from semore_gym.policies.encoders.base import PixelEncoder
from semore_gym.policies.encoders.dual_stream import DualStreamEncoder


@pytest.fixture
def make_model(make_env, small):
    def make(**kwargs):
        return SemoreSAC("SemorePolicy", make_env(mask=kwargs.pop("mask", True)), **{**small, **kwargs})

    return make


def without_masks(batch):
    return batch._replace(masks=torch.zeros_like(batch.masks))


def with_other_masks(batch):
    return batch._replace(masks=batch.masks.flip(0).flip(2))


def seeded(function, *arguments):
    torch.manual_seed(7)
    return function(*arguments)


@pytest.mark.parametrize("change", [without_masks, with_other_masks])
def test_masks_do_not_change_the_critics_target(make_model, make_batch, change):
    model, batch = make_model(), make_batch()
    targets = [seeded(model.bootstrap, one, model.encode(one)) for one in (batch, change(batch))]
    assert torch.equal(*targets)


def test_masks_do_not_change_what_the_policy_loss_sees(make_model, make_batch):
    model, batch = make_model(), make_batch()
    guided, unguided = (model.encode(one) for one in (batch, without_masks(batch)))
    assert torch.equal(guided.policy_features, unguided.policy_features)
    assert all(torch.equal(*pair) for pair in zip(guided.policy_maps, unguided.policy_maps, strict=True))
    expected = model.critic.encoder(batch.frames)
    torch.testing.assert_close(guided.policy_features, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("deterministic", [True, False])
def test_masks_do_not_change_an_action(make_model, make_env, deterministic):
    model = make_model()
    model.learn(30)
    observation, _ = make_env().reset(seed=0)
    changed = {**observation, "mask": 255 - observation["mask"]}
    actions = [
        seeded(lambda seen: model.predict(seen, deterministic=deterministic)[0], one)
        for one in (observation, changed)
    ]
    np.testing.assert_array_equal(*actions)


def test_masks_guide_the_pass_that_trains_the_encoder(make_model, make_batch):
    model, batch = make_model(), make_batch()
    guided, unguided = (model.encode(one).features for one in (batch, without_masks(batch)))
    assert not torch.equal(guided[:4], unguided[:4])  # these have masks
    assert torch.equal(guided[4:], unguided[4:])


def test_guide_all_guides_the_policy_loss_too(make_model, make_batch):
    model, batch = make_model(guide="all"), make_batch()
    encoded = model.encode(batch)
    assert torch.equal(encoded.policy_features, encoded.features)
    assert torch.equal(model.critic.encoder.head(encoded.policy_maps), encoded.features)
    assert not any(seen.requires_grad for seen in (encoded.policy_features, *encoded.policy_maps))


def test_no_share_is_guided_where_none_is_to_be_and_the_mask_loss_stays(make_model, make_batch):
    model, batch = make_model(guided_share=0.0), make_batch()
    encoded = model.encode(batch)
    assert torch.equal(encoded.features, model.encode(without_masks(batch)).features)
    assert model.auxiliary_losses(batch, encoded)["semantic"] > 0


def scale_gradient(convolutions):
    """dL / d log s at s = 1, where s scales every kernel of the stream."""
    return sum((each.weight * each.weight.grad).sum().item() for each in convolutions[::2])


def test_the_mask_loss_does_not_pull_the_stream_to_zero_at_the_start(real_batches):
    for frames, masks in real_batches(64):
        encoder = DualStreamEncoder((9, 64, 64), (32, 32, 32, 32))
        semantic, _ = encoder.convolve(encoder.prepare(frames))
        guidance = encoder.guidance(semantic, masks)
        loss, clamped = losses.semantic_guidance_loss(semantic[guidance.rows], guidance.knowledge)
        loss.backward()
        size = sum(each.weight.grad.norm().item() for each in encoder.semantic[::2])
        assert clamped == 0
        assert abs(scale_gradient(encoder.semantic)) < 1e-3 * size


@pytest.mark.parametrize("scenario", range(3))
def test_the_stream_lives_through_a_hundred_updates_at_weight_one(
    scenario, real_batches, make_env, make_batch
):
    frames, masks = real_batches(64)[scenario]
    model = SemoreSAC(
        "SemorePolicy",
        make_env(64),
        seed=0,
        device="cpu",
        buffer_size=100,
        policy_kwargs={"net_arch": [64], "encoder_kwargs": {"channels": (32, 32, 32, 32)}},
    )
    batch = make_batch(64, len(frames))._replace(frames=frames, next_frames=frames, masks=masks)
    assert model.loss_weights["semantic"] == 1.0
    for _ in range(100):
        model.update_critic(batch)
    with torch.no_grad():
        maps = model.dual_stream.semantic(frames.float() / 255)
    dead = (maps.amax(dim=(0, 2, 3)) == 0).float().mean()
    assert dead < 0.5


def test_a_collapse_of_the_stream_is_told_once(make_model, make_batch, caplog):
    model = make_model()
    model.update_critic(make_batch())
    model.watch(model.meter.drain(0))
    assert "collapsed" not in caplog.text
    with torch.no_grad():
        for each in model.dual_stream.semantic[::2]:
            each.weight.mul_(0.1)
    for _ in range(2):
        model.update_critic(make_batch())
        model.watch(model.meter.drain(0))
    assert caplog.text.count("the semantic stream has collapsed") == 1


def test_gradient_through_the_knowledge_is_an_argument(make_model, make_batch):
    gradients = []
    for guide_gradient in (False, True):
        model = make_model(guide_gradient=guide_gradient)
        encoded = model.encode(make_batch())
        encoded.features.square().sum().backward()
        gradients.append(model.critic.encoder.semantic[0].weight.grad)
    assert not torch.equal(*gradients)


def test_batch_without_masks_has_no_semantic_loss(make_model, make_batch):
    model, batch = make_model(), without_masks(make_batch())
    assert model.auxiliary_losses(batch, model.encode(batch))["semantic"].item() == 0.0
    model.update_critic(batch)


def test_semantic_loss_uses_the_map_before_the_interaction(make_model, make_batch):
    model, batch = make_model(), make_batch()
    encoder = model.critic.encoder
    semantic = encoder.semantic(batch.frames[:4].float() / 255)
    knowledge = encoder.semantic(batch.masks[:4].repeat(1, 9, 1, 1).float() / 255)
    expected = [
        ((f - h).abs().sum() / h.abs().sum()).item() for f, h in zip(semantic, knowledge, strict=True)
    ]
    loss = model.auxiliary_losses(batch, model.encode(batch))["semantic"]
    assert loss.item() == pytest.approx(np.mean(expected), rel=1e-4)


def test_transition_loss_predicts_the_target_encoders_motion(make_model, make_batch):
    model, batch = make_model(transition_reduction="sum"), make_batch()
    nn.init.normal_(model.critic_target.encoder.head.streams[1][1].weight)
    encoded = model.encode(batch)
    predicted = model.heads["transition"](torch.cat([encoded.features[:, 16:], batch.actions], dim=1))
    following = model.critic_target.encoder(batch.next_frames)[:, 16:]
    expected = (predicted - following).square().sum(dim=1).mean()
    torch.testing.assert_close(model.auxiliary_losses(batch, encoded)["transition"], expected)


def test_auxiliary_losses_are_one_step_whatever_the_return(make_model, make_batch):
    model, batch = make_model(), make_batch(n_steps=3)
    encoded = model.encode(batch)
    named = model.auxiliary_losses(batch, encoded)
    following = model.critic_target.encoder(batch.step_next_frames)[:, 16:]
    predicted = model.heads["transition"](torch.cat([encoded.features[:, 16:], batch.actions], dim=1))
    torch.testing.assert_close(named["transition"], (predicted - following).square().mean())
    rewards = model.heads["reward"](torch.cat([encoded.features, batch.actions], dim=1))
    torch.testing.assert_close(named["reward"], (rewards - batch.step_rewards).square().mean())


def test_losses_fall_on_a_fixed_batch(make_model, make_batch):
    model, batch, history = make_model(), make_batch(), []
    for _ in range(60):
        model.update_critic(batch)
        history.append(model.meter.drain(0))
    for name in ("critic", "reward", "semantic", "transition"):
        values = [entry[f"loss/{name}"] for entry in history]
        assert np.mean(values[-5:]) < 0.8 * np.mean(values[:5]), name


def test_log_shows_guidance_and_collapse(make_model, make_batch):
    model = make_model()
    model.update_critic(make_batch())
    log = model.meter.drain(0)
    assert log["semantic/masked_fraction"] == 0.5
    assert log["semantic/blank_to_knowledge"] == 0.0  # biases start at zero
    assert log["semantic/guidance_gap"] > 0
    assert log["semantic/batch_variance"] > 0
    assert log["semantic/clamped"] == 0


@pytest.mark.parametrize(
    ("variant", "names"),
    [
        ("m1", {"reward"}),
        ("m2", {"reward"}),
        ("m3", {"reward", "semantic"}),
        ("m4", {"reward", "semantic", "transition"}),
    ],
)
def test_variants_are_table_2(make_model, make_batch, variant, names):
    model = make_model(variant=variant)
    batch = make_batch()
    assert model.auxiliary_losses(batch, model.encode(batch)).keys() == names
    encoder = model.critic.encoder
    assert isinstance(encoder, PixelEncoder) == (variant == "m1")
    assert (getattr(encoder, "interaction", None) is not None) == (variant == "m4")
    assert ("transition" in model.heads) == (variant == "m4")
    assert encoder.features_dim == (16 if variant == "m1" else 32)


def test_weights_are_arguments(make_model):
    model = make_model(semantic_weight=0.5, transition_weight=0.1, reward_weight=2.0)
    assert model.loss_weights == {"semantic": 0.5, "transition": 0.1, "reward": 2.0}


def test_environment_without_masks_needs_a_variant_without_masks(make_model):
    with pytest.raises(ValueError, match=r"must have a 'mask' for variant 'm4'.*SemanticMask"):
        make_model(mask=False)
    assert make_model(mask=False, variant="m2").learn(22)._n_updates > 0


@pytest.mark.parametrize(
    ("name", "value"), [("variant", "m5"), ("guide", "some"), ("transition_reduction", "median")]
)
def test_unknown_choices_are_refused(make_model, name, value):
    with pytest.raises(ValueError, match=f"{name} must be one of .*, got '{value}'"):
        make_model(**{name: value})


def test_selective_buffer_is_the_default_and_can_be_switched_off(make_model):
    assert isinstance(make_model().replay_buffer, SelectiveReplayBuffer)
    assert type(make_model(judge=None).replay_buffer) is FrameReplayBuffer
    assert make_model(judge=None, replay_buffer_class=FrameReplayBuffer).learn(22)._n_updates > 0
    for other in (FrameReplayBuffer, DictReplayBuffer):
        with pytest.raises(ValueError, match=r"replay_buffer_class must be Selective.*judge=None"):
            make_model(replay_buffer_class=other)
    assert make_model(judge=None, replay_buffer_kwargs={"mask_bits": 1}).replay_buffer.mask_bits == 1


class Notes:
    """A judge that notes what it was told and finds everything reasonable."""

    def __init__(self):
        self.questions, self.open = [], []

    def ask(self, question):
        self.questions.append(question)
        self.open.append((question.number, True))

    def verdicts(self):
        ready, self.open = self.open, []
        return ready


def test_judge_is_told_the_resets_info_at_an_episodes_first_step(make_model):
    model = make_model()
    notes = model.replay_buffer.judge = Notes()
    model.learn(32)
    told = {question.number: question.info["first"] for question in notes.questions}
    assert len(told) > 8
    assert min(told) >= 20  # nobody is asked about the warm-up
    assert told == {number: number % 5 == 0 for number in told}  # episodes of five steps
