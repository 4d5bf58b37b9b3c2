// Runs threadgroups of kernels compiled through the shim. Included after the kernels.
#undef constant
#undef device
#undef kernel
#undef thread

#include <deque>
#include <vector>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace metal_host {

// A stack to run a function on, and a way to and fro between it and the thread's own.
class Fiber {
 public:
  typedef void (*Entry)();

#if defined(__x86_64__)
  // swapcontext() asks the kernel for the signal mask each time, which costs ten times as much.
  void start(Entry entry) {
    // As after a call: the stack is 8 off a multiple of 16, and what is returned to lies above.
    auto top = reinterpret_cast<unsigned long>(stack_.data() + stack_.size()) & ~15ul;
    void** at = reinterpret_cast<void**>(top - 8);
    *at = nullptr;
    *--at = reinterpret_cast<void*>(entry);
    for (int saved = 0; saved < 6; saved++) *--at = nullptr;
    inside_ = at;
  }
  void enter() { metal_host_switch(&outside_, inside_); }
  void leave() { metal_host_switch(&inside_, outside_); }

 private:
  // Saves the registers that a callee has to keep, then those of the other stack are restored.
  static void metal_host_switch(void** save, void* load) asm("metal_host_switch");
  void* outside_ = nullptr;
  void* inside_ = nullptr;
#else
  void start(Entry entry) {
    getcontext(&inside_);
    inside_.uc_stack.ss_sp = stack_.data();
    inside_.uc_stack.ss_size = stack_.size();
    inside_.uc_link = nullptr;
    makecontext(&inside_, entry, 0);
  }
  void enter() { swapcontext(&outside_, &inside_); }
  void leave() { swapcontext(&inside_, &outside_); }

 private:
  ucontext_t outside_, inside_;
#endif
  std::vector<char> stack_ = std::vector<char>(64 << 10);
};

#if defined(__x86_64__)
asm(R"(
.text
.type metal_host_switch,@function
metal_host_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");
#endif

// The invocations of one threadgroup that meet at barriers, a fiber each.
class Group {
 public:
  typedef void (*Body)(void* context, unsigned invocation);

  // False where some invocations ended while others wait at a barrier.
  bool run(unsigned count, Body body, void* context) {
    body_ = body;
    context_ = context;
    current_ = this;
    while (fibers_.size() < count) fibers_.emplace_back();
    for (unsigned i = 0; i < count; i++) fibers_[i].start(&Group::entry);
    for (;;) {
      ended_ = 0;
      for (now_ = 0; now_ < count; now_++) fibers_[now_].enter();
      if (ended_ == count) return true;
      if (ended_ != 0) return false;
    }
  }

  static void barrier() { current_->fibers_[current_->now_].leave(); }

 private:
  static void entry() {
    current_->body_(current_->context_, current_->now_);
    current_->ended_++;
    barrier();
    __builtin_trap();
  }

  static thread_local Group* current_;
  // A deque: a suspended fiber's memory must not move.
  std::deque<Fiber> fibers_;
  unsigned now_ = 0, ended_ = 0;
  Body body_ = nullptr;
  void* context_ = nullptr;
};

thread_local Group* Group::current_ = nullptr;
static thread_local Group group_of_this_thread;

}  // namespace metal_host

extern "C" void metal_host_barrier() { metal_host::Group::barrier(); }
