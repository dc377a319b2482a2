// SPDX-License-Identifier: MIT
// Fibers and barriers of the emulator; what it promises is written in cuda_emulator.h.
#include "cuda_emulator.h"

#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <sstream>
#include <stdexcept>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define MLIP_LEAVE(keep, bottom, size) __sanitizer_start_switch_fiber(keep, bottom, size)
#define MLIP_ENTER(kept, bottom, size) __sanitizer_finish_switch_fiber(kept, bottom, size)
#else
#define MLIP_LEAVE(keep, bottom, size) static_cast<void>(keep)
#define MLIP_ENTER(kept, bottom, size) static_cast<void>(kept)
#endif

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace mlip::emulator {
namespace {

constexpr size_t STACK_BYTES = 256 << 10;
constexpr size_t MOST_SHARED = 48 << 10;
constexpr size_t MARGIN = 256;  // behind the shared memory, to see writes past its end
constexpr unsigned char MARK = 0xa5;
constexpr unsigned WARP = 32;

enum class State { ready, at_block_barrier, at_warp_barrier, done };

struct Fiber {
  ucontext_t context;
  unsigned char *stack = nullptr;
  void *fake_stack = nullptr;  // of the address sanitizer
  State state = State::done;
  unsigned mask = 0;  // of the warp barrier it waits at
  const char *file = "";
  int line = 0;
  unsigned char sent[8] = {};            // its value in the exchange it waits for
  unsigned char received[WARP][8] = {};  // those of all lanes that took part
  unsigned partners = 0;                 // which these are
};

struct Machine {
  std::vector<Fiber> fibers;
  std::vector<unsigned char> shared;
  std::vector<unsigned> turns;  // order of the threads
  ucontext_t scheduler;
  void *scheduler_fake_stack = nullptr;
  const void *scheduler_bottom = nullptr;
  size_t scheduler_size = 0;
  const std::function<void()> *thread = nullptr;
  unsigned current = 0;
  std::string failure;
  int64_t order = 0, blocks = 0;
  std::mutex lock;
};

Machine &machine() {
  static Machine *const only = new Machine;  // never destroyed: fibers may be abandoned at exit
  return *only;
}

dim3 index_of(unsigned thread) {
  return {thread % blockDim.x, thread / blockDim.x % blockDim.y, thread / (blockDim.x * blockDim.y)};
}

void leave(Machine &m, Fiber &fiber) {
  MLIP_LEAVE(fiber.state == State::done ? nullptr : &fiber.fake_stack, m.scheduler_bottom, m.scheduler_size);
  swapcontext(&fiber.context, &m.scheduler);
  MLIP_ENTER(fiber.fake_stack, &m.scheduler_bottom, &m.scheduler_size);
}

void start() {
  Machine &m = machine();
  MLIP_ENTER(nullptr, &m.scheduler_bottom, &m.scheduler_size);
  (*m.thread)();
  Fiber &fiber = m.fibers[m.current];
  fiber.state = State::done;
  leave(m, fiber);
}

void prepare(Fiber &fiber) {
  if (fiber.stack == nullptr) {
    void *const pages = mmap(nullptr, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::runtime_error("emulator: no memory for the stacks of a block");
    fiber.stack = static_cast<unsigned char *>(pages);
  }
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack;
  fiber.context.uc_stack.ss_size = STACK_BYTES;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, start, 0);
  fiber.state = State::ready;
  fiber.fake_stack = nullptr;
}

void resume(Machine &m, unsigned thread) {
  Fiber &fiber = m.fibers[thread];
  m.current = thread;
  threadIdx = index_of(thread);
  MLIP_LEAVE(&m.scheduler_fake_stack, fiber.stack, STACK_BYTES);
  swapcontext(&m.scheduler, &fiber.context);
  MLIP_ENTER(m.scheduler_fake_stack, nullptr, nullptr);
}

/// Waits in a state until the scheduler makes the fiber ready again. After a failure it is never resumed.
void wait(Machine &m, State state, unsigned mask, const char *file, int line) {
  Fiber &fiber = m.fibers[m.current];
  fiber.state = state;
  fiber.mask = mask;
  fiber.file = file;
  fiber.line = line;
  leave(m, fiber);
}

[[noreturn]] void stop(Machine &m, const std::string &what, const char *file, int line) {
  std::ostringstream text;
  text << what << " (" << file << ":" << line << ", block " << blockIdx.x << " " << blockIdx.y << " " << blockIdx.z
       << ", thread " << threadIdx.x << ")";
  m.failure = text.str();
  for (;;) wait(m, State::at_block_barrier, 0, file, line);
}

/// Whether all live threads that the mask of a waiting lane names wait at the same place with the same mask.
bool is_complete(const Fiber *warp, const Fiber &fiber) {
  for (unsigned k = 0; k < WARP; k++) {
    const Fiber &other = warp[k];
    if (!(fiber.mask >> k & 1u) || other.state == State::done) continue;
    if (other.state != State::at_warp_barrier || other.mask != fiber.mask || other.line != fiber.line) return false;
  }
  return true;
}

/// Hands the values of an exchange to all who take part, and lets them go on.
void complete(Fiber *warp, unsigned mask) {
  unsigned char values[WARP][8] = {};
  unsigned partners = 0;
  for (unsigned k = 0; k < WARP; k++)
    if ((mask >> k & 1u) && warp[k].state == State::at_warp_barrier) {
      std::memcpy(values[k], warp[k].sent, 8);
      partners |= 1u << k;
    }
  for (unsigned k = 0; k < WARP; k++)
    if (partners >> k & 1u) {
      std::memcpy(warp[k].received, values, sizeof values);
      warp[k].partners = partners;
      warp[k].state = State::ready;
    }
}

bool release_warps(Machine &m, unsigned n_threads) {
  bool any = false;
  for (unsigned first = 0; first < n_threads; first += WARP)
    for (unsigned lane = 0; lane < WARP; lane++) {
      const Fiber &fiber = m.fibers[first + lane];
      if (fiber.state != State::at_warp_barrier || !is_complete(&m.fibers[first], fiber)) continue;
      complete(&m.fibers[first], fiber.mask);
      any = true;
    }
  return any;
}

bool release_block(Machine &m, unsigned n_threads) {
  const Fiber *first = nullptr;
  for (unsigned k = 0; k < n_threads; k++) {
    const Fiber &fiber = m.fibers[k];
    if (first == nullptr) first = &fiber;
    if (fiber.state != State::at_block_barrier || fiber.line != first->line ||
        std::strcmp(fiber.file, first->file) != 0)
      return false;
  }
  for (unsigned k = 0; k < n_threads; k++) m.fibers[k].state = State::ready;
  return true;
}

/// Who waits for what, when nobody can go on.
std::string divergence(const Machine &m, unsigned n_threads) {
  std::ostringstream text;
  text << "threads of block " << blockIdx.x << " " << blockIdx.y << " " << blockIdx.z
       << " wait for each other at different places:";
  const Fiber *previous = nullptr;
  for (unsigned k = 0; k < n_threads; k++) {
    const Fiber &fiber = m.fibers[k];
    if (previous != nullptr && previous->state == fiber.state && previous->line == fiber.line) continue;
    previous = &fiber;
    text << " from thread " << k;
    if (fiber.state == State::done)
      text << " ended";
    else
      text << (fiber.state == State::at_block_barrier ? " __syncthreads" : " a warp's barrier or shuffle") << " at "
           << fiber.file << ":" << fiber.line;
    text << ";";
  }
  return text.str();
}

void run_block(Machine &m, unsigned n_threads, size_t shared_bytes) {
  std::fill(m.shared.begin(), m.shared.begin() + shared_bytes, 0xff);
  std::fill(m.shared.begin() + shared_bytes, m.shared.end(), MARK);
  for (unsigned k = 0; k < n_threads; k++) prepare(m.fibers[k]);
  for (;;) {
    unsigned live = 0;
    for (const unsigned k : m.turns) {
      if (m.fibers[k].state == State::ready) resume(m, k);
      if (!m.failure.empty()) return;
      live += m.fibers[k].state != State::done;
    }
    if (live == 0) break;
    if (!release_warps(m, n_threads) && !release_block(m, n_threads)) {
      m.failure = divergence(m, n_threads);
      return;
    }
  }
  m.blocks++;
  for (size_t k = shared_bytes; k < m.shared.size(); k++)
    if (m.shared[k] != MARK) m.failure = "a kernel wrote past the end of its shared memory";
}

void set_turns(Machine &m, unsigned n_threads) {
  m.turns.resize(n_threads);
  std::iota(m.turns.begin(), m.turns.end(), 0u);
  if (m.order == 1) std::reverse(m.turns.begin(), m.turns.end());
  if (m.order > 1) std::shuffle(m.turns.begin(), m.turns.end(), std::mt19937(static_cast<unsigned>(m.order)));
}

}  // namespace

void run(const std::function<void()> &thread, dim3 grid, dim3 block, size_t shared_bytes) {
  Machine &m = machine();
  const std::lock_guard<std::mutex> guard(m.lock);
  const unsigned n_threads = block.x * block.y * block.z;
  if (n_threads == 0 || n_threads > 1024 || block.x % WARP != 0)
    throw std::runtime_error("emulator: blocks have 32, 64, .. 1024 threads, not " + std::to_string(n_threads));
  if (shared_bytes > MOST_SHARED)
    throw std::runtime_error("emulator: a block has at most 48 KiB of shared memory, not " +
                             std::to_string(shared_bytes) + " bytes");
  if (grid.y > 65535 || grid.z > 65535 || grid.x > 0x7fffffffu)
    throw std::runtime_error("emulator: a grid is at most 2147483647 x 65535 x 65535");
  if (m.fibers.size() < n_threads) m.fibers.resize(n_threads);
  m.shared.resize(shared_bytes + MARGIN);
  set_turns(m, n_threads);
  m.thread = &thread;
  m.failure.clear();
  blockDim = block;
  gridDim = grid;
  for (unsigned z = 0; z < grid.z; z++)
    for (unsigned y = 0; y < grid.y; y++)
      for (unsigned x = 0; x < grid.x; x++) {
        blockIdx = {x, y, z};
        run_block(m, n_threads, shared_bytes);
        if (!m.failure.empty()) throw std::runtime_error("emulator: " + m.failure);
      }
}

void *shared_memory() {
  return machine().shared.data();
}

void block_barrier(const char *file, int line) {
  wait(machine(), State::at_block_barrier, 0, file, line);
}

const unsigned char *exchange(unsigned mask, const void *value, size_t bytes, const char *file, int line) {
  Machine &m = machine();
  Fiber &fiber = m.fibers[m.current];
  if (!(mask >> m.current % WARP & 1u))
    stop(m, "a lane that the mask does not name calls a warp's barrier or shuffle", file, line);
  if (bytes > 0) std::memcpy(fiber.sent, value, bytes);
  wait(m, State::at_warp_barrier, mask, file, line);
  return fiber.received[0];
}

void check_source(int lane, const char *file, int line) {
  Machine &m = machine();
  const bool takes_part = lane >= 0 && lane < static_cast<int>(WARP) && (m.fibers[m.current].partners >> lane & 1u);
  if (!takes_part) stop(m, "a shuffle from a lane that takes no part in it", file, line);
}

}  // namespace mlip::emulator

extern "C" __attribute__((visibility("default"))) void mlip_emulator_order(int64_t order) {
  mlip::emulator::machine().order = order;
}

extern "C" __attribute__((visibility("default"))) int64_t mlip_emulator_blocks() {
  return mlip::emulator::machine().blocks;
}
