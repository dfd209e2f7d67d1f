"""Draws of whole patients, and intervals that know how few they are."""

from inspect import signature

import numpy as np
import pytest
from scipy import stats

from smart_nets.errors import ConfigError, InputError
from smart_nets.statistics.bootstrap import Interval, bands, bootstrap_interval, intervals
from smart_nets.statistics.draws import PatientBootstrap, independent_strata
from smart_nets.statistics.metrics import ratio

pytestmark = pytest.mark.filterwarnings("error")
PATIENTS = np.array(["b", "a", "b", "c", "d", "d", "e"])


def mean_of(values):
    """The weighted mean of values (n,) as a statistic."""
    return lambda weights: {"mean": ratio(weights @ np.asarray(values, dtype=float), weights.sum(axis=1))}


def test_whole_patients_are_drawn():
    draws = np.concatenate(list(PatientBootstrap(PATIENTS, rounds=600).draws()))
    assert draws.shape == (600, 7)
    assert (draws[:, 0] == draws[:, 2]).all()
    assert (draws[:, 4] == draws[:, 5]).all()
    first = draws[:, [0, 1, 3, 4, 6]]  # one lesion of each patient
    assert (first.sum(axis=1) == 5).all()
    assert first.mean(axis=0) == pytest.approx(1, abs=0.15)


def test_patients_are_drawn_within_their_folds():
    folds = np.array([0, 0, 0, 0, 1, 1, 1])
    draws = np.concatenate(list(PatientBootstrap(PATIENTS, folds, rounds=100).draws()))
    assert (draws[:, [0, 1, 3]].sum(axis=1) == 3).all()  # of a, b, c in fold 0
    assert (draws[:, [4, 6]].sum(axis=1) == 2).all()  # of d, e in fold 1


def test_a_patient_of_two_folds_ties_them():
    strata = independent_strata(np.array([0, 1, 1, 2, 3]), np.array([0, 0, 1, 1, 2]))
    assert [stratum.tolist() for stratum in strata] == [[0, 1, 2], [3]]


def test_leaving_out_each_patient_once():
    weights = np.concatenate(list(PatientBootstrap(PATIENTS).without_one()))
    np.testing.assert_array_equal(weights, PATIENTS[None] != np.array(["a", "b", "c", "d", "e"])[:, None])


def test_same_seed_same_draws():
    one, again, other = (next(PatientBootstrap(PATIENTS, seed=seed).draws()) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_a_mean_gets_students_interval():
    """The draws' standard deviation is s sqrt((n - 1) / n) / sqrt(n); reaching t sqrt(n / (n - 1)) of it is t s / sqrt(n)."""
    values = np.random.default_rng(0).random(12)
    found = intervals(mean_of(values), PatientBootstrap(np.arange(12), rounds=20_000))["mean"]
    low, high = stats.t.interval(0.95, 11, values.mean(), stats.sem(values))
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.1 * (high - low))
    assert found.high - found.low == pytest.approx(high - low, rel=0.05)  # plain percentiles would be 15 % narrower


# SciPy renamed it in 1.15
SEEDED = {"rng" if "rng" in signature(stats.bootstrap).parameters else "random_state": np.random.default_rng(1)}


def test_skewed_draws_are_corrected_as_scipy_does():
    """Many patients, so that Student's t is as the normal distribution; a share of 2 % is skewed to the right."""
    values = np.repeat([1.0, 0.0], [6, 294])
    found = intervals(mean_of(values), PatientBootstrap(np.arange(300), rounds=20_000))["mean"]
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", **SEEDED)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval), abs=1 / 300)
    assert found.high - found.value > 1.3 * (found.value - found.low)


def test_biased_draws_are_corrected_as_scipy_does():
    """The variance of a draw is below that of the sample, and skewed: both corrections move the limits up."""
    values = np.random.default_rng(4).beta(0.3, 3, 150)

    def spread(weights):
        mean = (weights @ values) / 150
        return {"spread": (weights @ values**2) / 150 - mean**2}

    bootstrap = PatientBootstrap(np.arange(150), rounds=20_000)
    found = intervals(spread, bootstrap)["spread"]
    theirs = stats.bootstrap((values,), np.var, n_resamples=20_000, method="BCa", **SEEDED)
    low, high = theirs.confidence_interval
    plain = np.quantile(np.concatenate([spread(weights)["spread"] for weights in bootstrap.draws()]), [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.05 * (high - low))
    assert plain[0] < low - 0.06 * (high - low)
    assert plain[1] < high - 0.06 * (high - low)


def test_bias_by_hand():
    """Draws that lie 0.004 below the value tell that it lies 0.004 below the truth: the middle moves 0.004 above it."""
    values = np.linspace(0.2, 0.8, 400)  # symmetric, so that there is no acceleration

    def low_draws(weights):
        drawn = (weights != 1).any(axis=1)
        return {"mean": mean_of(values)(weights)["mean"] - 0.004 * drawn}

    found = intervals(low_draws, PatientBootstrap(np.arange(400), rounds=20_000))["mean"]
    reach = stats.t.ppf(0.975, 399) * stats.sem(values)
    assert (found.low, found.high) == pytest.approx((0.504 - reach, 0.504 + reach), abs=0.001)


def test_lesions_of_a_patient_go_together():
    """Ten patients, five all right: as 200 lesions the interval would be 0.43 to 0.57."""
    right = np.repeat(np.arange(10) < 5, 20).astype(float)
    found = intervals(mean_of(right), PatientBootstrap(np.repeat(np.arange(10), 20)))["mean"]
    reach = stats.t.ppf(0.975, 9) * np.sqrt(0.25 / 9)  # of ten answers
    assert (found.low, found.high) == pytest.approx((0.5 - reach, 0.5 + reach), abs=0.06)


@pytest.mark.parametrize(("answer", "expected"), [(1.0, (0.025**0.1, 1)), (0.0, (0, 1 - 0.025**0.1))])
def test_perfect_answers_are_not_certain(answer, expected):
    """10 of 10 right: the share p for which p^10 = 0.025 is the exact limit (Clopper and Pearson)."""
    found = intervals(mean_of(np.full(10, answer)), PatientBootstrap(np.arange(10)))["mean"]
    exact = stats.binomtest(int(10 * answer), 10).proportion_ci()
    assert (found.low, found.high) == pytest.approx(expected)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))
    fewer = intervals(mean_of(np.full(10, answer)), PatientBootstrap(np.arange(10)), {"mean": 3})["mean"]
    assert fewer.high - fewer.low > found.high - found.low


