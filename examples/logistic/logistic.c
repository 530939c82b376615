/* Logistic regression over one table, as a program for a keep: it trains on most rows and says how well it does on
 * the others.
 *
 *   logistic --label COLUMN [--every N] [--l2 STRENGTH]
 *
 * Reads /in/patients.csv: a header, then one row for each entity. The first column is the entity, the column COLUMN is
 * 0 or 1, all others are features: numbers, none missing. Fields are plain, without quotes.
 *
 *   1. Rows are sorted by entity, so that the order in which they came decides nothing.
 *   2. Every Nth row is held back (3 unless told), the others train.
 *   3. Features are centred and scaled by the mean and the deviation of the training rows alone.
 *   4. Newton's method finds the one minimum of the summed log-loss + STRENGTH/2 * |coefficients|^2 (1 unless told; the
 *      intercept is free). scikit-learn minimises the same, with C = 1/STRENGTH.
 *
 * Writes /out/model.csv: feature,mean,deviation,coefficient,odds, the intercept first (odds: what one deviation more
 * multiplies the odds by); and /out/report.csv, one row: rows,trained,held_back,auc,accuracy,log_loss, the last three
 * on what was held back. Ends with 1 and writes nothing where it can't do that; what it says then holds nothing of the
 * rows.
 */

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT "/in/patients.csv"
#define MODEL "/out/model.csv"
#define REPORT "/out/report.csv"

enum {
    FEATURES_MAX = 64,
    ROWS_MAX = 1000000,
    INPUT_BYTES_MAX = 64 << 20,
    /* Newton's method takes about ten. */
    STEPS_MAX = 100,
    HALVINGS_MAX = 50,
    INTERCEPT = FEATURES_MAX,
};

/* The largest component of the gradient, for each training row, at which the minimum is found. */
static const double GRADIENT_MAX = 1e-12;

typedef struct {
    const char *label;
    size_t every;
    double l2;
} Options;

typedef struct {
    const char *entity;
    /* As many as the table has features. */
    double *x;
    /* 0 or 1. */
    double y;
} Row;

typedef struct {
    const char *names[FEATURES_MAX];
    size_t features;
    Row *rows;
    size_t count;
} Table;

/* Some rows of a table. */
typedef struct {
    Row *rows;
    size_t count;
    size_t features;
} Part;

typedef struct {
    double mean[FEATURES_MAX];
    double deviation[FEATURES_MAX];
} Scale;

/* One number for each feature, and at INTERCEPT one for the intercept. */
typedef struct {
    double of[FEATURES_MAX + 1];
} Vector;

typedef struct {
    double auc, accuracy, log_loss;
} Quality;

static Options read_options(int count, char **arguments);
static Table read_table(const char *label);
static void sort_by_entity(Table *table);
static void split(const Table *table, size_t every, Part *training, Part *held_back);
static Scale scale_of(Part part);
static void standardise(Part part, const Scale *scale);
static Vector train(Part part, double l2);
static Quality assess(Part part, const Vector *model);
static void write_model(const Table *table, const Scale *scale, const Vector *model);
static void write_report(Part training, Part held_back, Quality quality);

int main(int count, char **arguments) {
    Options options = read_options(count, arguments);
    Table table = read_table(options.label);
    sort_by_entity(&table);

    Part training, held_back;
    split(&table, options.every, &training, &held_back);
    Scale scale = scale_of(training);
    standardise(training, &scale);
    standardise(held_back, &scale);

    Vector model = train(training, options.l2);
    Quality quality = assess(held_back, &model);
    write_model(&table, &scale, &model);
    write_report(training, held_back, quality);
    return 0;
}

/* Says why and ends. `why` is a fixed text, never a cell. */
static _Noreturn void refuse(const char *why) {
    fprintf(stderr, "logistic: %s\n", why);
    exit(1);
}

/* Zeroes. Never given back: the program lives for one table. */
static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) refuse("the table does not fit the memory");
    return memory;
}

