"""Counting what an update asks of its encoders."""

from torch import nn


def is_stem(module):
    """Whether a module is a stack of convolutions: one stream of an encoder."""
    return isinstance(module, nn.Sequential) and len(module) > 0 and isinstance(module[0], nn.Conv2d)


def count_passes(model, batch, updates=1):
    """Forward and backward passes of an update, mean over several.

    A pass is one stream over one batch of pictures: frames that are folded into the batch count one each, and
    so do streams. How many pixels a picture has does not count.
    """
    passes = {"forward": 0.0, "backward": 0.0}

    def forward(module, inputs, output):
        share = len(output) / batch / updates
        passes["forward"] += share
        if output.requires_grad:
            output.register_hook(lambda gradient: backward(share))

    def backward(share):
        passes["backward"] += share

    stems = [module for module in model.policy.modules() if is_stem(module)]
    hooks = [stem.register_forward_hook(forward) for stem in stems]
    model.train(updates, batch)
    for hook in hooks:
        hook.remove()
    return passes
