/* oneDNN has layers of one width only within one primitive and no dropout between them, so every layer is a primitive of its
 * own. All its arrays are ours and plain, but for the workspace that the way forth leaves to the way back: the weights are used
 * where the network has them. The way back reads them transposed.
 */
#include "step_i.h"

#include <stdlib.h>
#include <string.h>

#include "dnnl_i.h"

enum { SRC, W, U, B, DST, W_BACK, U_BACK, D_SRC, D_W, D_U, D_B, D_DST, N_TENSORS };

/* What each is to the library forth and back: 0 where it is nothing. */
static const struct {
    dnnl_format_tag_t tag;
    int n_dims, forth, back;
} tensors[N_TENSORS] = {
    [SRC] = {dnnl_tnc, 3, DNNL_ARG_SRC_LAYER, DNNL_ARG_SRC_LAYER},
    [W] = {dnnl_ldigo, 5, DNNL_ARG_WEIGHTS_LAYER, 0},
    [U] = {dnnl_ldigo, 5, DNNL_ARG_WEIGHTS_ITER, 0},
    [B] = {dnnl_ldgo, 4, DNNL_ARG_BIAS, DNNL_ARG_BIAS},
    [DST] = {dnnl_tnc, 3, DNNL_ARG_DST_LAYER, DNNL_ARG_DST_LAYER},
    [W_BACK] = {dnnl_ldgoi, 5, 0, DNNL_ARG_WEIGHTS_LAYER},
    [U_BACK] = {dnnl_ldgoi, 5, 0, DNNL_ARG_WEIGHTS_ITER},
    [D_SRC] = {dnnl_tnc, 3, 0, DNNL_ARG_DIFF_SRC_LAYER},
    [D_W] = {dnnl_ldigo, 5, 0, DNNL_ARG_DIFF_WEIGHTS_LAYER},
    [D_U] = {dnnl_ldigo, 5, 0, DNNL_ARG_DIFF_WEIGHTS_ITER},
    [D_B] = {dnnl_ldgo, 4, 0, DNNL_ARG_DIFF_BIAS},
    [D_DST] = {dnnl_tnc, 3, 0, DNNL_ARG_DIFF_DST_LAYER},
};

struct layer_step {
    dnnl_memory_desc_t descs[N_TENSORS];
    dnnl_memory_t memories[N_TENSORS], workspace;
    dnnl_primitive_t forward, backward;
    float *data[N_TENSORS];
};

struct lstm_step {
    const struct dnnl *dnnl;
    struct lstm_shape shape;
    struct lstm_view view, gradient;
    size_t n_batch;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    struct layer_step layers[LSTM_LAYERS_MAX];
    float *memory; /* all that follows, and the data of the layers */
    float *gradients, *masks, *heads;
    float *top, *d_top; /* [T][n_batch][2H], the last layer's outputs after dropout */
};

static enum al_err check(dnnl_status_t status, const char *what)
{
    return status == dnnl_success ? AL_OK
           : status == dnnl_out_of_memory
               ? err_set(AL_ENOMEM, "oneDNN %s", what)
               : err_set(AL_EMODEL, "oneDNN %s: status %d", what, (int)status);
}

/* ---- what is where ---- */

static size_t width_of(const struct lstm_step *step)
{
    return 2 * step->shape.n_hidden;
}

/* Floats of T steps of a batch of vectors. */
static size_t steps_of(const struct lstm_step *step, size_t n)
{
    return step->shape.n_steps * step->n_batch * n;
}

/* [n] floats at *at, which moves behind them; without memory yet, only counted. */
static float *place(const struct lstm_step *step, size_t *at, size_t n)
{
    float *placed = step->memory == NULL ? NULL : step->memory + *at;
    *at += (n + 15) / 16 * 16; /* each begins a line of the cache */
    return placed;
}

static void place_layer(struct lstm_step *step, size_t l, size_t *at)
{
    const struct lstm_layer *weights = &step->view.layers[l], *d = &step->gradient.layers[l];
    size_t n_hidden = step->shape.n_hidden, n_gates = LSTM_GATES * n_hidden;
    float **data = step->layers[l].data;
    data[SRC] = place(step, at, steps_of(step, weights->n_in));
    data[DST] = place(step, at, steps_of(step, width_of(step)));
    data[D_SRC] = place(step, at, steps_of(step, weights->n_in));
    data[D_DST] = place(step, at, steps_of(step, width_of(step)));
    data[W_BACK] = place(step, at, 2 * weights->n_in * n_gates);
    data[U_BACK] = place(step, at, 2 * n_hidden * n_gates);
    data[W] = weights->w;
    data[U] = weights->u;
    data[B] = weights->b;
    data[D_W] = d->w;
    data[D_U] = d->u;
    data[D_B] = d->b;
}

