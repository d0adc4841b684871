"""Skip what is done, stop in time, say so."""

from scripts.runner import Job, TimeLimit, run_jobs


def test_what_is_done_is_skipped_and_what_is_cut_off_is_said():
    done, said = {"a"}, []

    def job(name: str, in_time: bool = True) -> Job:
        def work() -> bool:
            if in_time:
                done.add(name)
            return in_time

        return Job(name, lambda: name in done, work)

    run_jobs([job("a"), job("b"), job("c", in_time=False)], TimeLimit(), said.append)
    assert done == {"a", "b"}
    assert said == ["a: done before", "c: cut off by the time limit; the same command goes on"]
    said.clear()
    run_jobs([job("b"), job("c"), job("d")], TimeLimit(-1), said.append)
    assert said == ["b: done before", "time is up; the same command goes on from here"]
    assert done == {"a", "b"}


def test_a_limit_tells_what_is_left():
    assert TimeLimit().left is None
    assert not TimeLimit().is_over
    assert TimeLimit(0).is_over
    assert 0.9 < TimeLimit(1).left <= 1
