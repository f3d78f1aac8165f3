/* VPIN, the volume-synchronised probability of informed trading: how one-sided the newest buckets of equal volume were.
 * Its clock is volume, so a rush of trading fills many buckets and a lull none. The authors sign volume in bulk because
 * they have bars; here the taker's side is known. A bucket holds what is usually traded in some seconds, fixed when it is
 * begun: the authors take a fiftieth of an average day. */
#include "indicator_i.h"

struct vpin {
    struct moments one_sided, volume; /* of full buckets */
    struct decay usual;
    int64_t first_ns;
    bool has_first;
    double seconds;
    double size, filled,
        net; /* the bucket being filled; size 0: none yet, or too little traded for any */
};

static void place(struct block *block, const double *options)
{
    struct vpin *state = block_take(block, sizeof(*state));
    struct window *one_sided = window_take(block, option_size(options, 0));
    struct window *volume = window_take(block, option_size(options, 0));
    if (state == NULL)
        return;
    *state = (struct vpin){.usual = decay_of(options[2]), .seconds = options[1]};
    moments_init(&state->one_sided, one_sided);
    moments_init(&state->volume, volume);
}

static void bucket_begin(struct vpin *self, int64_t ts_ns)
{
    double norm_s = decay_norm(self->usual.tau_ns / 1e9, self->first_ns, ts_ns);
    self->size = self->seconds * decay_sum_at(&self->usual, ts_ns) / norm_s;
    self->filled = self->net = 0;
}

static void bucket_end(struct vpin *self)
{
    moments_push(&self->one_sided, fabs(self->net));
    moments_push(&self->volume, self->size);
}

/* One trade may fill many buckets, all alike; of more than the window holds only the last ones are seen. */
static void fill_buckets(struct vpin *self, const struct trade *trade)
{
    double n_seen = (double)self->volume.window->cap;
    double left = trade->qty, sign = side_sign(trade->side);
    while (self->size > 0 && left >= self->size - self->filled) {
        double part = self->size - self->filled;
        self->net += sign * part;
        left -= part;
        bucket_end(self);
        bucket_begin(self, trade->ts_event_ns);
        if (left > (n_seen + 1) * self->size)
            left = n_seen * self->size + fmod(left, self->size);
    }
    self->filled += left;
    self->net += sign * left;
}

static void on_trade(void *state, const struct trade *trade)
{
    struct vpin *self = state;
    if (!self->has_first)
        self->first_ns = trade->ts_event_ns;
    self->has_first = true;
    decay_add(&self->usual, trade->ts_event_ns, trade->qty);
    if ((double)(trade->ts_event_ns - self->first_ns) < self->seconds * 1e9)
        return;
    if (self->size == 0)
        bucket_begin(self, trade->ts_event_ns);
    fill_buckets(self, trade);
}

static double value(const void *state, const double *options, const struct feature_moment *moment)
{
    const struct vpin *self = state;
    (void)options, (void)moment;
    if (!window_is_full(self->volume.window))
        return NAN;
    return share(moments_mean(&self->one_sided), moments_mean(&self->volume), 0);
}

static int64_t warmup_ns(const double *options)
{
    return (int64_t)(options[0] * options[1] * 1e9);
}

const struct indicator indicator_vpin = {
    .name = "vpin",
    .summary = "one-sidedness of trading in buckets of equal volume (VPIN)",
    .formula =
        "sum(|bought - sold|) / sum(volume) over the newest `buckets` full buckets; size of a "
        "bucket: seconds times "
        "R(q, memory) when it begins, R as in trade_flow; a trade is split at a bucket's end",
    .source = "Easley, Lopez de Prado, O'Hara, Flow Toxicity and Liquidity in a High-frequency "
              "World, RFS 25 (2012)",
    .edge_cases = "no side known: 0; no trade for long: the last buckets stay; fewer full buckets "
                  "than asked for: missing",
    .feed = FEED_TRADE,
    .version = 1,
    .min = 0,
    .max = 1,
    .options = {{"buckets", 50, 1, 1000, true, "full buckets that count"},
                {"seconds", 5, 0.1, 86400, false, "time in which a bucket usually fills"},
                {"memory", 600, 1, 86400, false, "seconds: time constant of what is usual"}},
    .warmup_inputs = warmup_one,
    .warmup_ns = warmup_ns,
    .place = place,
    .on_trade = on_trade,
    .value = value,
};
