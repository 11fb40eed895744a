import os

import numpy as np
import pytest

from teacherspec.metrics import temperature_moments as module
from teacherspec.metrics.temperature_moments import temperature_moments
from tests.unit.calibrate.toy_predictions import planted


def test_the_number_of_threads_changes_no_bit(monkeypatch):
    logits, labels = planted(3000, 5, 2.0, seed=1)
    monkeypatch.setattr(module, "CHUNK_BYTES", 1 << 12)
    many = temperature_moments(logits, labels, betas=[0.5, 1.0])
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert (temperature_moments(logits, labels, betas=[0.5, 1.0]).sums == many.sums).all()


def test_chunks_change_nothing_but_rounding(monkeypatch):
    logits, labels = planted(1000, 5, 2.0, seed=1)
    whole = temperature_moments(logits, labels, betas=[0.5])
    monkeypatch.setattr(module, "CHUNK_BYTES", 1)
    assert temperature_moments(logits, labels, betas=[0.5]).sums == pytest.approx(
        whole.sums, rel=1e-12, abs=1e-9
    )


def test_the_row_at_fault_is_named_wherever_its_chunk_begins(monkeypatch):
    monkeypatch.setattr(module, "CHUNK_BYTES", 1 << 10)
    logits, labels = planted(3000, 5, 2.0, seed=1)
    logits[2345, 1] = np.nan
    with pytest.raises(ValueError, match="row 2345 holds nan"):
        temperature_moments(logits, labels, betas=[1.0])
    logits[2345] = 0.0
    logits[2777, labels[2777]] = -np.inf
    with pytest.raises(ValueError, match="row 2777 is -inf on its label"):
        temperature_moments(logits, labels, betas=[1.0])


def test_lower_precision_is_close():
    logits, labels = planted(5000, 20, 2.0, seed=1)
    exact = temperature_moments(logits, labels, betas=[0.5, 2.0])
    rough = temperature_moments(logits, labels, betas=[0.5, 2.0], precision=np.float32)
    assert rough.sums == pytest.approx(exact.sums, rel=1e-5)


def test_banned_classes_count_for_nothing_in_either_precision():
    logits, labels = planted(200, 4, 2.0, seed=1)
    padded = np.concatenate([logits, np.full((200, 1), -np.inf)], axis=1)
    for precision in (np.float32, np.float64):
        found = temperature_moments(padded, labels, betas=[0.001, 1000.0], precision=precision)
        plain = temperature_moments(logits, labels, betas=[0.001, 1000.0], precision=precision)
        assert found.sums == pytest.approx(plain.sums, rel=1e-5)
