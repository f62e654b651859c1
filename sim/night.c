/* SPDX-License-Identifier: Apache-2.0 */
#include "night.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scenarios.h"

enum { TASKS_MAX = 4096, LINE_SIZE = 512 };

enum state { WAITS, RUNS, COMPLETE, ENDED_EARLY, VIOLATION };

static const char *const words[] = {"waits", "runs", "complete", "incomplete", "VIOLATION"};

struct task {
    const struct sim_scenario *scenario;
    struct phase phase;
    enum state state;
    pid_t process;
    struct explore_result result;
};

static struct task tasks[TASKS_MAX];
static unsigned task_count;
static uint64_t program; /* the hash of this executable */

/* --- the tasks: phase by phase, the cheap ones of all scenarios first */

static void add_tasks(const struct night *night, const char *title) {
    for (unsigned i = 0; sim_scenarios[i]; i++) {
        struct phase phases[PHASES_MAX];
        if (fnmatch(night->glob, sim_scenarios[i]->name, 0) != 0) continue;
        unsigned count = plan_phases(sim_scenarios[i], 1, 1, phases);
        for (unsigned p = 0; p < count; p++) {
            if (phases[p].plan.mode != EXPLORE_EXHAUSTIVE || strcmp(phases[p].title, title) != 0)
                continue;
            if (task_count == TASKS_MAX) abort();
            struct task *task = &tasks[task_count++];
            *task = (struct task){.scenario = sim_scenarios[i], .phase = phases[p]};
            task->phase.plan.seconds = night->budget;
            task->phase.plan.seconds_are_cpu = true;
        }
    }
}

/* --- the progress file */

static void hash_program(void) {
    FILE *file = fopen("/proc/self/exe", "rb");
    int byte;
    program = 0xcbf29ce484222325ull;
    while (file && (byte = getc(file)) != EOF)
        program = (program ^ (unsigned)byte) * 0x100000001b3ull;
    if (file) fclose(file);
}

static void write_progress(const struct night *night, const struct task *task) {
    const struct explore_result *r = &task->result;
    char line[LINE_SIZE];
    if (!night->progress) return;
    int size = snprintf(line, sizeof line,
                        "%016llx\t%s\t%s\t%s\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%u\t%.2f\n",
                        (unsigned long long)program, task->scenario->name, task->phase.title,
                        words[task->state], (unsigned long long)r->schedules,
                        (unsigned long long)r->merged, (unsigned long long)r->steps,
                        (unsigned long long)r->crash_runs, (unsigned long long)r->crash2_runs,
                        (unsigned long long)r->stop_runs, (unsigned long long)r->faults_skipped,
                        r->bound_reached, r->cpu_seconds);
    int file = open(night->progress, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (file < 0 || write(file, line, (size_t)size) != size) perror(night->progress);
    if (file >= 0) close(file);
}

static struct task *find_task(const char *scenario, const char *title) {
    for (unsigned i = 0; i < task_count; i++)
        if (strcmp(tasks[i].scenario->name, scenario) == 0 &&
            strcmp(tasks[i].phase.title, title) == 0)
            return &tasks[i];
    return NULL;
}

static void read_line(const char *line, bool finished_only) {
    unsigned long long hash, n[7];
    char scenario[64], title[32], word[16];
    unsigned bound;
    double seconds;
    if (sscanf(
            line,
            "%llx\t%63[^\t]\t%31[^\t]\t%15[^\t]\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%u\t%lf",
            &hash, scenario, title, word, &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6], &bound,
            &seconds) != 13 ||
        hash != program)
        return;
    struct task *task = find_task(scenario, title);
    if (!task || (finished_only && strcmp(word, words[COMPLETE]) != 0)) return;
    for (unsigned s = COMPLETE; s <= VIOLATION; s++)
        if (strcmp(word, words[s]) == 0) task->state = (enum state)s;
    task->result = (struct explore_result){.schedules = n[0],
                                           .merged = n[1],
                                           .steps = n[2],
                                           .crash_runs = n[3],
                                           .crash2_runs = n[4],
                                           .stop_runs = n[5],
                                           .faults_skipped = n[6],
                                           .bound_reached = bound,
                                           .cpu_seconds = seconds};
}

