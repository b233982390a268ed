"""`semore report`: one page, and tables to paste, from finished runs."""

from semore_gym.report.write import write_report

__all__ = ["write_report"]
