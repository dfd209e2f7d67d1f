"""Where the lesions of a run come from."""

from smart_nets.classify.lesions import phantoms


def test_without_a_source_there_are_phantoms(tmp_path, monkeypatch):
    monkeypatch.setattr(phantoms, "phantom_lesions", lambda *given: given)
    monkeypatch.setattr(phantoms, "lesion_list", lambda source, **options: (source, options))
    assert phantoms.find_lesions(None, tmp_path, 2, "response", rule="mean") == (tmp_path, 2, "response")
    assert phantoms.find_lesions("lesions.csv", tmp_path, 2, "response", rule="mean") == (
        "lesions.csv",
        {"rule": "mean"},
    )
