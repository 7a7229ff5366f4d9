from __future__ import annotations

import pytest

from llamadesk.core.biases import bias_problem, biases_from
from llamadesk.core.protocol import FORBIDDEN


def test_each_line_is_a_word_and_how_much_it_is_wanted() -> None:
    text = "very = -2\n\n  as an = 0,5 \ndelve=NEVER\na=b = +3\n"
    assert biases_from(text) == (("very", -2.0), ("as an", 0.5), ("delve", FORBIDDEN), ("a=b", 3.0))
    assert bias_problem(text) == ""
    assert biases_from("") == () and bias_problem("") == ""


@pytest.mark.parametrize("line", ["very", "very =", "= 3", "very = often", "very = 101", "very = nan", "very = -inf"])
def test_a_line_that_cannot_be_read_is_left_out_and_named(line: str) -> None:
    text = f"good = 1\n{line}\nbad = -1"
    assert biases_from(text) == (("good", 1.0), ("bad", -1.0))
    assert bias_problem(text).startswith("Line 2 is left out")
