// Runs work groups of kernels compiled through the shim. Included after the kernels.
#undef constant
#undef device
#undef kernel
#undef thread

#include <ucontext.h>

#include <vector>

namespace metal_host {

// The invocations of one work group that meet at barriers: one stack each, switched by hand.
class Group {
 public:
  typedef void (*Body)(void* context, unsigned invocation);

  // False where some invocations ended while others wait at a barrier.
  bool run(unsigned count, Body body, void* context) {
    body_ = body;
    context_ = context;
    while (fibers_.size() < count) fibers_.emplace_back();
    for (unsigned i = 0; i < count; i++) {
      Fiber& fiber = fibers_[i];
      getcontext(&fiber.state);
      fiber.state.uc_stack.ss_sp = fiber.stack.data();
      fiber.state.uc_stack.ss_size = fiber.stack.size();
      fiber.state.uc_link = &main_;
      fiber.done = false;
      makecontext(&fiber.state, &Group::entry, 0);
    }
    for (;;) {
      unsigned waiting = 0;
      for (unsigned i = 0; i < count; i++) {
        if (fibers_[i].done) continue;
        now_ = i;
        current_ = this;
        swapcontext(&main_, &fibers_[i].state);
        waiting += !fibers_[i].done;
      }
      if (waiting == 0) return true;
      if (waiting != count) return false;
    }
  }

  static void barrier() { swapcontext(&current_->fibers_[current_->now_].state, &current_->main_); }

 private:
  struct Fiber {
    ucontext_t state;
    std::vector<char> stack = std::vector<char>(64 << 10);
    bool done = false;
  };

  static void entry() {
    Group* self = current_;
    self->body_(self->context_, self->now_);
    self->fibers_[self->now_].done = true;
  }

  static thread_local Group* current_;
  std::vector<Fiber> fibers_;
  ucontext_t main_;
  unsigned now_ = 0;
  Body body_ = nullptr;
  void* context_ = nullptr;
};

thread_local Group* Group::current_ = nullptr;
static thread_local Group group_of_this_thread;

}  // namespace metal_host

extern "C" void metal_host_barrier() { metal_host::Group::barrier(); }
