import pytest

from helpers.cli import exit_code, plain


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["table9"], "no matrix 'table9': expected a YAML file or one of shift, table1, table2"),
        (["table1", "--budget", "huge"], "unknown budget 'huge'; known: smoke, laptop, paper"),
        (["table1", "--seeds", "0"], "seeds must be at least 1, got 0"),
        (["table1", "--jobs", "0"], "jobs must be at least 1, got 0"),
        (["bad.yaml"], "unknown options of sac: gama"),
        (["table2", "--to", "."], "is no benchmark's folder"),
    ],
)
def test_mistakes_are_told_before_anything_runs(arguments, message, capsys, tmp_path):
    methods = "methods: {sac: {algo_options: {gama: 0.9}}}"
    (tmp_path / "bad.yaml").write_text(f"scenarios: [HighWay]\n{methods}\n")
    assert exit_code(["benchmark", *arguments]) == 2
    assert message in plain(capsys.readouterr().err)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]
