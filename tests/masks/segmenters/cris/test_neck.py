from __future__ import annotations

import numpy as np
import torch

from semore_gym.masks.segmenters.cris.neck import CoordConv, Neck


def test_convolution_knows_where_it_is(reference, randomised, noise):
    layer = randomised(CoordConv(3))
    image = noise(1, 3, 4, 5)
    places = np.zeros((2, 4, 5))
    for row, column in np.ndindex(4, 5):
        places[:, row, column] = -1 + 2 * column / 4, -1 + 2 * row / 3  # x, then y
    expected = reference.conv_norm_relu(np.concatenate([image[0].numpy(), places]), layer.conv1)
    with torch.no_grad():
        np.testing.assert_allclose(layer(image)[0], expected, rtol=1e-5, atol=1e-6)  # float32 places


def test_neck_fuses_scale_by_scale(reference, randomised, noise):
    neck = randomised(Neck((4, 6, 8), (3, 5, 7)))
    maps = noise(2, 4, 8, 12), noise(2, 6, 4, 6), noise(2, 8, 2, 3)
    sentences = noise(2, 8)
    with torch.no_grad():
        outputs = neck(maps, sentences)
    assert outputs.shape == (2, 5, 4, 6)
    step = reference.conv_norm_relu
    for index, output in enumerate(outputs.numpy()):
        third, fourth, fifth = (features[index].numpy() for features in maps)
        said = reference.linear(sentences[index].numpy(), neck.txt_proj[0])
        said = reference.relu(reference.norm(said, neck.txt_proj[1]))
        told = step(fifth, neck.f1_v_proj) * said[:, None, None]
        fifth = reference.relu(reference.norm(told, neck.norm_layer[0]))
        both = np.concatenate([step(fourth, neck.f2_v_proj), reference.upsample(fifth)])
        fourth = step(both, neck.f2_cat)
        both = np.concatenate([reference.pool(step(third, neck.f3_v_proj)), fourth])
        third = step(both, neck.f3_cat)
        scales = [step(third, neck.f4_proj3), step(fourth, neck.f4_proj4)]
        scales.append(reference.upsample(step(fifth, neck.f4_proj5)))
        fused = torch.from_numpy(step(np.concatenate(scales), neck.aggr))
        with torch.no_grad():
            placed = neck.coordconv[0](fused.unsqueeze(0))[0].numpy()
        np.testing.assert_allclose(output, step(placed, neck.coordconv[1]))