/* The whole of `text` as a finite number. */
static bool parse_number(const char *text, double *number) {
    char *end;
    *number = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*number);
}

/* ---- options ---- */

static Options read_options(int count, char **arguments) {
    Options options = {.label = NULL, .every = 3, .l2 = 1.0};
    for (int i = 1; i < count; i += 2) {
        const char *name = arguments[i], *value = i + 1 < count ? arguments[i + 1] : "";
        double number;
        bool is_number = parse_number(value, &number);
        bool is_count = is_number && number >= 2 && number <= ROWS_MAX && number == floor(number);
        if (strcmp(name, "--label") == 0 && *value != '\0') {
            options.label = value;
        } else if (strcmp(name, "--every") == 0 && is_count) {
            options.every = (size_t)number;
        } else if (strcmp(name, "--l2") == 0 && is_number && number > 0) {
            options.l2 = number;
        } else {
            refuse("usage: logistic --label COLUMN [--every N, at least 2] [--l2 STRENGTH, above 0]");
        }
    }
    if (options.label == NULL) refuse("--label is missing: name the column to predict");
    return options;
}

/* ---- the table ---- */

static char *read_text(void) {
    FILE *file = fopen(INPUT, "rb");
    if (file == NULL) refuse("cannot read " INPUT);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    if (size < 0 || size > INPUT_BYTES_MAX) refuse(INPUT " has more than 64 MiB");
    rewind(file);
    char *text = allocate((size_t)size + 1, 1);
    if (fread(text, 1, (size_t)size, file) != (size_t)size) refuse("cannot read " INPUT);
    fclose(file);
    if (memchr(text, '"', (size_t)size) != NULL || memchr(text, '\0', (size_t)size) != NULL)
        refuse(INPUT " holds a quote or a zero byte: fields have to be plain");
    return text;
}

/* The text up to `end`, cut off from the rest; NULL where nothing is left. */
static char *next(char **rest, char end) {
    char *start = *rest;
    if (start == NULL) return NULL;
    char *cut = strchr(start, end);
    if (cut != NULL) *cut = '\0';
    *rest = cut == NULL ? NULL : cut + 1;
    return start;
}

/* The next line that is not the emptiness after the last line feed. */
static char *next_line(char **rest) {
    char *line = next(rest, '\n');
    return line == NULL || (*line == '\0' && *rest == NULL) ? NULL : line;
}

static size_t count_lines(const char *text) {
    size_t count = 0;
    for (; *text != '\0'; text++) count += *text == '\n';
    return count;
}

/* The label's place among the columns after the first; the names of the others go to the table. */
static size_t read_header(char *line, const char *label, Table *table) {
    size_t place = FEATURES_MAX + 1, column = 0;
    next(&line, ',');
    for (char *name; (name = next(&line, ',')) != NULL; column++) {
        if (strcmp(name, label) == 0) {
            if (place <= FEATURES_MAX) refuse("two columns have the label's name");
            place = column;
        } else {
            if (table->features == FEATURES_MAX) refuse("there are more than 64 features");
            table->names[table->features++] = name;
        }
    }
    if (place > FEATURES_MAX) refuse("no column after the first has the label's name");
    if (table->features == 0) refuse("there is no feature");
    return place;
}

static void read_row(char *line, size_t label, size_t features, Row *row) {
    row->entity = next(&line, ',');
    if (*row->entity == '\0') refuse("a row has no entity");
    for (size_t column = 0, feature = 0; column <= features; column++) {
        const char *cell = next(&line, ',');
        double number;
        if (cell == NULL) refuse("a row has fewer fields than the header");
        if (!parse_number(cell, &number)) refuse("a cell is missing, or no number: leave such rows out in the view");
        if (column == label) {
            if (number != 0 && number != 1) refuse("the label is neither 0 nor 1");
            row->y = number;
        } else {
            row->x[feature++] = number;
        }
    }
    if (line != NULL) refuse("a row has more fields than the header");
}

