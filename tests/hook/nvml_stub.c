/* Two devices: the first has an energy counter, the second is cut into two slices and only tells
   its power. Every look at the counter finds 5 J more. */
#include <string.h>

typedef struct { unsigned pid; unsigned long long memory; unsigned gi, ci; } process_info;

static unsigned long long energy_mj = 1000000;
static int devices[2], slices[2];

static int is_slice(void *h) { return h == &slices[0] || h == &slices[1]; }

int nvmlInit_v2(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **h) { *h = &devices[i]; return 0; }
int nvmlDeviceGetName(void *h, char *out, unsigned n) {
  strncpy(out, "NVIDIA A100-SXM4-80GB", n);
  return 0;
}
int nvmlDeviceGetUUID(void *h, char *out, unsigned n) {
  const char *name = h == &devices[0]  ? "GPU-00000000-0000-0000-0000-000000000000"
                     : h == &devices[1] ? "GPU-11111111-1111-1111-1111-111111111111"
                     : h == &slices[0]  ? "MIG-22222222-2222-2222-2222-222222222222"
                                        : "MIG-33333333-3333-3333-3333-333333333333";
  strncpy(out, name, n);
  return 0;
}
int nvmlDeviceGetTotalEnergyConsumption(void *h, unsigned long long *mj) {
  if (h != &devices[0]) return 3; /* not supported */
  *mj = energy_mj += 5000;
  return 0;
}
int nvmlDeviceGetPowerUsage(void *h, unsigned *mw) { *mw = 70000; return 0; }
int nvmlDeviceGetUtilizationRates(void *h, unsigned *both) {
  if (h != &devices[0]) return 3;
  both[0] = 80;
  both[1] = 30;
  return 0;
}
int nvmlDeviceGetMigMode(void *h, unsigned *now, unsigned *next) {
  *now = *next = h == &devices[1];
  return 0;
}
int nvmlDeviceGetMaxMigDeviceCount(void *h, unsigned *n) { *n = 7; return 0; }
int nvmlDeviceGetMigDeviceHandleByIndex(void *h, unsigned i, void **out) {
  if (i != 0 && i != 4) return 6; /* not found */
  *out = &slices[i != 0];
  return 0;
}
int nvmlDeviceGetAttributes_v2(void *h, unsigned *numbers) {
  if (!is_slice(h)) return 2;
  numbers[6] = 4; /* slices of the GPU instance */
  numbers[7] = h == &slices[0] ? 3 : 1; /* of the compute instance */
  return 0;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void *h, unsigned *n, process_info *infos) {
  *n = h == &devices[0];
  infos[0].pid = 1;
  return 0;
}
