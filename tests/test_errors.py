"""Errors are one sentence, and stay one sentence under two layers of a library's own errors."""

import subprocess
import sys

import pytest

from smart_nets.errors import ConfigError, InputError, cause, small_memory


def test_the_sentence_says_where_what_expected_found_and_remedy():
    error = InputError("ends early", where="a.nii.gz", expected="20 bytes", found="10", remedy="copy it again")
    assert str(error) == "a.nii.gz: ends early (expected 20 bytes, found 10); copy it again."
    assert str(ConfigError("is odd")) == "is odd."


def test_the_cause_is_found_through_layers():
    with pytest.raises(RuntimeError) as caught:
        try:
            try:
                raise InputError("ends early")
            except InputError as inner:
                raise ValueError("layer") from inner
        except ValueError as middle:
            raise RuntimeError("another layer") from middle
    assert isinstance(cause(caught.value), InputError)
    assert cause(ValueError("alone")) is None


@pytest.mark.parametrize(
    ("raised", "ending"),
    [("InputError('ends early')", "InputError: ends early.\n"), ("ValueError('other')", "ValueError: other\n")],
)
def test_a_program_ends_with_the_sentence_and_exit_code_1(raised, ending):
    code = (
        "from smart_nets.errors import InputError, show_one_sentence\n"
        f"show_one_sentence()\ntry:\n    raise {raised}\nexcept Exception as e:\n    raise RuntimeError('layer') from e"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == ending if "InputError" in raised else "RuntimeError: layer" in done.stderr


@pytest.mark.parametrize(
    ("told", "known"),
    [
        (
            "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's workers are out of",
            True,
        ),
        ("unable to write to file </torch_7_12_0>: No space left on device (28)", True),
        ("unable to allocate shared memory(shm) for file </torch_7>: No space left on device (28)", True),
        ("CUDA out of memory", False),
    ],
)
def test_a_worker_without_shared_memory_is_told_with_both_remedies(told, known):
    outer = RuntimeError("Failed to evaluate")
    outer.__cause__ = RuntimeError(told)
    found = small_memory(outer)
    assert (found is not None) is known
    assert not known or ("--num_workers 0" in str(found) and "--shm-size" in str(found))