static Table read_table(const char *label) {
    char *rest = read_text();
    size_t lines = count_lines(rest);
    if (lines > ROWS_MAX) refuse("there are more than 1,000,000 rows");
    Table table = {.features = 0, .count = 0};
    char *header = next_line(&rest);
    if (header == NULL) refuse(INPUT " is empty");
    size_t place = read_header(header, label, &table);

    /* One row more than line feeds: the last line may lack one. */
    table.rows = allocate(lines + 1, sizeof *table.rows);
    double *cells = allocate((lines + 1) * table.features, sizeof *cells);
    for (char *line; (line = next_line(&rest)) != NULL; table.count++) {
        Row *row = &table.rows[table.count];
        row->x = cells + table.count * table.features;
        read_row(line, place, table.features, row);
    }
    return table;
}

/* ---- order and parts ---- */

static bool parse_whole(const char *text, long long *number) {
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 10);
    return *end == '\0' && errno == 0;
}

/* Whole numbers by their size, before everything else by its bytes. */
static int by_entity(const void *a, const void *b) {
    const Row *one = a, *other = b;
    long long first, second;
    bool whole = parse_whole(one->entity, &first), other_whole = parse_whole(other->entity, &second);
    if (whole != other_whole) return whole ? -1 : 1;
    if (whole) return (first > second) - (first < second);
    return strcmp(one->entity, other->entity);
}

/* An entity with two rows could stand on both sides of the split, and its order would be chance: refused. */
static void sort_by_entity(Table *table) {
    qsort(table->rows, table->count, sizeof *table->rows, by_entity);
    for (size_t i = 1; i < table->count; i++)
        if (by_entity(&table->rows[i - 1], &table->rows[i]) == 0) refuse("an entity has more than one row");
}

static void refuse_one_class(Part part) {
    size_t positive = 0;
    for (size_t i = 0; i < part.count; i++) positive += part.rows[i].y == 1;
    if (positive == 0 || positive == part.count)
        refuse("both labels have to be among the training rows and among those held back");
}

static void split(const Table *table, size_t every, Part *training, Part *held_back) {
    Row *rows = allocate(table->count + 1, sizeof *rows);
    size_t held = table->count / every;
    *training = (Part){.rows = rows, .features = table->features};
    *held_back = (Part){.rows = rows + (table->count - held), .features = table->features};
    for (size_t i = 0; i < table->count; i++) {
        Part *part = i % every == every - 1 ? held_back : training;
        part->rows[part->count++] = table->rows[i];
    }
    refuse_one_class(*training);
    refuse_one_class(*held_back);
}

/* ---- standardising ---- */

/* The deviation of all rows, not of a sample: divided by n. A feature that never changes keeps its unit, and gets the
 * coefficient 0. */
static Scale scale_of(Part part) {
    Scale scale = {0};
    for (size_t j = 0; j < part.features; j++) {
        double sum = 0, squares = 0, n = (double)part.count;
        for (size_t i = 0; i < part.count; i++) sum += part.rows[i].x[j];
        for (size_t i = 0; i < part.count; i++) {
            double off = part.rows[i].x[j] - sum / n;
            squares += off * off;
        }
        scale.mean[j] = sum / n;
        scale.deviation[j] = squares > 0 ? sqrt(squares / n) : 1;
    }
    return scale;
}

static void standardise(Part part, const Scale *scale) {
    for (size_t i = 0; i < part.count; i++)
        for (size_t j = 0; j < part.features; j++)
            part.rows[i].x[j] = (part.rows[i].x[j] - scale->mean[j]) / scale->deviation[j];
}

/* ---- training ---- */

/* The second derivatives of the loss, then their Cholesky factor. Not on the stack: 34 KB. */
static double curvature[FEATURES_MAX + 1][FEATURES_MAX + 1];

