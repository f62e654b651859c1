/* SPDX-License-Identifier: Apache-2.0 */
/* tryget-sim: explores scenarios, replays violations, tries the mutants. */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "night.h"
#include "plan.h"
#include "scenarios.h"

static struct {
    const char *glob, *replay, *mutant;
    const char *progress;
    bool list, mutants, ci, night, json, own_plan, quiet;
    struct explore_plan plan;
    double budget;      /* per scenario; 0 = 10 s */
    uint64_t seed;
    unsigned scale, jobs;
} options = {.glob = "*", .seed = 1, .scale = 1, .jobs = 1};

static const char help[] =
    "usage: tryget-sim [options]\n"
    "  --list                  the scenarios and mutants\n"
    "  --scenario GLOB         only these (default: all)\n"
    "  --ci                    the default plan, the budget being for all scenarios together\n"
    "  --night                 all exhaustive explorations to their end, or --budget each\n"
    "  --progress FILE         of --night: results; what is complete in there is left out\n"
    "  --jobs N                of --night: processes at a time\n"
    "  --budget SECONDS        per scenario (default 10), or for the whole of --ci (120)\n"
    "  --scale N               N times as many random runs in the default plan\n"
    "  --seed N\n"
    "  --mutant NAME           with one rule of the core removed\n"
    "  --mutants               every mutant must be caught by its scenario\n"
    "  --replay STRING         one run, told as a story\n"
    "  --json                  one object a line\n"
    "One exploration instead of the default plan:\n"
    "  --mode exhaustive|pct|random   --bound N   --runs N\n"
    "  --crash (again: one more)   --crash2 (the recoverer, too)   --stop   --delay tso|pso\n"
    "  --no-reduce   --no-merge   --states (counts the distinct ends; to audit the reduction)\n";

