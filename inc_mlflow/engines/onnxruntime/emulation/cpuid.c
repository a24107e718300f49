/* Answers CPUID for a copy of onnxruntime in which every CPUID instruction is replaced by "int3; nop": the handler of the
 * trap runs the real instruction and hides the feature bits named in INC_MLFLOW_CPUID. To be preloaded, x86-64 Linux only.
 *
 * SIGTRAP, since SIGILL and SIGSEGV belong to Python's faulthandler. */
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

enum { EAX, EBX, ECX, EDX, REGISTERS };
enum { MASKS = 8 };

static struct {
    unsigned leaf, subleaf, hidden[REGISTERS];
} masks[MASKS];
static int count;
static atomic_long traps;
static struct sigaction previous;

/* Instructions answered so far in this process. */
long inc_mlflow_traps(void) { return traps; }

/* CPUID as the emulated CPU answers it. */
void inc_mlflow_cpuid(unsigned leaf, unsigned subleaf, unsigned out[REGISTERS]) {
    __cpuid_count(leaf, subleaf, out[EAX], out[EBX], out[ECX], out[EDX]);
    for (int i = 0; i < count; i++)
        if (masks[i].leaf == leaf && masks[i].subleaf == subleaf)
            for (int r = 0; r < REGISTERS; r++) out[r] &= ~masks[i].hidden[r];
}

/* Somebody else's trap: their handler gets it, or the process ends as it would have without us. */
static void pass_on(int number, siginfo_t *info, void *context) {
    if (previous.sa_flags & SA_SIGINFO)
        previous.sa_sigaction(number, info, context);
    else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
        previous.sa_handler(number);
    else {
        signal(number, SIG_DFL);
        raise(number);
    }
}

static void on_trap(int number, siginfo_t *info, void *context) {
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const unsigned char *next = (const unsigned char *)registers[REG_RIP];
    if (next[-1] != 0xCC || next[0] != 0x90) {
        pass_on(number, info, context);
        return;
    }
    unsigned out[REGISTERS];
    inc_mlflow_cpuid((unsigned)registers[REG_RAX], (unsigned)registers[REG_RCX], out);
    registers[REG_RAX] = out[EAX];
    registers[REG_RBX] = out[EBX];
    registers[REG_RCX] = out[ECX];
    registers[REG_RDX] = out[EDX];
    traps++;
}

/* Read "leaf,subleaf,eax,ebx,ecx,edx;" in hex, any number of times; 0 where it is anything else. */
static int read_masks(const char *text) {
    while (*text) {
        int length = 0;
        if (count == MASKS) return 0;
        unsigned *hidden = masks[count].hidden;
        sscanf(text, "%x,%x,%x,%x,%x,%x;%n", &masks[count].leaf, &masks[count].subleaf, &hidden[EAX], &hidden[EBX],
               &hidden[ECX], &hidden[EDX], &length);
        if (!length) return 0;
        text += length;
        count++;
    }
    return count > 0;
}

__attribute__((constructor)) static void install(void) {
    const char *text = getenv("INC_MLFLOW_CPUID");
    if (!text || !read_masks(text)) {
        fputs("inc-mlflow: INC_MLFLOW_CPUID does not say what to hide\n", stderr);
        _Exit(1);
    }
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_trap;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGTRAP, &action, &previous);
}