/* Component k of a row: its features, then the 1 that the intercept multiplies. */
static double component(const Row *row, size_t features, size_t k) {
    return k < features ? row->x[k] : 1;
}

/* The log-odds that the model gives to a row. */
static double score(const Row *row, size_t features, const Vector *model) {
    double sum = model->of[INTERCEPT];
    for (size_t j = 0; j < features; j++) sum += model->of[j] * row->x[j];
    return sum;
}

/* log(1 + exp(-score)) where the label is 1, log(1 + exp(score)) where it is 0, without overflow. */
static double log_loss(double score, double y) {
    double margin = y == 1 ? score : -score;
    return margin > 0 ? log1p(exp(-margin)) : log1p(exp(margin)) - margin;
}

static double probability(double score) {
    return score > 0 ? 1 / (1 + exp(-score)) : exp(score) / (1 + exp(score));
}

static double penalised_loss(Part part, const Vector *model, double l2) {
    double sum = 0;
    for (size_t j = 0; j < part.features; j++) sum += l2 / 2 * model->of[j] * model->of[j];
    for (size_t i = 0; i < part.count; i++) sum += log_loss(score(&part.rows[i], part.features, model), part.rows[i].y);
    return sum;
}

/* Fills `curvature` and returns the gradient, both with the intercept right after the features; `largest` gets its
 * largest component. */
static Vector differentiate(Part part, const Vector *model, double l2, double *largest) {
    size_t n = part.features + 1;
    Vector gradient = {0};
    memset(curvature, 0, sizeof curvature);
    for (size_t j = 0; j < part.features; j++) {
        gradient.of[j] = l2 * model->of[j];
        curvature[j][j] = l2;
    }
    for (size_t i = 0; i < part.count; i++) {
        const Row *row = &part.rows[i];
        double p = probability(score(row, part.features, model));
        for (size_t j = 0; j < n; j++) {
            double at_j = component(row, part.features, j);
            gradient.of[j] += (p - row->y) * at_j;
            for (size_t k = 0; k <= j; k++) curvature[j][k] += p * (1 - p) * at_j * component(row, part.features, k);
        }
    }
    *largest = 0;
    for (size_t j = 0; j < n; j++) *largest = fmax(*largest, fabs(gradient.of[j]));
    return gradient;
}

/* The Cholesky factor of `curvature`, in its place. */
static void factorise(size_t n) {
    for (size_t j = 0; j < n; j++) {
        for (size_t k = 0; k <= j; k++) {
            double sum = curvature[j][k];
            for (size_t m = 0; m < k; m++) sum -= curvature[j][m] * curvature[k][m];
            if (j == k && !(sum > 0)) refuse("training does not converge: raise --l2");
            curvature[j][k] = j == k ? sqrt(sum) : sum / curvature[k][k];
        }
    }
}

/* The step that Newton's method takes against the gradient: forwards through the factor, then backwards. */
static Vector newton_step(Vector gradient, size_t features) {
    size_t n = features + 1;
    factorise(n);
    Vector step = gradient;
    for (size_t j = 0; j < n; j++) {
        for (size_t k = 0; k < j; k++) step.of[j] -= curvature[j][k] * step.of[k];
        step.of[j] /= curvature[j][j];
    }
    for (size_t j = n; j-- > 0;) {
        for (size_t k = j + 1; k < n; k++) step.of[j] -= curvature[k][j] * step.of[k];
        step.of[j] /= curvature[j][j];
    }
    return step;
}

static Vector moved(const Vector *model, const Vector *step, size_t features, double part_of_step) {
    Vector result = *model;
    for (size_t j = 0; j < features; j++) result.of[j] -= part_of_step * step->of[j];
    result.of[INTERCEPT] -= part_of_step * step->of[features];
    return result;
}

/* Far from the minimum a whole step may overshoot: it is halved until the loss falls. Where no part of it makes the
 * loss fall, rounding hides what is left, and this is the minimum as well as doubles can tell. */
