# SPDX-License-Identifier: Apache-2.0
"""Goal: every call that orders memory names its partner, and the ordering page shows them.

Method: small sources, each with one defect; then the repository. Failure means a barrier that
nobody answers, or a page that tells an old story.
"""

import pairs
from tree import Tree, load

GOOD = """
static void give(void) {
    /* PAIR mail.sent: the letter before the flag. */
    tg_store_release64(&flag, 1);
}
/* PAIR mail.sent: the flag, then the letter. Other end: give. */
static int take(void) {
    int more = 1;
    return tg_load_acquire64(&flag) + more;
}
"""


def messages(source: str) -> list[str]:
    tree = Tree({"csrc/a/b.c": source})
    tree.texts[pairs.PAGE] = pairs.page(pairs.read(tree)[0])
    return [finding.message for finding in pairs.check(tree)]


def test_two_ends_that_name_each_other_pass() -> None:
    assert messages(GOOD) == []


def test_a_silent_call_fails() -> None:
    assert "names no partner" in messages("void f(void) {\n    tg_fence_full();\n}\n")[0]
    far = "void f(void) {\n    /* PAIR a.b: x */\n" + "    x;\n" * 7 + "    tg_fence_full();\n}\n"
    assert "names no partner" in messages(far)[0]


def test_a_comment_does_not_reach_into_the_next_function() -> None:
    source = GOOD + "static void other(void) {\n    tg_fence_full();\n}\n"
    assert any("tg_fence_full names no partner" in message for message in messages(source))


def test_a_widow_fails() -> None:
    source = GOOD.replace("/* PAIR mail.sent: the flag", "/* PAIR mail.read: the flag")
    assert [message.split(" has ")[0] for message in messages(source)] == [
        "pair mail.read",
        "pair mail.sent",
    ]


def test_two_ends_on_the_same_side_fail() -> None:
    source = GOOD.replace("tg_load_acquire64(&flag)", "tg_store_release64(&flag, 2)")
    assert messages(source) == ["pair mail.sent only releases: nothing acquires from it"]


def test_a_word_may_pair_with_itself() -> None:
    alone = "void f(void) {\n    /* PAIR count: {} */\n    tg_add_acqrel64(&count, 1);\n}\n"
    assert messages(alone.replace("{}", "self-pairing, each continues the last.")) == []
    assert messages(alone.replace("{}", "each continues the last."))


def test_a_comment_may_name_two_pairs() -> None:
    both = "/* PAIR mail.sent: the flag, then the letter. PAIR x.y: self-pairing. */"
    source = GOOD.replace("/* PAIR mail.sent: the flag, then the letter. Other end: give. */", both)
    assert messages(source) == []
    ends, _ = pairs.read(Tree({"csrc/a/b.c": source}))
    assert {end.pair: end.why for end in ends}["x.y"] == "self-pairing."


def test_an_old_page_fails() -> None:
    tree = Tree({"csrc/a/b.c": GOOD, pairs.PAGE: ""})
    assert [finding.path for finding in pairs.check(tree)] == [pairs.PAGE]


def test_calls_of_the_core_that_only_look_like_barriers_are_ignored() -> None:
    assert messages("void f(void) {\n    tg_lock_release(x);\n    tg_life_acquire(x);\n}\n") == []


def test_every_barrier_of_the_core_has_its_partner() -> None:
    assert [str(finding) for finding in pairs.check(load())] == []