def test_what_noise_drives_up_is_mirrored():
    """|mean| of noise around 0 is above 0, and those of draws even more; mirrored, the interval reaches down to 0."""
    noise = np.random.default_rng(2).normal(size=100) / 4

    def size(weights):
        return {"size": np.abs(mean_of(noise)(weights)["mean"])}

    bootstrap = PatientBootstrap(np.arange(100))
    plain, mirrored = (intervals(size, bootstrap, inflated=names)["size"] for names in ((), ("size",)))
    assert mirrored.low == 0
    assert mirrored.high < plain.high
    assert mirrored.low <= mirrored.value <= mirrored.high


def test_draws_without_a_value_are_told():
    """The share of right answers among the lesions of patients a and b of ten; some draws have neither."""
    patients, right = np.arange(10), np.array([1.0, 0] + 8 * [0])
    chosen = np.array([1.0, 1] + 8 * [0])
    found = intervals(
        lambda weights: {"share": ratio(weights @ right, weights @ chosen)}, PatientBootstrap(patients), {"share": 2}
    )["share"]
    assert found.left_out / 2000 == pytest.approx(0.8**10, abs=0.02)
    assert found.as_dict().keys() == {"value", "low", "high", "draws_left_out"}
    alone = intervals(
        lambda weights: {"share": ratio(weights @ right, weights @ right)}, PatientBootstrap(patients), {"share": 1}
    )["share"]
    assert (alone.value, np.isnan(alone.low), alone.why) == (1, True, "no more patients than folds to judge it by")
    never = intervals(mean_of(np.full(10, np.nan)), PatientBootstrap(patients))["mean"]
    assert never.as_dict() == {"value": None, "low": None, "high": None, "why": "not defined for these lesions"}


def test_mostly_undefined():
    patients = np.arange(4)
    once = np.array([1.0, 0, 0, 0])
    rare = intervals(  # defined only if patient 0 is drawn twice or more, and as it is
        lambda weights: {"x": np.where((weights @ once > 1) | (weights == 1).all(axis=1), 0.5, np.nan)},
        PatientBootstrap(patients),
    )["x"]
    assert (rare.value, rare.why) == (0.5, "not defined in most draws of patients")
    assert rare.left_out > 1000


def test_interval_for_json():
    assert Interval(0.5, 0.25, 1.0).as_dict() == {"value": 0.5, "low": 0.25, "high": 1.0}


def test_bands_hold_their_curve():
    values = np.random.default_rng(0).random((30, 3))
    found = bands(lambda weights: {"curve": weights @ values / 30}, PatientBootstrap(np.arange(30)))
    value, low, high = found["curve"]
    assert value == pytest.approx(values.mean(axis=0))
    assert (low < value).all()
    assert (value < high).all()
    nothing = bands(lambda weights: {"curve": np.full((len(weights), 3), np.nan)}, PatientBootstrap(np.arange(30)))
    assert np.isnan(nothing["curve"]).all()


def test_one_by_one_is_as_all_at_once():
    values, patients = np.random.default_rng(0).random(40), np.arange(40) // 3
    low, high = bootstrap_interval(lambda rows: float(values[rows].mean()), patients, rounds=500)
    draws = np.concatenate(
        [mean_of(values)(weights)["mean"] for weights in PatientBootstrap(patients, rounds=500).draws()]
    )
    assert (low, high) == pytest.approx(tuple(np.percentile(draws, [2.5, 97.5])))


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"patients": ["a", "a"]}, InputError, "needs several patients .expected 2 or more, found 1"),
        ({"patients": []}, InputError, "needs several patients"),
        ({"patients": ["a", "b"], "folds": [0]}, InputError, "differ in number .found 2 and 1"),
        ({"patients": ["a", "b"], "rounds": 99}, ConfigError, "rounds: cannot be .*too few"),
    ],
)
def test_what_cannot_be_drawn(given, error, says):
    with pytest.raises(error, match=says):
        PatientBootstrap(**given)
