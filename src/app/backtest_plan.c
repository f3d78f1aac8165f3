/* Files, settings and strategies of a backtest.
 *
 * A strategy that was written for a live market is fitted to candles: what it measures in candles of its own timeframe
 * (horizon, how far back it learns, how fast that ages, the times of its rollout) it measures in candles of the data, and it decides when one ends,
 * because inside a candle the path of the price is an invention (market/replay.h). The report says what was changed. Trades
 * and quotes change nothing.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alphaloop/app/environment.h"
#include "alphaloop/app/roles.h"
#include "backtest_i.h"
#include "strategies_i.h"

/* ---- files ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static enum al_err add_file(struct backtest_plan *plan, size_t i)
{
    struct source_summary summary;
    struct report_file *file = &plan->files[i];
    enum al_err err = source_summarize(plan->options->paths[i], &summary);
    if (err != AL_OK)
        return err;
    *file = (struct report_file){.kind = csv_kind_name(summary.kind),
                                 .interval_s = (double)summary.interval_ns / (double)NS_PER_S,
                                 .n_rows = summary.n_rows,
                                 .n_refused = summary.n_refused,
                                 .from_ns = summary.from_ns,
                                 .to_ns = summary.to_ns + summary.interval_ns};
    (void)chars_set(file->name, sizeof(file->name), base_name(plan->options->paths[i]));
    (void)chars_set(file->asset, sizeof(file->asset), plan->options->assets[i].text);
    if (summary.interval_ns > plan->interval_ns)
        plan->interval_ns = summary.interval_ns;
    if (i == 0 || file->from_ns < plan->from_ns)
        plan->from_ns = file->from_ns;
    if (i == 0 || file->to_ns > plan->to_ns)
        plan->to_ns = file->to_ns;
    return AL_OK;
}

/* ---- strategies ---- */

static void trade_files(const struct backtest_options *o, struct strategy_config *config)
{
    config->n_assets = 0;
    for (size_t i = 0; i < o->n_paths; i++) {
        size_t k = 0;
        while (k < config->n_assets && !asset_eq(&config->assets[k], &o->assets[i]))
            k++;
        if (k == config->n_assets)
            config->assets[config->n_assets++] = o->assets[i];
    }
}

static int64_t scaled(int64_t ns, double scale, int64_t min_ns)
{
    int64_t out = (int64_t)((double)ns * scale);
    return out > min_ns ? out : min_ns;
}

/* No candle file has books or a stream of trades: the columns made of them would be of the walk inside candles. */
static bool use_candle_features(struct strategy_config *config)
{
    if (config->n_features != 1 || strcmp(config->features[0], "standard") != 0)
        return false;
    (void)chars_set(config->features[0], sizeof(config->features[0]), "candles");
    return true;
}

/* How long a model lasts and an alarm's peace is, by the same measure; a hundred years are for ever. */
static void fit_rollout(struct strategy_config *config, double scale)
{
    const double days_max = 36500;
    config->rollout.expiry_days = fmin(config->rollout.expiry_days * scale, days_max);
    config->rollout.cooldown_hours = fmin(config->rollout.cooldown_hours * scale, 24 * days_max);
    config->rollout.false_alarm_days *= scale;
}

static void fit_to_candles(struct strategy_config *config,
                           int64_t interval_ns,
                           char text[REPORT_TEXT_MAX])
{
    double scale = fmax((double)interval_ns / (double)config->timeframe_ns, 1);
    bool has_other_features = use_candle_features(config);
    int64_t silence_ns = interval_ns / 2 + interval_ns / 4; /* the walk has a price in every half */
    config->decision.trigger = DECISION_TRIGGER_CANDLE;
    config->timeframe_ns = scaled(config->timeframe_ns, scale, 0);
    config->horizon_ns = scaled(config->horizon_ns, scale, 0);
    config->freshness.ticker_ns = scaled(config->freshness.ticker_ns, scale, silence_ns);
    config->freshness.book_ns = scaled(config->freshness.book_ns, scale, silence_ns);
    config->freshness.trades_ns = scaled(config->freshness.trades_ns, scale, interval_ns);
    config->freshness.candle_ns = scaled(config->freshness.candle_ns, scale, interval_ns);
    config->training.window_days *= scale;
    config->training.half_life_days *= scale;
    fit_rollout(config, scale);
    snprintf(
        text, REPORT_TEXT_MAX,
        "decides at the end of each candle of %g s; horizon, learning window, half-life, freshness "
        "and the times of the rollout times %g%s",
        (double)config->timeframe_ns / (double)NS_PER_S, scale,
        has_other_features ? "; features 'candles' instead of 'standard'" : "");
}

static void fit_strategies(struct backtest_plan *plan)
{
    for (size_t i = 0; i < plan->n_strategies; i++) {
        struct strategy_config *config = &plan->strategies[i];
        trade_files(plan->options, config);
        if (plan->interval_ns > 0)
            fit_to_candles(config, plan->interval_ns, plan->adapted[i]);
        if (plan->options->horizon_s > 0)
            config->horizon_ns = (int64_t)(plan->options->horizon_s * (double)NS_PER_S);
    }
}

static enum al_err choose_strategies(const struct backtest_options *o, struct settings *settings)
{
    struct setting_list *list = &settings->trading_strategies;
    if (o->n_strategies == 0)
        return AL_OK;
    list->count = o->n_strategies;
    for (size_t i = 0; i < o->n_strategies; i++) {
        if (!chars_set(list->items[i], sizeof(list->items[i]), o->strategies[i]))
            return err_set(AL_EINVAL, "--strategy=%s: too long", o->strategies[i]);
    }
    return AL_OK;
}

static int load_strategies(struct backtest_plan *plan)
{
    struct buf problems = BUF_INIT(SETTINGS_PROBLEMS_MAX);
    enum al_err err = choose_strategies(plan->options, plan->settings);
    if (err == AL_OK)
        err = strategies_load(plan->settings, &plan->strategies, &plan->n_strategies, &problems);
    if (err != AL_OK)
        fprintf(stderr, "alphaloop backtest: %s\n%s", err_text(), buf_str(&problems));
    buf_deinit(&problems);
    return err == AL_OK ? EXIT_DONE : EXIT_USAGE;
}

/* ---- the plan ---- */

int backtest_plan_init(struct backtest_plan *plan, const struct backtest_options *options)
{
    *plan = (struct backtest_plan){.options = options};
    plan->settings = calloc(1, sizeof(*plan->settings));
    plan->adapted = calloc(STRATEGIES_MAX, sizeof(*plan->adapted));
    if (plan->settings == NULL || plan->adapted == NULL) {
        fputs("alphaloop backtest: out of memory\n", stderr);
        return EXIT_FAILED;
    }
    if (environment_settings(options->env_file, 0, plan->settings) != AL_OK)
        return EXIT_USAGE;
    plan->settings->clock = SETTING_CLOCK_MARKET;
    for (size_t i = 0; i < options->n_paths; i++) {
        if (add_file(plan, i) != AL_OK) {
            fprintf(stderr, "alphaloop backtest: %s\n", err_text());
            return EXIT_FAILED;
        }
    }
    int code = load_strategies(plan);
    if (code == EXIT_DONE)
        fit_strategies(plan);
    return code;
}

void backtest_plan_deinit(struct backtest_plan *plan)
{
    free(plan->settings);
    free(plan->strategies);
    free(plan->adapted);
}
