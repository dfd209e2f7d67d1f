"""Where the lesions of a run come from."""

import pytest

from smart_nets.classify.lesions import phantoms
from smart_nets.errors import ConfigError


def test_without_a_source_there_are_phantoms(tmp_path, monkeypatch):
    monkeypatch.setattr(phantoms, "phantom_lesions", lambda *given: given)
    monkeypatch.setattr(phantoms, "lesion_list", lambda source, **options: (source, options))
    with pytest.raises(ConfigError, match="coordinates: phantoms are in RAS"):
        phantoms.find_lesions(None, tmp_path, 2, "response", coordinates="LPS")
    assert phantoms.find_lesions(None, tmp_path, 2, "response", rule="mean") == (tmp_path, 2, "response")
    assert phantoms.find_lesions("lesions.csv", tmp_path, 2, "response", rule="mean") == (
        "lesions.csv",
        {"rule": "mean"},
    )
