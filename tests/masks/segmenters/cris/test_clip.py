from __future__ import annotations

import numpy as np
import pytest
import torch

from semore_gym.masks.segmenters.cris.clip import CLIP, TextBlock

START, END = 18, 19


@pytest.fixture
def clip(randomised):
    return randomised(CLIP((1, 1, 1, 1), 6, 4, text_width=128, text_layers=2, vocabulary=20))


def test_block_is_attention_to_the_past_and_a_perceptron(reference, randomised, noise):
    block = randomised(TextBlock(128))
    sentences = noise(2, 5, 128)
    with torch.no_grad():
        outputs = block(sentences)
    later = np.array([[column > row for column in range(5)] for row in range(5)])
    for tokens, output in zip(sentences.numpy(), outputs.numpy(), strict=True):
        normed = reference.layer_norm(tokens, block.ln_1)
        tokens = tokens + reference.multihead(block.attn, normed, normed, normed, later)
        inside = reference.linear(reference.layer_norm(tokens, block.ln_2), block.mlp.c_fc)
        inside = inside / (1 + np.exp(-1.702 * inside))
        np.testing.assert_allclose(output, tokens + reference.linear(inside, block.mlp.c_proj))


def test_attention_has_heads_of_64_channels():
    assert TextBlock(192).attn.num_heads == 3


def test_sentence_is_read_off_at_its_end(clip, reference):
    tokens = torch.tensor([[START, 3, END, 0, 0], [START, 3, 7, 5, END]])
    with torch.no_grad():
        words, sentences = clip.encode_text(tokens)
    assert words.shape == (2, 5, 128)
    for sentence, word, end in zip(sentences, words, (2, 4), strict=True):
        np.testing.assert_allclose(sentence, word[end].numpy() @ reference.array(clip.text_projection))


def test_words_are_embedded_with_their_places(clip, reference):
    tokens = torch.tensor([[START, 3, 3, END]])
    with torch.no_grad():
        words, _ = clip.encode_text(tokens)
        embedded = [clip.token_embedding.weight[token] for token in tokens[0]]
        placed = torch.stack([word + clip.positional_embedding[i] for i, word in enumerate(embedded)])
        expected = clip.transformer.resblocks[1](clip.transformer.resblocks[0](placed.unsqueeze(0)))
    np.testing.assert_allclose(words[0], reference.layer_norm(expected[0].numpy(), clip.ln_final))


def test_what_comes_later_changes_nothing_before(clip):
    with torch.no_grad():
        words, sentences = clip.encode_text(torch.tensor([[START, 3, END, 0, 0], [START, 3, END, 5, 6]]))
    torch.testing.assert_close(words[0, :3], words[1, :3])
    torch.testing.assert_close(sentences[0], sentences[1])
    assert not torch.allclose(words[0, 3:], words[1, 3:])