static size_t place_all(struct lstm_step *step)
{
    size_t at = 0;
    step->gradients = place(step, &at, lstm_n_weights(&step->shape));
    if (step->memory != NULL)
        step->gradient = lstm_view(&step->shape, step->gradients);
    step->masks = place(step, &at, lstm_step_n_masks(step));
    step->heads = place(step, &at, step->n_batch * lstm_head_size(&step->shape));
    step->top = place(step, &at, steps_of(step, width_of(step)));
    step->d_top = place(step, &at, steps_of(step, width_of(step)));
    for (size_t l = 0; l < step->shape.n_layers; l++)
        place_layer(step, l, &at);
    return at;
}

/* ---- what the library makes of it ---- */

/* Dimensions as the library counts them, whatever the order in memory. */
static void dims_of(const struct lstm_step *step, size_t l, int tensor, dnnl_dims_t out)
{
    int64_t n_hidden = (int64_t)step->shape.n_hidden, n_in = (int64_t)step->view.layers[l].n_in;
    bool is_of_input = tensor == SRC || tensor == D_SRC;
    bool is_w = tensor == W || tensor == W_BACK || tensor == D_W;
    if (tensors[tensor].n_dims == 3)
        memcpy(out,
               (dnnl_dims_t){(int64_t)step->shape.n_steps, (int64_t)step->n_batch,
                             is_of_input ? n_in : 2 * n_hidden},
               sizeof(dnnl_dims_t));
    else if (tensors[tensor].n_dims == 4)
        memcpy(out, (dnnl_dims_t){1, 2, LSTM_GATES, n_hidden}, sizeof(dnnl_dims_t));
    else
        memcpy(out, (dnnl_dims_t){1, 2, is_w ? n_in : n_hidden, LSTM_GATES, n_hidden},
               sizeof(dnnl_dims_t));
}

static enum al_err create_tensor(struct lstm_step *step, size_t l, int tensor)
{
    struct layer_step *layer = &step->layers[l];
    dnnl_dims_t dims = {0};
    dims_of(step, l, tensor, dims);
    enum al_err err =
        check(step->dnnl->memory_desc_init_by_tag(&layer->descs[tensor], tensors[tensor].n_dims,
                                                  dims, dnnl_f32, tensors[tensor].tag),
              "memory_desc_init_by_tag");
    return err != AL_OK
               ? err
               : check(step->dnnl->memory_create(&layer->memories[tensor], &layer->descs[tensor],
                                                 step->engine, layer->data[tensor]),
                       "memory_create");
}

static enum al_err create_forward(struct lstm_step *step,
                                  struct layer_step *layer,
                                  dnnl_primitive_desc_t *out)
{
    const struct dnnl *dnnl = step->dnnl;
    const dnnl_memory_desc_t *d = layer->descs;
    dnnl_rnn_desc_t desc;
    enum al_err err = check(dnnl->lstm_forward_desc_init(
                                &desc, dnnl_forward_training, dnnl_bidirectional_concat, &d[SRC],
                                NULL, NULL, &d[W], &d[U], &d[B], &d[DST], NULL, NULL, 0),
                            "lstm_forward_desc_init");
    if (err == AL_OK)
        err =
            check(dnnl->primitive_desc_create(out, &desc, NULL, step->engine, NULL), "LSTM forth");
    if (err == AL_OK)
        err = check(dnnl->primitive_create(&layer->forward, *out), "LSTM forth");
    if (err != AL_OK)
        return err;
    const dnnl_memory_desc_t *workspace =
        dnnl->primitive_desc_query_md(*out, dnnl_query_workspace_md, 0);
    return check(
        dnnl->memory_create(&layer->workspace, workspace, step->engine, DNNL_MEMORY_ALLOCATE),
        "workspace");
}

