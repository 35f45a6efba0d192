"""The same call by CrewAI's own repetition has the same number; another call with the same parameters has another."""

import uuid

from core.environment import EnvironmentCase
from keybrake_crewai.claims import (
    Kickoff,
    begin_attempt,
    begin_execution,
    current_decision,
    current_kickoff,
    current_work,
    end_attempt,
    end_execution,
    take_claim,
)


class Claims(EnvironmentCase):
    def setUp(self):
        super().setUp()
        self.run_id = str(uuid.uuid4())
        for variable in (current_decision, current_kickoff, current_work):
            token = variable.set(None)
            self.addCleanup(variable.reset, token)

    def execute(self, *signatures, fails=False, outcome="done", decision=None):
        """One execution of a tool that makes calls; gives their numbers."""
        token = current_decision.set(decision)
        work = begin_execution(self.run_id)
        inside = current_work.set(work)
        claims = [take_claim(self.run_id, signature) for signature in signatures]
        for claim in claims:
            claim.outcome = outcome
        current_work.reset(inside)
        end_execution(work, fails)
        current_decision.reset(token)
        return [claim.number for claim in claims]

    def attempt(self, task, function, fails=False):
        work = begin_attempt(self.run_id, task)
        token = current_work.set(work)
        result = function(work)
        current_work.reset(token)
        end_attempt(work, task, fails)
        return result

    def test_calls_with_other_parameters_do_not_count_each_other(self):
        self.assertEqual(self.execute("a", "b", "a"), [0, 0, 1])

    def test_a_tool_that_returned_has_used_its_calls_up(self):
        self.assertEqual([self.execute("a"), self.execute("a")], [[0], [1]])

    def test_a_tool_that_failed_is_repeated_under_the_same_numbers(self):
        self.assertEqual([self.execute("a", "a", fails=True) for _ in range(6)], [[0, 1]] * 6)
        self.assertEqual([self.execute("a", "a"), self.execute("a")], [[0, 1], [2]])

    def test_what_the_vendor_refused_is_tried_anew(self):
        self.assertEqual(self.execute("a", fails=True, outcome="nothing"), [0])
        self.assertEqual(self.execute("a"), [1])

    def test_but_not_by_crewai_for_the_same_decision(self):
        decision = object()
        for _ in range(3):
            self.assertEqual(self.execute("a", fails=True, outcome="nothing", decision=decision), [0])
        self.assertEqual(self.execute("a", decision=object()), [1])

    def test_what_did_not_get_past_the_proxy_has_not_used_its_number(self):
        self.assertEqual(self.execute("a", outcome="unsent"), [0])
        self.assertEqual(self.execute("a"), [0])

    def test_what_may_have_happened_is_repeated_even_after_a_tool_that_returned(self):
        self.assertEqual(self.execute("a", outcome="unknown"), [0])
        self.assertEqual([self.execute("a"), self.execute("a")], [[0], [1]])

    def test_equal_calls_at_the_same_time_are_two(self):
        first, second = begin_execution(self.run_id), begin_execution(self.run_id)
        numbers = []
        for work in (first, second):
            token = current_work.set(work)
            numbers.append(take_claim(self.run_id, "a").number)
            current_work.reset(token)
        self.assertEqual(numbers, [0, 1])

    def test_a_task_that_is_tried_again_repeats_its_calls(self):
        def work_twice(work):
            first = [self.execute("a"), self.execute("a")]
            work.restart()
            return first, [self.execute("a"), self.execute("a"), self.execute("a")]

        first, second = self.attempt("task", work_twice)
        self.assertEqual((first, second), ([[0], [1]], [[0], [1], [2]]))

    def test_a_delegated_task_that_is_tried_again_repeats_its_own_calls_only(self):
        def manage(_):
            def work(inner):
                first = self.execute("a")
                inner.restart()
                return first, self.execute("a")

            return self.attempt("one", lambda _: self.execute("a")), self.attempt("two", work)

        self.assertEqual(self.attempt("task", manage), ([0], ([1], [1])))

    def test_a_manager_that_starts_again_gets_the_calls_of_those_it_delegated_to(self):
        def manage(work):
            def delegate():
                return self.attempt(str(uuid.uuid4()), lambda _: self.execute("a"))

            first = [delegate(), delegate()]
            work.restart()
            return first, [delegate(), delegate()]

        self.assertEqual(self.attempt("task", manage), ([[0], [1]], [[0], [1]]))

    def test_what_a_failed_coworker_did_is_not_done_again_by_the_next(self):
        def manage(_):
            first = self.attempt("one", lambda _: self.execute("a"), fails=True)
            return first, self.attempt("two", lambda _: self.execute("a"))

        self.assertEqual(self.attempt("task", manage), ([0], [0]))

    def test_a_guardrail_repeats_a_task_and_a_second_kickoff_does_not(self):
        def work(_):
            return self.execute("a")

        token = current_kickoff.set(Kickoff())
        self.assertEqual([self.attempt("task", work), self.attempt("task", work)], [[0], [0]])
        current_kickoff.reset(token)
        token = current_kickoff.set(Kickoff())
        self.assertEqual(self.attempt("task", work), [1])
        current_kickoff.reset(token)

    def test_a_kickoff_after_a_failed_one_repeats_it(self):
        failed = Kickoff()
        token = current_kickoff.set(failed)
        self.attempt("task", lambda _: self.execute("a"))
        current_kickoff.reset(token)
        failed.has_failed = True
        token = current_kickoff.set(Kickoff())
        self.assertEqual(self.attempt("task", lambda _: self.execute("a")), [0])
        current_kickoff.reset(token)

    def test_runs_do_not_count_each_other(self):
        self.assertEqual(self.execute("a"), [0])
        self.run_id = str(uuid.uuid4())
        self.assertEqual(self.execute("a"), [0])
