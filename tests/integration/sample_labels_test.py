"""The columns of `samples` that the database makes: label, span, and the part of the weight that a sample alone decides."""
import harness
import learnable
import pytest


@pytest.mark.parametrize("evidence, net, propensity, fraction, label, weight", [
    (1, 0.002, 0.25, 1.0, 1, 4.0), (1, 0.0, 0.5, 0.5, 0, 1.0), (1, -0.002, 0.01, 1.0, 0, 10.0), (2, 0.002, 0.25, 1.0, 1, 1.0)])
def test_samples_say_label_weight_and_span(evidence, net, propensity, fraction, label, weight):
    assert harness.run("migrate").returncode == 0
    row = list(next(learnable.rows(1, 0.0, evidence, b"\0" * 32)))
    columns = [name.strip() for name in learnable.COLUMNS.split(",")]
    for name, value in (("evidence", evidence), ("net_return", net), ("propensity", propensity), ("fill_fraction", fraction)):
        row[columns.index(name)] = value
    with harness.db() as db:
        harness.query(db, "DELETE FROM samples")
    learnable.insert([row])
    with harness.db() as db:
        found = harness.query(db, """SELECT label, weight, extract(epoch FROM lower(span))::float8 * 1e9 = t0_ns,
                                            extract(epoch FROM upper(span))::float8 * 1e9 = t1_ns FROM samples""")
    assert found == [(label, weight, True, True)]
