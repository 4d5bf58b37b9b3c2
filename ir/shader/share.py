"""Names index arithmetic that is needed more than once, outside of the loops it doesn't depend on.

Equal expressions count as one node. Larger nodes are decided first: where one gets a name, its
operands are needed once, there; where not, wherever it is.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace

from tflgpuc.ir.shader.expr import Binary, Call, Const, Expr, Load, Name, Select
from tflgpuc.ir.shader.facts import Stability
from tflgpuc.ir.shader.stmt import For, If, Kernel, Let, Stmt, Var, blocks, exprs, map_exprs
from tflgpuc.ir.shader.tree import children, walk, with_children
from tflgpuc.ir.shader.types import I32
from tflgpuc.ir.shader.unroll import Copier

# Where a statement is: its number in its block, after the statement around the block and which of
# that one's blocks it is, and so on. A block's own place has even length.
Place = tuple[int, ...]
HEAVY = ("*", "/", "%")


def share(kernel: Kernel) -> Kernel:
    """The kernel with repeated and loop-invariant i32 arithmetic computed once.

    A repeated load of a buffer that nothing writes is named too.
    """
    sharer = _Sharer(kernel)
    sharer.find(kernel.body, ())
    sharer.decide()
    sharer.number()
    return replace(kernel, body=sharer.block(kernel.body, ())) if sharer.names else kernel


@dataclass(frozen=True, slots=True)
class _Use:
    """One need of a node: ``always`` unless only a side of a select or ``&&``.

    ``let`` is the name where the node is what a Let names.
    """

    place: Place
    always: bool = True
    let: str = ""


class _Sharer:
    def __init__(self, kernel: Kernel) -> None:
        self.stable = Stability(kernel)
        self.copier = Copier(kernel)
        self.loops: set[Place] = set()
        self.declared: dict[str, Place] = {}
        self.uses: dict[Expr, list[_Use]] = {}
        self.sizes: dict[Expr, int] = {}
        self.waiting: list[tuple[int, int, Expr]] = []
        # What is decided: names of nodes, Lets to put before a place, Lets that moved away.
        self.names: dict[Expr, str] = {}
        self.made: dict[Place, list[tuple[str, Expr]]] = {}
        self.moved: set[str] = set()

    # --- where nodes are needed ---

    def find(self, body: tuple[Stmt, ...], prefix: Place) -> None:
        """Notes what a block and the blocks inside need and declare."""
        for i, s in enumerate(body):
            place = (*prefix, i)
            match s:
                case Let():
                    self.declared[s.name] = place
                    self.need(s.value, _Use(place, let=s.name))
                case Var():
                    self.declared[s.name] = place
                case For():
                    self.loops.add(place)
                    self.declared[s.name] = (*place, 0, 0)
            if not isinstance(s, Let):
                for e in exprs(s):
                    self.need(e, _Use(place))
            for branch, block in enumerate(blocks(s)):
                self.find(block, (*place, branch))

    def need(self, e: Expr, use: _Use) -> None:
        """Notes one need of a node, or of its operands where it isn't one to name."""
        if not self.worth(e):
            self.need_operands(e, use)
            return
        uses = self.uses.setdefault(e, [])
        if not uses:
            heapq.heappush(self.waiting, (-self.size(e), len(self.uses), e))
        uses.append(use)

    def need_operands(self, e: Expr, use: _Use) -> None:
        lazy = isinstance(e, Select) or (isinstance(e, Binary) and e.op in ("&&", "||"))
        for i, x in enumerate(children(e)):
            self.need(x, _Use(use.place, use.always and not (lazy and i)))

    def size(self, e: Expr) -> int:
        """How many operations a tree has."""
        found = self.sizes.get(e)
        if found is None:
            found = self.sizes[e] = 1 + sum(map(self.size, children(e)))
        return found

    def worth(self, e: Expr) -> bool:
        """Whether a name for repeats saves something: more than one addition of simple things."""
        match e:
            case Load(memory=memory):
                return self.stable.read_only(memory) and self.stable(e)
            case Binary(op="+" | "-", right=Const()):
                # What is left of the constant may get a name: ``index``, ``index + 1``.
                return False
            case Binary(op=op) if e.type == I32:
                return (op in HEAVY or _nested(e)) and self.stable(e)
            case Call() if e.type == I32:
                return _nested(e) and self.stable(e)
        return False

    # --- what gets a name ---

    def decide(self) -> None:
        """Names nodes, the largest first."""
        while self.waiting:
            _, _, e = heapq.heappop(self.waiting)
            uses = self.uses[e]
            place = self.place(e, uses)
            if place is None:
                for use in uses:
                    self.need_operands(e, use)
            else:
                self.name(e, uses, place)
                self.need_operands(e, _Use(place))

    def place(self, e: Expr, uses: list[_Use]) -> Place | None:
        """Before which statement to name a node; None where a name saves nothing."""
        common = _common([u.place for u in uses])
        if _risky(e):
            # Computed where it wasn't, this could fail.
            first = any(u.always and u.place == common for u in uses)
            return common if first and len(uses) > 1 else None
        place = self.outside(e, common)
        if len(uses) > 1 or (place != common and _heavy(e)):
            return place
        return None

    def outside(self, e: Expr, place: Place) -> Place:
        """The outermost loop around a place that a node doesn't depend on; else the place."""
        made = place
        inner = [self.declared[x.name] for x in walk(e) if isinstance(x, Name)]
        for length in range(len(place) - 2, 0, -2):
            around = place[:length]
            if any(d[:length] == around for d in inner):
                break
            if around in self.loops:
                made = around
        return made

    def name(self, e: Expr, uses: list[_Use], place: Place) -> None:
        """Names a node before a place, as its author did if that is how it got one."""
        lets = [u for u in uses if u.let]
        if lets:
            first = min(lets, key=lambda u: u.place)
            self.names[e] = first.let
            self.declared[first.let] = place
            if first.place == place:
                return
            self.moved.add(first.let)
            self.made.setdefault(place, []).append((first.let, e))
        else:
            ahead = place in self.loops and not any(u.place == place for u in uses)
            role = "value" if isinstance(e, Load) else "base" if ahead else "index"
            self.made.setdefault(place, []).append((role, e))

    def number(self) -> None:
        """Gives the new names their numbers in program order."""
        for place in sorted(self.made):
            # Operands were decided after what they are part of.
            self.made[place].reverse()
            for i, (name, e) in enumerate(self.made[place]):
                if e not in self.names:
                    self.names[e] = self.copier.fresh(name)
                    self.made[place][i] = (self.names[e], e)

    # --- the new statements ---

    def block(self, body: tuple[Stmt, ...], prefix: Place) -> tuple[Stmt, ...]:
        """A block with the decided names in it."""
        made: list[Stmt] = []
        for i, s in enumerate(body):
            place = (*prefix, i)
            for name, e in self.made.get(place, ()):
                made.append(Let(name, self.operands(e)))
            match s:
                case Let(name=name, value=value):
                    if name in self.moved:
                        continue
                    own = self.names.get(value) == name
                    made.append(replace(s, value=self.operands(value) if own else self.expr(value)))
                case For():
                    start, stop = self.expr(s.start), self.expr(s.stop)
                    inner = self.block(s.body, (*place, 0))
                    made.append(replace(s, start=start, stop=stop, body=inner))
                case If():
                    then = self.block(s.then, (*place, 0))
                    otherwise = self.block(s.otherwise, (*place, 1))
                    condition = self.expr(s.condition)
                    made.append(replace(s, condition=condition, then=then, otherwise=otherwise))
                case _:
                    made.append(map_exprs(s, self.expr))
        return tuple(made)

    def expr(self, e: Expr) -> Expr:
        """The expression with names for the nodes that got one."""
        name = self.names.get(e)
        return self.operands(e) if name is None else Name(e.type, name)

    def operands(self, e: Expr) -> Expr:
        return with_children(e, tuple(self.expr(x) for x in children(e)))


def _common(places: list[Place]) -> Place:
    """The first statement that is or holds one of some places, in the innermost block around all."""
    first, last = min(places), max(places)
    length = 0
    while length < min(len(first), len(last)) and first[length] == last[length]:
        length += 1
    return first[: length // 2 * 2 + 1]


def _risky(e: Expr) -> bool:
    """Whether computing a node where it isn't needed could do harm."""
    return any(
        isinstance(x, Load)
        or (isinstance(x, Binary) and x.op in ("/", "%") and not _nonzero(x.right))
        for x in walk(e)
    )


def _nonzero(e: Expr) -> bool:
    return isinstance(e, Const) and e.value != 0


def _nested(e: Expr) -> bool:
    """Whether a node is an operation of operations."""
    return any(isinstance(x, Binary | Call | Select) for x in children(e))


def _heavy(e: Expr) -> bool:
    return any(isinstance(x, Binary) and x.op in HEAVY for x in walk(e))