static int mutant_number(const char *name) {
#define FIND(mutant, rule, scenario)                                                               \
    if (strcmp(name, #mutant) == 0) return TG_MUTANT_##mutant;
    TG_MUTANTS(FIND)
#undef FIND
    fprintf(stderr, "tryget-sim: no such mutant: %s\n", name);
    exit(2);
}

static enum explore_mode mode_number(const char *name) {
    if (strcmp(name, "exhaustive") == 0) return EXPLORE_EXHAUSTIVE;
    if (strcmp(name, "pct") == 0) return EXPLORE_PCT;
    if (strcmp(name, "random") == 0) return EXPLORE_RANDOM;
    fprintf(stderr, "tryget-sim: no such mode: %s\n", name);
    exit(2);
}

/* Flags without a value; true if it was one. */
static bool parse_flag(const char *a) {
    struct explore_plan *p = &options.plan;
    if (strcmp(a, "--list") == 0)
        options.list = true;
    else if (strcmp(a, "--ci") == 0)
        options.ci = true;
    else if (strcmp(a, "--night") == 0)
        options.night = true;
    else if (strcmp(a, "--mutants") == 0)
        options.mutants = true;
    else if (strcmp(a, "--json") == 0)
        options.json = true;
    else if (strcmp(a, "--crash") == 0)
        options.own_plan = true, p->crashes++;
    else if (strcmp(a, "--crash2") == 0)
        options.own_plan = true, p->recover_crashes = 1, p->crashes += p->crashes == 0;
    else if (strcmp(a, "--stop") == 0)
        options.own_plan = true, p->stops = 1;
    else if (strcmp(a, "--no-reduce") == 0)
        options.own_plan = true, p->no_reduce = true;
    else if (strcmp(a, "--no-merge") == 0)
        options.own_plan = true, p->no_merge = true;
    else if (strcmp(a, "--states") == 0)
        options.own_plan = true, p->count_states = true;
    else if (strcmp(a, "--help") == 0)
        printf("%s", help), exit(0);
    else
        return false;
    return true;
}

static bool parse_value(const char *a, const char *value) {
    struct explore_plan *p = &options.plan;
    if (strcmp(a, "--scenario") == 0)
        options.glob = value;
    else if (strcmp(a, "--budget") == 0)
        options.budget = atof(value);
    else if (strcmp(a, "--progress") == 0)
        options.progress = value;
    else if (strcmp(a, "--jobs") == 0)
        options.jobs = (unsigned)atoi(value);
    else if (strcmp(a, "--scale") == 0)
        options.scale = (unsigned)atoi(value);
    else if (strcmp(a, "--seed") == 0)
        options.seed = strtoull(value, NULL, 0);
    else if (strcmp(a, "--mutant") == 0)
        options.mutant = value;
    else if (strcmp(a, "--replay") == 0)
        options.replay = value;
    else if (strcmp(a, "--mode") == 0)
        options.own_plan = true, p->mode = mode_number(value);
    else if (strcmp(a, "--bound") == 0)
        options.own_plan = true, p->bound = (unsigned)atoi(value);
    else if (strcmp(a, "--runs") == 0)
        options.own_plan = true, p->runs_max = strtoull(value, NULL, 0);
    else if (strcmp(a, "--delay") == 0)
        options.own_plan = true, p->delay = value[0] == 'p' ? DELAY_PSO : DELAY_TSO;
    else
        return false;
    return true;
}

static void parse(int argc, char **argv) {
    options.plan.bound = 2;
    for (int i = 1; i < argc; i++) {
        if (parse_flag(argv[i])) continue;
        if (i + 1 < argc && parse_value(argv[i], argv[i + 1])) {
            i++;
            continue;
        }
        fprintf(stderr, "tryget-sim: what is %s?\n%s", argv[i], help);
        exit(2);
    }
}

static void list(void) {
    for (unsigned i = 0; sim_scenarios[i]; i++)
        printf("%-28s %s\n", sim_scenarios[i]->name, sim_scenarios[i]->doc);
    printf("\nmutants:\n");
#define SHOW(mutant, rule, scenario) printf("%-28s %s  [%s]\n", #mutant, rule, scenario);
    TG_MUTANTS(SHOW)
#undef SHOW
}

static void say(const char *scenario, const char *title, const struct explore_plan *plan,
                const struct explore_result *r) {
    const char *end = r->failed                          ? "VIOLATION"
                      : r->complete                      ? "complete"
                      : plan->mode == EXPLORE_EXHAUSTIVE ? "out of budget"
                                                         : "ok";
    double seconds = r->seconds > 1e-9 ? r->seconds : 1e-9;
    if (options.json) {
        printf("{\"scenario\":\"%s\",\"phase\":\"%s\",\"mutant\":\"%s\",\"schedules\":%llu,"
               "\"steps\":%llu,\"crash_runs\":%llu,\"crash2_runs\":%llu,\"stop_runs\":%llu,"
               "\"seconds\":%.3f,\"bound\":%u,\"result\":\"%s\"}\n",
               scenario, title, options.mutant ? options.mutant : "",
               (unsigned long long)r->schedules, (unsigned long long)r->steps,
               (unsigned long long)r->crash_runs, (unsigned long long)r->crash2_runs,
               (unsigned long long)r->stop_runs, r->seconds, r->bound_reached, end);
        return;
    }
    printf("%-24s %-16s %9llu schedules %9llu merged %10llu steps %8llu crashed %7llu twice %7llu "
           "stopped "
           "%7.2f s %7.0f/s  %s",
           scenario, title, (unsigned long long)r->schedules, (unsigned long long)r->merged,
           (unsigned long long)r->steps, (unsigned long long)r->crash_runs,
           (unsigned long long)r->crash2_runs, (unsigned long long)r->stop_runs, r->seconds,
           (double)r->schedules / seconds, end);
    if (plan->mode == EXPLORE_EXHAUSTIVE && !r->failed) printf(" (bound %u)", r->bound_reached);
    if (plan->count_states)
        printf(" %llu states %016llx", (unsigned long long)r->states,
               (unsigned long long)r->states_sum);
    printf("\n");
    fflush(stdout);
}

static const char *mode_name(enum explore_mode mode) {
    return mode == EXPLORE_EXHAUSTIVE ? "exhaustive" : mode == EXPLORE_PCT ? "pct" : "random";
}

/* One exploration; true if nothing was found. */
static bool try_phase(const struct sim_scenario *s, const char *title,
                      const struct explore_plan *plan, struct explore_result *result) {
    explore(plan, result);
    if (!options.quiet) say(s->name, title, plan, result);
    if (result->failed && !options.quiet && !options.json) {
        static char found[sizeof sim.failure];
        memcpy(found, sim.failure, sizeof found);
        sim_shrink(2000);
        memcpy(sim.failure, found, sizeof found);
        sim_report(mode_name(plan->mode), plan->seed);
    }
    return !result->failed;
}

static bool load(const struct sim_scenario *s) {
    if (sim_load(s)) return true;
    printf("%-24s setup failed: %s\n", s->name, sim.failure);
    return false;
}

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool try_default_plan(const struct sim_scenario *s, double budget) {
    struct phase phases[PHASES_MAX];
    unsigned count = plan_phases(s, options.seed, options.scale, phases);
    for (unsigned i = 0; i < count; i++) {
        /* What an early phase leaves over goes to the later ones. */
        double start = seconds_now();
        phases[i].plan.seconds = budget / (count - i);
        struct explore_result result;
        if (!try_phase(s, phases[i].title, &phases[i].plan, &result)) return false;
        budget -= seconds_now() - start;
        if (budget < 0.01) budget = 0.01;
    }
    return true;
}

static bool try_scenario(const struct sim_scenario *s, double budget) {
    if (!load(s)) return false;
    if (options.replay) {
        if (!sim_record_parse(options.replay, &sim_record, &sim.delay)) {
            fprintf(stderr, "tryget-sim: not a replay string\n");
            exit(2);
        }
        sim.faults = true;
        if (sim_replay_run()) {
            sim_report("replay", 0);
            return false;
        }
        sim_tell();
        printf("%s: the replay does not fail\n", s->name);
        return true;
    }
    if (!options.own_plan) return try_default_plan(s, budget);
    struct explore_plan plan = options.plan;
    plan.seconds = budget;
    plan.seed = options.seed;
    struct explore_result result;
    return try_phase(s, mode_name(plan.mode), &plan, &result);
}

static bool try_task(const struct sim_scenario *s, const struct phase *phase,
                     struct explore_result *result) {
    return load(s) && try_phase(s, phase->title, &phase->plan, result);
}

static const struct sim_scenario *find(const char *name) {
    for (unsigned i = 0; sim_scenarios[i]; i++)
        if (strcmp(sim_scenarios[i]->name, name) == 0) return sim_scenarios[i];
    return NULL;
}

/* Time on a machine that others use, too: who is caught costs less. */
enum { MUTANT_SECONDS = 90 };

/* True if the mutant is caught. */
static bool try_mutant(int number, const char *name, const char *scenario) {
    const struct sim_scenario *s = find(scenario);
    if (!s) {
        printf("%-28s %-10s there is no scenario %s\n", name, "SURVIVED", scenario);
        return false;
    }
    tg_mutant = number;
    options.quiet = true;
    bool survived =
        sim_load(s) && try_default_plan(s, options.budget > 0 ? options.budget : MUTANT_SECONDS);
    options.quiet = false;
    tg_mutant = TG_MUTANT_none;
    printf("%-28s %-10s %s: %.100s\n", name, survived ? "SURVIVED" : "caught", scenario,
           survived ? "" : sim.failure);
    fflush(stdout);
    return !survived;
}

#ifdef SIM_SELFTEST
enum { WITH_CORE = 0 };
#else
enum { WITH_CORE = 1 };
#endif

static void try_mutants(unsigned *passed, unsigned *failed) {
#define TRY(mutant, rule, scenario)                                                                \
    if (fnmatch(options.glob, scenario, 0) == 0 && (WITH_CORE || find(scenario)))                  \
        ++*(try_mutant(TG_MUTANT_##mutant, #mutant, scenario) ? passed : failed);
    TG_MUTANTS(TRY)
#undef TRY
}

/* What one scenario leaves over goes to those after it, when the budget is for all. */
static void try_scenarios(double budget, unsigned count, unsigned *passed, unsigned *failed) {
    for (unsigned i = 0; sim_scenarios[i]; i++) {
        if (fnmatch(options.glob, sim_scenarios[i]->name, 0) != 0) continue;
        double start = seconds_now();
        ++*(try_scenario(sim_scenarios[i], options.ci ? budget / count : budget) ? passed : failed);
        if (!options.ci) continue;
        count--;
        budget -= seconds_now() - start;
        if (budget < 0.01) budget = 0.01;
    }
}

int main(int argc, char **argv) {
    unsigned passed = 0, failed = 0, count = 0;
    parse(argc, argv);
    if (options.list) {
        list();
        return 0;
    }
    if (options.mutant) tg_mutant = mutant_number(options.mutant);
    for (unsigned i = 0; sim_scenarios[i]; i++)
        count += fnmatch(options.glob, sim_scenarios[i]->name, 0) == 0;
    if (options.night) {
        struct night night = {.glob = options.glob,
                              .progress = options.progress,
                              .jobs = options.jobs ? options.jobs : 1,
                              .budget = options.budget,
                              .explore = try_task};
        return night_run(&night) ? 0 : 1;
    }
    double budget = options.budget > 0 ? options.budget : options.ci ? 120 : 10;
    if (options.mutants) {
        try_mutants(&passed, &failed);
    } else {
        try_scenarios(budget, count, &passed, &failed);
    }
    if (options.json)
        printf("{\"passed\":%u,\"failed\":%u}\n", passed, failed);
    else
        printf("%u passed, %u failed\n", passed, failed);
    return failed || passed + failed == 0 ? 1 : 0;
}
