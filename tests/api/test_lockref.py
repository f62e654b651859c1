# SPDX-License-Identifier: Apache-2.0
"""Goal: a LockRef counts and locks as its page says, in every kind of memory.

Method: a model that Hypothesis drives; each refusal with the word compared before and after.
Failure means a count that is wrong, a lock that two hold, or memory that is not let go.
"""

import array
import gc
import mmap
import pickle
import weakref
from multiprocessing import shared_memory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tryget
from tryget import LockRef

THREADS_SHARE_THE_STORE = True  # nothing here is shared that must not be

LIMIT = 2**24 - 1


def locked_ref(count: int = 0) -> tuple[LockRef, bytearray]:
    memory = bytearray(8)
    ref = LockRef(memory)
    for _ in range(count):
        ref.get()
    ref.lock()
    return ref, memory


def test_a_new_word_is_free_and_has_no_reference() -> None:
    for ref in (LockRef(), LockRef(bytearray(8)), LockRef(mmap.mmap(-1, 4096), 64)):
        assert (ref.count, ref.is_locked, ref.is_dead, ref.is_orphaned) == (0, False, False, False)
        assert repr(ref) == "<tryget.LockRef count=0>"


def test_answers_have_the_types_of_the_contract() -> None:
    ref = LockRef()
    assert ref.get() is None
    assert ref.get_not_zero() is True
    assert ref.get_not_dead() is True
    assert ref.put() == 2
    assert ref.put_not_zero() is True
    assert ref.put_not_zero() is False
    assert ref.put_or_lock() is False
    assert ref.is_locked
    assert ref.unlock() is None
    assert ref.put() == 0
    assert ref.get_not_zero() is False


# ---- the model ---------------------------------------------------------------------------------

OPERATIONS = [
    "get",
    "get_not_zero",
    "get_not_dead",
    "put",
    "put_not_zero",
    "put_or_lock",
    "lock",
    "unlock",
    "mark_dead",
]


class Model:
    """What one thread sees."""

    def __init__(self) -> None:
        self.count = 0
        self.locked = self.dead = False

    def get(self) -> None:
        if self.dead:
            raise tryget.LockRefError
        self.count += 1

    def get_not_zero(self) -> bool:
        if self.dead or self.count == 0:
            return False
        self.count += 1
        return True

    def get_not_dead(self) -> bool:
        if self.dead:
            return False
        self.count += 1
        return True

    def put(self) -> int:
        if self.count == 0:
            raise tryget.LockRefError
        self.count -= 1
        return self.count

    def put_not_zero(self) -> bool:
        if self.count <= 1:
            return False
        self.count -= 1
        return True

    def put_or_lock(self) -> bool:
        if self.locked:
            raise tryget.LockRefError
        if self.put_not_zero():
            return True
        self.locked = True
        return False

    def lock(self) -> None:
        if self.locked:
            raise tryget.LockRefError
        self.locked = True

    def unlock(self) -> None:
        if not self.locked:
            raise tryget.LockRefError
        self.locked = False

    def mark_dead(self) -> None:
        if not self.locked:
            raise tryget.LockRefError
        self.dead = True


def outcome(target: object, operation: str) -> Any:
    try:
        return getattr(target, operation)()
    except tryget.LockRefError:
        return "refused"


@given(st.lists(st.sampled_from(OPERATIONS), max_size=60))
def test_any_sequence_does_what_the_model_does(operations: list[str]) -> None:
    memory = bytearray(16)
    ref, model = LockRef(memory, 8), Model()
    other = LockRef(memory, 8)
    for operation in operations:
        before = bytes(memory)
        expected = outcome(model, operation)
        assert outcome(ref, operation) == expected
        if expected == "refused":
            assert bytes(memory) == before, "a refusal changed the word"
        assert (ref.count, ref.is_locked, ref.is_dead) == (model.count, model.locked, model.dead)
        assert (other.count, other.is_locked) == (model.count, model.locked)
        assert memory[:8] == bytes(8)
    if model.locked:
        ref.unlock()


def test_the_limit_is_an_error_and_the_word_stays() -> None:
    memory = bytearray(8)
    memory[5:8] = (LIMIT - 1).to_bytes(3, "little")
    ref = LockRef(memory)
    assert ref.count == LIMIT - 1
    ref.get()
    before = bytes(memory)
    for call in (ref.get, ref.get_not_zero, ref.get_not_dead):
        with pytest.raises(tryget.CountOverflow, match=str(LIMIT)) as caught:
            call()
        assert isinstance(caught.value, OverflowError)
        assert bytes(memory) == before
    ref.lock()
    with pytest.raises(tryget.CountOverflow):
        ref.get()
    ref.unlock()
    assert ref.put() == LIMIT - 1


