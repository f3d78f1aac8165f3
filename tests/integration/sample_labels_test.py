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


# action, barrier, gross, cost, evidence, took: the definitions of learning section 3, written out.
@pytest.mark.parametrize("action, barrier, gross, cost, evidence, took", [
    (action, barrier, gross, cost, evidence, took)
    for action in ("buy", "sell") for barrier in (1, 2, 3) for gross in (0.004, 0.0005, 0.0, -0.0005, -0.004)
    for cost in (0.001,) for evidence, took in ((1, True), (2, False))])
def test_samples_say_where_the_market_went_and_whether_a_signal_fired(action, barrier, gross, cost, evidence, took):
    assert harness.run("migrate").returncode == 0
    row = list(next(learnable.rows(1, 0.0, evidence, b"\0" * 32)))
    columns = [name.strip() for name in learnable.COLUMNS.split(",")]
    for name, value in (("action", action), ("barrier", barrier), ("gross_return", gross), ("cost_return", cost),
                        ("evidence", evidence), ("policy_took", took)):
        row[columns.index(name)] = value
    with harness.db() as db:
        harness.query(db, "DELETE FROM samples")
    learnable.insert([row])
    move = gross if action == "buy" else -gross
    timed_out = barrier == 3 and abs(gross) < cost
    side = 0 if timed_out else (move > 0) - (move < 0)
    with harness.db() as db:
        assert harness.query(db, "SELECT side_label, is_meta FROM samples") == [(side, evidence == 1)]
