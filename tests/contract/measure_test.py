"""Our measures agree with their textbook definitions, written down plainly here, and with numbers their authors published."""
import itertools
import math
import os
import random
import struct
import subprocess
from statistics import NormalDist, fmean, stdev

import pytest

HELPER = os.path.join(os.environ.get("BUILD_DIR", "build"), "tests/helper/measure_lines")
NORMAL = NormalDist()
EULER = 0.5772156649015329


@pytest.fixture(scope="module")
def ask():
    process = subprocess.Popen([HELPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def call(*words):
        process.stdin.write(" ".join(map(str, words)) + "\n")
        process.stdin.flush()
        numbers = [float(word) for word in process.stdout.readline().split()]
        return numbers[0] if len(numbers) == 1 else numbers

    yield call
    process.stdin.close()
    assert process.wait(10) == 0


def near(expected):
    return pytest.approx(expected, rel=1e-9, abs=1e-12)


def single(x):
    """The nearest number in single precision."""
    return struct.unpack("f", struct.pack("f", x))[0]


def singles(source, n):
    return [single(source.gauss(0, 1)) for _ in range(n)]


# ---- Sharpe ratios ----

def psr(s, benchmark, n, skewness, kurtosis):
    return NORMAL.cdf((s - benchmark) * math.sqrt(n - 1) / math.sqrt(1 - skewness * s + (kurtosis - 1) / 4 * s * s))


def best_of(n, variance):
    return math.sqrt(variance) * ((1 - EULER) * NORMAL.inv_cdf(1 - 1 / n) + EULER * NORMAL.inv_cdf(1 - 1 / (n * math.e)))


def moments(x):
    mean = fmean(x)
    m2, m3, m4 = (fmean([(v - mean) ** k for v in x]) for k in (2, 3, 4))
    return mean / stdev(x), m3 / m2**1.5, m4 / m2**2


def test_published_probabilities(ask):
    """Bailey and Lopez de Prado (2012): a monthly ratio of 0.458 with skewness -2.448 and kurtosis 10.164."""
    assert ask("psr", 0.458, 0, 24, 0, 3) == pytest.approx(0.982, abs=5e-4)
    assert ask("psr", 0.458, 0, 24, -2.448, 10.164) == pytest.approx(0.913, abs=5e-4)
    assert ask("psr", 0.458, 0, 36, -2.448, 10.164) == pytest.approx(0.953, abs=6e-4)


def test_published_deflation(ask):
    """Bailey and Lopez de Prado (2014): 2.5 a year over 1250 days, variance 1/2 a year; 100, 46 and, if normal, 88 trials."""
    daily, variance = 2.5 / math.sqrt(250), 0.5 / 250
    assert ask("best_of", 100, variance) == pytest.approx(0.1132, abs=5e-5)
    for n, skewness, kurtosis, published in ((100, -3, 10, 0.9004), (46, -3, 10, 0.9505), (88, 0, 3, 0.9505)):
        assert ask("dsr", daily, n, 1250, skewness, kurtosis, variance) == pytest.approx(published, abs=1e-4)


def test_ratios_of_any_shape(ask):
    source = random.Random(1)
    for _ in range(200):
        s, benchmark = source.uniform(-0.5, 0.8), source.uniform(-0.2, 0.3)
        n, skewness, kurtosis = source.randrange(3, 3000), source.uniform(-2, 1), source.uniform(5, 12)
        shape = (n, skewness, kurtosis)
        assert ask("psr", s, benchmark, *shape) == near(psr(s, benchmark, *shape))
        needed = ask("track_record", s, benchmark, *shape, 0.95)
        if s <= benchmark:
            assert needed == math.inf
        else:  # so many periods and no fewer make the probability 95 %
            assert psr(s, benchmark, needed, skewness, kurtosis) == pytest.approx(0.95, abs=1e-9)
        trials, variance = source.randrange(2, 10**6), source.uniform(0, 0.2)
        assert ask("best_of", trials, variance) == pytest.approx(best_of(trials, variance), rel=1e-7)
        assert ask("dsr", s, trials, *shape, variance) == pytest.approx(psr(s, best_of(trials, variance), *shape), abs=1e-6)
        assert ask("dsr", s, trials, *shape, "nan") == pytest.approx(psr(s, best_of(trials, 1 / (n - 1)), *shape), abs=1e-6)
        assert ask("dsr", s, 1, *shape, variance) == near(psr(s, 0, *shape))


def test_best_of_many_is_what_chance_brings(ask):
    """The formula is an approximation of an expectation, so chance itself is asked: the largest of N standard normals."""
    source = random.Random(2)
    for n, tolerance in ((5, 0.06), (50, 0.04), (400, 0.04)):
        largest = fmean(max(source.gauss(0, 1) for _ in range(n)) for _ in range(4000))
        assert ask("best_of", n, 1) == pytest.approx(largest, abs=tolerance)


def test_moments(ask):
    source = random.Random(3)
    for n in (3, 4, 17, 200):
        x = [source.expovariate(1) - 0.7 for _ in range(n)]
        assert ask("sharpe", *x) == near(moments(x))
    for x in ((1, 2), (5, 5, 5, 5)):
        assert all(map(math.isnan, ask("sharpe", *x)))


def test_periods_keep_the_newest(ask):
    assert ask("periods", 3, 100, 1, 2, 3, 4, 5, 6) == [6, 15]
    assert ask("periods", 1, 1, 2) == [1, 2]


# ---- overfitting ----

def ratio_of(x):
    return fmean(x) / stdev(x) if stdev(x) > 0 else 0.0


def pbo(table, n_blocks):
    """table: one row a period. Returns the logits of all ways and the ratios of the chosen on the other half."""
    n_trials = len(table[0])
    edges = [len(table) * i // n_blocks for i in range(n_blocks + 1)]
    blocks = [table[a:b] for a, b in zip(edges, edges[1:])]
    logits, others = [], []
    for half in itertools.combinations(range(n_blocks), n_blocks // 2):
        inside = [row for i in half for row in blocks[i]]
        outside = [row for i in range(n_blocks) if i not in half for row in blocks[i]]
        inside, outside = ([ratio_of([row[k] for row in rows]) for k in range(n_trials)] for rows in (inside, outside))
        chosen = inside.index(max(inside))
        rank = (sum(r < outside[chosen] for r in outside) + 1 + sum(r <= outside[chosen] for r in outside)) / 2
        logits.append(math.log(rank / (n_trials + 1 - rank)))
        others.append(outside[chosen])
    return logits, others


def middle(x):
    x = sorted(x)
    return (x[len(x) // 2] + x[(len(x) - 1) // 2]) / 2


def ask_pbo(ask, table, n_blocks):
    return ask("pbo", n_blocks, len(table[0]), *itertools.chain(*table))


@pytest.mark.parametrize("n_blocks,n_trials,n_periods,skill", [
    (2, 2, 4, 0), (4, 3, 37, 0), (6, 7, 61, 0.1), (8, 5, 100, 0.5), (8, 20, 90, 0)])
def test_overfitting_by_all_ways(ask, n_blocks, n_trials, n_periods, skill):
    source = random.Random(n_blocks * n_trials)
    table = [[source.gauss(skill * k / n_trials, 1) for k in range(n_trials)] for _ in range(n_periods)]
    logits, others = pbo(table, n_blocks)
    expected = [fmean(v <= 0 for v in logits), fmean(v < 0 for v in others), middle(logits),
                math.comb(n_blocks, n_blocks // 2)]
    assert ask_pbo(ask, table, n_blocks) == near(expected)


def test_overfitting_knows_its_extremes(ask):
    source = random.Random(5)
    skilled = [[source.gauss(3 if k == 2 else 0, 1) for k in range(5)] for _ in range(64)]
    assert ask_pbo(ask, skilled, 8)[:2] == [0, 0]
    alike = [[row[0]] * 4 for row in skilled]
    assert ask_pbo(ask, alike, 8)[0] == 1  # nothing to choose from: the choice is the median
    idle = [[0.0, row[0] - 3] for row in skilled]  # one that never trades, the other loses
    assert ask_pbo(ask, idle, 8)[:2] == [0, 0]
    noise = [ask_pbo(ask, [[source.gauss(0, 1) for _ in range(10)] for _ in range(64)], 8)[0] for _ in range(60)]
    assert 0.4 < fmean(noise) < 0.6


# ---- forecasts ----

def weighted(values, weights):
    return math.fsum(v * w for v, w in zip(values, weights)) / math.fsum(weights)


def test_forecasts(ask):
    source = random.Random(6)
    for n in (1, 2, 9, 120):
        y, f, naive = (singles(source, n) for _ in range(3))
        w = [single(source.random() + 0.01) for _ in range(n)]
        mae, naive_mae = (weighted([abs(a - b) for a, b in zip(y, p)], w) for p in (f, naive))
        rmse, naive_rmse = (math.sqrt(weighted([(a - b) ** 2 for a, b in zip(y, p)], w)) for p in (f, naive))
        expected = [mae, rmse, naive_mae, naive_rmse, mae / 0.7, rmse / naive_rmse, 1 - (rmse / naive_rmse) ** 2]
        assert ask("errors", 0.7, *y, *f, *naive, *w) == near(expected)


def test_naive_error_is_the_mean_step(ask):
    y = [3.0, 4.0, 2.0, 2.5, 7.0]
    assert ask("naive", 1, *y) == near((1 + 2 + 0.5 + 4.5) / 4)
    assert ask("naive", 3, *y) == near((0.5 + 3) / 2)
    assert math.isnan(ask("naive", 5, *y))


def test_pinball_is_least_at_the_quantile(ask):
    source = random.Random(7)
    y, w = singles(source, 101), [1] * 101
    for level in (0.1, 0.5, 0.85):
        q = sorted(y)[math.ceil(101 * level) - 1]

        def loss(x):
            return ask("pinball", level, *y, *[x] * 101, *w)

        assert loss(q) == near(fmean(level * (v - q) if v > q else (1 - level) * (q - v) for v in y))
        assert all(loss(q) < loss(q + off) for off in (-0.3, 0.3))


def test_intervals(ask):
    source = random.Random(8)
    y, a, b = (singles(source, 80) for _ in range(3))
    w = [single(source.random() + 0.01) for _ in range(80)]
    low, high = map(list, zip(*map(sorted, zip(a, b))))
    y[0], y[1] = low[0], high[1]  # an end is inside
    width = weighted([h - l for l, h in zip(low, high)], w)
    outside = weighted([max(l - v, 0) + max(v - h, 0) for v, l, h in zip(y, low, high)], w)
    expected = [weighted([l <= v <= h for v, l, h in zip(y, low, high)], w), width, width + 2 / 0.2 * outside]
    assert ask("interval", 0.2, *y, *low, *high, *w) == near(expected)


# ---- honesty ----

def honest_numbers(q, r, w, block, held, nominal, m, n_blocks):
    """Plainly, with every pattern of signs instead of 999 drawn ones."""
    y = [float(v > 0) for v in r]
    total = sum(w)
    bins, mass, k = {}, 0.0, 1
    for i in sorted(range(len(q)), key=lambda i: q[i]):
        bins[i] = k - 1
        mass += w[i]
        while k < 15 and mass >= total * k / 15:
            k += 1
    base = sum(a * b for a, b in zip(w, y)) / total

    def judge(errors, n_bins, weight):
        sums = [[0.0] * n_bins for _ in range(n_blocks)]
        for b, k, error in errors:
            sums[b][k] += error

        def statistic(signs):
            return sum(abs(sum(s * row[k] for s, row in zip(signs, sums))) for k in range(n_bins)) / weight

        all_of_them = sorted(statistic(signs) for signs in itertools.product((1, -1), repeat=n_blocks))
        return statistic([1] * n_blocks), all_of_them[int(len(all_of_them) * 0.95) - 1] * math.sqrt(1.2)

    ece, chance = judge([(b, bins[i], w[i] * (y[i] - q[i])) for i, b in enumerate(block)], 15, total)
    known = [i for i, h in enumerate(held) if h >= 0]
    off, off_chance = judge([(block[i], 0, held[i] - nominal) for i in known], 1, len(known))
    off_chance = math.hypot(off_chance, NORMAL.inv_cdf(0.975) * math.sqrt(nominal * (1 - nominal) / m))
    more = [w[i] * ((q[i] - y[i]) ** 2 - (base - y[i]) ** 2) for i in range(len(q))]
    loss, loss_chance = judge([(b, 0, more[i]) for i, b in enumerate(block)], 1, total)
    skill = -sum(more) / sum(a * (base - b) ** 2 for a, b in zip(w, y))
    return [ece, max(0, ece - chance), fmean([held[i] for i in known]), max(0, off - off_chance), skill,
            max(0, loss - loss_chance) if sum(more) > 0 else 0]


@pytest.mark.parametrize("seed, lie, nominal", [(1, 0.3, 0.6), (2, -0.35, 0.99), (3, 0.25, 0.5), (4, 0.0, 0.9)])
def test_honesty_is_as_defined(ask, seed, lie, nominal):
    source = random.Random(seed)
    n_blocks, n = 12, 480
    block = [i * n_blocks // n for i in range(n)]
    truth = [source.uniform(0.35, 0.65) for _ in range(n)]
    r = [1 if source.random() < p else -1 for p in truth]
    q = [single(min(max(p + lie, 0), 1)) for p in truth]
    w = [single(source.uniform(0.5, 1.5)) for _ in range(n)]
    held = [source.choice([1, 1, 1, 1, 1, 1, 1, 1, 0, -1]) for _ in range(n)]
    expected = honest_numbers(q, r, w, block, held, nominal, 5000, n_blocks)
    told = ask("honesty", nominal, 5000, n_blocks, *q, *r, *w, *block, *held)
    for at in (0, 2, 4):  # measured
        assert told[at] == near(expected[at])
    for at in (1, 3, 5):  # what is not chance: signs are drawn, so give or take a little
        assert told[at] == pytest.approx(expected[at], abs=0.012)
    assert (expected[1] > 0.05) == (lie != 0)