static Vector train(Part part, double l2) {
    Vector model = {0};
    double loss = penalised_loss(part, &model, l2);
    for (int taken = 0; taken < STEPS_MAX; taken++) {
        double largest, factor = 1, reached = INFINITY;
        Vector gradient = differentiate(part, &model, l2, &largest), next_model = model;
        if (largest <= GRADIENT_MAX * (double)part.count) return model;
        Vector step = newton_step(gradient, part.features);
        for (int halved = 0; halved < HALVINGS_MAX && !(reached < loss); halved++, factor /= 2) {
            next_model = moved(&model, &step, part.features, factor);
            reached = penalised_loss(part, &next_model, l2);
        }
        if (!(reached < loss)) return model;
        model = next_model;
        loss = reached;
    }
    refuse("training does not converge: raise --l2");
}

/* ---- quality ---- */

typedef struct {
    double score, y;
} Scored;

static int by_score(const void *a, const void *b) {
    const Scored *one = a, *other = b;
    return (one->score > other->score) - (one->score < other->score);
}

/* How often a positive row has the higher score than a negative one; equal scores count half. */
static double area_under_curve(Scored *scored, size_t count) {
    double above = 0, negatives = 0, positives = 0;
    qsort(scored, count, sizeof *scored, by_score);
    for (size_t start = 0, end; start < count; start = end) {
        double tied_positives = 0, tied_negatives = 0;
        for (end = start; end < count && scored[end].score == scored[start].score; end++) {
            tied_positives += scored[end].y;
            tied_negatives += 1 - scored[end].y;
        }
        above += tied_positives * (negatives + tied_negatives / 2);
        positives += tied_positives;
        negatives += tied_negatives;
    }
    return above / (positives * negatives);
}

static Quality assess(Part part, const Vector *model) {
    Scored *scored = allocate(part.count, sizeof *scored);
    double right = 0, loss = 0, n = (double)part.count;
    for (size_t i = 0; i < part.count; i++) {
        scored[i] = (Scored){.score = score(&part.rows[i], part.features, model), .y = part.rows[i].y};
        right += (scored[i].score > 0) == (scored[i].y == 1);
        loss += log_loss(scored[i].score, scored[i].y);
    }
    return (Quality){.auc = area_under_curve(scored, part.count), .accuracy = right / n, .log_loss = loss / n};
}

/* ---- output ---- */

static FILE *create(const char *path) {
    FILE *file = fopen(path, "wb");
    if (file == NULL) refuse("cannot create a file in /out");
    return file;
}

/* A file that is cut short, by the quota say, has to be a failure. */
static void finish(FILE *file) {
    bool failed = ferror(file);
    if (fclose(file) != 0 || failed) refuse("cannot write to /out");
}

/* 17 digits: reading gives the same double again. */
static void write_model(const Table *table, const Scale *scale, const Vector *model) {
    FILE *file = create(MODEL);
    fprintf(file, "feature,mean,deviation,coefficient,odds\n");
    fprintf(file, "(intercept),0,1,%.17g,%.17g\n", model->of[INTERCEPT], exp(model->of[INTERCEPT]));
    for (size_t j = 0; j < table->features; j++) {
        double coefficient = model->of[j];
        fprintf(file, "%s,%.17g,%.17g,%.17g,%.17g\n", table->names[j], scale->mean[j], scale->deviation[j], coefficient,
                exp(coefficient));
    }
    finish(file);
}

static void write_report(Part training, Part held_back, Quality quality) {
    FILE *file = create(REPORT);
    fprintf(file, "rows,trained,held_back,auc,accuracy,log_loss\n");
    fprintf(file, "%zu,%zu,%zu,%.17g,%.17g,%.17g\n", training.count + held_back.count, training.count, held_back.count,
            quality.auc, quality.accuracy, quality.log_loss);
    finish(file);
}