def test_errors_are_of_one_tree() -> None:
    assert issubclass(tryget.LockRefError, (tryget.Error, RuntimeError))
    with pytest.raises(RuntimeError, match="put twice"):
        LockRef().put()
    with pytest.raises(RuntimeError, match="does not hold"):
        LockRef().unlock()
    ref, _ = locked_ref()
    with pytest.raises(RuntimeError, match="itself"):
        ref.lock(timeout=0)
    ref.mark_dead()
    ref.unlock()
    with pytest.raises(RuntimeError, match="dead"):
        ref.get()


@given(st.binary(min_size=8, max_size=8))
def test_any_garbage_is_answered(word: bytes) -> None:
    memory = bytearray(word)
    try:
        ref = LockRef(memory)
    except tryget.LockRefError:
        return
    for operation in OPERATIONS[:6]:
        try:
            getattr(ref, operation)(timeout=0)
        except (tryget.LockRefError, tryget.CountOverflow, TimeoutError):
            pass
    assert 0 <= ref.count <= LIMIT
    repr(ref)
    if ref.is_locked:
        try:
            ref.unlock()
        except tryget.LockRefError:
            pass


# ---- memory ------------------------------------------------------------------------------------


def test_bounds_and_alignment() -> None:
    memory = bytearray(24)
    LockRef(memory, 16)
    for offset in (17, 24, -8, -1, 2**40):
        with pytest.raises(ValueError, match="within"):
            LockRef(memory, offset)
    with pytest.raises(ValueError, match="within"):
        LockRef(bytearray(7))
    for offset in (1, 4, 12):
        with pytest.raises(ValueError, match="multiple of 8"):
            LockRef(memory, offset)
    with pytest.raises(ValueError, match="needs a buffer"):
        LockRef(offset=8)
    memory.append(0)  # nothing holds it any more


@pytest.mark.parametrize("buffer", [bytes(8), memoryview(bytes(8)), 8, "text", object()])
def test_what_can_not_be_written_is_refused(buffer: Any) -> None:
    with pytest.raises((BufferError, TypeError)):
        LockRef(buffer)


def test_any_writable_buffer_will_do() -> None:
    numpy = pytest.importorskip("numpy")
    words = numpy.zeros(4, dtype="u8")
    ref = LockRef(words, 16)
    ref.get()
    assert words.tolist() == [0, 0, 1 << 40, 0]
    LockRef(array.array("Q", [0])).get()
    LockRef(memoryview(bytearray(8))).get()


def test_two_views_of_shared_memory_are_one_word() -> None:
    memory = shared_memory.SharedMemory(create=True, size=64)
    same = shared_memory.SharedMemory(memory.name)
    try:
        first, second = LockRef(memory.buf, 8), LockRef(same.buf, 8)
        first.get()
        assert second.put() == 0
        with first:
            assert second.is_locked
            with pytest.raises(TimeoutError, match="thread"):
                second.lock(timeout=0)
        second.lock()
        second.unlock()
        first.close()
        second.close()
    finally:
        same.close()
        memory.close()
        memory.unlink()


def test_close_lets_the_buffer_go() -> None:
    memory = bytearray(8)
    ref = LockRef(memory)
    with pytest.raises(BufferError):
        memory.append(0)
    ref.close()
    ref.close()
    memory.append(0)
    for call in (ref.get, ref.put, ref.lock, ref.unlock, ref.mark_dead, lambda: ref.count):
        with pytest.raises(ValueError, match="closed"):
            call()
    assert repr(ref) == "<tryget.LockRef (closed)>"


def test_collection_lets_the_buffer_go() -> None:
    memory = bytearray(8)
    ref = LockRef(memory)
    seen = weakref.ref(ref)
    del ref
    gc.collect()
    assert seen() is None
    memory.append(0)


def test_a_lock_that_is_dropped_is_orphaned_and_warned_of() -> None:
    memory = bytearray(8)
    ref = LockRef(memory)
    ref.lock()
    with pytest.warns(ResourceWarning, match="unlock it"):
        ref.close()
    again = LockRef(memory)
    assert not again.is_locked
    assert again.is_orphaned
    with again:
        assert again.is_orphaned, "the taker is told"
    assert not again.is_orphaned


def test_it_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="name of its memory"):
        pickle.dumps(LockRef())


def test_wrong_arguments() -> None:
    ref = LockRef()
    for timeout in ("1", b"1", True, [1]):
        with pytest.raises(TypeError):
            ref.lock(timeout)  # type: ignore[arg-type]
    for timeout in (-1, float("nan")):
        with pytest.raises(ValueError, match="at least 0"):
            ref.lock(timeout)
    with pytest.raises(TypeError, match="Store"):
        LockRef(store="default")  # type: ignore[arg-type]
    with pytest.raises(tryget.LockRefError, match="once"):
        ref.__init__()  # type: ignore[misc]
