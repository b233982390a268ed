import pytest

from semore_gym.report.files import report_files, write_files


def test_a_report_replaces_an_earlier_one(tmp_path):
    page = tmp_path / "out" / "mine.html"
    files = report_files(page, "mine")
    assert [file.name for file in files] == ["mine.html", "mine.md", "mine.tex"]
    for text in ("first", "second"):
        write_files(dict.fromkeys(report_files(page, "mine"), text))
    assert all(file.read_text().startswith("second\n") for file in files)
    assert files[0].read_text().endswith("-->\n")
    assert files[2].read_text().splitlines()[-1].startswith("% ")


@pytest.mark.parametrize("name", ["mine.html", "mine.md", "mine.tex"])
def test_nothing_else_is_replaced(tmp_path, name):
    (tmp_path / name).write_bytes(b"my notes \xff")
    with pytest.raises(ValueError, match=f"{name} was not written by `semore report`"):
        report_files(tmp_path / "mine.html", "mine")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_report_of_other_runs_is_not_replaced(tmp_path):
    page = tmp_path / "report.html"
    write_files(dict.fromkeys(report_files(page, "a & b"), "<title>a &amp; b</title>"))
    report_files(page, "a & b")
    with pytest.raises(ValueError, match=r"report\.html is the report 'a & b': choose another --to"):
        report_files(page, "c")


def test_a_page_is_called_html(tmp_path):
    with pytest.raises(ValueError, match=r"for example report\.html, got .*mine\.pdf"):
        report_files(tmp_path / "mine.pdf", "mine")
