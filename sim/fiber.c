/* SPDX-License-Identifier: Apache-2.0 */
#include "fiber.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__x86_64__) || defined(__aarch64__)
#define FIBER_ASM 1
#else
#include <ucontext.h>
#endif

/* The fiber being entered, for its first instruction only: it has no arguments yet. */
static struct fiber *entering;

static void entry(void) {
    struct fiber *self = entering;
    self->run(self->argument);
    fprintf(stderr, "sim: a fiber returned\n");
    abort();
}

static void map_stack(struct fiber *fiber) {
    const size_t guard = 64 * 1024; /* the largest page size of arm64 */
    char *base = mmap(NULL, 2 * guard + FIBER_ASIDE_SIZE + FIBER_STACK_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    char *middle = base + guard + FIBER_ASIDE_SIZE;
    if (base == MAP_FAILED || mprotect(base, guard, PROT_NONE) != 0 ||
        mprotect(middle, guard, PROT_NONE) != 0) {
        perror("sim: fiber stack");
        exit(2);
    }
    fiber->aside = base + guard;
    fiber->stack = middle + guard;
}

#ifdef FIBER_ASM

const bool fiber_has_aside = true;

void tg_fiber_swap(void **save, void *to);
void tg_fiber_aside(void **left, void *top, void (*work)(void));

#if defined(__x86_64__)
enum { FRAME_WORDS = 8, FRAME_RETURN = 6 };
__asm__(".text\n"
        ".globl tg_fiber_swap\n"
        ".type tg_fiber_swap,@function\n"
        "tg_fiber_swap:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size tg_fiber_swap,.-tg_fiber_swap\n"
        ".globl tg_fiber_aside\n"
        ".type tg_fiber_aside,@function\n"
        "tg_fiber_aside:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsp, %rbx\n"
        "    movq %rsi, %rsp\n"
        "    call *%rdx\n"
        "    movq %rbx, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size tg_fiber_aside,.-tg_fiber_aside\n");
#else
enum { FRAME_WORDS = 20, FRAME_RETURN = 11 };
__asm__(".text\n"
        ".globl tg_fiber_swap\n"
        ".type tg_fiber_swap,%function\n"
        "tg_fiber_swap:\n"
        "    sub sp, sp, #160\n"
        "    stp x19, x20, [sp, #0]\n"
        "    stp x21, x22, [sp, #16]\n"
        "    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n"
        "    stp x29, x30, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mov x9, sp\n"
        "    str x9, [x0]\n"
        "    mov sp, x1\n"
        "    ldp x19, x20, [sp, #0]\n"
        "    ldp x21, x22, [sp, #16]\n"
        "    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n"
        "    ldp x29, x30, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #160\n"
        "    ret\n"
        ".size tg_fiber_swap,.-tg_fiber_swap\n"
        ".globl tg_fiber_aside\n"
        ".type tg_fiber_aside,%function\n"
        "tg_fiber_aside:\n"
        "    sub sp, sp, #160\n"
        "    stp x19, x20, [sp, #0]\n"
        "    stp x21, x22, [sp, #16]\n"
        "    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n"
        "    stp x29, x30, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mov x19, sp\n"
        "    str x19, [x0]\n"
        "    mov sp, x1\n"
        "    blr x2\n"
        "    mov sp, x19\n"
        "    ldp x19, x20, [sp, #0]\n"
        "    ldp x21, x22, [sp, #16]\n"
        "    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n"
        "    ldp x29, x30, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #160\n"
        "    ret\n"
        ".size tg_fiber_aside,.-tg_fiber_aside\n");
#endif

void fiber_start(struct fiber *fiber, void (*run)(void *), void *argument) {
    if (!fiber->stack) map_stack(fiber);
    fiber->run = run;
    fiber->argument = argument;
    /* The top is 16-aligned. On x86-64 `ret` leaves the pointer one word below it, as a
     * call would; on arm64 the frame is popped whole. */
    uintptr_t *frame = (uintptr_t *)(fiber->stack + FIBER_STACK_SIZE) - FRAME_WORDS;
    memset(frame, 0, FRAME_WORDS * sizeof *frame);
    frame[FRAME_RETURN] = (uintptr_t)entry;
    fiber->saved = fiber->left = frame;
}

void fiber_aside(struct fiber *fiber, void (*work)(void)) {
    tg_fiber_aside(&fiber->left, fiber->aside + FIBER_ASIDE_SIZE, work);
}

void fiber_switch(struct fiber *from, struct fiber *to) {
    entering = to;
    tg_fiber_swap(&from->saved, to->saved);
}

#else

const bool fiber_has_aside = false;

void fiber_aside(struct fiber *fiber, void (*work)(void)) {
    (void)fiber;
    work();
}

void fiber_start(struct fiber *fiber, void (*run)(void *), void *argument) {
    if (!fiber->stack) map_stack(fiber);
    if (!fiber->saved) fiber->saved = calloc(1, sizeof(ucontext_t));
    fiber->run = run;
    fiber->argument = argument;
    ucontext_t *context = fiber->saved;
    if (!context || getcontext(context) != 0) abort();
    context->uc_stack.ss_sp = fiber->stack;
    context->uc_stack.ss_size = FIBER_STACK_SIZE;
    makecontext(context, entry, 0);
}

void fiber_switch(struct fiber *from, struct fiber *to) {
    if (!from->saved) from->saved = calloc(1, sizeof(ucontext_t));
    entering = to;
    if (!from->saved || swapcontext(from->saved, to->saved) != 0) abort();
}

#endif