static enum al_err create_backward(struct lstm_step *step,
                                   struct layer_step *layer,
                                   const_dnnl_primitive_desc_t forward)
{
    const struct dnnl *dnnl = step->dnnl;
    const dnnl_memory_desc_t *d = layer->descs;
    dnnl_rnn_desc_t desc;
    dnnl_primitive_desc_t backward = NULL;
    enum al_err err = check(dnnl->lstm_backward_desc_init(
                                &desc, dnnl_backward, dnnl_bidirectional_concat, &d[SRC], NULL,
                                NULL, &d[W_BACK], &d[U_BACK], &d[B], &d[DST], NULL, NULL, &d[D_SRC],
                                NULL, NULL, &d[D_W], &d[D_U], &d[D_B], &d[D_DST], NULL, NULL, 0),
                            "lstm_backward_desc_init");
    if (err == AL_OK)
        err = check(dnnl->primitive_desc_create(&backward, &desc, NULL, step->engine, forward),
                    "LSTM back");
    if (err == AL_OK)
        err = check(dnnl->primitive_create(&layer->backward, backward), "LSTM back");
    if (backward != NULL)
        dnnl->primitive_desc_destroy(backward);
    return err;
}

static enum al_err create_layer(struct lstm_step *step, size_t l)
{
    dnnl_primitive_desc_t forward = NULL;
    enum al_err err = AL_OK;
    for (int i = 0; i < N_TENSORS && err == AL_OK; i++)
        err = create_tensor(step, l, i);
    if (err == AL_OK)
        err = create_forward(step, &step->layers[l], &forward);
    if (err == AL_OK)
        err = create_backward(step, &step->layers[l], forward);
    if (forward != NULL)
        step->dnnl->primitive_desc_destroy(forward);
    return err;
}

static enum al_err create_all(struct lstm_step *step)
{
    size_t n_floats = place_all(step);
    step->memory = aligned_alloc(64, n_floats * sizeof *step->memory);
    if (step->memory == NULL)
        return err_set(AL_ENOMEM, "batches of %zu sequences", step->n_batch);
    memset(step->memory, 0, n_floats * sizeof *step->memory);
    place_all(step);
    for (size_t i = 0; i < lstm_step_n_masks(step); i++)
        step->masks[i] = 1;
    enum al_err err = dnnl_load(&step->dnnl);
    if (err == AL_OK)
        err = check(step->dnnl->engine_create(&step->engine, dnnl_cpu, 0), "engine_create");
    if (err == AL_OK)
        err =
            check(step->dnnl->stream_create(&step->stream, step->engine, dnnl_stream_default_flags),
                  "stream_create");
    for (size_t l = 0; l < step->shape.n_layers && err == AL_OK; l++)
        err = create_layer(step, l);
    return err;
}

enum al_err lstm_step_create(struct lstm *net, size_t n_batch, struct lstm_step **out)
{
    struct lstm_step *step = calloc(1, sizeof *step);
    if (step == NULL)
        return err_set(AL_ENOMEM, "batches of %zu sequences", n_batch);
    step->shape = *lstm_shape(net);
    step->view = lstm_view(&step->shape, lstm_weights(net));
    step->n_batch = n_batch;
    enum al_err err = create_all(step);
    if (err != AL_OK) {
        lstm_step_destroy(step);
        return err;
    }
    *out = step;
    return AL_OK;
}

static void destroy_layer(const struct dnnl *dnnl, struct layer_step *layer)
{
    if (layer->backward != NULL)
        dnnl->primitive_destroy(layer->backward);
    if (layer->forward != NULL)
        dnnl->primitive_destroy(layer->forward);
    if (layer->workspace != NULL)
        dnnl->memory_destroy(layer->workspace);
    for (int i = 0; i < N_TENSORS; i++) {
        if (layer->memories[i] != NULL)
            dnnl->memory_destroy(layer->memories[i]);
    }
}

void lstm_step_destroy(struct lstm_step *step)
{
    if (step == NULL)
        return;
    for (size_t l = 0; l < step->shape.n_layers; l++)
        destroy_layer(step->dnnl, &step->layers[l]);
    if (step->stream != NULL)
        step->dnnl->stream_destroy(step->stream);
    if (step->engine != NULL)
        step->dnnl->engine_destroy(step->engine);
    free(step->memory);
    free(step);
}

float *lstm_step_inputs(struct lstm_step *step)
{
    return step->layers[0].data[SRC];
}

float *lstm_step_masks(struct lstm_step *step)
{
    return step->masks;
}

