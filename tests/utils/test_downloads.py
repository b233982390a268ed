import logging

import pytest

pytest.importorskip("huggingface_hub")

from huggingface_hub.utils import logging as hub_logging

from semore_gym.utils.downloads import asking_hub


def test_the_hubs_attempts_are_silent_and_the_first_question_is_told(caplog):
    hub = hub_logging.get_logger("huggingface_hub.somewhere")
    before = hub_logging.get_verbosity()
    with caplog.at_level(logging.INFO, "semore_gym"):
        for _ in range(2):
            with asking_hub("me/driver"):
                assert not hub.isEnabledFor(logging.WARNING)
    assert hub_logging.get_verbosity() == before
    assert [record.getMessage() for record in caplog.records] == [
        "looking for me/driver in the hub's cache and on the hub"
    ]
