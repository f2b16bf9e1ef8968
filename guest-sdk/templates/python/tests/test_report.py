"""The report on a recorded run, without WebAssembly: `python3 -m unittest`."""

import unittest
from pathlib import Path
from typing import Any

from forensic import InvalidConfig, Severity
from report import render
from tests.fake_host import FakeHost
from wit_world.imports.types import Block_Table, Cell, Cell_Text, Document

EXAMPLE = Path(__file__).parent / "runs/example"


def rows(document: Document) -> list[list[Cell]]:
    return [row for block in document.blocks if isinstance(block, Block_Table) for row in block.value.rows]


class Report(unittest.TestCase):
    def setUp(self) -> None:
        self.host = FakeHost(EXAMPLE, "data/*.csv")

    def test_the_slowest_stage_comes_first_and_is_a_finding(self) -> None:
        document = render({}, self.host)
        self.assertEqual(rows(document)[0][0], Cell_Text("train"))
        self.assertEqual(len(rows(document)), 5 + 2, "5 stages, 2 files")
        self.assertEqual([(f.severity, f.subject) for f in document.findings], [(Severity.WARNING, "train")])
        self.assertEqual(self.host.logged, ["ranked 5 stages"])
        self.assertEqual(self.host.span_names, ["rank stages"])

    def test_config_says_how_many_stages_and_what_is_too_much(self) -> None:
        document = render({"top": 2, "warn_share": 0.9}, self.host)
        self.assertEqual(len(rows(document)), 2 + 2)
        self.assertEqual(document.findings, [])

    def test_a_wrong_config_is_refused_by_key(self) -> None:
        cases: list[tuple[dict[str, Any], str]] = [
            ({"top": 0}, "`top`"),
            ({"warn_share": "much"}, "`warn_share`"),
            ({"tpo": 3}, "`tpo`"),
        ]
        for config, key in cases:
            with self.subTest(key), self.assertRaisesRegex(InvalidConfig, key):
                render(config, self.host)

    def test_without_a_trace_the_report_says_so(self) -> None:
        document = render({}, FakeHost())
        self.assertEqual([finding.subject for finding in document.findings], ["forensic_trace.json"])


if __name__ == "__main__":
    unittest.main()