size_t lstm_step_n_masks(const struct lstm_step *step)
{
    return step->shape.n_layers * step->n_batch * width_of(step);
}

/* ---- forth ---- */

static enum al_err run(struct lstm_step *step, struct layer_step *layer, bool is_back)
{
    dnnl_exec_arg_t args[N_TENSORS + 1];
    int n = 0;
    for (int i = 0; i < N_TENSORS; i++) {
        int arg = is_back ? tensors[i].back : tensors[i].forth;
        if (arg != 0)
            args[n++] = (dnnl_exec_arg_t){arg, layer->memories[i]};
    }
    args[n++] = (dnnl_exec_arg_t){DNNL_ARG_WORKSPACE, layer->workspace};
    enum al_err err = check(step->dnnl->primitive_execute(
                                is_back ? layer->backward : layer->forward, step->stream, n, args),
                            "primitive_execute");
    return err == AL_OK ? check(step->dnnl->stream_wait(step->stream), "stream_wait") : err;
}

/* y[T][n_batch][2H] = x times the masks behind layer l, which are the same at all steps. */
static void mask_outputs(
    const struct lstm_step *step, size_t l, bool uses_masks, const float *x, float *y)
{
    size_t n = step->n_batch * width_of(step);
    const float *masks = step->masks + l * n;
    for (size_t t = 0; t < step->shape.n_steps; t++, x += n, y += n) {
        for (size_t i = 0; i < n; i++)
            y[i] = uses_masks ? x[i] * masks[i] : x[i];
    }
}

static struct lstm_head head_of(const struct lstm_step *step, size_t i)
{
    return lstm_head_at(&step->shape, step->heads + i * lstm_head_size(&step->shape));
}

enum al_err lstm_step_forward(struct lstm_step *step, bool uses_masks, float *outputs)
{
    size_t n_layers = step->shape.n_layers, width = width_of(step);
    for (size_t l = 0; l < n_layers; l++) {
        enum al_err err = run(step, &step->layers[l], false);
        if (err != AL_OK)
            return err;
        mask_outputs(step, l, uses_masks, step->layers[l].data[DST],
                     l + 1 < n_layers ? step->layers[l + 1].data[SRC] : step->top);
    }
    for (size_t i = 0; i < step->n_batch; i++) {
        struct lstm_head head = head_of(step, i);
        outputs[i] = lstm_head_forward(&step->shape, &step->view, step->top + i * width,
                                       step->n_batch * width, &head);
    }
    return AL_OK;
}

/* ---- back ---- */

/* in [2][n_in][4H] -> out [2][4H][n_in] */
static void transpose(const float *in, size_t n_in, size_t n_gates, float *out)
{
    for (size_t direction = 0; direction < 2; direction++) {
        for (size_t i = 0; i < n_in; i++) {
            for (size_t g = 0; g < n_gates; g++)
                out[g * n_in + i] = in[i * n_gates + g];
        }
        in += n_in * n_gates;
        out += n_in * n_gates;
    }
}

static enum al_err layer_backward(struct lstm_step *step, size_t l)
{
    struct layer_step *layer = &step->layers[l];
    size_t n_hidden = step->shape.n_hidden;
    transpose(layer->data[W], step->view.layers[l].n_in, LSTM_GATES * n_hidden,
              layer->data[W_BACK]);
    transpose(layer->data[U], n_hidden, LSTM_GATES * n_hidden, layer->data[U_BACK]);
    mask_outputs(step, l, true,
                 l + 1 < step->shape.n_layers ? step->layers[l + 1].data[D_SRC] : step->d_top,
                 layer->data[D_DST]);
    return run(step, layer, true);
}

enum al_err lstm_step_backward(struct lstm_step *step,
                               const float *d_outputs,
                               const float **gradient)
{
    size_t width = width_of(step);
    memset(step->gradients, 0, lstm_n_weights(&step->shape) * sizeof *step->gradients);
    for (size_t i = 0; i < step->n_batch; i++) {
        struct lstm_head head = head_of(step, i);
        lstm_head_backward(&step->shape, &step->view, step->top + i * width, step->n_batch * width,
                           &head, d_outputs[i], &step->gradient, step->d_top + i * width);
    }
    enum al_err err = AL_OK;
    for (size_t l = step->shape.n_layers; l-- > 0 && err == AL_OK;)
        err = layer_backward(step, l);
    *gradient = step->gradients;
    return err;
}