/* `from`: where to begin. The results of children come back this way, too. */
static void read_progress(const char *name, bool finished_only) {
    char line[LINE_SIZE];
    FILE *file = name ? fopen(name, "r") : NULL;
    if (!file) return;
    while (fgets(line, sizeof line, file)) read_line(line, finished_only);
    fclose(file);
}

/* --- running them */

_Noreturn static void run_task(const struct night *night, struct task *task) {
    bool clean = night->explore(task->scenario, &task->phase, &task->result);
    task->state = !clean ? VIOLATION : task->result.complete ? COMPLETE : ENDED_EARLY;
    write_progress(night, task);
    fflush(stdout);
    _exit(clean ? 0 : 1);
}

static void start_task(const struct night *night, struct task *task) {
    fflush(stdout);
    task->process = fork();
    task->state = RUNS;
    if (task->process == 0) run_task(night, task);
    if (task->process < 0) {
        perror("sim: fork");
        exit(2);
    }
}

/* Waits for one child; one that wrote no result died of a bug of the simulator. */
static void await_task(const struct night *night) {
    int status;
    pid_t process = wait(&status);
    read_progress(night->progress, false);
    for (unsigned i = 0; i < task_count; i++) {
        if (tasks[i].process != process) continue;
        tasks[i].process = 0;
        if (tasks[i].state == RUNS) {
            tasks[i].state = VIOLATION;
            printf("%s, %s: the simulator itself died\n", tasks[i].scenario->name,
                   tasks[i].phase.title);
        }
    }
}

/* --- the table */

/* One line of the table; NULL: all of it. */
static void tell_title(const char *title) {
    unsigned count[VIOLATION + 1] = {0};
    struct explore_result sum = {0};
    for (unsigned i = 0; i < task_count; i++) {
        const struct explore_result *r = &tasks[i].result;
        if (title && strcmp(tasks[i].phase.title, title) != 0) continue;
        count[tasks[i].state]++;
        sum.schedules += r->schedules;
        sum.crash_runs += r->crash_runs;
        sum.crash2_runs += r->crash2_runs;
        sum.stop_runs += r->stop_runs;
        sum.faults_skipped += r->faults_skipped;
        sum.cpu_seconds += r->cpu_seconds;
    }
    printf("%-16s %4u complete %4u incomplete %2u violations %11llu schedules %10llu killed "
           "%10llu twice %10llu stopped %10llu faults that equal another %9.0f s\n",
           title ? title : "all", count[COMPLETE], count[ENDED_EARLY] + count[WAITS],
           count[VIOLATION], (unsigned long long)sum.schedules, (unsigned long long)sum.crash_runs,
           (unsigned long long)sum.crash2_runs, (unsigned long long)sum.stop_runs,
           (unsigned long long)sum.faults_skipped, sum.cpu_seconds);
}

static const char *const titles[] = {"interleavings", "crash",         "crash, crash",
                                     "stop",          "delayed (tso)", "delayed (pso)"};

static bool tell(void) {
    bool clean = true;
    printf("\n");
    for (unsigned i = 0; i < task_count; i++) {
        clean = clean && tasks[i].state != VIOLATION;
        if (tasks[i].state == COMPLETE) continue;
        printf("%-28s %-16s %s, bound %u\n", tasks[i].scenario->name, tasks[i].phase.title,
               words[tasks[i].state], tasks[i].result.bound_reached);
    }
    for (unsigned t = 0; t < sizeof titles / sizeof *titles; t++) tell_title(titles[t]);
    tell_title(NULL);
    return clean;
}

bool night_run(const struct night *night) {
    char name[] = "/tmp/tryget-sim-XXXXXX";
    struct night own = *night;
    hash_program();
    if (!own.progress) {
        int file = mkstemp(name);
        if (file < 0) perror(name), exit(2);
        close(file);
        own.progress = name;
    }
    for (unsigned t = 0; t < sizeof titles / sizeof *titles; t++) add_tasks(&own, titles[t]);
    read_progress(own.progress, true);
    unsigned running = 0;
    for (unsigned i = 0; i < task_count; i++) {
        if (tasks[i].state == COMPLETE) continue;
        if (running == own.jobs) await_task(&own), running--;
        start_task(&own, &tasks[i]);
        running++;
    }
    for (; running; running--) await_task(&own);
    if (!night->progress) unlink(name);
    return tell();
}
