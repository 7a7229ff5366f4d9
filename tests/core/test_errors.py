"""Problems are told in plain words and can be raised."""

import pickle

import msgspec

from llamadesk.core.errors import Problem, ProblemCode, ProblemError


def test_text_is_title_and_advice():
    assert Problem(ProblemCode.STORE_FULL, "The disk is full.", "Free some space.").text == (
        "The disk is full. Free some space."
    )
    assert Problem(ProblemCode.STORE_FULL, "The disk is full.").text == "The disk is full."


def test_the_error_carries_the_problem():
    problem = Problem(ProblemCode.MODEL_DAMAGED, "The file is damaged.", "Download it again.", "tensor 7")
    error = ProblemError(problem)
    assert error.problem is problem
    assert "tensor 7" in str(error) and "model_damaged" in str(error)


def test_a_problem_travels():
    problem = Problem(ProblemCode.ENGINE_LOST, "It stopped.", "Send again.", "signal 9")
    assert msgspec.json.decode(msgspec.json.encode(problem), type=Problem) == problem
    assert pickle.loads(pickle.dumps(problem)) == problem


def test_codes_are_told_apart():
    assert len({code.value for code in ProblemCode}) == len(ProblemCode)
