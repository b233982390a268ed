import pytest

from semore_gym.cli import main
from semore_gym.cli.doctor import Finding, findings


def test_it_finds_the_simulator_working(monkeypatch, capsys):
    monkeypatch.delenv("SEMORE_CARLA", raising=False)
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "the embedded simulator drives and draws 128x128 frames" in said
    assert "broken" not in said


def test_it_asks_a_carla_server(carla_address, capsys):
    pytest.importorskip("carla", reason="the carla client has no wheel for this Python or platform")
    address = carla_address()
    assert main(["doctor", "--carla", address]) == 0
    assert f"{address} answers: CARLA 0.9.16, map " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("address", "said"),
    [("127.0.0.1:1", "no CARLA server answers at 127.0.0.1:1"), ("here", "must be host:port")],
)
def test_it_says_what_is_wrong_with_carla(address, said, monkeypatch):
    pytest.importorskip("carla", reason="the carla client has no wheel for this Python or platform")
    monkeypatch.setenv("SEMORE_CARLA", address)
    assert said in next(finding.text for finding in findings() if finding.state == "broken")


def test_it_names_extras_whole(monkeypatch, capsys):
    monkeypatch.setattr(
        "semore_gym.cli.doctor.findings", lambda _: [Finding("note", 'pip "semore-gym[vlm]"')]
    )
    main(["doctor"])
    assert 'pip "semore-gym[vlm]"' in capsys.readouterr().out
